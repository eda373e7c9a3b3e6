//! Files that are damaged, and networks that do not fit: errors that name what is wrong.

use ringfence_runtime::format::layout::{self, Section};
use ringfence_runtime::noise::Purpose;
use ringfence_runtime::smooth::Smoother;
use ringfence_runtime::{Backend, FormatError, Model};

use super::networks::{classifier, mask};
use super::{FILE, SEED, data, picture, view};
use crate::compile::{Networks, Options, compile_adaptive};

/// Offset and length of a section.
fn section(file: &[u8], section: Section) -> (usize, usize) {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let entries = (0..word(20)).map(|i| layout::HEADER_BYTES + 16 * i);
    let entry = entries.into_iter().find(|at| word(*at) == section as usize).unwrap();
    (word(entry + 4), word(entry + 8))
}

fn reseal(file: &mut [u8]) {
    let checksum = layout::checksum(file);
    file[16..20].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn damaged_files_are_refused_or_harmless() {
    let pixels = picture(1);
    let (mut refused, mut taken) = (0, 0);
    let parts = [
        Section::Adaptive,
        Section::MaskInput,
        Section::MaskTensors,
        Section::MaskOps,
        Section::MaskWeights,
        Section::Tensors,
    ];
    for part in parts {
        let (start, length) = section(&FILE, part);
        let length = if part == Section::Adaptive { 160 } else { length };
        for at in (0..length).step_by(length.div_ceil(150)) {
            for flip in [1, 0x80, 0xFF] {
                let mut file = FILE.clone();
                file[start + at] ^= flip;
                reseal(&mut file);
                let Ok(model) = Model::parse(&file) else {
                    refused += 1;
                    continue;
                };
                taken += 1;
                let mut arena = vec![0; model.arena_bytes(1).min(1 << 20)];
                let Ok(mut smoother) = Smoother::with_backend(&model, &mut arena, Backend::Scalar) else {
                    continue;
                };
                let _ = smoother.tally(&view(&pixels), &SEED, Purpose::Vote, 0..1);
            }
        }
    }
    assert!(refused > 300 && taken > 100, "{refused} refused, {taken} taken");
}

#[test]
fn a_mask_network_comes_with_its_numbers_and_they_with_it() {
    let unnamed = |section: Section| {
        // The section becomes a second one of META, which may be missing: renamed, that is, after META is.
        let mut file = FILE.clone();
        let word = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let entries: Vec<usize> =
            (0..word(&file, 20) as usize).map(|i| layout::HEADER_BYTES + 16 * i).collect();
        let last = *entries.last().unwrap();
        let at = *entries.iter().find(|at| word(&file, **at) == section as u32).unwrap();
        let entry: Vec<u8> = file[last..last + 16].to_vec();
        file[at..at + 16].copy_from_slice(&entry);
        file[last..last + 16].fill(0);
        let count = word(&file, 20) - 1;
        file[20..24].copy_from_slice(&count.to_le_bytes());
        reseal(&mut file);
        Model::parse(&file).unwrap_err()
    };
    assert!(matches!(unnamed(Section::Adaptive), FormatError::Adaptive(_)));
    for section in [Section::MaskInput, Section::MaskTensors, Section::MaskOps] {
        assert_eq!(unnamed(section), FormatError::MissingSection { section });
    }
}

#[test]
fn what_cannot_be_smoothed_is_named() {
    let error = |networks: Networks<'_>, sigma: f64, split: f64| {
        compile_adaptive(networks, "", &data(), (&Options::new(sigma), split), &|_, _| {})
            .unwrap_err()
            .to_string()
    };
    let (mask, classifier) = (mask(1.0, 0.0), classifier());
    let good = Networks { classifier: &classifier, mask: &mask };
    assert!(error(good, 0.25, 1.0).starts_with("--budget-split: 1 is outside"));
    assert!(error(good, 2.0, 0.5).contains("sigma 2.82"));
    let swapped = Networks { classifier: &mask, mask: &classifier };
    assert!(error(swapped, 0.25, 0.5).contains("must end in a Sigmoid over one channel of the image's size"));
    let twice = Networks { classifier: &mask, mask: &mask };
    assert!(error(twice, 0.25, 0.5).contains("must end in a dense layer"));
}

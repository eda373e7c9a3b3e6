//! Whatever bytes the parser meets it gives a model or an error, and whatever it accepts also runs.

use crate::parser::find;
use crate::support::{Rng, random_curved, random_network, reseal};
use proptest::prelude::*;
use ringfence_runtime::certificate::Lookup;
use ringfence_runtime::exec::Executor;
use ringfence_runtime::format::layout::{self, HEADER_BYTES, SECTION_RECORD_BYTES, Section, header};
use ringfence_runtime::{Backend, FormatError, Model};
use std::sync::OnceLock;

/// Largest arena that the property tests run a mutated model in.
const ARENA_LIMIT: usize = 1 << 16;

/// How many there are.
pub const MODELS: usize = 64;

/// One of a set of valid model files.
pub fn model_file(index: usize) -> Vec<u8> {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let file = |seed: u64| {
        let make = if seed % 4 == 3 { random_curved } else { random_network };
        make(&mut Rng(seed)).to_bytes()
    };
    FILES.get_or_init(|| (0..MODELS as u64).map(file).collect())[index].clone()
}

/// Parses, and if that succeeds reads everything and runs the model on two samples.
pub fn exercise(file: &[u8]) -> bool {
    let Ok(model) = Model::parse(file) else { return false };
    assert!((0..model.classes()).all(|class| model.class_name(class).is_some()));
    assert_eq!(model.class_name(model.classes()), None);
    assert_eq!(model.noise().words.len(), 1 << model.noise().column_bits);
    for table in model.certificates() {
        let checkpoints = table.checkpoints().count();
        match table.target() {
            Some(_) => assert_eq!(table.entries().len(), 3 * checkpoints),
            None => {
                assert_eq!(table.entries().len() as u32, table.n() + 1 - table.first());
                assert_eq!(checkpoints, 0);
            }
        }
        assert!(table.most_votes() <= table.n());
        assert!(table.entry(table.n() + 1).is_none());
    }
    assert!(model.softmax().weight(0) >= model.softmax().weight(u32::MAX));
    if model.sample_arena_bytes() > ARENA_LIMIT {
        return true;
    }
    for backend in [Backend::Scalar, Backend::best()] {
        let executor = Executor::new(&model, backend).unwrap();
        let mut arena = vec![0x5A; model.arena_bytes(2)];
        for sample in 0..2 {
            let mut writer = executor.write_input(&mut arena, sample).unwrap();
            let row = vec![i16::MAX; model.input().width];
            writer.row(0, 0, &row);
            writer.row(model.input().channels - 1, model.input().height - 1, &[i16::MIN]);
            writer.row(usize::MAX, 0, &row);
        }
        let mut logits = vec![0; 2 * model.classes()];
        executor.run(&mut arena, 2, &mut logits, |_, _, _| ()).unwrap();
    }
    true
}

/// So many cases, unless the environment asks for another number.
fn cases(count: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(count),
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..512), dressed: bool) {
        if dressed && bytes.len() >= HEADER_BYTES {
            bytes[..8].copy_from_slice(&layout::MAGIC);
            bytes[8..12].copy_from_slice(&layout::VERSION.to_le_bytes());
            let count = u32::from(bytes[header::SECTION_COUNT]) % 40;
            bytes[header::SECTION_COUNT..][..4].copy_from_slice(&count.to_le_bytes());
            reseal(&mut bytes);
        }
        prop_assert!(!exercise(&bytes));
    }

    #[test]
    fn truncated_models_say_so(model in 0..MODELS, cut: prop::sample::Index, sealed: bool) {
        let mut file = model_file(model);
        let expected = file.len();
        file.truncate(cut.index(expected));
        let found = file.len();
        if sealed {
            // The length is made to agree: now something inside is missing.
            reseal(&mut file);
            prop_assert!(!exercise(&file));
        } else {
            let expected = if found < HEADER_BYTES { HEADER_BYTES } else { expected };
            prop_assert_eq!(Model::parse(&file).err(), Some(FormatError::Truncated { expected, found }));
        }
    }
}

proptest! {
    #![proptest_config(cases(60_000))]

    /// One to four bytes of the structure (all but weights and tables) replaced, often by small numbers.
    #[test]
    fn mutated_models_never_panic(model in 0..MODELS, edits in prop::collection::vec(any::<(prop::sample::Index, u8, bool)>(), 1..4)) {
        let mut file = model_file(model);
        let structure: Vec<usize> = [Section::Input, Section::Tensors, Section::Ops, Section::Certificates]
            .into_iter()
            .flat_map(|kind| { let (start, length) = find(&file, kind); start..start + length })
            .chain(header::SECTION_COUNT..HEADER_BYTES + 9 * SECTION_RECORD_BYTES)
            .collect();
        for (at, value, small) in edits {
            let byte = &mut file[structure[at.index(structure.len())]];
            *byte = if small { value % 9 } else { value };
        }
        reseal(&mut file);
        exercise(&file);
    }

    /// The same anywhere in the file, so that weights, constants and tables are reached too.
    #[test]
    fn models_with_flipped_bits_never_panic(model in 0..MODELS, flips in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4)) {
        let mut file = model_file(model);
        for (at, bit) in flips {
            let at = at.index(file.len());
            file[at] ^= 1 << (bit % 8);
        }
        reseal(&mut file);
        exercise(&file);
    }
}

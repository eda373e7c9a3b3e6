//! A parsed model.

use super::adaptive::{Adaptive, Mask, plane_bytes};
use super::bytes::{Record, record};
use super::dataflow::End;
use super::decode::Graph;
use super::error::{AdaptiveFault, ClassFault, FormatError};
use super::header::Sections;
use super::layout::{self, CERTIFICATES_HEADER_BYTES, MAX_CLASSES, Section};
use super::network::Network;
use super::tables::{CertificateTable, NoiseTable, Norm, Softmax};
use crate::ADAPTIVE;
use crate::plan::{Input, Op, Tensor};
use sha2::{Digest, Sha256};

// File offsets and arena sizes are u32.
const _: () = assert!(usize::BITS >= 32);

/// A model read in place from the bytes of an `.rfm` file.
///
/// Having one means that the file was checked completely.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    bytes: &'a [u8],
    source_sha256: [u8; 32],
    sample_arena: u32,
    network: Network<'a>,
    mask: Option<Mask<'a>>,
    noise: NoiseTable<'a>,
    certificates: &'a [u8],
    certificate_count: usize,
    names: &'a [u8],
    softmax: Softmax<'a>,
    meta: Option<&'a str>,
}

impl<'a> Model<'a> {
    /// Checks a model file and gives access to it.
    ///
    /// Total: any bytes give a model or an error. Alignment of `bytes` does not matter for the result.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let sections = Sections::parse(bytes)?;
        let (classes, names) = parse_classes(sections.require(Section::Classes)?)?;
        let graph = Graph {
            sample_arena: sections.sample_arena,
            tensors: sections.records(Section::Tensors, layout::MAX_TENSORS)?,
            ops: sections.records(Section::Ops, layout::MAX_OPS)?,
            weights: sections.require(Section::Weights)?,
            classes,
        };
        let input = (Section::Input, sections.require(Section::Input)?);
        let (network, mask) = match sections.get(Section::Adaptive) {
            None => (Network::parse(graph, input, End::Logits)?, no_mask(&sections)?),
            Some(_) if !ADAPTIVE => {
                return Err(FormatError::Adaptive(AdaptiveFault::LeftOut));
            }
            Some(adaptive) => {
                // Laid out once with all of the arena, to know the size of the image.
                let whole = Network::parse(graph, input, End::Logits)?;
                let shared = beside_plane(sections.sample_arena, whole.input())?;
                let network = Network::parse(Graph { sample_arena: shared, ..graph }, input, End::Logits)?;
                let mask = parse_mask(&sections, adaptive, shared, network.input())?;
                (network, Some(mask))
            }
        };
        let certificates = sections.require(Section::Certificates)?;
        Ok(Self {
            bytes,
            source_sha256: sections.source_sha256,
            sample_arena: sections.sample_arena,
            network,
            mask,
            noise: NoiseTable::parse(sections.require(Section::Noise)?)?,
            certificates,
            certificate_count: parse_certificates(certificates)?,
            names,
            softmax: Softmax::parse(sections.require(Section::Softmax)?)?,
            meta: match sections.get(Section::Meta).map(str::from_utf8) {
                None => None,
                Some(Ok(meta)) => Some(meta),
                Some(Err(_)) => return Err(FormatError::Meta),
            },
        })
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }

    /// SHA-256 of the ONNX file that the model was compiled from.
    pub fn source_sha256(&self) -> &[u8; 32] {
        &self.source_sha256
    }

    /// Arena bytes of one sample.
    pub fn sample_arena_bytes(&self) -> usize {
        self.sample_arena as usize
    }

    /// Exact arena bytes of a batch: `batch * sample_arena_bytes` (the largest `usize` where that overflows).
    pub fn arena_bytes(&self, batch: usize) -> usize {
        self.sample_arena_bytes().saturating_mul(batch)
    }

    /// Image shape and input rule.
    pub fn input(&self) -> &Input {
        self.network.input()
    }

    /// All tensors of the classifier, by index.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor> + use<'a> {
        self.network.tensors()
    }

    /// The classifier's tensor of this index.
    pub fn tensor(&self, index: usize) -> Option<Tensor> {
        self.network.tensor(index)
    }

    /// All operations of the classifier, in the order they run; the last one gives the logits.
    pub fn ops(&self) -> impl Iterator<Item = Op<'a>> + use<'a> {
        self.network.ops()
    }

    /// The classifier.
    pub fn network(&self) -> &Network<'a> {
        &self.network
    }

    /// What runs before the classifier, if smoothing is adaptive.
    pub fn mask(&self) -> Option<&Mask<'a>> {
        // Known when it is compiled: what a mask needs is then no part of the program.
        if ADAPTIVE { self.mask.as_ref() } else { None }
    }

    /// The norm of this model's radii: L-infinity if smoothing is adaptive.
    pub fn norm(&self) -> Norm {
        if self.mask().is_some() { Norm::LInf } else { Norm::L2 }
    }

    /// Bits of the deviation sigma that radii are made of, as an f64. If smoothing is adaptive, that of the noise tables
    /// is larger.
    pub fn sigma_bits(&self) -> u64 {
        self.mask().map_or(self.noise.sigma_bits, |mask| mask.adaptive.sigma_bits)
    }

    /// Total-variation budget of all noise of one sample, in units of 2^-64, rounded up.
    pub fn tv_budget(&self) -> u64 {
        let second = self.mask().map_or(0, |mask| mask.adaptive.tv_budget);
        self.noise.tv_budget.saturating_add(second)
    }

    /// The noise sampler's tables; those of the first step if smoothing is adaptive.
    pub fn noise(&self) -> NoiseTable<'a> {
        self.noise
    }

    /// The certificate tables.
    pub fn certificates(&self) -> impl Iterator<Item = CertificateTable<'a>> + use<'a> {
        let (section, norm) = (self.certificates, self.norm());
        let table = move |index| Some(CertificateTable::parse(section, index).ok()?.with_norm(norm));
        (0..self.certificate_count).filter_map(table)
    }

    /// Number of classes, 2..=128.
    pub fn classes(&self) -> usize {
        self.network.logits()
    }

    /// The name of a class.
    pub fn class_name(&self, index: usize) -> Option<&'a str> {
        let mut rest = self.names;
        for _ in 0..index {
            (_, rest) = split_name(rest)?;
        }
        str::from_utf8(split_name(rest)?.0).ok()
    }

    /// The soft-vote table.
    pub fn softmax(&self) -> Softmax<'a> {
        self.softmax
    }

    /// JSON notes for the host.
    pub fn meta(&self) -> Option<&'a str> {
        self.meta
    }
}

/// No section of a mask network may be there.
fn no_mask<'a>(sections: &Sections<'a>) -> Result<Option<Mask<'a>>, FormatError> {
    let parts = [Section::MaskInput, Section::MaskTensors, Section::MaskOps, Section::MaskWeights];
    match parts.into_iter().find(|part| sections.get(*part).is_some()) {
        None => Ok(None),
        Some(part) => Err(FormatError::Adaptive(AdaptiveFault::Missing(part))),
    }
}

/// Bytes of the arena that both networks share; the mask lies behind them.
fn beside_plane(arena: u32, image: &Input) -> Result<u32, FormatError> {
    let plane = plane_bytes(image);
    let left = u32::try_from(plane).ok().and_then(|plane| arena.checked_sub(plane));
    left.ok_or(FormatError::Adaptive(AdaptiveFault::Arena { plane, arena }))
}

fn parse_mask<'a>(
    sections: &Sections<'a>,
    adaptive: &'a [u8],
    sample_arena: u32,
    image: &Input,
) -> Result<Mask<'a>, FormatError> {
    let graph = Graph {
        sample_arena,
        tensors: sections.records(Section::MaskTensors, layout::MAX_TENSORS)?,
        ops: sections.records(Section::MaskOps, layout::MAX_OPS)?,
        weights: sections.require(Section::MaskWeights)?,
        classes: 0,
    };
    let network = Network::parse_mask(graph, sections.require(Section::MaskInput)?, image)?;
    Ok(Mask { network, adaptive: Adaptive::parse(adaptive, image)? })
}

/// The number of classes and the bytes of their names.
fn parse_classes(section: &[u8]) -> Result<(usize, &[u8]), FormatError> {
    let found = section.len();
    let length = FormatError::SectionLength { section: Section::Classes, expected: 2, found };
    let (count, names) = section.split_first_chunk().ok_or(length)?;
    let count = u16::from_le_bytes(*count);
    if !(2..=MAX_CLASSES).contains(&usize::from(count)) {
        return Err(FormatError::Class(ClassFault::Count(count)));
    }
    let mut rest = names;
    for index in 0..usize::from(count) {
        let name;
        (name, rest) = split_name(rest).ok_or(FormatError::Class(ClassFault::Length))?;
        if str::from_utf8(name).is_err() {
            return Err(FormatError::Class(ClassFault::Utf8(index)));
        }
    }
    if !rest.is_empty() {
        return Err(FormatError::Class(ClassFault::Length));
    }
    Ok((usize::from(count), names))
}

fn split_name(names: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = names.split_first()?;
    rest.split_at_checked(usize::from(length))
}

/// The number of certificate tables, all of them checked.
fn parse_certificates(section: &[u8]) -> Result<usize, FormatError> {
    let (expected, found) = (CERTIFICATES_HEADER_BYTES, section.len());
    let length = FormatError::SectionLength { section: Section::Certificates, expected, found };
    let head: Record<'_, CERTIFICATES_HEADER_BYTES> = record(section, 0).ok_or(length)?;
    if head.u32::<4>() != 0 {
        return Err(FormatError::Reserved { section: Some(Section::Certificates) });
    }
    let found = head.u32::<0>();
    let count = found as usize;
    if count > layout::MAX_CERTIFICATES {
        return Err(FormatError::CertificateCount { found });
    }
    for index in 0..count {
        CertificateTable::parse(section, index).map_err(|fault| FormatError::Certificate { index, fault })?;
    }
    Ok(count)
}

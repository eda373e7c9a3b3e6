//! A parsed model.

use super::bytes::{Record, record};
use super::dataflow;
use super::decode::Graph;
use super::error::{ClassFault, FormatError};
use super::header::Sections;
use super::layout::{self, CERTIFICATES_HEADER_BYTES, MAX_CLASSES, Section};
use super::tables::{CertificateTable, NoiseTable, Softmax};
use super::tensors::decode_input;
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
    input: Input,
    graph: Graph<'a>,
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
        for index in 0..graph.tensors.len() {
            if let Some(Err(fault)) = graph.tensor(index) {
                return Err(FormatError::Tensor { index, fault });
            }
        }
        let input = parse_input(sections.require(Section::Input)?, &graph)?;
        dataflow::check_ops(&graph, input.operand)?;
        let certificates = sections.require(Section::Certificates)?;
        Ok(Self {
            bytes,
            source_sha256: sections.source_sha256,
            input,
            graph,
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
        self.graph.sample_arena as usize
    }

    /// Exact arena bytes of a batch: `batch * sample_arena_bytes` (the largest `usize` where that overflows).
    pub fn arena_bytes(&self, batch: usize) -> usize {
        self.sample_arena_bytes().saturating_mul(batch)
    }

    /// Image shape and input rule.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// All tensors, by index.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor> + use<'a> {
        let graph = self.graph;
        (0..graph.tensors.len()).filter_map(move |index| graph.tensor(index)?.ok())
    }

    /// The tensor of this index.
    pub fn tensor(&self, index: usize) -> Option<Tensor> {
        self.graph.tensor(index)?.ok()
    }

    /// All operations, in the order they run; the last one gives the logits.
    pub fn ops(&self) -> impl Iterator<Item = Op<'a>> + use<'a> {
        let graph = self.graph;
        (0..graph.ops.len()).filter_map(move |index| graph.op(index)?.ok())
    }

    /// The noise sampler's tables.
    pub fn noise(&self) -> NoiseTable<'a> {
        self.noise
    }

    /// The certificate tables.
    pub fn certificates(&self) -> impl Iterator<Item = CertificateTable<'a>> + use<'a> {
        let section = self.certificates;
        (0..self.certificate_count).filter_map(move |index| CertificateTable::parse(section, index).ok())
    }

    /// Number of classes, 2..=128.
    pub fn classes(&self) -> usize {
        self.graph.classes
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

fn parse_input(section: &[u8], graph: &Graph<'_>) -> Result<Input, FormatError> {
    let found = section.len();
    let length = FormatError::SectionLength { section: Section::Input, expected: layout::INPUT_BYTES, found };
    let record: &[u8; layout::INPUT_BYTES] = section.try_into().map_err(|_| length)?;
    if !Record(record).is_zero::<{ layout::input::RESERVED }, { layout::INPUT_BYTES }>() {
        return Err(FormatError::Reserved { section: Some(Section::Input) });
    }
    decode_input(Record(record), graph).map_err(FormatError::Input)
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

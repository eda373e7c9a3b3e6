//! Tensors and operations of one network.

use super::bytes::Record;
use super::dataflow::{End, check_ops};
use super::decode::Graph;
use super::error::{FormatError, MaskFault};
use super::layout::{self, Section};
use super::tensors::decode_input;
use crate::plan::{Input, Op, Operand, Tensor};

/// A network of a model file: what it reads, and the operations in the order they run.
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    input: Input,
    graph: Graph<'a>,
    last: Operand,
}

impl<'a> Network<'a> {
    /// Checks a network whose image and rule are in `input`, the bytes of section `section`.
    pub(super) fn parse(
        graph: Graph<'a>,
        (section, input): (Section, &[u8]),
        end: End,
    ) -> Result<Self, FormatError> {
        for index in 0..graph.tensors.len() {
            if let Some(Err(fault)) = graph.tensor(index) {
                return Err(FormatError::Tensor { index, fault });
            }
        }
        let input = parse_input(section, input, &graph)?;
        let last = check_ops(&graph, input.operand, end)?;
        Ok(Self { input, graph, last })
    }

    /// As [`parse`](Self::parse), for images of the classifier `image`; the result is a mask for them.
    pub(super) fn parse_mask(graph: Graph<'a>, input: &[u8], image: &Input) -> Result<Self, FormatError> {
        let mask = Self::parse(graph, (Section::MaskInput, input), End::Map).map_err(of_mask)?;
        let shape = |input: &Input| [input.channels, input.height, input.width];
        if shape(&mask.input) != shape(image) {
            return Err(FormatError::Mask(MaskFault::Image));
        }
        let Tensor { channels, height, width, zero_point, top, .. } = mask.last.tensor;
        let is_plane = (channels, height, width) == (1, image.height, image.width);
        if !is_plane || (zero_point, top) != (0, u8::MAX) {
            return Err(FormatError::Mask(MaskFault::Output));
        }
        Ok(mask)
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

    /// All operations, in the order they run.
    pub fn ops(&self) -> impl Iterator<Item = Op<'a>> + use<'a> {
        let graph = self.graph;
        (0..graph.ops.len()).filter_map(move |index| graph.op(index)?.ok())
    }

    /// The tensor that is written last: the mask of a mask network.
    pub fn last(&self) -> Operand {
        self.last
    }

    /// Logits of a sample; none of a mask network.
    pub fn logits(&self) -> usize {
        self.graph.classes
    }
}

/// The same error, of the mask network.
fn of_mask(error: FormatError) -> FormatError {
    FormatError::Mask(match error {
        FormatError::Input(fault) => MaskFault::Input(fault),
        FormatError::Tensor { index, fault } => MaskFault::Tensor { index, fault },
        FormatError::Op { index, fault } => MaskFault::Op { index, fault },
        other => return other,
    })
}

fn parse_input(section: Section, bytes: &[u8], graph: &Graph<'_>) -> Result<Input, FormatError> {
    let length = FormatError::SectionLength { section, expected: layout::INPUT_BYTES, found: bytes.len() };
    let record: &[u8; layout::INPUT_BYTES] = bytes.try_into().map_err(|_| length)?;
    if !Record(record).is_zero::<{ layout::input::RESERVED }, { layout::INPUT_BYTES }>() {
        return Err(FormatError::Reserved { section: Some(section) });
    }
    decode_input(Record(record), graph).map_err(FormatError::Input)
}

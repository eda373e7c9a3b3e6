//! Records to tensors, and to the image with its rule.

use super::bytes::Record;
use super::decode::Graph;
use super::error::{InputFault, TensorFault};
use super::layout::{self, ALIGN, CHANNEL_GROUP};
use crate::ADAPTIVE;
use crate::plan::{Input, InputRule, Tensor};

/// The input rule and the tensor it writes.
pub(crate) fn decode_input(
    record: Record<'_, { layout::INPUT_BYTES }>,
    graph: &Graph<'_>,
) -> Result<Input, InputFault> {
    use layout::input;
    let channels = record.u16::<{ input::CHANNELS }>();
    if !(1..=layout::MAX_INPUT_CHANNELS).contains(&usize::from(channels)) {
        return Err(InputFault::Channels(channels));
    }
    let index = record.u16::<{ input::TENSOR }>();
    let operand = graph.operand(index).ok_or(InputFault::Tensor(index))?;
    let [channels, height, width] =
        [channels, record.u16::<{ input::HEIGHT }>(), record.u16::<{ input::WIDTH }>()].map(usize::from);
    let tensor = operand.tensor;
    if [tensor.channels, tensor.height, tensor.width] != [channels, height, width] {
        return Err(InputFault::Shape);
    }
    let bytes = record.array::<{ input::RULES }, 32>();
    let (numbers, _) = bytes.as_chunks::<4>();
    let rules: [InputRule; 4] = core::array::from_fn(|c| InputRule {
        mul: i32::from_le_bytes(numbers[2 * c]),
        add: i32::from_le_bytes(numbers[2 * c + 1]),
    });
    for (channel, rule) in rules.iter().take(channels).enumerate() {
        if !(1..=layout::MAX_INPUT_MUL).contains(&rule.mul) {
            return Err(InputFault::Mul(channel));
        }
        if rule.add.unsigned_abs() > layout::MAX_INPUT_ADD.unsigned_abs() {
            return Err(InputFault::Add(channel));
        }
    }
    Ok(Input { channels, height, width, operand, rules })
}

pub(crate) fn decode_tensor(
    record: Record<'_, { layout::TENSOR_BYTES }>,
    sample_arena: u32,
) -> Result<Tensor, TensorFault> {
    use layout::tensor;
    let offset = record.u32::<{ tensor::OFFSET }>();
    let [height, width, channels] = [
        record.u16::<{ tensor::HEIGHT }>(),
        record.u16::<{ tensor::WIDTH }>(),
        record.u16::<{ tensor::CHANNELS }>(),
    ]
    .map(usize::from);
    if height == 0 || width == 0 || channels == 0 {
        return Err(TensorFault::Empty);
    }
    if !(offset as usize).is_multiple_of(ALIGN) {
        return Err(TensorFault::Alignment(offset));
    }
    if !record.is_zero::<{ tensor::TAIL }, { layout::TENSOR_BYTES }>() {
        return Err(TensorFault::Reserved);
    }
    let (zero_point, top) = (record.u8::<{ tensor::ZERO_POINT }>(), record.u8::<{ tensor::TOP }>());
    if !layout::TOPS.contains(&top) {
        return Err(TensorFault::Top(top));
    }
    if zero_point > top {
        return Err(TensorFault::ZeroPoint(zero_point));
    }
    let border = usize::from(record.u8::<{ tensor::BORDER }>());
    let mirrored = match record.u8::<{ tensor::MIRRORED }>() {
        0 => false,
        1 if ADAPTIVE && border < height.min(width) => true,
        found => return Err(TensorFault::Mirrored(found)),
    };
    let stored = channels.next_multiple_of(CHANNEL_GROUP);
    let pixels = (height + 2 * border) as u64 * (width + 2 * border) as u64;
    let bytes = pixels * stored as u64;
    let end = u64::from(offset) + bytes;
    if end > u64::from(sample_arena) {
        return Err(TensorFault::Range { end, arena: sample_arena });
    }
    let (offset, bytes) = (offset as usize, bytes as usize);
    Ok(Tensor { offset, height, width, channels, stored, border, mirrored, zero_point, top, bytes })
}

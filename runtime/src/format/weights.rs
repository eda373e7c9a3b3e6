//! Checks of weights and of the constants that requantise their sums.

use super::error::OpFault;
use super::layout::{BLOCK, CHANNEL_GROUP, MAX_BIAS, MAX_PAIR, MAX_PRE};
use crate::plan::{ConvOp, Filter, LookupOp};

/// Checks the values inside a filter; its shape was checked when it was decoded.
pub(crate) fn check_filter(filter: &Filter<'_>) -> Result<(), OpFault> {
    if filter.weights.iter().any(|&weight| weight.cast_signed() == i8::MIN) {
        return Err(OpFault::Weight);
    }
    for ((bias, mul), &pre) in filter.bias.iter().zip(filter.mul).zip(filter.pre) {
        check_requant(i32::from_le_bytes(*bias), i16::from_le_bytes(*mul), pre)?;
    }
    Ok(())
}

/// Checks that a table gives nothing above the output's largest value.
pub(crate) fn check_table(op: &LookupOp<'_>) -> Result<(), OpFault> {
    let beyond = op.table.iter().position(|&value| value > op.output.tensor.top);
    beyond.map_or(Ok(()), |entry| Err(OpFault::Entry(entry)))
}

/// Checks that groups can be summed in pairs, if the operation says so.
pub(crate) fn check_pairs(op: &ConvOp<'_>) -> Result<(), OpFault> {
    let tensor = op.input.tensor;
    let fit = || tensor.top <= 127 && pairs_fit(op.filter.weights, op.kernel[1] * tensor.stored);
    if !op.pairs || fit() { Ok(()) } else { Err(OpFault::Pairs) }
}

/// Whether products with values up to 127 can be summed in 16 bits over two groups: of packed weights
/// (`[O/16][K/4][16][4]`), of which a kernel row meets `run` depths, groups `2 i` and `2 i + 1` of each row.
///
/// A 16-bit lane meets the first or the last two weights of an output in both groups. `run` is a multiple of
/// four; the last group of a row with an odd number of them is alone.
pub fn pairs_fit(weights: &[u8], run: usize) -> bool {
    const GROUP: usize = BLOCK * CHANNEL_GROUP;
    let rows = weights.chunks((run / CHANNEL_GROUP * GROUP).max(GROUP));
    rows.flat_map(|row| row.as_chunks::<{ 2 * GROUP }>().0).all(|pair| {
        let (first, second) = pair.split_at(GROUP);
        let lanes = first.as_chunks::<2>().0.iter().zip(second.as_chunks::<2>().0);
        lanes.into_iter().all(|(a, b)| {
            let lane = [a[0], a[1], b[0], b[1]].map(|weight| i16::from(weight.cast_signed()));
            let positive: i16 = lane.iter().map(|&weight| weight.max(0)).sum();
            let negative: i16 = lane.iter().map(|&weight| weight.min(0)).sum();
            positive <= MAX_PAIR && negative >= -MAX_PAIR
        })
    })
}

pub(crate) fn check_requant(bias: i32, mul: i16, pre: u8) -> Result<(), OpFault> {
    if bias.unsigned_abs() > MAX_BIAS.unsigned_abs() {
        return Err(OpFault::Bias(bias));
    }
    if mul <= 0 {
        return Err(OpFault::Mul(mul));
    }
    if !(1..=MAX_PRE).contains(&pre) {
        return Err(OpFault::Pre(pre));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of `groups` groups in which output 5 has the given weights at its first depths of each group.
    fn fit(groups: &[[i8; 2]]) -> bool {
        let mut weights = [[0u8; BLOCK * CHANNEL_GROUP]; 4];
        let weights = &mut weights[..groups.len()];
        for (weights, group) in weights.iter_mut().zip(groups) {
            weights[5 * CHANNEL_GROUP..][..2].copy_from_slice(&group.map(i8::cast_unsigned));
        }
        pairs_fit(weights.as_flattened(), groups.len() * CHANNEL_GROUP)
    }

    #[test]
    fn pairs_fit_up_to_the_limit() {
        assert!(fit(&[[127, 127], [4, 0]]) && !fit(&[[127, 127], [4, 1]]));
        assert!(fit(&[[-127, 100], [-127, -4]]) && !fit(&[[-127, -5], [-127, 127]]));
        assert!(fit(&[[127, 127], [4, -127], [127, 127]]) && fit(&[[4, 0], [127, 127]]));
        assert!(!fit(&[[0, 0], [0, 0], [127, 127], [127, 0]]));
        assert!(pairs_fit(&[], 0));
    }
}

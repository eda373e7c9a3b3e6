//! Weights in the one layout that every backend reads in place: blocks of 16 outputs x 4 inputs.

use ndarray::{Array4, Axis};
use ringfence_runtime::format::layout::{ALIGN, BLOCK, CHANNEL_GROUP};
use ringfence_runtime::format::pairs_fit;

use super::filter::Filter;

/// The WEIGHTS section while it grows.
#[derive(Clone, Debug, Default)]
pub struct Weights(Vec<u8>);

/// Where in the section a filter lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Packed weights.
    pub weights: usize,
    /// Biases, multipliers and shifts.
    pub requant: usize,
    /// Whether products with activations of seven bits can be summed in pairs of groups.
    pub pairs_fit: bool,
}

impl Weights {
    /// Appends a filter.
    pub fn push(&mut self, filter: &Filter) -> Place {
        let weights = self.align();
        let bytes = packed(&filter.weight);
        let (_, _, columns, channels) = filter.weight.dim();
        let pairs_fit = pairs_fit(&bytes, columns * channels.next_multiple_of(CHANNEL_GROUP));
        self.0.extend(bytes);
        let requant = self.align();
        let padded = filter.bias.len().next_multiple_of(BLOCK);
        let rest = padded - filter.bias.len();
        // Padding outputs give zero: no weights, no bias, the smallest shift.
        let bias = filter.bias.iter().copied().chain(std::iter::repeat_n(0, rest));
        let mul = filter.requant.iter().map(|r| r.mul).chain(std::iter::repeat_n(0x4000, rest));
        let pre = filter.requant.iter().map(|r| r.pre).chain(std::iter::repeat_n(1, rest));
        self.0.extend(bias.flat_map(i32::to_le_bytes));
        self.0.extend(mul.flat_map(i16::to_le_bytes));
        self.0.extend(pre);
        Place { weights, requant, pairs_fit }
    }

    /// Appends the table of a lookup; returns where it lies.
    pub fn push_table(&mut self, table: &[u8]) -> usize {
        let place = self.align();
        self.0.extend(table);
        place
    }

    fn align(&mut self) -> usize {
        self.0.resize(self.0.len().next_multiple_of(ALIGN), 0);
        self.0.len()
    }

    /// The bytes of the section.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// `[out, row, column, in]` to `[out / 16][k / 4][16][4]`, k running over (row, column, stored input channel).
fn packed(weight: &Array4<i8>) -> Vec<u8> {
    let (outputs, rows, columns, channels) = weight.dim();
    let stored = channels.next_multiple_of(CHANNEL_GROUP);
    let depth = rows * columns * stored;
    let mut bytes = vec![0; outputs.next_multiple_of(BLOCK) * depth];
    for (output, kernel) in weight.axis_iter(Axis(0)).enumerate() {
        let (block, lane) = (output / BLOCK, output % BLOCK);
        for ((row, column, channel), w) in kernel.indexed_iter() {
            let k = (row * columns + column) * stored + channel;
            let group = block * depth / CHANNEL_GROUP + k / CHANNEL_GROUP;
            bytes[(group * BLOCK + lane) * CHANNEL_GROUP + k % CHANNEL_GROUP] = w.cast_unsigned();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::requant::Requant;

    /// Each weight is found where the runtime's reader of the format looks for it.
    #[test]
    fn packing_is_output_block_then_depth() {
        let weight =
            Array4::from_shape_fn((18, 2, 3, 5), |(o, y, x, c)| (o * 7 + y * 31 + x * 11 + c * 3) as i8);
        let bytes = packed(&weight);
        let depth = 2 * 3 * 8;
        assert_eq!(bytes.len(), 32 * depth);
        let at =
            |o: usize, k: usize| bytes[o / 16 * 16 * depth + k / 4 * 64 + o % 16 * 4 + k % 4].cast_signed();
        for ((o, y, x, c), w) in weight.indexed_iter() {
            assert_eq!(at(o, (y * 3 + x) * 8 + c), *w);
        }
        let padding = (18..32).flat_map(|o| (0..depth).map(move |k| (o, k)));
        assert!(padding.chain((0..18).map(|o| (o, 5))).all(|(o, k)| at(o, k) == 0));
    }

    #[test]
    fn filters_start_at_multiples_of_64_and_are_padded() {
        let filter = Filter {
            weight: Array4::ones((3, 1, 1, 4)),
            bias: vec![1, -2, 3],
            requant: vec![Requant { pre: 4, mul: 9 }; 3],
        };
        let mut weights = Weights::default();
        assert_eq!(weights.push(&filter), Place { weights: 0, requant: 64, pairs_fit: true });
        assert_eq!(weights.push(&filter), Place { weights: 192, requant: 256, pairs_fit: true });
        let bytes = weights.into_bytes();
        assert_eq!(bytes[64 + 4..64 + 8], (-2i32).to_le_bytes());
        assert_eq!(bytes[128..130], 9i16.to_le_bytes());
        assert_eq!(bytes[134..136], 0x4000i16.to_le_bytes());
        assert_eq!((bytes[160], bytes[163]), (4, 1));
    }
}

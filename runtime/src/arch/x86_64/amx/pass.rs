//! A convolution, or some of its outputs: group after group.

use super::cut::{Cut, Grouping, PAIR_ROWS};
use super::product::{Operands, Product, Sums};
use super::tail::Finisher;
use super::tiles::{ROW, ROWS, Tiles};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::{ConvJob, ConvPlan};
use core::mem::MaybeUninit;
use core::ops::Range;

/// Convolves a range of blocks with groups of `P` tiles of pixels and `W` tiles of weights, of `B` blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn run<const P: usize, const B: usize, K: Product<P>>(
    cut: &Cut,
    blocks: Range<usize>,
    job: &mut ConvJob<'_>,
    tiles: &mut Tiles,
) {
    if job.plan().residual.is_some() {
        passes::<P, B, true, K>(cut, blocks, job, tiles);
    } else {
        passes::<P, B, false, K>(cut, blocks, job, tiles);
    }
}

/// [`run`] with (`R`) or without a residual.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn passes<const P: usize, const B: usize, const R: bool, K: Product<P>>(
    cut: &Cut,
    blocks: Range<usize>,
    job: &mut ConvJob<'_>,
    tiles: &mut Tiles,
) {
    // SAFETY: this backend is used only where tiles are permitted; a cut keeps to the limits.
    unsafe { tiles.prepare(cut.shape()) };
    let plan = job.plan();
    let (mut sums, mut pairs) = (Sums::new(), PairWeights::new());
    let target = cut.target(sums.as_mut_ptr());
    let mut finisher = Finisher::<B, R>::new(cut, target.second, blocks.start, job);
    let steps = plan.rows * cut.chunks;
    let share = (cut.pixels(P) / Finisher::<B, R>::PIXELS).div_ceil(steps);
    let turn = plan.row_bytes.wrapping_sub(cut.chunks * cut.chunk);
    let (second, weight_step) = cut.weight_steps(plan);
    let mut block = blocks.start;
    let mut weights = first_weights(cut, plan, block, &mut pairs);
    let mut windows = Windows::new(cut, job);
    // Block and pixels of the group before.
    let mut before = (block, 0);
    let mut entered = block;
    loop {
        if windows.left == 0 && block + B < blocks.end {
            block += B;
            weights = first_weights(cut, plan, block, &mut pairs);
            windows = Windows::new(cut, job);
        }
        let more = windows.left > 0;
        let pixels = cut.pixels(windows.left.min(P));
        let (first, tiles) = windows.take();
        let mut operands = Operands { pixels: first, tiles, step: cut.step, weights, second };
        // SAFETY: tiles are set up. The plan has checked that the windows of all pixels lie in the input and that a block
        // holds `rows * run` weights for each output; `PairWeights` holds as many as asked for. The sums of the group
        // before are stored when the finisher begins it, and its pixels lie in the output.
        unsafe {
            if more {
                K::step::<true>(&operands, &target);
            } else {
                K::store(&target);
            }
            if before.0 != entered {
                entered = before.0;
                finisher.enter(entered, job);
            }
            finisher.begin(before.1, target.sums);
            if !more {
                return finisher.advance(usize::MAX);
            }
            let mut chunks = cut.chunks;
            for _ in 1..steps {
                finisher.advance(share);
                operands.pixels = operands.pixels.wrapping_add(cut.chunk);
                operands.weights = operands.weights.wrapping_add(weight_step);
                chunks -= 1;
                if chunks == 0 {
                    operands.pixels = operands.pixels.wrapping_add(turn);
                    chunks = cut.chunks;
                }
                K::step::<false>(&operands, &target);
            }
            finisher.advance(share);
        }
        before = (block, pixels);
    }
}

/// Where the weights of a group start.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn first_weights(cut: &Cut, plan: &ConvPlan<'_>, block: usize, pairs: &mut PairWeights) -> *const u8 {
    if cut.grouping == Grouping::Pairs {
        pairs.fill(cut, plan, block)
    } else {
        plan.filter.block_weights(block).as_ptr()
    }
}

/// The first windows of tiles, row after row of the output.
struct Windows {
    next: *const u8,
    /// Tiles left.
    left: usize,
    /// Tiles left in the row.
    row: usize,
    per_row: usize,
    /// Bytes from tile to tile of a row, and from the last of a row to the first of the next.
    step: usize,
    turn: usize,
}

impl Windows {
    fn new(cut: &Cut, job: &ConvJob<'_>) -> Self {
        let plan = job.plan();
        let next = job.input()[plan.window(0, 0)..].as_ptr();
        let step = cut.rows * cut.step;
        let (row, left) = (cut.per_row, cut.tiles);
        Self { next, left, row, per_row: row, step, turn: plan.step_y.wrapping_sub((row - 1) * step) }
    }

    /// The first window of the next tiles, and the bytes from there to those of all; past the end that of the last one
    /// again.
    #[inline(always)]
    fn take<const P: usize>(&mut self) -> (*const u8, [usize; P]) {
        let first = self.next;
        let tiles = core::array::from_fn(|_| {
            let window = self.next.addr() - first.addr();
            if self.left > 1 {
                self.row -= 1;
                let turns = self.row == 0;
                self.next = self.next.wrapping_add(if turns { self.turn } else { self.step });
                self.row = if turns { self.per_row } else { self.row };
            }
            self.left = self.left.saturating_sub(1);
            window
        });
        (first, tiles)
    }
}

/// A row of a tile of weights: four bytes of depth for each output.
type WeightRow = [u8; ROW];

/// Weights of a block as pairs of pixels meet them, for each kernel row `[2][run + step][16]`: those of the first window,
/// then those of the second one.
#[repr(C, align(64))]
struct PairWeights([MaybeUninit<WeightRow>; PAIR_ROWS * 2 * ROWS]);

impl PairWeights {
    fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; _])
    }

    /// Writes the weights of a block; where those of the first window start.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn fill(&mut self, cut: &Cut, plan: &ConvPlan<'_>, block: usize) -> *const u8 {
        let (weights, _) = plan.filter.block_weights(block).as_chunks::<ROW>();
        let (run, all) = (plan.run / CHANNEL_GROUP, cut.chunk / CHANNEL_GROUP);
        for (weights, pair) in weights.chunks_exact(run).zip(self.0.chunks_exact_mut(2 * all)) {
            let (first, second) = pair.split_at_mut(all);
            for (i, row) in weights.iter().enumerate() {
                first[i].write(*row);
                second[all - run + i].write(*row);
            }
            for i in 0..all - run {
                first[run + i].write([0; ROW]);
                second[i].write([0; ROW]);
            }
        }
        self.0.as_ptr().cast()
    }
}

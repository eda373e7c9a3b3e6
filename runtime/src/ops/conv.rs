//! Convolution with fused requantisation and residual.

use super::requant::{finish, requant, rescale};
use crate::format::layout::{BLOCK, CHANNEL_GROUP, MAX_DEPTH};
use crate::plan::{ConvOp, Filter, Rescale, Tensor};

/// A convolution as byte positions: all that a kernel needs, worked out once per operation.
///
/// The window of output pixel `(y, x)` starts at `origin + y * step_y + x * step_x` of the input and consists
/// of `rows` contiguous runs of `run` bytes, `row_bytes` apart; run `i` meets depths `i * run..(i + 1) * run`.
#[derive(Clone, Copy, Debug)]
pub struct ConvPlan<'a> {
    pub(crate) filter: Filter<'a>,
    pub(crate) input_bytes: usize,
    pub(crate) origin: usize,
    pub(crate) step_y: usize,
    pub(crate) step_x: usize,
    pub(crate) rows: usize,
    pub(crate) row_bytes: usize,
    pub(crate) run: usize,
    pub(crate) output: Tensor,
    pub(crate) lo: u8,
    /// Largest value of the input.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only AVX2 multiplies seven bits faster")
    )]
    pub(crate) input_top: u8,
    /// Whether products of two groups can be summed in 16 bits.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "as above"))]
    pub(crate) pairs: bool,
    pub(crate) residual: Option<ResidualPlan>,
}

/// A fused residual as byte positions.
#[derive(Clone, Copy, Debug)]
pub struct ResidualPlan {
    pub(crate) rescale: Rescale,
    pub(crate) tensor: Tensor,
    /// The residual lies where the output goes: a kernel reads a pixel before it writes it, and only once.
    pub(crate) in_place: bool,
}

impl<'a> ConvPlan<'a> {
    /// Works out the positions, and checks that all of them lie within the tensors; always the case for
    /// operations of a parsed model.
    pub fn new(op: &ConvOp<'a>) -> Option<Self> {
        let (input, output) = (op.input.tensor, op.output.tensor);
        let steps = [op.kernel, op.stride, op.pad];
        let fit = steps.iter().flatten().all(|&step| step <= usize::from(u8::MAX));
        if !fit || !is_within(&input) || !is_within(&output) {
            return None;
        }
        let [up, left] = [input.border.checked_sub(op.pad[0])?, input.border.checked_sub(op.pad[1])?];
        let plan = Self {
            filter: op.filter,
            input_bytes: input.bytes,
            origin: up * input.row_bytes() + left * input.stored,
            step_y: op.stride[0] * input.row_bytes(),
            step_x: op.stride[1] * input.stored,
            rows: op.kernel[0],
            row_bytes: input.row_bytes(),
            run: op.kernel[1] * input.stored,
            output,
            lo: op.lo,
            input_top: input.top,
            pairs: op.pairs,
            residual: op.residual.map(|residual| ResidualPlan {
                rescale: residual.rescale,
                tensor: residual.operand.tensor,
                in_place: residual.is_in_place(&op.output),
            }),
        };
        plan.is_consistent().then_some(plan)
    }

    /// Restates, in bytes, what the parser checked. Nothing overflows 64 bits: `new` bounded all factors.
    fn is_consistent(&self) -> bool {
        let (output, filter) = (&self.output, &self.filter);
        let last_window = self.window(output.height - 1, output.width - 1);
        let same = |t: &Tensor| (t.height, t.width, t.stored) == (output.height, output.width, output.stored);
        self.rows > 0
            && self.run > 0
            && self.step_x > 0
            && last_window + (self.rows - 1) * self.row_bytes + self.run <= self.input_bytes
            && filter.depth == self.rows * self.run
            && filter.depth <= MAX_DEPTH
            && output.channels == filter.outputs
            && filter.padded == filter.outputs.next_multiple_of(BLOCK)
            && filter.weights.len() == filter.padded * filter.depth
            && [filter.bias.len(), filter.mul.len(), filter.pre.len()] == [filter.padded; 3]
            && self.residual.is_none_or(|residual| same(&residual.tensor) && is_within(&residual.tensor))
    }

    /// First byte of the window of an output pixel.
    pub(crate) fn window(&self, y: usize, x: usize) -> usize {
        self.origin + y * self.step_y + x * self.step_x
    }
}

/// Whether a tensor's size follows from its shape, and the shape from the file format.
fn is_within(tensor: &Tensor) -> bool {
    let shape = [tensor.height, tensor.width, tensor.channels];
    shape.iter().all(|size| (1..=usize::from(u16::MAX)).contains(size))
        && tensor.border <= usize::from(u8::MAX)
        && tensor.stored == tensor.channels.next_multiple_of(CHANNEL_GROUP)
        && (tensor.height + 2 * tensor.border) * tensor.row_bytes() == tensor.bytes
}

/// A convolution of one sample: a plan, and tensors of the sizes that it asks for.
#[derive(Debug)]
pub struct ConvJob<'a> {
    plan: &'a ConvPlan<'a>,
    input: &'a [u8],
    residual: Option<&'a [u8]>,
    output: &'a mut [u8],
}

impl<'a> ConvJob<'a> {
    /// Pairs the plan with whole tensors; none if a size differs, or the residual is missing or too much. A
    /// residual in the place of the output is not given a second time.
    pub fn new(
        plan: &'a ConvPlan<'a>,
        input: &'a [u8],
        residual: Option<&'a [u8]>,
        output: &'a mut [u8],
    ) -> Option<Self> {
        let second = plan.residual.filter(|residual| !residual.in_place);
        let fits = input.len() == plan.input_bytes
            && output.len() == plan.output.bytes
            && residual.map(<[u8]>::len) == second.map(|residual| residual.tensor.bytes);
        fits.then_some(Self { plan, input, residual, output })
    }

    pub(crate) fn plan(&self) -> &'a ConvPlan<'a> {
        self.plan
    }

    /// The whole input tensor.
    pub(crate) fn input(&self) -> &'a [u8] {
        self.input
    }

    /// The residual's plan, and its bytes from a channel of output pixel `(y, x)` on.
    pub(crate) fn residual(&self, y: usize, x: usize, channel: usize) -> Option<(ResidualPlan, &[u8])> {
        let plan = self.plan.residual?;
        let bytes = self.residual.unwrap_or(self.output);
        Some((plan, &bytes[plan.tensor.index(y, x, channel)..]))
    }

    /// Where a channel of output pixel `(y, x)` lies, and the same of the residual; of the output again, if the
    /// residual lies in its place or there is none.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64", ringfence_dsp))]
    pub(crate) fn places(&mut self, y: usize, x: usize, channel: usize) -> (*mut u8, *const u8) {
        let residual = self.residual(y, x, channel).filter(|(plan, _)| !plan.in_place);
        let residual = residual.map(|(_, bytes)| bytes.as_ptr());
        let output = self.output(y, x, channel).as_mut_ptr();
        (output, residual.unwrap_or(output))
    }

    /// The residual's plan and the whole tensor that holds it.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn residual_bytes(&self) -> Option<(ResidualPlan, &[u8])> {
        Some((self.plan.residual?, self.residual.unwrap_or(self.output)))
    }

    /// The whole output tensor.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn output_bytes(&mut self) -> &mut [u8] {
        self.output
    }

    /// The bytes of the output from a channel of pixel `(y, x)` on.
    pub(crate) fn output(&mut self, y: usize, x: usize, channel: usize) -> &mut [u8] {
        &mut self.output[self.plan.output.index(y, x, channel)..]
    }
}

/// Convolves one sample: the interior of the output tensor, padding channels included.
pub fn conv(mut job: ConvJob<'_>) {
    let (plan, input) = (job.plan(), job.input());
    let output = &plan.output;
    for block in 0..plan.filter.blocks() {
        let weights = plan.filter.block_weights(block);
        let constants = plan.filter.requant(block);
        let channel = block * BLOCK;
        let stored = BLOCK.min(output.stored.saturating_sub(channel));
        for y in 0..output.height {
            for x in 0..output.width {
                let window = &input[plan.window(y, x)..];
                let runs = (0..plan.rows).map(|row| &window[row * plan.row_bytes..][..plan.run]);
                let acc = accumulate(constants.bias, weights, runs);
                let mut sums: [i32; BLOCK] =
                    core::array::from_fn(|o| requant(acc[o], constants.pre[o], constants.mul[o]));
                if let Some((residual, bytes)) = job.residual(y, x, channel) {
                    for (sum, &u) in sums.iter_mut().zip(&bytes[..stored]) {
                        *sum += rescale(u, residual.rescale);
                    }
                }
                for (out, sum) in job.output(y, x, channel)[..stored].iter_mut().zip(sums) {
                    *out = finish(sum, output, plan.lo);
                }
            }
        }
    }
}

/// Adds the products of a window with the weights of a block (`[depth/4][16][4]`) to the biases.
pub(super) fn accumulate<'a>(
    mut acc: [i32; BLOCK],
    weights: &[u8],
    runs: impl Iterator<Item = &'a [u8]>,
) -> [i32; BLOCK] {
    let (mut weights, _) = weights.as_chunks::<{ BLOCK * CHANNEL_GROUP }>();
    for run in runs {
        let (groups, _) = run.as_chunks::<CHANNEL_GROUP>();
        for (u, w) in groups.iter().zip(weights) {
            let (w, _) = w.as_chunks::<CHANNEL_GROUP>();
            for (acc, w) in acc.iter_mut().zip(w) {
                for (&u, &w) in u.iter().zip(w) {
                    *acc += i32::from(u) * i32::from(w.cast_signed());
                }
            }
        }
        weights = &weights[groups.len()..];
    }
    acc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Operand, Residual};

    fn tensor(height: usize, width: usize, channels: usize, border: usize) -> Operand {
        let stored = channels.next_multiple_of(4);
        let bytes = (height + 2 * border) * (width + 2 * border) * stored;
        let tensor = Tensor {
            offset: 0,
            height,
            width,
            channels,
            stored,
            border,
            mirrored: false,
            zero_point: 3,
            top: 255,
            bytes,
        };
        Operand { index: 0, tensor }
    }

    /// 3 x 3 over 5 x 6 pixels of 3 channels, 20 outputs, a residual.
    fn op() -> ConvOp<'static> {
        let filter = Filter {
            depth: 36,
            outputs: 20,
            padded: 32,
            weights: &[1; 32 * 36],
            bias: &[[0; 4]; 32],
            mul: &[[0, 0x40]; 32],
            pre: &[4; 32],
        };
        let rescale = Rescale { zero_point: 3, shift: 2, mul: 5 };
        ConvOp {
            input: tensor(5, 6, 3, 1),
            output: tensor(5, 6, 20, 0),
            residual: Some(Residual { operand: tensor(5, 6, 20, 2), rescale }),
            kernel: [3, 3],
            stride: [1, 1],
            pad: [1, 1],
            lo: 0,
            pairs: false,
            filter,
        }
    }

    #[test]
    fn plans_refuse_whatever_would_leave_a_tensor() {
        assert!(ConvPlan::new(&op()).is_some());
        let tampered: [fn(&mut ConvOp<'_>); 21] = [
            |op| op.kernel[0] = 0,
            |op| op.kernel[1] = 4,
            |op| op.kernel[0] = usize::MAX,
            |op| op.stride[1] = 0,
            |op| op.stride[0] = 2,
            |op| op.stride[0] = usize::MAX,
            |op| op.pad[0] = 0,
            |op| op.pad[1] = 2,
            |op| op.input.tensor.bytes += 1,
            |op| op.input.tensor.border = usize::MAX / 2,
            |op| op.output.tensor.height = 6,
            |op| op.output.tensor.height = 0,
            |op| op.output.tensor.stored = 24,
            |op| op.output.tensor.width = usize::MAX / 2,
            |op| op.filter.depth = 32,
            |op| op.filter.outputs = 21,
            |op| op.filter.padded = 48,
            |op| op.filter.weights = &[1; 32 * 36 - 1],
            |op| op.filter.pre = &[4; 20],
            |op| op.residual = op.residual.map(|r| Residual { operand: tensor(5, 5, 20, 2), ..r }),
            |op| op.residual = op.residual.map(|r| Residual { operand: tensor(5, 6, 24, 0), ..r }),
        ];
        for (i, tamper) in tampered.into_iter().enumerate() {
            let mut op = op();
            tamper(&mut op);
            assert!(ConvPlan::new(&op).is_none(), "{i}: {op:?}");
        }
    }

    #[test]
    fn jobs_refuse_tensors_of_other_sizes() {
        let Some(plan) = ConvPlan::new(&op()) else { unreachable!() };
        let (input, residual) = ([0; 7 * 8 * 4], [0; 9 * 10 * 20]);
        let mut output = [0; 5 * 6 * 20];
        assert!(ConvJob::new(&plan, &input, Some(&residual), &mut output).is_some());
        assert!(ConvJob::new(&plan, &input[1..], Some(&residual), &mut output).is_none());
        assert!(ConvJob::new(&plan, &input, Some(&residual[1..]), &mut output).is_none());
        assert!(ConvJob::new(&plan, &input, None, &mut output).is_none());
        assert!(ConvJob::new(&plan, &input, Some(&residual), &mut output[1..]).is_none());
        let Some(alone) = ConvPlan::new(&ConvOp { residual: None, ..op() }) else { unreachable!() };
        assert!(ConvJob::new(&alone, &input, Some(&residual), &mut output).is_none());
    }
}

//! Instructions of a noisy sample, operation by operation.
//!
//! A kernel runs the same instructions whatever the values, so their number is a sum over its loops. What a turn of each
//! loop takes was fitted to the counts of the firmware `count` under QEMU (`docs/embedding.md`): the convolutions of three
//! networks, each within 4 % of its count. Operations without weights, little beside them, are rougher. Microcontrollers
//! only: one sample at a time.

use ringfence_runtime::plan::ConvOp;
use ringfence_runtime::{Backend, Model, Op};
use serde::Serialize;

/// What an operation takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// What is computed: `copy` for the noisy copy, else the kind of operation.
    pub kind: &'static str,
    /// Instructions.
    pub instructions: f64,
}

/// Instructions for each turn of a convolution's loops. A site is a pixel for one group of outputs.
struct Loops {
    /// Outputs of a group.
    outputs: usize,
    /// Bytes of a run that one step multiplies.
    step: usize,
    site: f64,
    /// Each run of a site's window.
    run: f64,
    /// Each step of a run.
    steps: f64,
    /// A site with a residual.
    residual: f64,
    /// Each depth of a group of outputs, for sorting weights.
    weight: f64,
    /// Each row of a group of outputs.
    row: f64,
}

const SCALAR: Loops = Loops {
    outputs: 16,
    step: 4,
    site: 263.2,
    run: 121.2,
    steps: 158.7,
    residual: 325.0,
    weight: 0.0,
    row: 782.0,
};
const DSP: Loops = Loops {
    outputs: 8,
    step: 4,
    site: 75.0,
    run: 21.8,
    steps: 28.2,
    residual: 53.4,
    weight: 20.8,
    row: 408.0,
};
/// Deeper than there is room for widened weights.
const DSP_DEEP: Loops = Loops { steps: 47.2, weight: 0.0, ..DSP };
const HELIUM: Loops =
    Loops { outputs: 8, step: 16, site: 42.0, run: 8.6, steps: 19.6, residual: 5.6, weight: 4.4, row: 298.0 };

/// Deepest window with widened weights, and most steps with sorted ones; as the kernels have it.
const DSP_ROOM: usize = 576;
const HELIUM_ROOM: usize = 36;

/// Instructions for each value: of a noisy copy, and of the operations without weights.
const COPY: f64 = 89.0;
const ADD: f64 = 20.0;
const POOL: f64 = 6.1;
const MAX_POOL: f64 = 29.0;
const JOIN: f64 = 9.0;
/// For each weight, and each class.
const LOGITS: [f64; 2] = [4.2, 40.0];

/// What a sample takes, in the order of the work: the noisy copy, then each operation.
#[must_use]
pub fn instructions(model: &Model<'_>, backend: Backend) -> Vec<Cost> {
    let copy = Cost { kind: "copy", instructions: COPY * model.input().values() as f64 };
    core::iter::once(copy).chain(model.ops().map(|op| cost(&op, backend))).collect()
}

fn cost(op: &Op<'_>, backend: Backend) -> Cost {
    let values = |op: &Op<'_>| {
        let tensor = op.output().unwrap_or(op.input()).tensor;
        (tensor.height * tensor.width * tensor.channels) as f64
    };
    let (kind, instructions) = match op {
        Op::Conv(op) => ("conv", conv(op, backend)),
        Op::Add(_) => ("add", ADD * values(op)),
        Op::GlobalAvgPool(pool) => {
            let tensor = pool.input.tensor;
            ("pool", POOL * (tensor.height * tensor.width * tensor.stored) as f64)
        }
        Op::MaxPool(_) => ("maxpool", MAX_POOL * values(op)),
        Op::Join(_) => ("join", JOIN * values(op)),
        Op::Lookup(_) => ("lookup", JOIN * values(op)),
        Op::Logits(op) => {
            let (weights, classes) = (op.filter.depth * op.filter.padded, op.filter.outputs);
            ("logits", LOGITS[0] * weights as f64 + LOGITS[1] * classes as f64)
        }
        // An operation of a later version: as much as one that only moves values.
        _ => ("other", JOIN * values(op)),
    };
    Cost { kind, instructions }
}

fn conv(op: &ConvOp<'_>, backend: Backend) -> f64 {
    let (rows, run) = (op.kernel[0], op.kernel[1] * op.input.tensor.stored);
    let loops = match backend {
        Backend::Helium if rows * run.div_ceil(HELIUM.step) <= HELIUM_ROOM => HELIUM,
        Backend::Helium | Backend::Dsp if rows * run <= DSP_ROOM => DSP,
        Backend::Helium | Backend::Dsp => DSP_DEEP,
        _ => SCALAR,
    };
    let output = op.output.tensor;
    let groups = output.stored.div_ceil(loops.outputs);
    let site = loops.site
        + rows as f64 * (loops.run + run.div_ceil(loops.step) as f64 * loops.steps)
        + if op.residual.is_some() { loops.residual } else { 0.0 };
    let row = loops.row + output.width as f64 * site;
    groups as f64 * (output.height as f64 * row + loops.weight * (rows * run) as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::models::EMBEDDED;

    /// As `count` printed them for the embedded model (QEMU 7.2, rustc 1.96), from the copy on.
    const COUNTED: [(Backend, [u32; 12]); 3] = [
        (
            Backend::Scalar,
            [
                273_160, 2_183_120, 6_576_440, 6_767_720, 3_291_800, 6_220_840, 722_040, 3_111_760,
                6_043_440, 527_600, 24_760, 4_960,
            ],
        ),
        (
            Backend::Dsp,
            [
                273_200, 831_000, 2_399_040, 2_502_080, 1_217_880, 2_277_400, 298_360, 1_179_520, 2_273_160,
                223_640, 24_760, 4_960,
            ],
        ),
        (
            Backend::Helium,
            [
                276_250, 274_125, 517_781, 536_687, 268_312, 452_593, 96_781, 238_343, 430_031, 69_218,
                24_750, 4_937,
            ],
        ),
    ];

    #[test]
    fn operations_take_what_was_counted() {
        let model = Model::parse(EMBEDDED[0].bytes).unwrap();
        for (backend, counted) in COUNTED {
            let costs = instructions(&model, backend);
            assert_eq!(costs.len(), counted.len());
            for (cost, counted) in costs.iter().zip(counted) {
                let ratio = cost.instructions / f64::from(counted);
                assert!((ratio - 1.0).abs() < 0.04, "{backend:?} {}: {ratio}", cost.kind);
            }
        }
    }
}

//! Convolution kernels on tensors of arbitrary bytes, each in memory of its own.

use crate::support::{Rng, random_conv};
use ringfence_runtime::ops::{ConvJob, ConvPlan};
use ringfence_runtime::plan::ConvOp;
use ringfence_runtime::{Backend, Model, Op, Tensor};

/// Bytes kept around the output.
const GUARD: usize = 128;
const UNTOUCHED: u8 = 0xAA;

/// A tensor of arbitrary values, or only the ends of their range.
fn bytes(rng: &mut Rng, tensor: &Tensor) -> Vec<u8> {
    let (ends, top) = (rng.chance(30), tensor.top);
    let value = |_| if ends { [0, top][rng.size(0, 1)] } else { rng.within(0, top.into()) as u8 };
    (0..tensor.bytes).map(value).collect()
}

/// The output of a backend, with guards.
fn convolve(op: &ConvOp<'_>, backend: Backend, input: &[u8], mut residual: Option<&[u8]>) -> Vec<u8> {
    let (t, size) = (op.output.tensor, op.output.tensor.bytes);
    let mut memory = vec![UNTOUCHED; size + 2 * GUARD];
    if op.residual.is_some_and(|residual| residual.is_in_place(&op.output)) {
        let bytes = residual.take().unwrap();
        for y in 0..t.height {
            let row = t.index(y, 0, 0)..t.index(y, t.width, 0);
            memory[GUARD..][row.clone()].copy_from_slice(&bytes[row]);
        }
    }
    let plan = ConvPlan::new(op).unwrap();
    let job = ConvJob::new(&plan, input, residual, &mut memory[GUARD..GUARD + size]).unwrap();
    backend.available().unwrap().session().conv(job);
    memory
}

/// The border and the bytes around the tensor are as they were.
fn assert_only_interior(op: &ConvOp<'_>, memory: &[u8]) {
    let t = op.output.tensor;
    let mut inside = vec![false; memory.len()];
    for y in 0..t.height {
        let row = GUARD + t.index(y, 0, 0)..GUARD + t.index(y, t.width, 0);
        inside[row].fill(true);
    }
    let outside = memory.iter().zip(inside).filter(|(_, inside)| !inside);
    assert!(outside.map(|(byte, _)| *byte).all(|byte| byte == UNTOUCHED), "{op:?}");
}

#[test]
fn backends_give_the_bytes_of_the_scalar_definition() {
    let mut rng = Rng(11);
    let mut in_place = 0;
    for _ in 0..800 {
        let channels = [rng.size(1, 70), rng.size(1, 70)];
        let kernel = [rng.size(1, 7), rng.size(1, 7)];
        let size = [kernel[0] + rng.size(0, 4), kernel[1] + rng.size(0, 40)];
        let file = random_conv(&mut rng, channels, kernel, size).to_bytes();
        let model = Model::parse(&file).unwrap();
        for op in model.ops() {
            let Op::Conv(op) = op else { continue };
            let input = bytes(&mut rng, &op.input.tensor);
            let residual = op.residual.map(|residual| bytes(&mut rng, &residual.operand.tensor));
            in_place += usize::from(op.residual.is_some_and(|residual| residual.is_in_place(&op.output)));
            let expected = convolve(&op, Backend::Scalar, &input, residual.as_deref());
            assert_only_interior(&op, &expected);
            for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
                let found = convolve(&op, backend, &input, residual.as_deref());
                let at = found.iter().zip(&expected).position(|(a, b)| a != b);
                assert_eq!(at, None, "{backend:?} {:?} {:?}", op.input.tensor, op.output.tensor);
            }
        }
    }
    assert!(in_place > 20, "{in_place}");
}

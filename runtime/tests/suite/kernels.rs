//! Convolution kernels on tensors of arbitrary bytes, each in memory of its own.

use crate::support::{Layer, Network, Rng, random_conv, random_conv_of};
use ringfence_runtime::arch::Session;
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
fn convolve(op: &ConvOp<'_>, backend: Backend, input: &[u8], residual: Option<&[u8]>) -> Vec<u8> {
    convolve_in(&mut backend.available().unwrap().session(), op, input, residual)
}

fn convolve_in(session: &mut Session, op: &ConvOp<'_>, input: &[u8], mut residual: Option<&[u8]>) -> Vec<u8> {
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
    session.conv(job);
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

/// Runs all convolutions of a network with every backend; how many have their residual in the place of the output.
fn compare(rng: &mut Rng, network: &Network) -> usize {
    let file = network.to_bytes();
    let model = Model::parse(&file).unwrap();
    let mut in_place = 0;
    for op in model.ops() {
        let Op::Conv(op) = op else { continue };
        let input = bytes(rng, &op.input.tensor);
        let residual = op.residual.map(|residual| bytes(rng, &residual.operand.tensor));
        in_place += usize::from(op.residual.is_some_and(|residual| residual.is_in_place(&op.output)));
        let expected = convolve(&op, Backend::Scalar, &input, residual.as_deref());
        assert_only_interior(&op, &expected);
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
            let found = convolve(&op, backend, &input, residual.as_deref());
            let at = found.iter().zip(&expected).position(|(a, b)| a != b);
            assert_eq!(at, None, "{backend:?} {:?} {:?}", op.input.tensor, op.output.tensor);
        }
    }
    in_place
}

#[test]
fn backends_give_the_bytes_of_the_scalar_definition() {
    let mut rng = Rng(11);
    let mut in_place = 0;
    for _ in 0..800 {
        let channels = [rng.size(1, 70), rng.size(1, 70)];
        let kernel = [rng.size(1, 7), rng.size(1, 7)];
        let size = [kernel[0] + rng.size(0, 4), kernel[1] + rng.size(0, 40)];
        let network = random_conv(&mut rng, channels, kernel, size);
        in_place += compare(&mut rng, &network);
    }
    assert!(in_place > 20, "{in_place}");
}

/// What residual networks are made of: the shapes for which kernels have tiles of their own.
#[test]
fn layers_of_residual_networks_give_the_bytes_of_the_scalar_definition() {
    let mut rng = Rng(13);
    for width in [4, 8, 12, 16, 20, 24, 32, 48, 64] {
        for channels in
            [[3, 16], [4, 8], [16, 16], [13, 12], [16, 32], [32, 32], [32, 48], [64, 64], [64, 16]]
        {
            for (kernel, stride, pad) in [(3, 1, 1), (3, 2, 1), (1, 1, 0), (1, 2, 0), (5, 1, 2)] {
                let size = [rng.size(kernel, 10), width];
                let steps = [[stride; 2], [pad; 2]];
                let network = random_conv_of(&mut rng, channels, [kernel; 2], size, steps);
                compare(&mut rng, &network);
            }
        }
    }
}

/// After a ReLU a tensor has eight bits and no zero point, and residual sums shift nothing: kernels leave out steps.
fn without_zero_points(network: &mut Network) {
    for tensor in &mut network.tensors {
        (tensor.zero_point, tensor.top) = (0, 255);
    }
    for layer in &mut network.layers {
        if let Layer::Conv(conv) = layer {
            conv.residual.iter_mut().for_each(|residual| residual.shift = 0);
        }
    }
}

#[test]
fn layers_without_zero_points_give_the_bytes_of_the_scalar_definition() {
    let mut rng = Rng(17);
    let mut in_place = 0;
    for width in [16, 32, 48] {
        for height in [4, 8, 12] {
            for channels in [[3, 16], [16, 16], [8, 48], [20, 24], [24, 16], [32, 32], [40, 16], [48, 16]] {
                for stride in [1, 2] {
                    let size = [height, width];
                    let mut network = random_conv_of(&mut rng, channels, [3, 3], size, [[stride; 2], [1; 2]]);
                    without_zero_points(&mut network);
                    in_place += compare(&mut rng, &network);
                }
            }
        }
    }
    assert!(in_place > 5, "{in_place}");
}

/// A backend's set-up belongs to the thread: other sessions may change it or take it away in between.
#[test]
fn sessions_do_not_disturb_each_other() {
    let mut rng = Rng(19);
    let files = [[16, 16], [32, 32]]
        .map(|channels| random_conv_of(&mut rng, channels, [3, 3], [8, 16], [[1; 2], [1; 2]]).to_bytes());
    let models = files.each_ref().map(|file| Model::parse(file).unwrap());
    let ops = models.iter().flat_map(|model| model.ops()).filter_map(|op| match op {
        Op::Conv(op) => Some(op),
        _ => None,
    });
    let ops: Vec<_> = ops.collect();
    for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
        let mut long = backend.available().unwrap().session();
        for (op, other) in ops.iter().flat_map(|op| ops.iter().map(move |other| (op, other))) {
            let input = bytes(&mut rng, &op.input.tensor);
            let residual = op.residual.map(|residual| bytes(&mut rng, &residual.operand.tensor));
            let expected = convolve(op, Backend::Scalar, &input, residual.as_deref());
            for _ in 0..2 {
                assert!(convolve_in(&mut long, op, &input, residual.as_deref()) == expected, "{backend:?}");
                let input = bytes(&mut rng, &other.input.tensor);
                let residual = other.residual.map(|residual| bytes(&mut rng, &residual.operand.tensor));
                convolve(other, backend, &input, residual.as_deref());
            }
        }
    }
}

//! The parser on maxima and joins: each fault has an error of its own.

use crate::mutation::exercise;
use crate::parser::{fault, find};
use crate::support::{Layer, Network, Rng, Shape, Sum, Weights, random_network, unet};
use ringfence_runtime::FormatError;
use ringfence_runtime::format::OpFault;
use ringfence_runtime::format::layout::{self, Section, op, tensor};

#[test]
fn maxima_and_joins_have_their_own_errors() {
    let network = unet(&mut Rng(1), 8, 255);
    let file = network.to_bytes();
    let place = |wanted: fn(&Layer) -> bool| network.layers.iter().position(wanted).unwrap();
    let (pool, join) =
        (place(|l| matches!(l, Layer::MaxPool { .. })), place(|l| matches!(l, Layer::Join { .. })));
    let at = |index: usize, at: usize, bytes: &[u8]| match fault(
        &file,
        Section::Ops,
        index * layout::OP_BYTES + at,
        bytes,
    ) {
        FormatError::Op { index: found, fault } if found == index => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(at(pool, op::KERNEL_W, &[3]), OpFault::Kernel);
    assert_eq!(at(pool, op::STRIDE_H, &[1]), OpFault::Stride);
    assert_eq!(at(pool, op::PAD_LEFT, &[1]), OpFault::Window);
    assert_eq!(at(pool, op::PAIRS, &[1]), OpFault::Reserved);
    assert_eq!(at(pool, op::INPUT, &[0]), OpFault::Channels { expected: 3, found: 8 });
    // The output of the first convolution pooled into the tensor of the second, of the same size.
    assert_eq!(at(pool, op::OUTPUT, &[1]), OpFault::Shape);
    assert_eq!(at(join, op::PAIRS, &[1]), OpFault::Reserved);
    assert_eq!(at(join, op::SHIFT_B, &[8]), OpFault::Shift(8));
    assert_eq!(at(join, op::MUL_A, &[0, 0x80]), OpFault::Mul(i16::MIN));
    assert_eq!(at(join, op::INPUT2, &[0xFF, 0xFF]), OpFault::Channels { expected: 64, found: 96 });
    assert_eq!(at(join, op::INPUT2, &[200, 0]), OpFault::Tensor(200));

    let Layer::Join { a, b, output, .. } = network.layers[join] else { panic!() };
    let with = |tensor: usize, field: usize, bytes: &[u8]| {
        fault(&file, Section::Tensors, tensor * layout::TENSOR_BYTES + field, bytes)
    };
    // Before the join a maximum or a convolution misses what was changed, so the join's own tensor is changed.
    let channels = with(output, tensor::CHANNELS, &[97]);
    assert_eq!(
        channels,
        FormatError::Op { index: join, fault: OpFault::Channels { expected: 96, found: 97 } }
    );
    let side = with(output, tensor::HEIGHT, &[9]);
    assert_eq!(side, FormatError::Op { index: join, fault: OpFault::Shape });
    let pooled = network.layers[pool].output().unwrap();
    let levels = with(pooled, tensor::ZERO_POINT, &[network.tensors[pooled].zero_point ^ 1]);
    assert_eq!(levels, FormatError::Op { index: pool, fault: OpFault::Levels });
    assert!(network.tensors[a.tensor].channels == 64 && b.unwrap().tensor != a.tensor);
}

#[test]
fn the_first_of_two_joined_tensors_ends_with_a_whole_group() {
    let mut rng = Rng(3);
    let odd = |network: &Network| {
        network.layers.iter().position(|layer| match layer {
            Layer::Join { a, b, .. } => b.is_none() && !network.tensors[a.tensor].channels.is_multiple_of(4),
            _ => false,
        })
    };
    let (network, index) = std::iter::repeat_with(|| random_network(&mut rng))
        .find_map(|network| odd(&network).map(|index| (network, index)))
        .unwrap();
    let Layer::Join { a, .. } = network.layers[index] else { panic!() };
    let second = (a.tensor as u16).to_le_bytes();
    let found = fault(&network.to_bytes(), Section::Ops, index * layout::OP_BYTES + op::INPUT2, &second);
    let channels = network.tensors[a.tensor].channels;
    assert_eq!(found, FormatError::Op { index, fault: OpFault::Group(channels) });
}

/// A join reads its operands after it has begun to write: unlike a residual, none may lie in the place of the output.
#[test]
fn joins_are_never_in_place() {
    let (zero_point, top) = (0, 255);
    let image = Shape { height: 6, width: 4, channels: 4, border: 1, zero_point, top };
    let tensors = vec![image, Shape { border: 0, ..image }, Shape { border: 0, channels: 8, ..image }];
    assert_eq!(tensors[0].bytes(), tensors[2].bytes());
    let operand = |tensor| Sum { tensor, shift: 1, mul: 1 << 14 };
    let join = |a, b, output| Layer::Join { a: operand(a), b, output, relu: false };
    let weights = Weights { values: vec![1; 2 * 192], bias: vec![0; 2], mul: vec![1; 2], pre: vec![1; 2] };
    let layers = vec![join(0, None, 1), join(1, Some(operand(0)), 2), Layer::Logits { input: 2, weights }];
    let file = Network { rules: vec![(1, 0); 4], tensors, layers, classes: 2, top: None, mirrored: vec![] }
        .to_bytes();
    assert!(exercise(&file));
    let place = find(&file, Section::Tensors).0;
    let moved = fault(&file, Section::Tensors, 2 * layout::TENSOR_BYTES, &file[place..place + 4]);
    assert_eq!(moved, FormatError::Op { index: 1, fault: OpFault::Overlap });
}

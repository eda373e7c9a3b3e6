//! Folding changes no value.

use ndarray::arr1;

use super::super::fold::{Folded, fold};
use crate::onnx::testing::{Builder, evaluate, float, ints, random_network, random_unet};
use crate::onnx::{Affine, Op, parse};

fn folded(file: &[u8]) -> Result<Folded, String> {
    let graph = parse(file).unwrap();
    let channels = graph.nodes[0].shape.channels();
    fold(&graph, Affine::identity(channels)).map_err(|error| error.to_string())
}

#[test]
fn folded_graphs_compute_the_same() {
    for seed in 0..80 {
        let (file, [channels, height, width]) =
            if seed < 60 { random_network(seed) } else { random_unet(seed) };
        let graph = parse(&file).unwrap();
        let Folded { graph: after, input } = folded(&file).unwrap();
        let image: Vec<f32> =
            (0..channels * height * width).map(|i| (i * 37 % 101) as f32 / 80.0 - 0.1).collect();
        let normalised: Vec<f32> = image
            .iter()
            .enumerate()
            .map(|(i, x)| {
                (f64::from(*x) * input.mul[i / (height * width)] + input.add[i / (height * width)]) as f32
            })
            .collect();
        let (got, wanted) = (evaluate(&after, &normalised), evaluate(&graph, &image));
        let largest = wanted.iter().fold(1.0f64, |largest, w| largest.max(w.abs()));
        for (got, wanted) in got.iter().zip(&wanted) {
            assert!((got - wanted).abs() < 1e-5 * largest, "seed {seed}: {got} {wanted}");
        }
        assert!(after.nodes.iter().all(|node| !matches!(node.op, Op::Affine(_) | Op::Pad(_))));
    }
}

/// Batch normalisation of a 1x1 convolution, by hand: weights w s / sqrt(v + eps), bias (b - m) s / sqrt(v + eps) + o.
#[test]
fn batch_normalisation_goes_into_the_weights() {
    let mut b = Builder::new([1, 2, 2]);
    let (w, bias) = (b.weights(&[2, 1, 1, 1], &[3.0, -2.0]), b.weights(&[2], &[0.5, 1.0]));
    let conv = b.node("Conv", &["x", &w, &bias], vec![]);
    let parameters = [[2.0, 4.0], [0.25, -0.5], [1.5, 0.0], [3.75, 15.75]].map(|v| b.weights(&[2], &v));
    let [scale, offset, mean, variance] = parameters.each_ref().map(String::as_str);
    let bn =
        b.node("BatchNormalization", &[&conv, scale, offset, mean, variance], vec![float("epsilon", 0.25)]);
    let Folded { graph, .. } = folded(&b.finish(&bn)).unwrap();
    let Op::Conv(conv) = &graph.nodes[1].op else { panic!() };
    assert_eq!(conv.weight.as_slice().unwrap(), [3.0, -2.0]);
    assert_eq!(conv.bias, [-0.75, 0.5]);
    assert_eq!(
        (graph.nodes[1].value.as_str(), graph.nodes[1].absorbed.as_slice()),
        ("v1", ["n1".to_owned()].as_slice())
    );
}

#[test]
fn normalisation_of_the_image_is_composed_in_order() {
    let mut b = Builder::new([2, 2, 2]);
    let (mean, std) = (b.weights(&[1, 2, 1, 1], &[0.5, 0.25]), b.weights(&[], &[0.5]));
    let x = b.node("Sub", &["x", &mean], vec![]);
    let x = b.node("Div", &[&x, &std], vec![]);
    let w = b.weights(&[1, 2, 1, 1], &[1.0, 1.0]);
    let conv = b.node("Conv", &[&x, &w], vec![]);
    let graph = parse(&b.finish(&conv)).unwrap();
    let before = Affine { mul: vec![1.0, 2.0], add: vec![0.0, 0.5] };
    let folded = fold(&graph, before).unwrap();
    assert_eq!(folded.input, Affine { mul: vec![2.0, 4.0], add: vec![-1.0, 0.5] });
    assert_eq!(folded.graph.nodes[0].value, "v1");
    assert_eq!(folded.graph.nodes.len(), 2);
}

/// A scale behind a pool reaches the dense layer through the flattening.
#[test]
fn a_scale_moves_forward_into_the_dense_layer() {
    let mut b = Builder::new([2, 2, 2]);
    let x = b.node("Relu", &["x"], vec![]);
    let scale = b.weights(&[2, 1, 1], &[2.0, -1.0]);
    let x = b.node("Mul", &[&x, &scale], vec![]);
    let offset = b.weights(&[1], &[0.5]);
    let x = b.node("Add", &[&x, &offset], vec![]);
    let x = b.node("Flatten", &[&x], vec![]);
    let w = b.weights(&[8, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let y = b.node("MatMul", &[&x, &w], vec![]);
    let Folded { graph, .. } = folded(&b.finish(&y)).unwrap();
    let Op::Dense(dense) = &graph.nodes[graph.output].op else { panic!() };
    assert_eq!(dense.weight.row(0), arr1(&[2.0, 4.0, 6.0, 8.0, -5.0, -6.0, -7.0, -8.0]));
    assert_eq!(dense.bias, [18.0]);
}

#[test]
fn what_cannot_be_folded_is_named() {
    let pads = || vec![ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1])];
    let mut b = Builder::new([1, 4, 4]);
    let scale = b.weights(&[1], &[2.0]);
    let x = b.node("Relu", &["x"], vec![]);
    let x = b.node("Add", &[&x, "x"], vec![]);
    let x = b.node("Mul", &[&x, &scale], vec![]);
    let x = b.node("Relu", &[&x], vec![]);
    let error = folded(&b.finish(&x)).unwrap_err();
    assert!(
        error.starts_with("node n2 (Mul) on [N, 1, 4, 4]") && error.contains("follows n1 (Add)"),
        "{error}"
    );

    let mut b = Builder::new([1, 4, 4]);
    let x = b.node("Pad", &["x"], pads());
    let x = b.node("Relu", &[&x], vec![]);
    let error = folded(&b.finish(&x)).unwrap_err();
    assert!(error.starts_with("node n0 (Pad) on [N, 1, 4, 4]"), "{error}");

    // The raw image has another reader: its normalisation cannot become part of the input rule.
    let mut b = Builder::new([1, 4, 4]);
    let scale = b.weights(&[1], &[2.0]);
    let x = b.node("Mul", &["x", &scale], vec![]);
    let x = b.node("Relu", &[&x], vec![]);
    let x = b.node("Add", &[&x, "x"], vec![]);
    let error = folded(&b.finish(&x)).unwrap_err();
    assert!(error.contains("node n0 (Mul)") && error.contains("other readers"), "{error}");
}

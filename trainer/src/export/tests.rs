//! Exported files against the network itself.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::nets::{Architecture, NetSpec, Network, Path, ResNet};
use crate::random::{Normals, Stream, stream};
use crate::testing::perturb;
use burn::tensor::{Device, Tensor, TensorData};
use tract_onnx::prelude::*;

fn spec() -> NetSpec {
    NetSpec {
        architecture: Architecture::ResNet8,
        input: [3, 8, 8],
        classes: (0..4).map(|i| i.to_string()).collect(),
        mean: vec![0.5, 0.4, 0.3],
        deviation: vec![0.25, 0.2, 0.3],
    }
}

#[test]
fn tract_gives_the_same_logits() {
    let (spec, device) = (spec(), Device::flex());
    let mut net = ResNet::new(&spec, &device, 9);
    let mut random = Normals::new(stream(1, Stream::Weights));
    perturb(&mut net, &mut random);
    let pixels: Vec<f32> = (0..2 * 3 * 64).map(|_| 0.5 + 0.4 * random.draw()).collect();
    let images = Tensor::from_data(TensorData::new(pixels.clone(), [2, 3, 8, 8]), &device);
    let expected: Vec<f32> = net.forward(&spec, images, Path::Stock).into_data().try_into_vec().unwrap();

    let bytes = to_onnx(&Network::ResNet(net), &spec, "tiny").unwrap();
    let model = onnx().model_for_read(&mut bytes.as_slice()).unwrap();
    let model = model.with_input_fact(0, f32::fact([2, 3, 8, 8]).into()).unwrap();
    let model = model.into_optimized().unwrap().into_runnable().unwrap();
    let input = tract_ndarray::Array4::from_shape_vec((2, 3, 8, 8), pixels).unwrap();
    let output = model.run(tvec!(input.into_tensor().into())).unwrap();
    let found = output[0].to_plain_array_view::<f32>().unwrap();
    assert_eq!(found.shape(), [2, 4]);
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn the_same_network_gives_the_same_bytes() {
    let (spec, device) = (spec(), Device::flex());
    let file = |seed| to_onnx(&Network::new(&spec, &device, seed), &spec, "tiny").unwrap();
    assert_eq!(sha256(&file(1)), sha256(&file(1)));
    assert_ne!(sha256(&file(1)), sha256(&file(2)));
}

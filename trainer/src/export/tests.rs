//! Exported files against the network itself.

#![allow(clippy::unwrap_used)]

mod adaptive;
mod restore;

use super::*;
use crate::nets::tests::{SMALL, floats, images, spec};
use crate::nets::{Network, Pass, Path, StaticMask, UNet};
use crate::random::{Normals, Stream, stream};
use crate::testing::Perturb;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use tract_onnx::prelude::*;

fn run(bytes: &[u8], images: Tensor<4>) -> Vec<f32> {
    let shape = images.dims();
    let model = onnx().model_for_read(&mut &bytes[..]).unwrap();
    let model = model.with_input_fact(0, f32::fact(shape).into()).unwrap();
    let model = model.into_optimized().unwrap().into_runnable().unwrap();
    let input = tract_ndarray::ArrayD::from_shape_vec(shape.to_vec(), floats(images)).unwrap();
    let output = model.run(tvec!(input.into_tensor().into())).unwrap();
    output[0].to_plain_array_view::<f32>().unwrap().iter().copied().collect()
}

#[test]
fn tract_gives_the_same_logits() {
    let device = Device::flex();
    for (net, input) in SMALL {
        let spec = spec(net, input, "input:0.5");
        let net = Network::new(&spec, &device, 9);
        let net = net.map(&mut Perturb(Normals::new(stream(1, Stream::Weights))));
        let x = images(&spec, 2, &device);
        let expected = floats(net.forward(&spec, x.clone(), Pass::quiet(Path::Stock)));
        let found = run(&to_onnx(&net, &spec, "tiny").unwrap(), x);
        assert_eq!(found.len(), 10);
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-4, "{}: {a} {b}", spec.architecture);
        }
    }
}

#[test]
fn tract_gives_the_same_mask() {
    let (device, spec) = (Device::flex(), spec("resnet8", [3, 16, 24], "none"));
    let net = UNet::new(spec.input, 4, &device, 9);
    let net = net.map(&mut Perturb(Normals::new(stream(1, Stream::Weights))));
    let x = images(&spec, 2, &device);
    let expected = floats(net.forward(x.clone(), Path::Stock));
    let found = run(&unet_to_onnx(&net, spec.input, "mask").unwrap(), x);
    assert_eq!(found.len(), 2 * 16 * 24);
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn a_static_mask_is_its_plane_for_every_image() {
    let (device, spec) = (Device::flex(), spec("resnet8", [3, 8, 12], "none"));
    let plane: Vec<f32> = (0..96).map(|i| i as f32 / 96.0).collect();
    let tensor = Tensor::<1>::from_data(plane.as_slice(), &device).reshape([1, 1, 8, 12]);
    let mask = StaticMask { plane: Param::from_tensor(tensor) };
    let found = run(&plane_to_onnx(&mask, spec.input, "mask").unwrap(), images(&spec, 2, &device));
    assert_eq!(found, [plane.clone(), plane].concat());
}

#[test]
fn noise_inside_a_network_is_refused() {
    let spec = spec("resnet8", [3, 8, 8], "pni-w-layer+input:0.5");
    let error = to_onnx(&Network::new(&spec, &Device::flex(), 1), &spec, "tiny").unwrap_err().to_string();
    assert!(error.contains("pni-w-layer+input:0.5"), "{error}");
}

#[test]
fn the_same_network_gives_the_same_bytes() {
    let (spec, device) = (spec("resnet8", [3, 8, 8], "none"), Device::flex());
    let file = |seed| to_onnx(&Network::new(&spec, &device, seed), &spec, "tiny").unwrap();
    assert_eq!(sha256(&file(1)), sha256(&file(1)));
    assert_ne!(sha256(&file(1)), sha256(&file(2)));
}

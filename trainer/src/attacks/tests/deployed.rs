//! The compiled network decides, its float twin gives the gradient.

use super::super::target::OnBatch;
use super::*;
use crate::export::to_onnx;
use crate::nets::{Architecture, NetSpec, Network, Path};
use crate::noise::NoiseSpec;
use crate::quantise::IntegerNet;
use crate::testing::Toy;
use ringfence::compile::{Options, compile};
use ringfence::data::Dataset;

fn network() -> (Network, NetSpec) {
    let spec = NetSpec {
        architecture: Architecture::ResNet8,
        input: [3, 8, 8],
        classes: Toy.classes().to_vec(),
        mean: vec![0.5; 3],
        deviation: vec![0.25; 3],
        noise: NoiseSpec::default(),
        mask: None,
    };
    let net = Network::new(&spec, &Device::flex(), 3);
    (net, spec)
}

fn model(net: &Network, spec: &NetSpec) -> Vec<u8> {
    let options = Options { images: 24, tables: vec![], ..Options::new(0.25) };
    compile(&to_onnx(net, spec, "float").unwrap(), "toy", &Toy, &options).unwrap()
}

#[test]
fn integers_decide_and_floats_give_the_gradient() {
    let (net, spec) = network();
    let bytes = model(&net, &spec);
    let deployed = Deployed::new(bytes.clone(), &spec).unwrap();
    assert_eq!(deployed.sigma().unwrap(), 0.25);
    let images = normal(1).slice([0..2, 0..1, 0..4, 0..5]).abs().mul_scalar(0.2).clamp(0.0, 1.0);
    let images = images.repeat_dim(1, 3).repeat_dim(2, 2).repeat_dim(3, 2).slice([0..2, 0..3, 0..8, 0..8]);
    let float = NetTarget { net: &net, spec: &spec, path: Path::Fused, seed: 4, sigma: 0.0, deployed: None };
    let on = |target| OnBatch { target, ids: &[0, 1], watch: &() };
    let integer = on(NetTarget { deployed: Some(&deployed), ..float });
    // The values are the runtime's, on pixels rounded to bytes.
    let pixels: Vec<f32> = floats(images.clone()).iter().map(|v| (v * 255.0).round() / 255.0).collect();
    let outputs = IntegerNet::from_model(bytes).unwrap().run(&pixels, &spec, false).unwrap();
    let rows = |t: Tensor<2>| -> Vec<f32> { t.into_data().try_into_vec().unwrap() };
    let exact = rows(outputs.real_logits(&Device::flex()));
    assert_eq!(rows(integer.logits(images.clone(), 0)), exact);
    assert_ne!(rows(on(float).logits(images.clone(), 0)), exact);
    // A sum of logits has the float network's gradient, at the integers' value.
    let slope = |target: &OnBatch| {
        let oracle = Oracle::new(target, 1, 1, Estimator::Loss);
        let (values, gradient) =
            oracle.gradient(&images, &|z| z.mul_scalar(2.0).sum_dim(1).squeeze_dim::<1>(1));
        (values, floats(gradient))
    };
    let ((value, by_integer), (_, by_float)) = (slope(&integer), slope(&on(float)));
    assert_eq!(by_integer, by_float);
    assert!(by_integer.iter().any(|v| *v != 0.0));
    let sums: Vec<f32> = exact.chunks(3).map(|row| row.iter().map(|z| 2.0 * z).sum()).collect();
    assert!(value.iter().zip(&sums).all(|(v, s)| (v - s).abs() < 1e-4), "{value:?} {sums:?}");
    assert!(deployed.check().is_ok());
}

#[test]
fn models_of_other_images_are_refused() {
    let (net, spec) = network();
    let bytes = model(&net, &spec);
    let other = NetSpec { input: [3, 16, 16], ..spec.clone() };
    let error = Deployed::new(bytes, &other).unwrap_err().to_string();
    assert!(error.contains("3x8x8 of 3 classes") && error.contains("3x16x16"), "{error}");
    assert!(Deployed::new(vec![1, 2, 3], &spec).is_err());
}

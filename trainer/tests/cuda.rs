//! What a GPU computes against the CPU. Built with the feature `cuda` only; without a device it says so and passes.

#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use ringfence_trainer::methods::loss::cross_entropy;
use ringfence_trainer::nets::{Architecture, NetSpec, Network, Pass, Path};
use ringfence_trainer::noise::NoiseSpec;

struct Values<'a>(&'a GradientsParams, Vec<Vec<f32>>);

impl ModuleVisitor for Values<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.get::<D>(param.id) {
            self.1.push(gradient.into_data().iter::<f32>().collect());
        }
    }
}

/// Gradients of one training step of ResNet-20 on 16 images.
fn gradients(device: &Device, path: Path) -> Vec<Vec<f32>> {
    let spec = NetSpec {
        architecture: Architecture::ResNet20,
        input: [3, 32, 32],
        classes: (0..10).map(|i| i.to_string()).collect(),
        mean: vec![0.5; 3],
        deviation: vec![0.25; 3],
        noise: NoiseSpec::default(),
        mask: None,
    };
    let autodiff = device.clone().autodiff();
    let net = Network::new(&spec, &autodiff, 5);
    let pixels: Vec<f32> =
        (0..16 * 3072u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0).collect();
    let images = Tensor::<4>::from_data(TensorData::new(pixels, [16, 3, 32, 32]), &autodiff);
    let labels = Tensor::<1, Int>::arange(0..16, &autodiff).remainder_scalar(10);
    let loss = cross_entropy(net.forward(&spec, images, Pass::quiet(path)), &labels).mean();
    let gradients = GradientsParams::from_grads(loss.backward(), &net);
    let mut values = Values(&gradients, vec![]);
    net.visit(&mut values);
    values.1
}

#[test]
fn gradients_are_those_of_the_cpu() {
    if !std::path::Path::new("/dev/nvidia0").exists() {
        eprintln!("skipped: no NVIDIA device");
        return;
    }
    let (cpu, gpu) = (gradients(&Device::flex(), Path::Fused), gradients(&Device::cuda(0), Path::Stock));
    assert_eq!(cpu.len(), gpu.len());
    for (number, (a, b)) in cpu.iter().zip(&gpu).enumerate() {
        let scale = a.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        let worst = a.iter().zip(b).fold(0.0f32, |m, (a, b)| m.max((a - b).abs())) / scale;
        // The tensor cores round f32 factors to 10 bits.
        assert!(worst < 2e-2, "parameter {number}: {worst}");
    }
}

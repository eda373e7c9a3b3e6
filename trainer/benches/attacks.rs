//! What an attack costs beside the passes that it is made of: PGD-20 on 100 CIFAR-sized images of a ResNet-20, and 20 forward
//! and backward passes of the same batch.

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, criterion_group, criterion_main};
use ringfence_trainer::attacks::{Estimator, NetTarget, Norm, Oracle, attack, labels_of};
use ringfence_trainer::diagnose::Subject;
use ringfence_trainer::methods::{Batch, loss};
use ringfence_trainer::nets::{Architecture, NetSpec, Network, Pass, Path};
use ringfence_trainer::noise::NoiseSpec;
use ringfence_trainer::random::{Normals, Stream, stream};
use std::hint::black_box;

const IMAGES: usize = 100;
const STEPS: u32 = 20;

fn batch(device: &Device) -> Batch {
    let mut random = Normals::new(stream(1, Stream::Weights));
    let pixels: Vec<f32> = (0..IMAGES * 3 * 32 * 32).map(|_| 0.5 + 0.2 * random.draw()).collect();
    let images = Tensor::<4>::from_data(TensorData::new(pixels, [IMAGES, 3, 32, 32]), device).clamp(0.0, 1.0);
    let labels = Tensor::from_data(TensorData::new(vec![0; IMAGES], [IMAGES]), device);
    Batch {
        images,
        labels,
        ids: (0..IMAGES as u32).collect(),
        epoch: 0,
        progress: 0.0,
        seed: 1,
        sigma: 0.0,
        objects: None,
    }
}

fn attacks(c: &mut Criterion) {
    let device = Device::flex();
    let spec = NetSpec {
        architecture: Architecture::ResNet20,
        input: [3, 32, 32],
        classes: (0..10).map(|class| class.to_string()).collect(),
        mean: vec![0.5; 3],
        deviation: vec![0.25; 3],
        noise: NoiseSpec::default(),
        mask: None,
    };
    let net = Network::new(&spec, &device, 1);
    let batch = batch(&device);
    let target = NetTarget { net: &net, spec: &spec, path: Path::Fused, seed: 1, sigma: 0.0, deployed: None };
    let on = target.on(&batch.ids);
    // What the network says, so that an attack has something to break.
    let labels = Oracle::new(&*on, 1, 1, Estimator::Loss).classes(&batch.images);
    let mut group = c.benchmark_group("100 images of ResNet-20");
    group.sample_size(10);
    group.bench_function("20 forward and backward passes", |b| {
        let y = labels_of(&labels, &batch.images);
        b.iter(|| {
            for _ in 0..STEPS {
                let x = batch.images.clone().autodiff().require_grad();
                let logits = net.forward(&spec, x.clone(), Pass { path: Path::Fused, draw: None });
                let gradients = loss::cross_entropy(logits, &y).sum().backward();
                black_box(x.grad(&gradients));
            }
        });
    });
    let pgd = attack("pgd-20", Norm::Linf).map(|entry| (entry.make)(Norm::Linf));
    if let Ok(pgd) = pgd {
        group.bench_function("pgd-20", |b| {
            b.iter(|| {
                let oracle = Oracle::new(&*on, 1, 1, Estimator::Loss);
                black_box(pgd.run(&oracle, &batch, &labels, 1.0 / 255.0))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, attacks);
criterion_main!(benches);

//! Whole certificates of the shipped models, noise included: N = 1000 after 100 that select, one thread, for every
//! backend of this CPU. Throughput is in noisy samples.

// A benchmark stops at the first thing that is wrong.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use ringfence_runtime::format::layout::ALIGN;
use ringfence_runtime::smooth::{Budget, Image, Seed, Smoother};
use ringfence_runtime::{Backend, Model, embed_model};

/// The last is the one before it with a mask network: the two differ by what adaptive smoothing costs.
static MODELS: [(&str, &[u8]); 4] = [
    ("signs-resnet8", embed_model!("../models/signs-resnet8-s025.rfm")),
    ("cifar10-resnet20", embed_model!("../models/cifar10-resnet20-s025.rfm")),
    ("signs-scene64-resnet20", embed_model!("../models/signs-scene64-resnet20-s050.rfm")),
    ("signs-scene64-resnet20-ars", embed_model!("../models/signs-scene64-resnet20-ars-s050.rfm")),
];
const BATCH: usize = 8;

fn certificates(c: &mut Criterion) {
    let mut group = c.benchmark_group("certificate");
    group.sampling_mode(SamplingMode::Flat).sample_size(10).throughput(Throughput::Elements(1100));
    for (name, bytes) in MODELS {
        let model = Model::parse(bytes).unwrap();
        let [c, h, w] = [model.input().channels, model.input().height, model.input().width];
        // Time does not depend on what the picture shows.
        let pixels: Vec<u8> = (0..c * h * w).map(|i| (i * 89 % 251) as u8).collect();
        let image = Image::chw(&pixels, c, h, w).unwrap();
        let mut memory = vec![0; model.arena_bytes(BATCH) + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN);
        let arena = &mut memory[start..][..model.arena_bytes(BATCH)];
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
            let mut smoother = Smoother::with_backend(&model, &mut *arena, backend).unwrap();
            group.bench_function(BenchmarkId::new(name, backend.name()), |b| {
                b.iter(|| smoother.certify(&image, Budget::samples(1000), &Seed([7; 32])).unwrap());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, certificates);
criterion_main!(benches);

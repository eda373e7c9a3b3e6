//! Whole certificates of the shipped models, noise included: N = 1000 after 100 that select, one thread, for every
//! backend of this CPU. Throughput is in noisy samples.

// A benchmark stops at the first thing that is wrong.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use ringfence_runtime::format::layout::ALIGN;
use ringfence_runtime::smooth::{Budget, Image, Seed, Smoother};
use ringfence_runtime::{Backend, Model, embed_model};

static MODELS: [&[u8]; 2] =
    [embed_model!("../models/signs-resnet8-s025.rfm"), embed_model!("../models/cifar10-resnet20-s025.rfm")];
const NAMES: [&str; 2] = ["signs-resnet8", "cifar10-resnet20"];
const BATCH: usize = 8;

fn certificates(c: &mut Criterion) {
    let mut group = c.benchmark_group("certificate");
    group.sampling_mode(SamplingMode::Flat).sample_size(10).throughput(Throughput::Elements(1100));
    // Time does not depend on what the picture shows.
    let pixels: Vec<u8> = (0..3 * 32 * 32).map(|i| (i * 89 % 251) as u8).collect();
    let image = Image::chw(&pixels, 3, 32, 32).unwrap();
    for (name, bytes) in NAMES.into_iter().zip(MODELS) {
        let model = Model::parse(bytes).unwrap();
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

//! The noise of one CIFAR image: 3072 values, for table sizes of common sigmas.

// A benchmark stops at the first thing that is wrong.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/suite/support/mod.rs"]
mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringfence_runtime::NoiseTable;
use ringfence_runtime::noise::{Noise, Purpose, Seed};
use support::Rng;

const VALUES: usize = 3072;

/// Values of a row, as the smoother asks for them.
const ROW: usize = 32;

fn noise(c: &mut Criterion) {
    let mut group = c.benchmark_group("noise");
    group.throughput(Throughput::Elements(VALUES as u64));
    let mut rng = Rng(1);
    // 2^9, 2^10 and 2^11 columns: sigma 0.12, 0.25 and 0.5.
    for column_bits in [9, 10, 11] {
        // Random thresholds and aliases cost what real ones cost.
        let mut part =
            || (0..1 << column_bits).map(|_| (rng.next() as u32).to_le_bytes()).collect::<Vec<_>>();
        let (words, low) = (part(), part());
        let (words, low) = (&words[..], &low[..]);
        let min_value = 1 - (1 << (column_bits - 1));
        let table = NoiseTable { sigma_bits: 0, column_bits, min_value, tv_budget: 0, words, low };
        let mut sample = 0;
        group.bench_function(BenchmarkId::new("3072 values", format!("2^{column_bits} columns")), |b| {
            b.iter(|| {
                sample += 1;
                let mut noise = Noise::new(table, &Seed([7; 32]), Purpose::Estimate, sample);
                let mut values = [0; VALUES];
                values.chunks_mut(ROW).for_each(|row| noise.fill(row));
                values
            });
        });
    }
    group.finish();
}

criterion_group!(benches, noise);
criterion_main!(benches);

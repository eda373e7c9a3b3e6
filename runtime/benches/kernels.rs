//! Convolutions of the CIFAR ResNet-20 and the whole network, all operations of a slim U-Net and the whole of it, for
//! every backend of this CPU.
//!
//! The ResNet with activations of eight bits, of seven bits, and of seven bits with weights small enough to be summed in
//! pairs. Throughput of a convolution is in multiply-accumulates, of what has no weights in bytes written, of a network in
//! samples.

// A benchmark stops at the first thing that is wrong.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/suite/support/mod.rs"]
mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringfence_runtime::format::layout::ALIGN;
use ringfence_runtime::ops::{ConvJob, ConvPlan, Unweighted, UnweightedJob};
use ringfence_runtime::plan::ConvOp;
use ringfence_runtime::{Backend, Executor, Model, Op};
use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use support::{Layer, Network, Rng, Style, noisy_image, resnet20, unet};

/// Samples that the network runs at a time.
const BATCH: usize = 8;

/// Name, largest activation, weights.
const KINDS: [(&str, u8, Style); 3] =
    [("8 bits", 255, Style::Uniform), ("7 bits", 127, Style::Uniform), ("7 bits, pairs", 127, Style::Small)];

/// Bytes that start a cache line, as models and arenas should.
struct Aligned {
    bytes: Vec<u8>,
    start: usize,
}

impl Aligned {
    fn new(content: &[u8]) -> Self {
        let mut bytes = vec![0; content.len() + ALIGN];
        let start = bytes.as_ptr().align_offset(ALIGN);
        bytes[start..][..content.len()].copy_from_slice(content);
        bytes.truncate(start + content.len());
        Self { bytes, start }
    }
}

impl Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}

fn backends() -> impl Iterator<Item = Backend> {
    Backend::ALL.into_iter().filter(|backend| backend.is_available())
}

fn shape(op: &ConvOp<'_>) -> String {
    let (from, to, k) = (op.input.tensor, op.output.tensor, op.kernel);
    let residual = if op.residual.is_some() { "+residual" } else { "" };
    format!("{}x{} {}->{}@{}{residual}", k[0], k[1], from.channels, to.channels, to.height)
}

fn convolutions(c: &mut Criterion) {
    for (kind, top, style) in KINDS {
        let file = Aligned::new(&resnet20(&mut Rng(1), top, style).to_bytes());
        convolutions_of(c, kind, &Model::parse(&file).unwrap());
    }
}

fn convolutions_of(c: &mut Criterion, kind: &str, model: &Model<'_>) {
    let mut group = c.benchmark_group(format!("conv, {kind}"));
    let mut seen = BTreeSet::new();
    for op in model.ops() {
        let Op::Conv(conv) = op else { continue };
        let name = shape(&conv);
        if !seen.insert(name.clone()) {
            continue;
        }
        let plan = ConvPlan::new(&conv).unwrap();
        let input = Aligned::new(&vec![99; conv.input.tensor.bytes]);
        let apart = conv.residual.filter(|residual| !residual.is_in_place(&conv.output));
        let residual = apart.map(|residual| Aligned::new(&vec![55; residual.operand.tensor.bytes]));
        let mut output = Aligned::new(&vec![0; conv.output.tensor.bytes]);
        group.throughput(Throughput::Elements(op.macs()));
        for backend in backends() {
            let mut kernels = backend.available().unwrap().session();
            group.bench_function(BenchmarkId::new(&name, backend.name()), |b| {
                b.iter(|| {
                    let job = ConvJob::new(&plan, &input, residual.as_deref(), &mut output);
                    kernels.conv(job.unwrap());
                });
            });
        }
    }
}

/// A U-Net with eight channels at its finest level; with `copied` its joins leave all values as they are.
fn slim_unet(copied: bool) -> Network {
    let mut network = unet(&mut Rng(1), 8, 255);
    if copied {
        for tensor in &mut network.tensors[1..] {
            tensor.zero_point = 0;
        }
        for layer in &mut network.layers {
            if let Layer::Join { a, b, .. } = layer {
                [Some(a), b.as_mut()]
                    .into_iter()
                    .flatten()
                    .for_each(|sum| (sum.shift, sum.mul) = (1, 1 << 14));
            }
        }
    }
    network
}

fn unets(c: &mut Criterion) {
    network_of(c, "network, unet", &slim_unet(true));
    let file = slim_unet(true).to_bytes();
    convolutions_of(c, "unet", &Model::parse(&file).unwrap());
    for (kind, copied) in [("copied", true), ("rescaled", false)] {
        let file = slim_unet(copied).to_bytes();
        unweighted_of(c, kind, &Model::parse(&file).unwrap());
    }
}

fn unweighted_of(c: &mut Criterion, kind: &str, model: &Model<'_>) {
    let mut group = c.benchmark_group(format!("no weights, {kind}"));
    for op in model.ops() {
        let (name, unweighted) = match op {
            Op::Join(join) => ("join", Unweighted::Join(join)),
            Op::MaxPool(pool) => ("maxpool", Unweighted::MaxPool(pool)),
            Op::GlobalAvgPool(pool) => ("mean", Unweighted::GlobalAvgPool(pool)),
            _ => continue,
        };
        let to = op.output().unwrap().tensor;
        let input = vec![99; op.input().tensor.bytes];
        let second = op.second().map(|second| vec![55; second.operand.tensor.bytes]);
        let mut output = vec![0; to.bytes];
        group.throughput(Throughput::Bytes((to.height * to.width * to.stored) as u64));
        for backend in backends() {
            let mut kernels = backend.available().unwrap().session();
            let id = BenchmarkId::new(format!("{name} {}x{}", to.height, to.channels), backend.name());
            group.bench_function(id, |b| {
                b.iter(|| {
                    let (op, second) = (&unweighted, second.as_deref());
                    kernels.unweighted(UnweightedJob { op, input: &input, second, output: &mut output });
                });
            });
        }
    }
}

fn network(c: &mut Criterion) {
    for (kind, top, style) in KINDS {
        network_of(c, &format!("network, resnet20, {kind}"), &resnet20(&mut Rng(1), top, style));
    }
}

fn network_of(c: &mut Criterion, name: &str, network: &Network) {
    let mut rng = Rng(2);
    let image = noisy_image(&mut rng, network);
    let file = Aligned::new(&network.to_bytes());
    let model = Model::parse(&file).unwrap();
    let mut group = c.benchmark_group(name);
    let macs: u64 = model.ops().map(|op| op.macs()).sum();
    group.throughput(Throughput::Elements(macs * BATCH as u64));
    for backend in backends() {
        let executor = Executor::new(&model, backend).unwrap();
        let mut arena = Aligned::new(&vec![0; model.arena_bytes(BATCH)]);
        let mut logits = vec![0; BATCH * model.classes()];
        group.bench_function(BenchmarkId::new("batch of 8", backend.name()), |b| {
            b.iter(|| {
                for sample in 0..BATCH {
                    let mut writer = executor.write_input(&mut arena, sample).unwrap();
                    for (i, row) in image.chunks(32).enumerate() {
                        writer.row(i / 32, i % 32, row);
                    }
                }
                executor.run(&mut arena, BATCH, &mut logits, |_, _, _| ()).unwrap();
            });
        });
    }
}

criterion_group!(benches, network, convolutions, unets);
criterion_main!(benches);

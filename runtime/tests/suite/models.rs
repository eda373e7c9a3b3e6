//! Whole models: every backend and batch size gives the numbers of the plain evaluator.

use crate::support::{
    Layer, Network, Rng, Style, noisy_image, random_conv, random_curved, random_join, random_network,
    resnet20, unet,
};
use ringfence_runtime::exec::{ExecError, Executor};
use ringfence_runtime::{Backend, Model, Op};

/// Fills the inputs of a batch.
fn write(executor: &Executor<'_, '_>, arena: &mut [u8], images: &[Vec<i16>]) {
    let input = *executor.model().input();
    for (sample, image) in images.iter().enumerate() {
        let mut writer = executor.write_input(arena, sample).unwrap();
        for (i, row) in image.chunks(input.width).enumerate() {
            writer.row(i / input.height, i % input.height, row);
        }
    }
}

/// Runs a batch on an arena full of rubbish; gives the logits.
fn run(
    model: &Model<'_>,
    backend: Backend,
    images: &[Vec<i16>],
    mut check: impl FnMut(usize, usize, Vec<i64>),
) -> Vec<i32> {
    let executor = Executor::new(model, backend).unwrap();
    let mut arena = vec![0xC3; model.arena_bytes(images.len())];
    write(&executor, &mut arena, images);
    let mut logits = vec![0; images.len() * model.classes()];
    executor
        .run(&mut arena, images.len(), &mut logits, |op, sample, view| {
            let t = view.tensor;
            let mut values = Vec::new();
            for y in 0..t.height {
                for x in 0..t.width {
                    values.extend((0..t.channels).map(|c| i64::from(view.get(y, x, c).unwrap())));
                }
            }
            assert_eq!(view.get(t.height, 0, 0), None);
            assert_border(&t, view.bytes);
            assert!(view.bytes.iter().all(|&u| u <= t.top));
            check(op, sample, values);
        })
        .unwrap();
    logits
}

fn assert_border(t: &ringfence_runtime::Tensor, bytes: &[u8]) {
    for (i, pixel) in bytes.chunks(t.stored).enumerate() {
        let (y, x) = (i / (t.width + 2 * t.border), i % (t.width + 2 * t.border));
        let inside = |at: usize, size: usize| (t.border..t.border + size).contains(&at);
        if !(inside(y, t.height) && inside(x, t.width)) {
            let mirror = |at: usize, size: usize| {
                let at = at.abs_diff(t.border);
                if at < size { at } else { 2 * (size - 1) - at }
            };
            let expected = |c: usize| match t.mirrored {
                true => bytes[t.index(mirror(y, t.height), mirror(x, t.width), c)],
                false => t.zero_point,
            };
            let mut channels = pixel.iter().enumerate();
            assert!(channels.all(|(c, &u)| u == expected(c)), "border at {y}, {x} of {t:?}");
        }
    }
}

/// Compares all backends, tensor by tensor, with the evaluator.
fn assert_network(network: &Network, images: &[Vec<i16>]) {
    let file = network.to_bytes();
    let model = Model::parse(&file).unwrap();
    let expected: Vec<_> = images.iter().map(|image| network.evaluate(image)).collect();
    for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
        let logits = run(&model, backend, images, |op, sample, values| {
            let expected = &expected[sample].0[op + 1];
            assert_eq!(values.len(), expected.len());
            let at = values.iter().zip(expected).position(|(a, b)| a != b);
            assert_eq!(at, None, "{backend:?} op {op}: {:?}", network.layers[op]);
        });
        let want: Vec<i32> = expected.iter().flat_map(|e| &e.1).map(|&logit| logit as i32).collect();
        assert_eq!(logits, want, "{backend:?}");
    }
}

#[test]
fn convolutions_of_all_shapes_equal_the_formula() {
    let mut rng = Rng(1);
    for channels in 1..=70 {
        for _ in 0..6 {
            let other = rng.size(1, 70);
            let pair = if rng.chance(50) { [channels, other] } else { [other, channels] };
            let kernel = [rng.size(1, 7), rng.size(1, 7)];
            let size = kernel.map(|k| k + rng.size(0, 6));
            let network = random_conv(&mut rng, pair, kernel, size);
            let images = [noisy_image(&mut rng, &network)];
            assert_network(&network, &images);
        }
    }
}

#[test]
fn wide_rows_and_deep_kernels_equal_the_formula() {
    let mut rng = Rng(2);
    for (channels, kernel, size) in [
        ([16, 16], [3, 3], [4, 37]),
        ([4, 20], [1, 5], [2, 71]),
        ([64, 40], [1, 1], [1, 33]),
        ([512, 17], [7, 9], [7, 10]),
        ([64, 130], [3, 3], [5, 5]),
    ] {
        for _ in 0..4 {
            let network = random_conv(&mut rng, channels, kernel, size);
            let images = [noisy_image(&mut rng, &network)];
            assert_network(&network, &images);
        }
    }
}

#[test]
fn joins_and_maxima_of_all_shapes_equal_the_formula() {
    let mut rng = Rng(7);
    let mut joined = [0, 0];
    for channels in 1..=70 {
        for _ in 0..6 {
            let other = [rng.size(1, 70), 4 * rng.size(1, 17)][rng.size(0, 1)];
            let size = [rng.size(2, 9), rng.size(2, 21)];
            let network = random_join(&mut rng, [channels, other], size);
            let images = [noisy_image(&mut rng, &network)];
            assert_network(&network, &images);
            let two = |layer: &Layer| matches!(layer, Layer::Join { b: Some(_), .. });
            joined[usize::from(network.layers.iter().any(two))] += 1;
        }
    }
    assert!(joined.iter().all(|&count| count > 100), "{joined:?}");
}

#[test]
fn unets_equal_the_formulas() {
    let mut rng = Rng(8);
    for top in [255, 127] {
        let network = unet(&mut rng, 8, top);
        let images = [noisy_image(&mut rng, &network), noisy_image(&mut rng, &network)];
        assert_network(&network, &images);
        let file = network.to_bytes();
        let macs: u64 = Model::parse(&file).unwrap().ops().map(|op| op.macs()).sum();
        // Levels of 8 to 64 channels, kernels of 3 x 3; one output channel of 1 x 1; the head.
        let down =
            [1024 * 9 * (3 * 8 + 8 * 8), 256 * 9 * (8 + 16) * 16, 64 * 9 * (16 + 32) * 32, 16 * 9 * 96 * 64];
        let up = [64 * 9 * (96 + 32) * 32, 256 * 9 * (48 + 16) * 16, 1024 * 9 * (24 + 8) * 8];
        assert_eq!(macs, down.iter().chain(&up).sum::<u64>() + 1024 * 8 + 10);
    }
}

#[test]
fn random_networks_equal_the_formulas_in_every_batch() {
    let mut rng = Rng(3);
    for round in 0..600 {
        let network = if round < 400 { random_network(&mut rng) } else { random_curved(&mut rng) };
        let images: Vec<_> = (0..1 + round % 5).map(|_| noisy_image(&mut rng, &network)).collect();
        assert_network(&network, &images);
    }
}

#[test]
fn batches_equal_single_samples() {
    let mut rng = Rng(4);
    for round in 0..70 {
        let network = if round < 50 { random_network(&mut rng) } else { random_curved(&mut rng) };
        let file = network.to_bytes();
        let model = Model::parse(&file).unwrap();
        let images: Vec<_> = (0..5).map(|_| noisy_image(&mut rng, &network)).collect();
        let backend = Backend::best();
        let single: Vec<i32> =
            images.iter().flat_map(|i| run(&model, backend, std::slice::from_ref(i), |_, _, _| ())).collect();
        for batch in 2..=5 {
            let logits = run(&model, backend, &images[..batch], |_, _, _| ());
            assert_eq!(logits, single[..batch * model.classes()]);
        }
    }
}

#[test]
fn resnet20_equals_the_formulas() {
    let mut rng = Rng(5);
    for (top, style) in [(255, Style::Uniform), (127, Style::Uniform), (127, Style::Small)] {
        let network = resnet20(&mut rng, top, style);
        let images = [noisy_image(&mut rng, &network), noisy_image(&mut rng, &network)];
        assert_network(&network, &images);
        let file = network.to_bytes();
        let model = Model::parse(&file).unwrap();
        let macs: u64 = model.ops().map(|op| op.macs()).sum();
        // Kernels of 3 x 3, two projections, the head.
        assert_eq!(macs, 40_550_400 + 262_144 + 640);
        let pairs = |op: &Op<'_>| matches!(op, Op::Conv(conv) if conv.pairs);
        assert_eq!(model.ops().any(|op| pairs(&op)), style == Style::Small);
    }
}

#[test]
fn too_little_memory_names_what_is_needed() {
    let mut rng = Rng(6);
    let network = random_network(&mut rng);
    let file = network.to_bytes();
    let model = Model::parse(&file).unwrap();
    let executor = Executor::new(&model, Backend::Scalar).unwrap();
    let needed = model.arena_bytes(2);
    let mut arena = vec![0; needed - 1];
    let mut logits = vec![0; 2 * model.classes()];
    let result = executor.run(&mut arena, 2, &mut logits, |_, _, _| ());
    assert_eq!(result, Err(ExecError::ArenaTooSmall { needed, given: needed - 1 }));
    let found = executor.write_input(&mut arena, 1).err();
    assert_eq!(found, Some(ExecError::ArenaTooSmall { needed, given: needed - 1 }));
    let mut arena = vec![0; needed];
    let (expected, found) = (logits.len(), logits.len() - 1);
    let result = executor.run(&mut arena, 2, &mut logits[1..], |_, _, _| ());
    assert_eq!(result, Err(ExecError::LogitsLength { expected, found }));
}

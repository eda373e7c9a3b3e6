//! Random networks.

use super::network::{Conv, Layer, Network, Shape, Sum, Weights};

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `low..=high`.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    pub fn size(&mut self, low: usize, high: usize) -> usize {
        self.within(low as i64, high as i64) as usize
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

/// Pixels plus noise, CHW, mostly in -300..555 with some at the ends of the allowed range.
pub fn noisy_image(rng: &mut Rng, network: &Network) -> Vec<i16> {
    let s = &network.tensors[0];
    let value = |rng: &mut Rng| match rng.next() % 16 {
        0 => -8192,
        1 => 8192,
        _ => rng.within(-300, 555) as i16,
    };
    (0..s.channels * s.height * s.width).map(|_| value(rng)).collect()
}

/// Constants that spread the results over 0..=255; with `extreme`, weights and constants at their limits.
fn weights(rng: &mut Rng, outputs: usize, depth: usize, extreme: bool) -> Weights {
    let spread = ((depth as f64).sqrt() * 5000.0 / 80.0).log2().round() as i64;
    let pre: Vec<u8> =
        (0..outputs)
            .map(|_| {
                if extreme { *[1, 2, 8, 24].get(rng.size(0, 3)).unwrap() } else { spread + rng.within(-1, 2) }
            })
            .map(|pre| pre.clamp(1, 24) as u8)
            .collect();
    let value = |rng: &mut Rng| if extreme { [-127, 0, 127][rng.size(0, 2)] } else { rng.within(-127, 127) };
    let sign = if rng.chance(50) { 1 } else { -1 };
    let all = extreme && rng.chance(30);
    let bias = |rng: &mut Rng, pre: u8| {
        if extreme && rng.chance(50) {
            [-(1 << 29), 1 << 29][rng.size(0, 1)]
        } else {
            ((rng.within(-20, 60) << pre) + (1 << (pre - 1))).clamp(-(1 << 29), 1 << 29) as i32
        }
    };
    Weights {
        values: (0..outputs * depth).map(|_| if all { sign * 127 } else { value(rng) as i8 }).collect(),
        bias: pre.iter().map(|&pre| bias(rng, pre)).collect(),
        mul: (0..outputs)
            .map(|_| if extreme { [1, i16::MAX][rng.size(0, 1)] } else { rng.within(1 << 14, 32767) as i16 })
            .collect(),
        pre,
    }
}

/// Geometry of a convolution; a fused residual names its tensor.
#[derive(Clone, Copy)]
struct Spec {
    channels: usize,
    border: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 2],
    residual: Option<usize>,
    extreme: bool,
}

impl Spec {
    /// One by one.
    fn point(channels: usize, border: usize) -> Self {
        let (kernel, stride, pad) = ([1; 2], [1; 2], [0; 2]);
        Self { channels, border, kernel, stride, pad, residual: None, extreme: false }
    }

    /// Three by three, of the same size.
    fn same(channels: usize) -> Self {
        Self { kernel: [3; 2], pad: [1; 2], ..Self::point(channels, 1) }
    }
}

fn sum(rng: &mut Rng, tensor: usize) -> Sum {
    match rng.next() % 8 {
        0 => Sum { tensor, shift: 7, mul: i16::MAX },
        1 => Sum { tensor, shift: rng.size(0, 7) as u8, mul: 0 },
        _ => Sum { tensor, shift: rng.size(0, 7) as u8, mul: rng.within(100, 6000) as i16 },
    }
}

impl Network {
    /// A network with nothing but its input.
    pub fn new(rng: &mut Rng, shape: Shape, classes: usize) -> Self {
        let rule = |rng: &mut Rng| match rng.next() % 8 {
            0 => (1 << 17, rng.within(-(1 << 29), 1 << 29) as i32),
            _ => (rng.within(20_000, 70_000) as i32, rng.within(0, 60 << 16) as i32),
        };
        let rules = (0..shape.channels).map(|_| rule(rng)).collect();
        Self { rules, tensors: vec![shape], layers: Vec::new(), classes }
    }

    fn tensor(&mut self, shape: Shape) -> usize {
        self.tensors.push(shape);
        self.tensors.len() - 1
    }

    /// A convolution to a new tensor; the output's size follows from the padding (as much at the end).
    fn push_conv(&mut self, rng: &mut Rng, input: usize, spec: Spec) -> usize {
        let Spec { channels, border, kernel, stride, pad, residual, extreme } = spec;
        let from = self.tensors[input];
        let size = |n: usize, i: usize| (n + 2 * pad[i] - kernel[i]) / stride[i] + 1;
        let (height, width) = (size(from.height, 0), size(from.width, 1));
        let zero_point = [0, 255, rng.within(1, 254) as u8][rng.size(0, 2)];
        let output = self.tensor(Shape { height, width, channels, border, zero_point });
        let weights = weights(rng, channels, kernel[0] * kernel[1] * from.channels, extreme);
        let residual = residual.map(|tensor| sum(rng, tensor));
        let relu = rng.chance(50);
        self.layers.push(Layer::Conv(Conv { input, residual, output, kernel, stride, pad, relu, weights }));
        output
    }

    fn add(&mut self, rng: &mut Rng, a: usize, b: Option<usize>) -> usize {
        let output = self.tensor(Shape {
            border: rng.size(0, 2),
            zero_point: rng.within(0, 255) as u8,
            ..self.tensors[a]
        });
        let (a, b) = (sum(rng, a), b.map(|b| sum(rng, b)));
        self.layers.push(Layer::Add { a, b, output, relu: rng.chance(50) });
        output
    }

    fn pool(&mut self, rng: &mut Rng, input: usize) -> usize {
        let from = self.tensors[input];
        let pixels = (from.height * from.width) as i32;
        let output = self.tensor(Shape {
            height: 1,
            width: 1,
            border: rng.size(0, 1),
            zero_point: rng.within(0, 255) as u8,
            ..from
        });
        let pre = 1 + pixels.ilog2() as u8;
        let bias = -pixels * i32::from(from.zero_point) + (1 << (pre - 1));
        self.layers.push(Layer::Pool { input, output, bias, pre, mul: rng.within(1 << 14, 32767) as i16 });
        output
    }

    fn logits(&mut self, rng: &mut Rng, input: usize) {
        let s = self.tensors[input];
        let weights = weights(rng, self.classes, s.height * s.width * s.channels, false);
        self.layers.push(Layer::Logits { input, weights });
    }
}

/// One convolution of the given geometry between an expanding layer and a head, from `size` pixels.
pub fn random_conv(rng: &mut Rng, channels: [usize; 2], kernel: [usize; 2], size: [usize; 2]) -> Network {
    let stride = [rng.size(1, 3), rng.size(1, 3)];
    let pad = [rng.size(0, kernel[0] - 1), rng.size(0, kernel[1] - 1)];
    let border = pad[0].max(pad[1]) + rng.size(0, 1);
    let (image, extreme) = (rng.size(1, 4), rng.chance(30));
    let shape = Shape { height: size[0], width: size[1], channels: image, border: 0, zero_point: 7 };
    let classes = rng.size(2, 20);
    let mut net = Network::new(rng, shape, classes);
    let wide = net.push_conv(rng, 0, Spec { extreme, ..Spec::point(channels[0], border) });
    let spec = Spec { kernel, stride, pad, ..Spec::point(channels[1], rng.size(0, 2)) };
    let residual = rng.chance(50).then(|| net.push_conv(rng, wide, spec));
    let border = rng.size(0, 2);
    let out = net.push_conv(rng, wide, Spec { border, residual, extreme, ..spec });
    let pooled = net.pool(rng, out);
    net.logits(rng, pooled);
    net
}

/// A few layers of all kinds on a small image.
pub fn random_network(rng: &mut Rng) -> Network {
    let shape = Shape {
        height: rng.size(1, 9),
        width: rng.size(1, 9),
        channels: rng.size(1, 4),
        border: rng.size(0, 2),
        zero_point: rng.within(0, 255) as u8,
    };
    let classes = rng.size(2, 20);
    let mut net = Network::new(rng, shape, classes);
    let mut last = 0;
    for _ in 0..rng.size(1, 5) {
        let from = net.tensors[last];
        let like = |net: &Network, i: usize| {
            let t = net.tensors[i];
            (t.height, t.width, t.channels) == (from.height, from.width, from.channels)
        };
        let twins: Vec<usize> = (0..net.tensors.len()).filter(|&i| like(&net, i)).collect();
        let twin = twins[rng.size(0, twins.len() - 1)];
        let side = |n: usize, rng: &mut Rng| rng.size(1, (n + 2 * from.border).min(3));
        last = match rng.next() % 4 {
            0 => {
                let second = rng.chance(70).then_some(twin);
                net.add(rng, last, second)
            }
            1 => {
                let spec = Spec::point(from.channels, rng.size(0, 2));
                net.push_conv(rng, last, Spec { residual: Some(twin), ..spec })
            }
            _ => {
                let kernel = [side(from.height, rng), side(from.width, rng)];
                let stride = [rng.size(1, 2), rng.size(1, 2)];
                let pad = kernel.map(|k| from.border.min(k - 1));
                let spec = Spec::point(rng.size(1, 36), rng.size(0, 2));
                net.push_conv(rng, last, Spec { kernel, stride, pad, ..spec })
            }
        };
    }
    if rng.chance(70) {
        last = net.pool(rng, last);
    }
    net.logits(rng, last);
    net
}

/// The shape of the CIFAR ResNet-20 (projection shortcuts), with random weights.
pub fn resnet20(rng: &mut Rng) -> Network {
    let shape = Shape { height: 32, width: 32, channels: 3, border: 1, zero_point: 110 };
    let mut net = Network::new(rng, shape, 10);
    let mut last = net.push_conv(rng, 0, Spec::same(16));
    for (stage, width) in [16, 32, 64].into_iter().enumerate() {
        for block in 0..3 {
            let down = stage > 0 && block == 0;
            let stride = if down { [2; 2] } else { [1; 2] };
            let middle = net.push_conv(rng, last, Spec { stride, ..Spec::same(width) });
            let short =
                if down { net.push_conv(rng, last, Spec { stride, ..Spec::point(width, 0) }) } else { last };
            last = net.push_conv(rng, middle, Spec { residual: Some(short), ..Spec::same(width) });
        }
    }
    let pooled = net.pool(rng, last);
    net.logits(rng, pooled);
    net
}

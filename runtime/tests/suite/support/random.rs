//! Random networks.

use ringfence_runtime::format::layout::MAX_DEPTH;

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

/// What weights look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// All values alike.
    Uniform,
    /// At most 64, so that groups can be summed in pairs.
    Small,
    /// If channels are multiples of eight, pairs of groups are at the limit of what can be summed.
    Tight,
    /// Weights and constants at their limits.
    Extreme,
}

impl Style {
    fn random(rng: &mut Rng) -> Self {
        match rng.next() % 10 {
            0..3 => Self::Extreme,
            3..6 => Self::Small,
            6 => Self::Tight,
            _ => Self::Uniform,
        }
    }

    fn weight(self, rng: &mut Rng, depth: usize) -> i64 {
        match self {
            Self::Uniform => rng.within(-127, 127),
            Self::Small => rng.within(-64, 64),
            Self::Tight => [127, 127, -127, -127, 4, 0, 0, -4][depth % 8],
            Self::Extreme => [-127, 0, 127][rng.size(0, 2)],
        }
    }
}

/// Constants that spread the results over 0..=255.
fn weights(rng: &mut Rng, outputs: usize, depth: usize, style: Style) -> Weights {
    let spread = ((depth as f64).sqrt() * 5000.0 / 80.0).log2().round() as i64;
    let extreme = style == Style::Extreme;
    let pre: Vec<u8> =
        (0..outputs)
            .map(|_| {
                if extreme { *[1, 2, 8, 24].get(rng.size(0, 3)).unwrap() } else { spread + rng.within(-1, 2) }
            })
            .map(|pre| pre.clamp(1, 24) as u8)
            .collect();
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
        values: (0..outputs * depth)
            .map(|i| if all { sign * 127 } else { style.weight(rng, i % depth) as i8 })
            .collect(),
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
    style: Style,
}

impl Spec {
    /// One by one, uniform weights.
    fn point(channels: usize, border: usize) -> Self {
        let (kernel, stride, pad) = ([1; 2], [1; 2], [0; 2]);
        Self { channels, border, kernel, stride, pad, residual: None, style: Style::Uniform }
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

fn random_top(rng: &mut Rng) -> u8 {
    [127, 255][rng.size(0, 1)]
}

impl Network {
    /// A network with nothing but its input; all later tensors have the largest value `top`, or any.
    pub fn new(rng: &mut Rng, shape: Shape, classes: usize, top: Option<u8>) -> Self {
        let rule = |rng: &mut Rng| match rng.next() % 8 {
            0 => (1 << 17, rng.within(-(1 << 29), 1 << 29) as i32),
            _ => (rng.within(20_000, 70_000) as i32, rng.within(0, 60 << 16) as i32),
        };
        let rules = (0..shape.channels).map(|_| rule(rng)).collect();
        Self { rules, tensors: vec![shape], layers: Vec::new(), classes, top, mirrored: Vec::new() }
    }

    /// A zero point and a largest value.
    fn levels(&self, rng: &mut Rng) -> (u8, u8) {
        let top = self.top.unwrap_or_else(|| random_top(rng));
        ([0, top, rng.within(1, i64::from(top) - 1) as u8][rng.size(0, 2)], top)
    }

    fn tensor(&mut self, shape: Shape) -> usize {
        self.tensors.push(shape);
        self.tensors.len() - 1
    }

    /// A convolution to a new tensor; the output's size follows from the padding (as much at the end).
    fn push_conv(&mut self, rng: &mut Rng, input: usize, spec: Spec) -> usize {
        let Spec { channels, border, kernel, stride, pad, residual, style } = spec;
        let from = self.tensors[input];
        let size = |n: usize, i: usize| (n + 2 * pad[i] - kernel[i]) / stride[i] + 1;
        let (height, width) = (size(from.height, 0), size(from.width, 1));
        let (zero_point, top) = self.levels(rng);
        let output = self.tensor(Shape { height, width, channels, border, zero_point, top });
        let weights = weights(rng, channels, kernel[0] * kernel[1] * from.channels, style);
        let residual = residual.map(|tensor| sum(rng, tensor));
        let relu = rng.chance(50);
        self.layers.push(Layer::Conv(Conv { input, residual, output, kernel, stride, pad, relu, weights }));
        output
    }

    fn add(&mut self, rng: &mut Rng, a: usize, b: Option<usize>) -> usize {
        let (zero_point, top) = self.levels(rng);
        let output = self.tensor(Shape { border: rng.size(0, 2), zero_point, top, ..self.tensors[a] });
        let (a, b) = (sum(rng, a), b.map(|b| sum(rng, b)));
        self.layers.push(Layer::Add { a, b, output, relu: rng.chance(50) });
        output
    }

    fn pool(&mut self, rng: &mut Rng, input: usize) -> usize {
        let from = self.tensors[input];
        let pixels = (from.height * from.width) as i32;
        let (zero_point, top) = self.levels(rng);
        let border = rng.size(0, 1);
        let output = self.tensor(Shape { height: 1, width: 1, border, zero_point, top, ..from });
        let pre = 1 + pixels.ilog2() as u8;
        let bias = -pixels * i32::from(from.zero_point) + (1 << (pre - 1));
        self.layers.push(Layer::Pool { input, output, bias, pre, mul: rng.within(1 << 14, 32767) as i16 });
        output
    }

    /// Values through a random table; entries that no value meets are random too.
    fn push_lookup(&mut self, rng: &mut Rng, input: usize) -> usize {
        let (zero_point, top) = self.levels(rng);
        let output = self.tensor(Shape { border: rng.size(0, 2), zero_point, top, ..self.tensors[input] });
        let table = (0..256).map(|_| rng.within(0, top.into()) as u8).collect();
        self.layers.push(Layer::Lookup { input, output, table });
        output
    }

    /// Has some of the borders mirror the pixels inside. Takes nothing from `rng`, so that what is drawn later stays.
    fn mirror_some(&mut self, rng: &Rng) {
        let mut rng = Rng(!rng.0);
        for (index, shape) in self.tensors.iter().enumerate() {
            if shape.border > 0 && shape.border < shape.height.min(shape.width) && rng.chance(40) {
                self.mirrored.push(index);
            }
        }
    }

    fn push_max_pool(&mut self, rng: &mut Rng, input: usize) -> usize {
        let from = self.tensors[input];
        let (height, width, border) = (from.height / 2, from.width / 2, rng.size(0, 2));
        let output = self.tensor(Shape { height, width, border, ..from });
        self.layers.push(Layer::MaxPool { input, output, relu: rng.chance(50) });
        output
    }

    /// Joins channels at the larger of the two sizes, or at twice the size of the first.
    fn push_join(&mut self, rng: &mut Rng, a: usize, b: Option<usize>, twice: bool) -> usize {
        let (from, other) = (self.tensors[a], b.map(|b| self.tensors[b]));
        let times = if twice { 2 } else { 1 };
        let height = other.map_or(0, |b| b.height).max(times * from.height);
        let width = other.map_or(0, |b| b.width).max(times * from.width);
        let channels = from.channels + other.map_or(0, |b| b.channels);
        let (zero_point, top) = self.levels(rng);
        let output = self.tensor(Shape { height, width, channels, border: rng.size(0, 2), zero_point, top });
        let (a, b) = (self.operand(rng, a, output), b.map(|b| self.operand(rng, b, output)));
        self.layers.push(Layer::Join { a, b, output, relu: rng.chance(50) });
        output
    }

    /// Any rule, or one that leaves values as they are; now and then with the same zero point.
    fn operand(&mut self, rng: &mut Rng, tensor: usize, output: usize) -> Sum {
        if rng.chance(50) {
            return sum(rng, tensor);
        }
        if rng.chance(70) {
            self.tensors[output].zero_point = self.tensors[tensor].zero_point.min(self.tensors[output].top);
        }
        let shift = rng.size(1, 7) as u8;
        Sum { tensor, shift, mul: 1 << (15 - shift) }
    }

    fn logits(&mut self, rng: &mut Rng, input: usize) {
        let s = self.tensors[input];
        let weights = weights(rng, self.classes, s.height * s.width * s.channels, Style::Uniform);
        self.layers.push(Layer::Logits { input, weights });
    }
}

/// One convolution of the given channels and kernel between an expanding layer and a head, from `size` pixels.
pub fn random_conv(rng: &mut Rng, channels: [usize; 2], kernel: [usize; 2], size: [usize; 2]) -> Network {
    let stride = [rng.size(1, 3), rng.size(1, 3)];
    let pad = [rng.size(0, kernel[0] - 1), rng.size(0, kernel[1] - 1)];
    random_conv_of(rng, channels, kernel, size, [stride, pad])
}

/// As [`random_conv`], with stride and padding given.
pub fn random_conv_of(
    rng: &mut Rng,
    channels: [usize; 2],
    kernel: [usize; 2],
    size: [usize; 2],
    [stride, pad]: [[usize; 2]; 2],
) -> Network {
    let border = pad[0].max(pad[1]) + rng.size(0, 1);
    let (image, style, top) = (rng.size(1, 4), Style::random(rng), random_top(rng));
    let shape = Shape { height: size[0], width: size[1], channels: image, border: 0, zero_point: 7, top };
    let classes = rng.size(2, 20);
    let mut net = Network::new(rng, shape, classes, None);
    let wide = net.push_conv(rng, 0, Spec { style, ..Spec::point(channels[0], border) });
    let spec = Spec { kernel, stride, pad, ..Spec::point(channels[1], rng.size(0, 2)) };
    let residual = rng.chance(50).then(|| net.push_conv(rng, wide, spec));
    let border = rng.size(0, 2);
    let out = net.push_conv(rng, wide, Spec { border, residual, style, ..spec });
    let pooled = net.pool(rng, out);
    net.logits(rng, pooled);
    net.mirror_some(rng);
    net
}

/// A maximum and a join of the given channels around a few convolutions.
pub fn random_join(rng: &mut Rng, channels: [usize; 2], size: [usize; 2]) -> Network {
    let (top, image, classes) = (random_top(rng), rng.size(1, 4), rng.size(2, 20));
    let shape = Shape { height: size[0], width: size[1], channels: image, border: 0, zero_point: 7, top };
    let mut net = Network::new(rng, shape, classes, None);
    let wide = |rng: &mut Rng, channels| Spec::point(channels, rng.size(0, 2));
    let spec = wide(rng, channels[0]);
    let first = net.push_conv(rng, 0, spec);
    let first = net.push_max_pool(rng, first);
    let spec = wide(rng, channels[1]);
    let second = net.push_conv(rng, 0, spec);
    let second =
        if size.map(|n| n % 2) == [0, 0] && rng.chance(70) { second } else { net.push_max_pool(rng, second) };
    let order =
        if channels[1].is_multiple_of(4) && rng.chance(50) { [second, first] } else { [first, second] };
    let joined = match net.tensors[order[0]].channels % 4 {
        0 => net.push_join(rng, order[0], Some(order[1]), false),
        _ => net.push_join(rng, order[0], None, true),
    };
    let spec = wide(rng, 5);
    let last = net.push_conv(rng, joined, spec);
    let pooled = net.pool(rng, last);
    net.logits(rng, pooled);
    net
}

/// A few layers of all kinds but lookups on a small image, with borders of zero points.
pub fn random_network(rng: &mut Rng) -> Network {
    random_layers(rng, false)
}

/// As [`random_network`], with lookups between the layers and some borders that mirror the pixels inside.
pub fn random_curved(rng: &mut Rng) -> Network {
    let mut net = random_layers(rng, true);
    net.mirror_some(rng);
    net
}

fn random_layers(rng: &mut Rng, curved: bool) -> Network {
    let top = random_top(rng);
    let shape = Shape {
        height: rng.size(1, 9),
        width: rng.size(1, 9),
        channels: rng.size(1, 4),
        border: rng.size(0, 2),
        zero_point: rng.within(0, top.into()) as u8,
        top,
    };
    let classes = rng.size(2, 20);
    let mut net = Network::new(rng, shape, classes, None);
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
        let twice = |net: &Network, i: usize| {
            let t = net.tensors[i];
            [1, 2].iter().any(|n| (n * t.height, n * t.width) == (2 * from.height, 2 * from.width))
        };
        last = match rng.next() % 6 {
            0..2 if curved && rng.chance(60) => net.push_lookup(rng, last),
            4 if from.height.min(from.width) > 1 => net.push_max_pool(rng, last),
            5 if from.height.max(from.width) < 20 => {
                let others: Vec<usize> = (0..net.tensors.len()).filter(|&i| twice(&net, i)).collect();
                let other = others[rng.size(0, others.len() - 1)];
                let second = (from.channels.is_multiple_of(4) && rng.chance(80)).then_some(other);
                net.push_join(rng, last, second, true)
            }
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
                let style = [Style::Uniform, Style::Small][rng.size(0, 1)];
                net.push_conv(rng, last, Spec { kernel, stride, pad, style, ..spec })
            }
        };
    }
    let t = net.tensors[last];
    if rng.chance(70) || t.height * t.width * t.stored() > MAX_DEPTH {
        last = net.pool(rng, last);
    }
    net.logits(rng, last);
    net
}

/// A U-Net of four levels on 3 x 32 x 32 pixels whose finest level has `base` channels, averaged into ten classes.
pub fn unet(rng: &mut Rng, base: usize, top: u8) -> Network {
    let shape = Shape { height: 32, width: 32, channels: 3, border: 1, zero_point: 110, top };
    let mut net = Network::new(rng, shape, 10, Some(top));
    let double = |net: &mut Network, rng: &mut Rng, input: usize, channels: usize| {
        let middle = net.push_conv(rng, input, Spec::same(channels));
        net.push_conv(rng, middle, Spec::same(channels))
    };
    let mut last = 0;
    let mut skipped = Vec::new();
    for level in 0..4 {
        last = double(&mut net, rng, last, base << level);
        if level < 3 {
            skipped.push((last, base << level));
            last = net.push_max_pool(rng, last);
            net.tensors[last].border = 1;
        }
    }
    for (skip, channels) in skipped.into_iter().rev() {
        last = net.push_join(rng, last, Some(skip), false);
        net.tensors[last].border = 1;
        last = double(&mut net, rng, last, channels);
    }
    let mask = net.push_conv(rng, last, Spec::point(1, 0));
    let pooled = net.pool(rng, mask);
    net.logits(rng, pooled);
    net
}

/// The shape of the CIFAR ResNet-20 (projection shortcuts), with random weights.
pub fn resnet20(rng: &mut Rng, top: u8, style: Style) -> Network {
    let shape = Shape { height: 32, width: 32, channels: 3, border: 1, zero_point: 110, top };
    let mut net = Network::new(rng, shape, 10, Some(top));
    let same = |channels| Spec { style, ..Spec::same(channels) };
    let mut last = net.push_conv(rng, 0, same(16));
    for (stage, width) in [16, 32, 64].into_iter().enumerate() {
        for block in 0..3 {
            let down = stage > 0 && block == 0;
            let stride = if down { [2; 2] } else { [1; 2] };
            let middle = net.push_conv(rng, last, Spec { stride, ..same(width) });
            let short = if down {
                net.push_conv(rng, last, Spec { stride, style, ..Spec::point(width, 0) })
            } else {
                last
            };
            last = net.push_conv(rng, middle, Spec { residual: Some(short), ..same(width) });
        }
    }
    let pooled = net.pool(rng, last);
    net.logits(rng, pooled);
    net
}

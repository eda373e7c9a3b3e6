//! Random residual networks and U-Nets in the spellings that exporters use.

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::build::{Builder, float, int, ints, string};

/// A small random network and the shape of its image. The same seed gives the same network.
pub fn random_network(seed: u64) -> (Vec<u8>, [usize; 3]) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let image = [1 + pick(&mut random, 4), 6 + pick(&mut random, 5), 6 + pick(&mut random, 5)];
    let mut net = Net { builder: Builder::new(image), random, shape: image };
    let x = net.normalise("x".into());
    let mut x = net.conv_bn_relu(x);
    for _ in 0..1 + net.pick(2) {
        x = net.block(x);
    }
    let logits = net.head(x);
    (net.builder.finish(&logits), image)
}

/// A small random U-Net and the shape of its image. The same seed gives the same network.
pub fn random_unet(seed: u64) -> (Vec<u8>, [usize; 3]) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let image = [1 + pick(&mut random, 4), 8 + 4 * pick(&mut random, 3), 8 + 4 * pick(&mut random, 3)];
    let mut net = Net { builder: Builder::new(image), random, shape: image };
    let x = net.normalise("x".into());
    let x = net.same(x);
    let levels = 1 + net.pick(2);
    let x = net.hourglass(x, levels);
    let logits = net.head(x);
    (net.builder.finish(&logits), image)
}

fn pick(random: &mut ChaCha8Rng, below: usize) -> usize {
    (random.next_u32() % below as u32) as usize
}

struct Net {
    builder: Builder,
    random: ChaCha8Rng,
    /// Channels, rows and columns of the current value.
    shape: [usize; 3],
}

impl Net {
    fn pick(&mut self, below: usize) -> usize {
        pick(&mut self.random, below)
    }

    /// Uniform in `low..high`.
    fn values(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count)
            .map(|_| low + (high - low) * (self.random.next_u32() >> 8) as f32 / (1 << 24) as f32)
            .collect()
    }

    fn constant(&mut self, dims: &[usize], low: f32, high: f32) -> String {
        let values = self.values(dims.iter().product(), low, high);
        self.builder.weights(dims, &values)
    }

    fn normalise(&mut self, x: String) -> String {
        let per_channel = [1, self.shape[0], 1, 1];
        match self.pick(4) {
            0 => x,
            1 => {
                let (mean, std) = (self.constant(&[], 0.3, 0.6), self.constant(&per_channel, 0.2, 0.3));
                let x = self.builder.node("Sub", &[&x, &mean], vec![]);
                self.builder.node("Div", &[&x, &std], vec![])
            }
            2 => {
                let (mul, add) =
                    (self.constant(&per_channel[1..], 2.0, 4.0), self.constant(&per_channel, -2.0, 0.0));
                let x = self.builder.node("Mul", &[&mul, &x], vec![]);
                self.builder.node("Add", &[&add, &x], vec![])
            }
            _ => self.batch_norm(x),
        }
    }

    fn batch_norm(&mut self, x: String) -> String {
        let channels = [self.shape[0]];
        let parameters = [(0.5, 1.5), (-0.5, 0.5), (-0.2, 0.2), (0.3, 1.5)];
        let [scale, offset, mean, variance] =
            parameters.map(|(low, high)| self.constant(&channels, low, high));
        let attributes = vec![float("epsilon", 1e-3), float("momentum", 0.9)];
        self.builder.node("BatchNormalization", &[&x, &scale, &offset, &mean, &variance], attributes)
    }

    /// A convolution with the given outputs and stride whose kernel fits; `same` keeps the size at stride 1.
    fn conv(&mut self, x: String, outputs: usize, stride: usize, same: bool) -> String {
        let [channels, height, width] = self.shape;
        let kernel = if same { 2 * self.pick(2) + 1 } else { 1 + self.pick(3) };
        let bound = (6.0 / (channels * kernel * kernel) as f32).sqrt();
        let weight = self.constant(&[outputs, channels, kernel, kernel], -bound, bound);
        let half = kernel / 2;
        let around = if same { [half; 4] } else { [0; 4].map(|_| self.pick(kernel)) };
        let signed = around.map(|pad| pad as i64);
        let (x, pads) = if self.pick(3) == 0 {
            let [top, left, bottom, right] = signed;
            let pads = self.builder.integers(&[0, 0, top, left, 0, 0, bottom, right]);
            (self.builder.node("Pad", &[&x, &pads], vec![]), [0; 4])
        } else {
            (x, signed)
        };
        let attributes = vec![ints("strides", &[stride as i64; 2]), ints("pads", &pads), int("group", 1)];
        let size = |size: usize, pads: usize| (size + pads - kernel) / stride + 1;
        let [top, left, bottom, right] = around;
        self.shape = [outputs, size(height, top + bottom), size(width, left + right)];
        if self.pick(2) == 0 {
            let bias = self.constant(&[outputs], -0.3, 0.3);
            self.builder.node("Conv", &[&x, &weight, &bias], attributes)
        } else {
            self.builder.node("Conv", &[&x, &weight], attributes)
        }
    }

    fn conv_bn_relu(&mut self, x: String) -> String {
        let (outputs, stride) = (4 + self.pick(16), 1 + self.pick(2));
        let x = self.conv(x, outputs, stride, false);
        let x = if self.pick(3) > 0 { self.batch_norm(x) } else { x };
        self.builder.node("Relu", &[&x], vec![])
    }

    /// A convolution that keeps the size, to a multiple of four channels, perhaps normalised, mostly with a ReLU.
    fn same(&mut self, x: String) -> String {
        let outputs = 4 + 4 * self.pick(4);
        let x = self.conv(x, outputs, 1, true);
        let x = if self.pick(2) == 0 { self.batch_norm(x) } else { x };
        if self.pick(4) == 0 { x } else { self.builder.node("Relu", &[&x], vec![]) }
    }

    /// Down, deeper, up again, and beside what was there.
    fn hourglass(&mut self, x: String, levels: usize) -> String {
        let [kept, height, width] = self.shape;
        let mut attributes = vec![ints("kernel_shape", &[2; 2]), ints("strides", &[2; 2])];
        if self.pick(2) == 0 {
            attributes.extend([ints("pads", &[0; 4]), int("ceil_mode", self.pick(2) as i64)]);
        }
        let y = self.builder.node("MaxPool", &[&x], attributes);
        self.shape = [kept, height / 2, width / 2];
        let y = self.same(y);
        let y = if levels > 1 { self.hourglass(y, levels - 1) } else { y };
        let up = self.upsample(&y);
        let operands = if self.pick(2) == 0 { [&up, &x] } else { [&x, &up] };
        self.shape = [kept + self.shape[0], height, width];
        let y = self.builder.node("Concat", &operands.map(String::as_str), vec![int("axis", 1)]);
        let y = if self.pick(4) == 0 { self.builder.node("Relu", &[&y], vec![]) } else { y };
        self.same(y)
    }

    fn upsample(&mut self, x: &str) -> String {
        let [channels, height, width] = self.shape.map(|side| side as i64);
        let (coordinates, rounding) =
            [("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")][self.pick(2)];
        let mut attributes = vec![
            string("coordinate_transformation_mode", coordinates),
            string("nearest_mode", rounding),
            string("mode", "nearest"),
            float("cubic_coeff_a", -0.75),
        ];
        if self.pick(2) == 0 {
            let scales = self.builder.weights(&[4], &[1.0, 1.0, 2.0, 2.0]);
            return self.builder.node("Resize", &[x, "", &scales], attributes);
        }
        attributes.truncate(3);
        let sizes = self.builder.integers(&[1, channels, 2 * height, 2 * width]);
        self.builder.node("Resize", &[x, "", "", &sizes], attributes)
    }

    /// Two convolutions and a shortcut: the value itself, or a projection.
    fn block(&mut self, x: String) -> String {
        let start = self.shape;
        let project = self.pick(2) == 0;
        let outputs = if project { 4 + self.pick(16) } else { start[0] };
        let stride = if project && start[1] > 3 && start[2] > 3 { 1 + self.pick(2) } else { 1 };
        let y = self.conv(x.clone(), outputs, stride, true);
        let y = self.batch_norm(y);
        let y = self.builder.node("Relu", &[&y], vec![]);
        let y = self.conv(y, outputs, 1, true);
        let end = self.shape;
        let shortcut = if project {
            self.shape = start;
            let weight = self.constant(&[outputs, start[0], 1, 1], -0.5, 0.5);
            let shortcut =
                self.builder.node("Conv", &[&x, &weight], vec![ints("strides", &[stride as i64; 2])]);
            self.shape = end;
            self.batch_norm(shortcut)
        } else {
            x
        };
        let operands = if self.pick(2) == 0 { [&y, &shortcut] } else { [&shortcut, &y] };
        let sum = self.builder.node("Add", &operands.map(String::as_str), vec![]);
        match self.pick(3) {
            0 => sum,
            1 => self.builder.node("Relu", &[&sum], vec![]),
            _ => {
                let y = self.builder.node("Identity", &[&sum], vec![]);
                let y = self.builder.node("Relu", &[&y], vec![]);
                self.builder.node("Add", &[&y, &sum], vec![])
            }
        }
    }

    /// Global average or flattening, perhaps a hidden layer, then 2 to 20 classes.
    fn head(&mut self, x: String) -> String {
        let [channels, height, width] = self.shape;
        let (x, features) = match self.pick(6) {
            0 => (self.builder.node("Flatten", &[&x], vec![]), channels * height * width),
            1 => (
                self.builder.node("ReduceMean", &[&x], vec![ints("axes", &[-1, -2]), int("keepdims", 0)]),
                channels,
            ),
            2 => {
                let kernel = ints("kernel_shape", &[height as i64, width as i64]);
                let x = self.builder.node("AveragePool", &[&x], vec![kernel]);
                let shape = self.builder.integers(&[0, -1]);
                (self.builder.node("Reshape", &[&x, &shape], vec![]), channels)
            }
            3 => {
                let x = self.builder.node("GlobalAveragePool", &[&x], vec![]);
                self.shape = [channels, 1, 1];
                let x = self.batch_norm(x);
                (self.builder.node("Flatten", &[&x], vec![]), channels)
            }
            4 => (self.view(x), channels * height * width),
            _ => {
                let x = self.builder.node("GlobalAveragePool", &[&x], vec![]);
                let axes = self.builder.integers(&[2, 3]);
                (self.builder.node("Squeeze", &[&x, &axes], vec![]), channels)
            }
        };
        let (x, features) = if self.pick(3) == 0 {
            let hidden = self.dense(x, features, 24);
            (self.builder.node("Relu", &[&hidden], vec![]), 24)
        } else {
            (x, features)
        };
        let classes = 2 + self.pick(19);
        self.dense(x, features, classes)
    }

    /// `x.view(x.size(0), -1)`.
    fn view(&mut self, x: String) -> String {
        let b = &mut self.builder;
        let shape = b.node("Shape", &[&x], vec![]);
        let first = b.node("Constant", &[], vec![int("value_int", 0)]);
        let batch = b.node("Gather", &[&shape, &first], vec![int("axis", 0)]);
        let axes = b.integers(&[0]);
        let batch = b.node("Unsqueeze", &[&batch, &axes], vec![]);
        let rest = b.integers(&[-1]);
        let shape = b.node("Concat", &[&batch, &rest], vec![int("axis", 0)]);
        b.node("Reshape", &[&x, &shape], vec![])
    }

    fn dense(&mut self, x: String, features: usize, outputs: usize) -> String {
        let bound = (6.0 / features as f32).sqrt();
        let bias = self.constant(&[outputs], -0.3, 0.3);
        match self.pick(3) {
            0 => {
                let weight = self.constant(&[features, outputs], -bound, bound);
                let x = self.builder.node("MatMul", &[&x, &weight], vec![]);
                self.builder.node("Add", &[&x, &bias], vec![])
            }
            1 => {
                let weight = self.constant(&[features, outputs], -bound, bound);
                self.builder.node(
                    "Gemm",
                    &[&x, &weight, &bias],
                    vec![float("alpha", 0.5), float("beta", 2.0)],
                )
            }
            _ => {
                let weight = self.constant(&[outputs, features], -bound, bound);
                self.builder.node("Gemm", &[&x, &weight, &bias], vec![int("transB", 1)])
            }
        }
    }
}

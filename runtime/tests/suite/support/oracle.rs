//! The numbers of a network straight from the formulas, in i64 and without packing.

use super::network::{Conv, Layer, Network, Shape, Sum, Weights};

/// A tensor without border: `[y][x][c]`.
type Values = Vec<i64>;

impl Network {
    /// Tensors that the layers write (input first, then one per layer with an output), and the logits.
    pub fn evaluate(&self, noisy: &[i16]) -> (Vec<Values>, Vec<i64>) {
        let mut live: Vec<Values> = vec![Vec::new(); self.tensors.len()];
        live[0] = self.quantise(noisy);
        let mut written = vec![live[0].clone()];
        for layer in &self.layers {
            match layer {
                Layer::Conv(conv) => live[conv.output] = self.conv(conv, &live),
                Layer::Add { a, b, output, relu } => {
                    let to = &self.tensors[*output];
                    let (a, b) = (self.scaled(a, &live), b.as_ref().map(|b| self.scaled(b, &live)));
                    let sum = |i: usize| a[i] + b.as_ref().map_or(0, |b| b[i]);
                    live[*output] = (0..a.len()).map(|i| finish(sum(i), to, *relu)).collect();
                }
                Layer::Pool { input, output, bias, pre, mul } => {
                    let (from, to) = (&self.tensors[*input], &self.tensors[*output]);
                    let channel = |c| live[*input].iter().skip(c).step_by(from.channels).sum::<i64>();
                    let mean = |c| requant(channel(c) + i64::from(*bias), *pre, *mul);
                    live[*output] = (0..from.channels).map(|c| finish(mean(c), to, false)).collect();
                }
                Layer::MaxPool { input, output, relu } => {
                    live[*output] = self.max_pool(&live[*input], *input, *output, *relu);
                }
                Layer::Join { a, b, output, relu } => {
                    let operands = [Some(a), b.as_ref()];
                    let operands: Vec<_> = operands
                        .into_iter()
                        .flatten()
                        .map(|sum| (sum.tensor, self.scaled(sum, &live)))
                        .collect();
                    live[*output] = self.join(&operands, *output, *relu);
                }
                Layer::Lookup { input, output, table } => {
                    let value = |u: &i64| i64::from(table[*u as usize]);
                    live[*output] = live[*input].iter().map(value).collect();
                }
                Layer::Logits { input, weights } => {
                    let x = &live[*input];
                    return (written, (0..self.classes).map(|o| weights.apply(o, |k| x[k])).collect());
                }
            }
            written.extend(layer.output().map(|output| live[output].clone()));
        }
        unreachable!("a network ends with logits")
    }

    fn quantise(&self, noisy: &[i16]) -> Values {
        let s = &self.tensors[0];
        let pixels = s.height * s.width;
        let value = |(p, c): (usize, usize)| {
            let (mul, add) = self.rules[c];
            let m = i64::from(noisy[c * pixels + p]);
            ((m * i64::from(mul) + i64::from(add)) >> 16).clamp(0, s.top.into())
        };
        (0..pixels).flat_map(|p| (0..s.channels).map(move |c| (p, c))).map(value).collect()
    }

    fn conv(&self, conv: &Conv, live: &[Values]) -> Values {
        let (from, to) = (&self.tensors[conv.input], &self.tensors[conv.output]);
        let x = &live[conv.input];
        let residual = conv.residual.as_ref().map(|sum| self.scaled(sum, live));
        let mut y = Vec::new();
        for oy in 0..to.height {
            for ox in 0..to.width {
                for o in 0..to.channels {
                    let pixel = |k: usize| {
                        let (c, kw) = (k % from.channels, k / from.channels % conv.kernel[1]);
                        let kh = k / from.channels / conv.kernel[1];
                        let mut iy = (oy * conv.stride[0] + kh).checked_sub(conv.pad[0]);
                        let mut ix = (ox * conv.stride[1] + kw).checked_sub(conv.pad[1]);
                        if self.mirrored.contains(&conv.input) {
                            iy = Some(mirror(oy * conv.stride[0] + kh, conv.pad[0], from.height));
                            ix = Some(mirror(ox * conv.stride[1] + kw, conv.pad[1], from.width));
                        }
                        match (iy, ix) {
                            (Some(iy), Some(ix)) if iy < from.height && ix < from.width => {
                                x[(iy * from.width + ix) * from.channels + c]
                            }
                            _ => i64::from(from.zero_point),
                        }
                    };
                    let sum = conv.weights.apply(o, pixel) + residual.as_ref().map_or(0, |r| r[y.len()]);
                    y.push(finish(sum, to, conv.relu));
                }
            }
        }
        y
    }

    fn max_pool(&self, x: &Values, input: usize, output: usize, relu: bool) -> Values {
        let (from, to) = (&self.tensors[input], &self.tensors[output]);
        let mut y = Vec::new();
        for (row, column, c) in places(to) {
            let at = |i: usize| {
                let (row, column) = (2 * row + i / 2, 2 * column + i % 2);
                x[(row * from.width + column) * from.channels + c] - i64::from(from.zero_point)
            };
            y.push(finish((0..4).map(at).max().unwrap(), to, relu));
        }
        y
    }

    /// Operands: their tensor, and their values at the scale of the output.
    fn join(&self, operands: &[(usize, Values)], output: usize, relu: bool) -> Values {
        let to = &self.tensors[output];
        let mut y = Vec::new();
        for (row, column, c) in places(to) {
            let first = self.tensors[operands[0].0].channels;
            let ((tensor, values), c) = if c < first { (&operands[0], c) } else { (&operands[1], c - first) };
            let from = &self.tensors[*tensor];
            let (row, column) = (row * from.height / to.height, column * from.width / to.width);
            y.push(finish(values[(row * from.width + column) * from.channels + c], to, relu));
        }
        y
    }

    fn scaled(&self, sum: &Sum, live: &[Values]) -> Values {
        let zero_point = i64::from(self.tensors[sum.tensor].zero_point);
        let scale = |&u: &i64| (((u - zero_point) << sum.shift) * i64::from(sum.mul) + 0x4000) >> 15;
        live[sum.tensor].iter().map(scale).collect()
    }
}

impl Weights {
    /// Requantised sum of output `o` over values given by depth.
    fn apply(&self, o: usize, value: impl Fn(usize) -> i64) -> i64 {
        let depth = self.values.len() / self.bias.len();
        let w = &self.values[o * depth..][..depth];
        let acc: i64 = w.iter().enumerate().map(|(k, &w)| i64::from(w) * value(k)).sum();
        requant(acc + i64::from(self.bias[o]), self.pre[o], self.mul[o])
    }
}

/// Place `at - pad` in a row of `size` pixels that is mirrored at both ends, less than once.
fn mirror(at: usize, pad: usize, size: usize) -> usize {
    let at = at.abs_diff(pad);
    if at < size { at } else { 2 * (size - 1) - at }
}

/// Rows, columns and channels in the order of a tensor.
fn places(s: &Shape) -> impl Iterator<Item = (usize, usize, usize)> {
    let (width, channels) = (s.width, s.channels);
    (0..s.height * width * channels).map(move |i| (i / channels / width, i / channels % width, i % channels))
}

fn requant(acc: i64, pre: u8, mul: i16) -> i64 {
    assert!(i32::try_from(acc).is_ok(), "accumulator {acc} leaves i32");
    ((acc >> pre).clamp(-32768, 32767) * i64::from(mul) + 0x4000) >> 15
}

fn finish(sum: i64, to: &Shape, relu: bool) -> i64 {
    let zero_point = i64::from(to.zero_point);
    (sum + zero_point).clamp(if relu { zero_point } else { 0 }, to.top.into())
}

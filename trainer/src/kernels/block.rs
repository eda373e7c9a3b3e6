//! Convolution, batch normalisation, residual sum and ReLU as one operation, forward and backward.
//!
//! All images are NHWC, weights `[c_out, c_in, side, side]`. `y` is the convolution, and
//! `out = relu(gamma * (y - mean) / sqrt(variance + epsilon) + beta + residual)`, with the batch's
//! own mean and biased variance (Ioffe and Szegedy 2015, algorithm 1) or given ones, which are then
//! constants. Every sum has a fixed order, so results depend neither on the number of threads nor
//! on scheduling.

use super::plane::Plane;
use super::shape::ConvShape;
use super::tile::{CHANNEL_ALIGN, Correlation, Panels, convolve, lanes, panel_width};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Images whose weight gradients are summed by one task: fixed, so that the order of sums is.
const GROUP: usize = 8;

/// What `forward` returns beside the output, for `backward` and the running statistics.
#[derive(Debug, Clone)]
pub struct Normalized {
    /// The convolution before normalisation.
    pub y: Vec<f32>,
    /// The block's output.
    pub out: Vec<f32>,
    /// Batch mean per channel.
    pub mean: Vec<f32>,
    /// Biased batch variance per channel.
    pub variance: Vec<f32>,
}

/// Gradients of a block.
#[derive(Debug, Clone)]
pub struct Gradients {
    /// Of the input, if asked for.
    pub x: Option<Vec<f32>>,
    /// Of the weights.
    pub weight: Vec<f32>,
    /// Of gamma.
    pub gamma: Vec<f32>,
    /// Of beta.
    pub beta: Vec<f32>,
    /// Of the residual, if asked for.
    pub residual: Option<Vec<f32>>,
}

/// What `backward` reads.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a> {
    /// Block input.
    pub x: &'a [f32],
    /// Convolution weights.
    pub weight: &'a [f32],
    /// Scale of the normalisation.
    pub gamma: &'a [f32],
    /// From [`Normalized`].
    pub y: &'a [f32],
    /// From [`Normalized`].
    pub out: &'a [f32],
    /// From [`Normalized`].
    pub mean: &'a [f32],
    /// From [`Normalized`].
    pub variance: &'a [f32],
    /// Gradient of the output.
    pub grad: &'a [f32],
}

fn input_plane(shape: &ConvShape) -> Plane {
    let pad = shape.window.pad;
    Plane {
        rows: shape.height + 2 * pad,
        cols: shape.width + 2 * pad,
        channels: shape.c_in.next_multiple_of(CHANNEL_ALIGN),
        origin: pad,
        dilation: 1,
    }
}

/// The convolution alone: `[batch, out_height, out_width, c_out]`.
#[must_use]
pub fn convolution(shape: &ConvShape, x: &[f32], weight: &[f32]) -> Vec<f32> {
    let arch = Arch::new();
    let side = shape.window.side;
    let panels = Panels::pack(panel_width(shape.c_out, lanes(arch)), shape.c_out, shape.c_in, side, |o, i, r, c| {
        weight[((o * shape.c_in + i) * side + r) * side + c]
    });
    let plane = input_plane(shape);
    let mut y = vec![0.0; shape.batch * shape.out_len()];
    y.par_chunks_exact_mut(shape.out_len()).zip(x.par_chunks_exact(shape.in_len())).for_each_init(
        || plane.zeros(),
        |buffer, (y, x)| {
            plane.fill(x, shape.width, shape.c_in, buffer);
            let job = Convolve {
                plane: buffer,
                cols: plane.cols,
                stride: shape.window.stride,
                panels: &panels,
                out: y,
                out_cols: shape.out_width(),
            };
            arch.dispatch(job);
        },
    );
    y
}

struct Convolve<'a> {
    plane: &'a [f32],
    cols: usize,
    stride: usize,
    panels: &'a Panels,
    out: &'a mut [f32],
    out_cols: usize,
}

impl WithSimd for Convolve<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        convolve(simd, self.plane, self.cols, self.stride, self.panels, self.out, self.out_cols);
    }
}

/// Sums over one image of `f(i)` and `g(i)` per channel, in two precisions: f32 down a column of
/// pixels, f64 across.
struct Moments<'a> {
    channels: usize,
    row: usize,
    y: &'a [f32],
    gated: Option<Gate<'a>>,
}

/// The gradient after the ReLU's mask: `grad` where `out > 0`.
#[derive(Clone, Copy)]
struct Gate<'a> {
    grad: &'a [f32],
    out: &'a [f32],
    relu: bool,
}

impl WithSimd for Moments<'_> {
    type Output = Vec<[f64; 2]>;
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<[f64; 2]> {
        let mut first = vec![0.0f32; self.row];
        let mut second = vec![0.0f32; self.row];
        match self.gated {
            None => {
                for y in self.y.chunks_exact(self.row) {
                    for ((a, b), &y) in first.iter_mut().zip(&mut second).zip(y) {
                        *a += y;
                        *b += y * y;
                    }
                }
            }
            Some(gate) => {
                let rows = self.y.chunks_exact(self.row).zip(gate.grad.chunks_exact(self.row));
                for ((y, d), out) in rows.zip(gate.out.chunks_exact(self.row)) {
                    for ((((a, b), &y), &d), &out) in first.iter_mut().zip(&mut second).zip(y).zip(d).zip(out) {
                        let d = if gate.relu && out <= 0.0 { 0.0 } else { d };
                        *a += d;
                        *b += d * y;
                    }
                }
            }
        }
        let mut sums = vec![[0.0f64; 2]; self.channels];
        for (a, b) in first.chunks_exact(self.channels).zip(second.chunks_exact(self.channels)) {
            for ((s, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                s[0] += f64::from(a);
                s[1] += f64::from(b);
            }
        }
        sums
    }
}

fn add_up(parts: Vec<Vec<[f64; 2]>>, channels: usize) -> Vec<[f64; 2]> {
    let mut total = vec![[0.0f64; 2]; channels];
    for part in parts {
        for (t, p) in total.iter_mut().zip(part) {
            t[0] += p[0];
            t[1] += p[1];
        }
    }
    total
}

struct Affine<'a> {
    scale: &'a [f32],
    shift: &'a [f32],
    relu: bool,
    y: &'a [f32],
    residual: Option<&'a [f32]>,
    out: &'a mut [f32],
}

impl WithSimd for Affine<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let floor = if self.relu { 0.0 } else { f32::NEG_INFINITY };
        let row = self.scale.len();
        for (i, (out, y)) in self.out.chunks_exact_mut(row).zip(self.y.chunks_exact(row)).enumerate() {
            let affine = y.iter().zip(self.scale).zip(self.shift).map(|((&y, &a), &b)| y * a + b);
            match self.residual {
                None => out.iter_mut().zip(affine).for_each(|(o, v)| *o = v.max(floor)),
                Some(residual) => {
                    let residual = &residual[i * row..][..row];
                    out.iter_mut().zip(affine).zip(residual).for_each(|((o, v), &r)| *o = (v + r).max(floor));
                }
            }
        }
    }
}

/// `relu(y * scale + shift + residual)` per channel, over a batch.
#[must_use]
pub fn affine(
    shape: &ConvShape,
    y: &[f32],
    scale: &[f32],
    shift: &[f32],
    residual: Option<&[f32]>,
    relu: bool,
) -> Vec<f32> {
    let arch = Arch::new();
    let (scale, shift) = (scale.repeat(shape.out_width()), shift.repeat(shape.out_width()));
    let len = shape.out_len();
    let mut out = vec![0.0; y.len()];
    out.par_chunks_exact_mut(len).zip(y.par_chunks_exact(len)).enumerate().for_each(|(n, (out, y))| {
        let residual = residual.map(|r| &r[n * len..][..len]);
        arch.dispatch(Affine { scale: &scale, shift: &shift, relu, y, residual, out });
    });
    out
}

/// What a block computes besides its convolution.
#[derive(Debug, Clone, Copy)]
pub struct Tail {
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether a ReLU ends the block.
    pub relu: bool,
    /// Whether the statistics are the batch's own (training) or given constants.
    pub batch_statistics: bool,
}

/// Per-channel parameters of the normalisation.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// Scale.
    pub gamma: &'a [f32],
    /// Shift.
    pub beta: &'a [f32],
    /// Given mean, read unless the statistics are the batch's.
    pub mean: &'a [f32],
    /// Given variance, likewise.
    pub variance: &'a [f32],
}

/// Convolves, normalises, adds the residual and applies the ReLU.
#[must_use]
pub fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    norm: Norm,
    residual: Option<&[f32]>,
    tail: Tail,
) -> Normalized {
    let y = convolution(shape, x, weight);
    let moments: Vec<[f64; 2]> = if tail.batch_statistics {
        batch_moments(shape, &y)
    } else {
        norm.mean.iter().zip(norm.variance).map(|(&m, &v)| [f64::from(m), f64::from(v)]).collect()
    };
    let scale: Vec<f32> =
        moments.iter().zip(norm.gamma).map(|([_, v], &g)| (f64::from(g) / (v + tail.epsilon).sqrt()) as f32).collect();
    let shift: Vec<f32> = moments
        .iter()
        .zip(&scale)
        .zip(norm.beta)
        .map(|(([m, _], &s), &b)| (f64::from(b) - m * f64::from(s)) as f32)
        .collect();
    let out = affine(shape, &y, &scale, &shift, residual, tail.relu);
    Normalized {
        y,
        out,
        mean: moments.iter().map(|m| m[0] as f32).collect(),
        variance: moments.iter().map(|m| m[1] as f32).collect(),
    }
}

/// Mean and biased variance of every channel.
fn batch_moments(shape: &ConvShape, y: &[f32]) -> Vec<[f64; 2]> {
    let arch = Arch::new();
    let row = shape.out_width() * shape.c_out;
    let parts = y
        .par_chunks_exact(shape.out_len())
        .map(|y| arch.dispatch(Moments { channels: shape.c_out, row, y, gated: None }))
        .collect();
    let count = (y.len() / shape.c_out) as f64;
    let mean_and_variance = |[sum, squares]: [f64; 2]| {
        let mean = sum / count;
        [mean, (squares / count - mean * mean).max(0.0)]
    };
    add_up(parts, shape.c_out).into_iter().map(mean_and_variance).collect()
}

/// Gradients of [`forward`]; `want` says whether those of the input and the residual are needed.
#[must_use]
pub fn backward(shape: &ConvShape, saved: &Saved, tail: Tail, want: [bool; 2]) -> Gradients {
    let relu = tail.relu;
    let arch = Arch::new();
    let (len, row) = (shape.out_len(), shape.out_width() * shape.c_out);
    let parts = (0..shape.batch)
        .into_par_iter()
        .map(|n| {
            let image = n * len..(n + 1) * len;
            let gate = Gate { grad: &saved.grad[image.clone()], out: &saved.out[image.clone()], relu };
            arch.dispatch(Moments { channels: shape.c_out, row, y: &saved.y[image], gated: Some(gate) })
        })
        .collect();
    let sums = add_up(parts, shape.c_out);
    // dy = scale * (dz - mean(dz) - xhat * mean(dz * xhat)) = scale * dz + slope * y + offset, where
    // the last two terms are the batch statistics' and vanish for constant ones.
    let count = (shape.batch * len / shape.c_out) as f64;
    let mut grads = Gradients { x: None, weight: vec![], gamma: vec![], beta: vec![], residual: None };
    let mut line = [vec![], vec![], vec![]];
    for (c, [dz, dzy]) in sums.into_iter().enumerate() {
        let (mean, inv) = (f64::from(saved.mean[c]), 1.0 / (f64::from(saved.variance[c]) + tail.epsilon).sqrt());
        let gamma = inv * (dzy - mean * dz);
        grads.gamma.push(gamma as f32);
        grads.beta.push(dz as f32);
        let scale = f64::from(saved.gamma[c]) * inv;
        let slope = -scale * inv * gamma / count;
        line[0].push(scale as f32);
        let moving = if tail.batch_statistics { 1.0 } else { 0.0 };
        line[1].push((moving * slope) as f32);
        line[2].push((moving * (-scale * dz / count - slope * mean)) as f32);
    }
    let line = line.map(|l| l.repeat(shape.out_width()));
    convolution_backward(shape, saved, &line, relu, want, &mut grads);
    grads
}

/// The convolution's gradients, from those of its output made image by image.
fn convolution_backward(
    shape: &ConvShape,
    saved: &Saved,
    line: &[Vec<f32>; 3],
    relu: bool,
    want: [bool; 2],
    grads: &mut Gradients,
) {
    let arch = Arch::new();
    let side = shape.window.side;
    let lanes = lanes(arch);
    let padded = shape.c_out.next_multiple_of(panel_width(shape.c_out, lanes));
    let flipped = Panels::pack(panel_width(shape.c_in, lanes), shape.c_in, shape.c_out, side, |o, i, r, c| {
        saved.weight[((i * shape.c_in + o) * side + side - 1 - r) * side + side - 1 - c]
    });
    let input = input_plane(shape);
    let spread = Plane {
        rows: shape.height + side - 1,
        cols: shape.width + side - 1,
        channels: flipped.channels,
        origin: side - 1 - shape.window.pad,
        dilation: shape.window.stride,
    };
    let sums = Correlation {
        cols: input.cols,
        channels: input.channels,
        side,
        stride: shape.window.stride,
        out_cols: shape.out_width(),
        outputs: padded,
    };
    let (len, in_len) = (shape.out_len(), shape.in_len());
    let mut x_grad = vec![0.0; if want[0] { shape.batch * in_len } else { 0 }];
    let mut r_grad = vec![0.0; if want[1] { shape.batch * len } else { 0 }];
    let mut slots: Vec<(Option<&mut [f32]>, Option<&mut [f32]>)> = (0..shape.batch).map(|_| (None, None)).collect();
    slots.iter_mut().zip(x_grad.chunks_mut(in_len)).for_each(|(s, x)| s.0 = Some(x));
    slots.iter_mut().zip(r_grad.chunks_mut(len)).for_each(|(s, r)| s.1 = Some(r));
    let parts: Vec<Vec<f32>> = slots
        .par_chunks_mut(GROUP)
        .enumerate()
        .map(|(group, slots)| {
            let mut weight = vec![0.0; side * side * input.channels * padded];
            let (mut plane, mut spread_plane) = (input.zeros(), spread.zeros());
            let mut dy = vec![0.0; len];
            let mut dy_padded = vec![0.0; if padded == shape.c_out { 0 } else { len / shape.c_out * padded }];
            for (i, (x_grad, r_grad)) in slots.iter_mut().enumerate() {
                let n = group * GROUP + i;
                let image = n * len..(n + 1) * len;
                arch.dispatch(NormBackward {
                    line,
                    y: &saved.y[image.clone()],
                    gate: Gate { grad: &saved.grad[image.clone()], out: &saved.out[image], relu },
                    dy: &mut dy,
                    residual: r_grad.as_deref_mut(),
                });
                input.fill(&saved.x[n * in_len..][..in_len], shape.width, shape.c_in, &mut plane);
                if padded != shape.c_out {
                    for (to, from) in dy_padded.chunks_exact_mut(padded).zip(dy.chunks_exact(shape.c_out)) {
                        to[..shape.c_out].copy_from_slice(from);
                    }
                }
                let dy_wide = if padded == shape.c_out { &dy } else { &dy_padded };
                arch.dispatch(Correlate { sums, plane: &plane, dy: dy_wide, grad: &mut weight });
                if let Some(out) = x_grad.as_deref_mut() {
                    spread.fill(&dy, shape.out_width(), shape.c_out, &mut spread_plane);
                    arch.dispatch(Convolve {
                        plane: &spread_plane,
                        cols: spread.cols,
                        stride: 1,
                        panels: &flipped,
                        out,
                        out_cols: shape.width,
                    });
                }
            }
            weight
        })
        .collect();
    grads.weight = unpack(shape, &parts, input.channels, padded);
    grads.x = want[0].then_some(x_grad);
    grads.residual = want[1].then_some(r_grad);
}

/// Adds the groups' `[side][side][channels][outputs]` sums into `[c_out, c_in, side, side]`.
fn unpack(shape: &ConvShape, parts: &[Vec<f32>], channels: usize, outputs: usize) -> Vec<f32> {
    let side = shape.window.side;
    let mut weight = Vec::with_capacity(shape.weight_len());
    for o in 0..shape.c_out {
        for i in 0..shape.c_in {
            for k in 0..side * side {
                weight.push(parts.iter().map(|p| p[(k * channels + i) * outputs + o]).sum());
            }
        }
    }
    weight
}

struct Correlate<'a> {
    sums: Correlation,
    plane: &'a [f32],
    dy: &'a [f32],
    grad: &'a mut [f32],
}

impl WithSimd for Correlate<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.sums.accumulate(simd, self.plane, self.dy, self.grad);
    }
}

/// `dy = scale * dz + slope * y + offset`, with `dz` the gated gradient, which is the residual's.
struct NormBackward<'a> {
    line: &'a [Vec<f32>; 3],
    y: &'a [f32],
    gate: Gate<'a>,
    dy: &'a mut [f32],
    residual: Option<&'a mut [f32]>,
}

impl WithSimd for NormBackward<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [scale, slope, offset] = self.line;
        let (row, relu) = (scale.len(), self.gate.relu);
        let inputs = self.y.chunks_exact(row).zip(self.gate.grad.chunks_exact(row)).zip(self.gate.out.chunks_exact(row));
        for (dy, ((y, d), out)) in self.dy.chunks_exact_mut(row).zip(inputs) {
            let line = scale.iter().zip(slope).zip(offset);
            for ((((dy, ((&a, &b), &c)), &y), &d), &out) in dy.iter_mut().zip(line).zip(y).zip(d).zip(out) {
                let d = if relu && out <= 0.0 { 0.0 } else { d };
                *dy = a * d + b * y + c;
            }
        }
        if let Some(residual) = self.residual {
            for ((r, &d), &out) in residual.iter_mut().zip(self.gate.grad).zip(self.gate.out) {
                *r = if relu && out <= 0.0 { 0.0 } else { d };
            }
        }
    }
}

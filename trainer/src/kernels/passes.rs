//! Normalisation, residual sum and ReLU: passes over one image each, and over a batch.

use super::memory::zeros;
use super::shape::ConvShape;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Two sums over one image for every channel: of `y` and `y^2`, or of the gated gradient `dz` and
/// `dz * y`. In f32 down a column of pixels, in f64 across.
pub(super) struct Moments<'a> {
    /// Channels.
    pub(super) channels: usize,
    /// Values of a row of pixels.
    pub(super) row: usize,
    /// The convolution's output.
    pub(super) y: &'a [f32],
    /// The gradient, for the second kind of sums.
    pub(super) gated: Option<Gate<'a>>,
}

/// The gradient after the ReLU's mask: `grad` where `out > 0`.
#[derive(Clone, Copy)]
pub(super) struct Gate<'a> {
    /// Gradient of the block's output.
    pub(super) grad: &'a [f32],
    /// The block's output.
    pub(super) out: &'a [f32],
    /// Whether there is a ReLU at all.
    pub(super) relu: bool,
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
                    for ((((a, b), &y), &d), &out) in first.iter_mut().zip(&mut second).zip(y).zip(d).zip(out)
                    {
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

/// Adds the images' sums in their order.
pub(super) fn add_up(parts: Vec<Vec<[f64; 2]>>, channels: usize) -> Vec<[f64; 2]> {
    let mut total = vec![[0.0f64; 2]; channels];
    for part in parts {
        for (t, p) in total.iter_mut().zip(part) {
            t[0] += p[0];
            t[1] += p[1];
        }
    }
    total
}

/// `relu(y * scale + shift + residual)` of one image; `scale` and `shift` span a row of pixels.
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
pub(super) fn affine(
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
    let mut out = zeros(y.len());
    out.par_chunks_exact_mut(len).zip(y.par_chunks_exact(len)).enumerate().for_each(|(n, (out, y))| {
        let residual = residual.map(|r| &r[n * len..][..len]);
        arch.dispatch(Affine { scale: &scale, shift: &shift, relu, y, residual, out });
    });
    out
}

/// Mean and biased variance of every channel.
pub(super) fn batch_moments(shape: &ConvShape, y: &[f32]) -> Vec<[f64; 2]> {
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

/// `dy = scale * dz + slope * y + offset`, with `dz` the gated gradient, which is the residual's.
pub(super) struct NormBackward<'a> {
    /// Scale, slope and offset, each spanning a row of pixels.
    pub(super) line: &'a [Vec<f32>; 3],
    /// The convolution's output.
    pub(super) y: &'a [f32],
    /// What `dz` is made from.
    pub(super) gate: Gate<'a>,
    /// Written: the gradient of the convolution's output.
    pub(super) dy: &'a mut [f32],
    /// Written: the residual's gradient.
    pub(super) residual: Option<&'a mut [f32]>,
}

impl WithSimd for NormBackward<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [scale, slope, offset] = self.line;
        let (row, relu) = (scale.len(), self.gate.relu);
        let inputs = self
            .y
            .chunks_exact(row)
            .zip(self.gate.grad.chunks_exact(row))
            .zip(self.gate.out.chunks_exact(row));
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

//! Convolution, batch normalisation, residual sum and ReLU as one operation, forward and backward.
//!
//! All images are NHWC, weights `[c_out, c_in, side, side]`. `y` is the convolution, and
//! `out = relu(gamma * (y - mean) / sqrt(variance + epsilon) + beta + residual)`, with the batch's
//! own mean and biased variance (Ioffe and Szegedy 2015, algorithm 1) or given ones, which are then
//! constants. Every sum has a fixed order, so results depend neither on the number of threads nor
//! on scheduling.

use super::convolution::{Backward, Scratch, convolution};
use super::memory::zeros;
use super::passes::{Gate, Moments, NormBackward, add_up, affine, batch_moments};
use super::shape::ConvShape;
use pulp::Arch;
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
    /// Of the weights, if asked for.
    pub weight: Option<Vec<f32>>,
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
    let scale: Vec<f32> = moments
        .iter()
        .zip(norm.gamma)
        .map(|([_, v], &g)| (f64::from(g) / (v + tail.epsilon).sqrt()) as f32)
        .collect();
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

/// Which gradients are needed; those of gamma and beta come with any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// That of the input.
    pub x: bool,
    /// That of the weights.
    pub weight: bool,
    /// That of the residual.
    pub residual: bool,
}

/// The wanted gradients of [`forward`].
#[must_use]
pub fn backward(shape: &ConvShape, saved: &Saved, tail: Tail, want: Want) -> Gradients {
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
    let mut grads = Gradients { x: None, weight: None, gamma: vec![], beta: vec![], residual: None };
    let mut line = [vec![], vec![], vec![]];
    for (c, [dz, dzy]) in sums.into_iter().enumerate() {
        let (mean, inv) =
            (f64::from(saved.mean[c]), 1.0 / (f64::from(saved.variance[c]) + tail.epsilon).sqrt());
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
    convolution_backward(shape, saved, (&line, relu), want, &mut grads);
    grads
}

/// Where one image's gradients go, of the input and of the residual.
type Slot<'a> = (Option<&'a mut [f32]>, Option<&'a mut [f32]>);

/// The convolution's gradients, from those of its output made image by image.
fn convolution_backward(
    shape: &ConvShape,
    saved: &Saved,
    (line, relu): (&[Vec<f32>; 3], bool),
    want: Want,
    grads: &mut Gradients,
) {
    let arch = Arch::new();
    let (len, in_len) = (shape.out_len(), shape.in_len());
    let mut x_grad = zeros(if want.x { shape.batch * in_len } else { 0 });
    let mut r_grad = zeros(if want.residual { shape.batch * len } else { 0 });
    let mut slots: Vec<Slot> = (0..shape.batch).map(|_| (None, None)).collect();
    slots.iter_mut().zip(x_grad.chunks_mut(in_len)).for_each(|(s, x)| s.0 = Some(x));
    slots.iter_mut().zip(r_grad.chunks_mut(len)).for_each(|(s, r)| s.1 = Some(r));
    let convolution = Backward::new(shape, saved.weight, want.weight);
    let task = |(group, slots): (usize, &mut [Slot])| {
        let mut scratch = convolution.scratch();
        let mut dy = vec![0.0; len];
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
            convolution.image(&saved.x[n * in_len..][..in_len], &dy, x_grad.as_deref_mut(), &mut scratch);
        }
        scratch
    };
    let parts: Vec<Scratch> = slots.par_chunks_mut(GROUP).enumerate().map(task).collect();
    grads.weight = want.weight.then(|| convolution.weight(&parts));
    grads.x = want.x.then_some(x_grad);
    grads.residual = want.residual.then_some(r_grad);
}

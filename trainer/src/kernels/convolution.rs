//! Convolution of a batch, and its gradients image by image.

use super::memory::zeros;
use super::plane::Plane;
use super::shape::ConvShape;
use super::tile::{CHANNEL_ALIGN, Correlation, Panels, convolve, lanes, panel_width};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// The input with its border.
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
    let panels =
        Panels::pack(panel_width(shape.c_out, lanes(arch)), shape.c_out, shape.c_in, side, |o, i, r, c| {
            weight[((o * shape.c_in + i) * side + r) * side + c]
        });
    let plane = input_plane(shape);
    let mut y = zeros(shape.batch * shape.out_len());
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

/// Both gradients of a convolution: everything that does not depend on the image.
pub(super) struct Backward {
    shape: ConvShape,
    /// Whether the weight gradient is wanted.
    weighted: bool,
    /// Weights of the x-gradient: a stride-1 convolution of the spread-out `dy` with the kernel
    /// turned by 180 degrees, inputs and outputs exchanged.
    flipped: Panels,
    input: Plane,
    /// `dy` with zeros between its pixels, one for every skipped window, and a border.
    spread: Plane,
    /// `dy` with channels padded to whole panels.
    wide: Plane,
    sums: Correlation,
}

/// Buffers and the weight gradient of one task.
pub(super) struct Scratch {
    input: Vec<f32>,
    spread: Vec<f32>,
    wide: Vec<f32>,
    /// `[side][side][channels][outputs]`, both padded.
    weight: Vec<f32>,
}

impl Backward {
    /// Packs `weight`, `[c_out, c_in, side, side]`; `weighted` says whether its gradient is wanted.
    pub(super) fn new(shape: &ConvShape, weight: &[f32], weighted: bool) -> Self {
        let (side, lanes) = (shape.window.side, lanes(Arch::new()));
        let outputs = shape.c_out.next_multiple_of(panel_width(shape.c_out, lanes));
        let flipped =
            Panels::pack(panel_width(shape.c_in, lanes), shape.c_in, shape.c_out, side, |o, i, r, c| {
                weight[((i * shape.c_in + o) * side + side - 1 - r) * side + side - 1 - c]
            });
        let input = input_plane(shape);
        let spread = Plane {
            rows: shape.height + side - 1,
            cols: shape.width + side - 1,
            channels: flipped.channels,
            origin: side - 1 - shape.window.pad,
            dilation: shape.window.stride,
        };
        let (rows, cols) = (shape.out_height(), shape.out_width());
        let wide = Plane { rows, cols, channels: outputs, origin: 0, dilation: 1 };
        let sums = Correlation {
            cols: input.cols,
            channels: input.channels,
            side,
            stride: shape.window.stride,
            out_cols: cols,
            outputs,
        };
        Self { shape: *shape, weighted, flipped, input, spread, wide, sums }
    }

    /// Buffers for a task.
    pub(super) fn scratch(&self) -> Scratch {
        let side = self.shape.window.side;
        Scratch {
            input: self.input.zeros(),
            spread: self.spread.zeros(),
            wide: self.wide.zeros(),
            weight: vec![0.0; side * side * self.input.channels * self.wide.channels],
        }
    }

    /// Adds the weight gradient of image `x` with output gradient `dy` to `scratch` and writes the
    /// gradient of `x`, each if asked for.
    pub(super) fn image(&self, x: &[f32], dy: &[f32], x_grad: Option<&mut [f32]>, scratch: &mut Scratch) {
        let (arch, shape) = (Arch::new(), &self.shape);
        if self.weighted {
            self.input.fill(x, shape.width, shape.c_in, &mut scratch.input);
            let dense = self.wide.channels == shape.c_out;
            if !dense {
                self.wide.fill(dy, shape.out_width(), shape.c_out, &mut scratch.wide);
            }
            let wide = if dense { dy } else { &scratch.wide };
            let (plane, grad) = (&scratch.input, &mut scratch.weight);
            arch.dispatch(Correlate { sums: self.sums, plane, dy: wide, grad });
        }
        if let Some(out) = x_grad {
            self.spread.fill(dy, shape.out_width(), shape.c_out, &mut scratch.spread);
            let (plane, cols) = (&scratch.spread, self.spread.cols);
            let out_cols = shape.width;
            arch.dispatch(Convolve { plane, cols, stride: 1, panels: &self.flipped, out, out_cols });
        }
    }

    /// The tasks' weight gradients added in their order, `[c_out, c_in, side, side]`.
    pub(super) fn weight(&self, parts: &[Scratch]) -> Vec<f32> {
        let shape = &self.shape;
        let side = shape.window.side;
        let mut weight = Vec::with_capacity(shape.weight_len());
        for o in 0..shape.c_out {
            for i in 0..shape.c_in {
                for k in 0..side * side {
                    let at = (k * self.input.channels + i) * self.wide.channels + o;
                    weight.push(parts.iter().map(|p| p.weight[at]).sum());
                }
            }
        }
        weight
    }
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

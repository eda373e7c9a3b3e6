//! Register-tiled multiply-accumulate kernels, generic over the instruction set through `pulp`.
//!
//! A *plane* is one NHWC image laid out with its border: `[rows, cols, channels]`, channels a
//! multiple of [`CHANNEL_ALIGN`] and zero where they exceed the image's own.

use pulp::Simd;

/// Channels of a plane are padded to a multiple of this.
pub const CHANNEL_ALIGN: usize = 4;

/// Output channels of one weight panel: two vectors when the layer is wide enough to fill them.
#[inline(always)]
pub fn panel_width(channels: usize, lanes: usize) -> usize {
    if channels > lanes { 2 * lanes } else { lanes }
}

/// Vector lanes of the instruction set in use.
pub fn lanes(arch: pulp::Arch) -> usize {
    struct Lanes;
    impl pulp::WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    arch.dispatch(Lanes)
}

#[inline(always)]
fn load<S: Simd>(from: &[f32]) -> S::f32s {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&from[..S::F32_LANES]))
}

#[inline(always)]
fn store<S: Simd>(to: &mut [f32], value: S::f32s) {
    bytemuck::cast_slice_mut(&mut to[..S::F32_LANES]).copy_from_slice(bytemuck::bytes_of(&value));
}

/// Weights as panels `[ceil(outputs / width)][side][side * channels][width]`, zero where padded.
#[derive(Debug, Clone)]
pub struct Panels {
    /// Panel values.
    pub data: Vec<f32>,
    /// Output channels a panel holds.
    pub width: usize,
    /// Output channels in all.
    pub outputs: usize,
    /// Kernel side.
    pub side: usize,
    /// Plane channels.
    pub channels: usize,
}

impl Panels {
    /// Packs `weight(output, input, row, column)`; inputs from `inputs` to `channels` are padding.
    pub fn pack(
        width: usize,
        outputs: usize,
        inputs: usize,
        side: usize,
        weight: impl Fn(usize, usize, usize, usize) -> f32,
    ) -> Self {
        let channels = inputs.next_multiple_of(CHANNEL_ALIGN);
        let run = side * channels;
        let mut data = vec![0.0; outputs.div_ceil(width) * side * run * width];
        for o in 0..outputs {
            let panel = o / width * side * run * width;
            for row in 0..side {
                for col in 0..side {
                    for i in 0..inputs {
                        let at = panel + (row * run + col * channels + i) * width + o % width;
                        data[at] = weight(o, i, row, col);
                    }
                }
            }
        }
        Self { data, width, outputs, side, channels }
    }
}

/// Convolves a plane of `cols` columns with `panels`; writes `[out_rows, out_cols, outputs]`.
#[inline(always)]
pub fn convolve<S: Simd>(
    simd: S,
    plane: &[f32],
    cols: usize,
    stride: usize,
    panels: &Panels,
    out: &mut [f32],
    out_cols: usize,
) {
    let one = panels.width == S::F32_LANES;
    let step = stride * panels.channels;
    let job = Rows { simd, plane, pitch: cols * panels.channels, stride, step, panels, out_cols };
    // Constant pixel steps let the compiler drop every bounds check of the inner loop.
    let long = (panels.side * panels.channels).is_multiple_of(16);
    match (step, one) {
        (16, true) if long => job.run::<16, 1, 16, 16>(out),
        (32, true) if long => job.run::<16, 1, 32, 16>(out),
        (4, true) => job.run::<16, 1, 4, 4>(out),
        (16, false) if long => job.run::<8, 2, 16, 16>(out),
        (32, false) if long => job.run::<8, 2, 32, 16>(out),
        (64, false) if long => job.run::<8, 2, 64, 16>(out),
        (_, true) => job.run::<4, 1, 0, 4>(out),
        (_, false) => job.run::<4, 2, 0, 4>(out),
    }
}

struct Rows<'a, S> {
    simd: S,
    plane: &'a [f32],
    pitch: usize,
    stride: usize,
    step: usize,
    panels: &'a Panels,
    out_cols: usize,
}

impl<S: Simd> Rows<'_, S> {
    /// Tiles of `T` pixels by `R` vectors; `STEP` floats between pixels (0: `self.step`), `J`
    /// products a turn of the inner loop.
    #[inline(always)]
    fn run<const T: usize, const R: usize, const STEP: usize, const J: usize>(&self, out: &mut [f32]) {
        let panel_len = self.panels.side * self.panels.side * self.panels.channels * self.panels.width;
        for (p, panel) in self.panels.data.chunks_exact(panel_len).enumerate() {
            let first = p * self.panels.width;
            for (y, row) in out.chunks_exact_mut(self.out_cols * self.panels.outputs).enumerate() {
                let base = y * self.stride * self.pitch;
                let mut x = 0;
                while x + T <= self.out_cols {
                    self.tile::<T, R, STEP, J>(base + x * self.step, panel, first, x, row);
                    x += T;
                }
                while x < self.out_cols {
                    self.tile::<1, R, STEP, J>(base + x * self.step, panel, first, x, row);
                    x += 1;
                }
            }
        }
    }

    #[inline(always)]
    fn tile<const T: usize, const R: usize, const STEP: usize, const J: usize>(
        &self,
        base: usize,
        panel: &[f32],
        first: usize,
        x: usize,
        row: &mut [f32],
    ) {
        let simd = self.simd;
        let step = if STEP == 0 { self.step } else { STEP };
        let run = self.panels.side * self.panels.channels;
        let mut acc = [[simd.splat_f32s(0.0); R]; T];
        for (k, weights) in panel.chunks_exact(run * R * S::F32_LANES).enumerate() {
            let line = &self.plane[base + k * self.pitch..];
            for (j, w) in weights.chunks_exact(J * R * S::F32_LANES).enumerate() {
                let pixels = &line[j * J..][..(T - 1) * step + J];
                for i in 0..J {
                    let mut wv = [simd.splat_f32s(0.0); R];
                    for (r, v) in wv.iter_mut().enumerate() {
                        *v = load::<S>(&w[(i * R + r) * S::F32_LANES..]);
                    }
                    for (t, a) in acc.iter_mut().enumerate() {
                        let value = simd.splat_f32s(pixels[t * step + i]);
                        for (a, w) in a.iter_mut().zip(wv) {
                            *a = simd.mul_add_e_f32s(value, w, *a);
                        }
                    }
                }
            }
        }
        for (t, a) in acc.iter().enumerate() {
            for (r, &v) in a.iter().enumerate() {
                let channel = first + r * S::F32_LANES;
                let left = self.panels.outputs.saturating_sub(channel).min(S::F32_LANES);
                let to = &mut row[(x + t) * self.panels.outputs + channel.min(self.panels.outputs)..][..left];
                if left == S::F32_LANES { store::<S>(to, v) } else { simd.partial_store_f32s(to, v) }
            }
        }
    }
}

/// Adds the weight gradient of one image: `grad[side][side][channels][outputs]` += plane x dy.
///
/// `outputs` is a multiple of the vector width (`panel_width`), as is `dy`'s last dimension.
#[derive(Debug, Clone, Copy)]
pub struct Correlation {
    /// Columns of the plane.
    pub cols: usize,
    /// Plane channels, a multiple of [`CHANNEL_ALIGN`].
    pub channels: usize,
    /// Kernel side.
    pub side: usize,
    /// Step between windows.
    pub stride: usize,
    /// Columns of `dy`.
    pub out_cols: usize,
    /// Padded channels of `dy` and `grad`.
    pub outputs: usize,
}

impl Correlation {
    /// Runs it over one image; `dy` is `[out_rows, out_cols, outputs]`.
    #[inline(always)]
    pub fn accumulate<S: Simd>(&self, simd: S, plane: &[f32], dy: &[f32], grad: &mut [f32]) {
        let one = panel_width(self.outputs, S::F32_LANES) == S::F32_LANES;
        match (self.channels.is_multiple_of(16), self.channels.is_multiple_of(8), one) {
            (true, _, true) => self.run::<S, 16, 1>(simd, plane, dy, grad),
            (_, true, false) => self.run::<S, 8, 2>(simd, plane, dy, grad),
            (_, _, true) => self.run::<S, 4, 1>(simd, plane, dy, grad),
            (_, _, false) => self.run::<S, 4, 2>(simd, plane, dy, grad),
        }
    }

    #[inline(always)]
    fn run<S: Simd, const C: usize, const R: usize>(
        &self,
        simd: S,
        plane: &[f32],
        dy: &[f32],
        grad: &mut [f32],
    ) {
        let width = R * S::F32_LANES;
        for row in 0..self.side {
            for col in 0..self.side {
                for c in (0..self.channels).step_by(C) {
                    for o in (0..self.outputs).step_by(width) {
                        let at = ((row * self.side + col) * self.channels + c) * self.outputs + o;
                        let offset = (row * self.cols + col) * self.channels + c;
                        self.tile::<S, C, R>(simd, &plane[offset..], &dy[o..], &mut grad[at..]);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const C: usize, const R: usize>(
        &self,
        simd: S,
        plane: &[f32],
        dy: &[f32],
        grad: &mut [f32],
    ) {
        let mut acc = [[simd.splat_f32s(0.0); R]; C];
        let (step, dy_row) = (self.stride * self.channels, self.out_cols * self.outputs);
        for (y, dy) in dy.chunks(dy_row).enumerate() {
            let line = &plane[y * self.stride * self.cols * self.channels..];
            for x in 0..self.out_cols {
                let values = &line[x * step..][..C];
                let grads = &dy[x * self.outputs..][..R * S::F32_LANES];
                let mut g = [simd.splat_f32s(0.0); R];
                for (r, v) in g.iter_mut().enumerate() {
                    *v = load::<S>(&grads[r * S::F32_LANES..]);
                }
                for (a, &value) in acc.iter_mut().zip(values) {
                    let value = simd.splat_f32s(value);
                    for (a, g) in a.iter_mut().zip(g) {
                        *a = simd.mul_add_e_f32s(value, g, *a);
                    }
                }
            }
        }
        for (c, a) in acc.iter().enumerate() {
            for (r, &v) in a.iter().enumerate() {
                let to = &mut grad[c * self.outputs + r * S::F32_LANES..];
                let sum = simd.add_f32s(load::<S>(to), v);
                store::<S>(to, sum);
            }
        }
    }
}

//! Kernels against the definition, finite differences and themselves.

#![allow(clippy::unwrap_used)]

use super::block::{Gradients, Norm, Saved, Tail, Want, backward, forward};
use super::convolution::convolution;
use super::shape::{ConvShape, Window};
use crate::random::{Normals, Stream, stream};

fn normals(count: usize, index: u32) -> Vec<f32> {
    let mut random = Normals::new(stream(7, Stream::Evaluation { index }));
    (0..count).map(|_| random.draw()).collect()
}

fn shape([c_in, c_out]: [usize; 2], [height, width]: [usize; 2], side: usize, stride: usize) -> ConvShape {
    ConvShape { batch: 3, height, width, c_in, c_out, window: Window { side, stride, pad: side / 2 } }
}

/// Every tile: vector counts, constant and dynamic steps, remainders, padded channels.
fn shapes() -> Vec<ConvShape> {
    vec![
        shape([3, 16], [9, 20], 3, 1),
        shape([16, 16], [6, 17], 3, 1),
        shape([16, 32], [8, 8], 3, 2),
        shape([16, 32], [8, 7], 1, 2),
        shape([32, 64], [5, 9], 3, 1),
        shape([64, 10], [4, 8], 3, 1),
        shape([5, 7], [9, 6], 3, 2),
        shape([1, 16], [9, 8], 5, 1),
        ConvShape { window: Window { side: 3, stride: 2, pad: 0 }, ..shape([16, 8], [9, 8], 3, 2) },
    ]
}

/// The definition, in f64.
fn reference(s: &ConvShape, x: &[f32], w: &[f32]) -> Vec<f32> {
    let (k, pad) = (s.window.side, s.window.pad as isize);
    let mut y = vec![];
    for n in 0..s.batch {
        for (i, j) in (0..s.out_height()).flat_map(|i| (0..s.out_width()).map(move |j| (i, j))) {
            for o in 0..s.c_out {
                let mut sum = 0.0f64;
                for (r, c) in (0..k).flat_map(|r| (0..k).map(move |c| (r, c))) {
                    let row = (i * s.window.stride + r) as isize - pad;
                    let col = (j * s.window.stride + c) as isize - pad;
                    if row < 0 || col < 0 || row >= s.height as isize || col >= s.width as isize {
                        continue;
                    }
                    let at = ((n * s.height + row as usize) * s.width + col as usize) * s.c_in;
                    for i in 0..s.c_in {
                        sum += f64::from(x[at + i]) * f64::from(w[((o * s.c_in + i) * k + r) * k + c]);
                    }
                }
                y.push(sum as f32);
            }
        }
    }
    y
}

#[test]
fn convolution_is_its_definition() {
    for s in shapes() {
        let (x, w) = (normals(s.batch * s.in_len(), 0), normals(s.weight_len(), 1));
        for (a, b) in convolution(&s, &x, &w).iter().zip(reference(&s, &x, &w)) {
            assert!((a - b).abs() < 1e-4, "{s:?}: {a} {b}");
        }
    }
}

/// A block's tensors: x, weight, gamma, beta, residual, and what the output is multiplied by.
fn tensors(s: &ConvShape) -> [Vec<f32>; 6] {
    let out = s.batch * s.out_len();
    let sizes = [s.batch * s.in_len(), s.weight_len(), s.c_out, s.c_out, out, out];
    let mut index = 9;
    sizes.map(|n| {
        index += 1;
        normals(n, index)
    })
}

fn run(s: &ConvShape, t: &[Vec<f32>; 6], tail: Tail) -> super::block::Normalized {
    let fixed = (vec![0.1; s.c_out], vec![1.5; s.c_out]);
    let norm = Norm { gamma: &t[2], beta: &t[3], mean: &fixed.0, variance: &fixed.1 };
    forward(s, &t[0], &t[1], norm, Some(&t[4]), tail)
}

fn gradients(s: &ConvShape, t: &[Vec<f32>; 6], tail: Tail) -> Gradients {
    let n = run(s, t, tail);
    let saved = Saved {
        x: &t[0],
        weight: &t[1],
        gamma: &t[2],
        y: &n.y,
        out: &n.out,
        mean: &n.mean,
        variance: &n.variance,
        grad: &t[5],
    };
    backward(s, &saved, tail, Want { x: true, weight: true, residual: true })
}

/// Central differences of `sum(out * factor)`, which is smooth without the ReLU.
#[test]
fn gradients_are_finite_differences() {
    for (s, batch_statistics) in shapes().into_iter().zip([true, false].into_iter().cycle()) {
        let tail = Tail { epsilon: 1e-5, relu: false, batch_statistics };
        let mut t = tensors(&s);
        let g = gradients(&s, &t, tail);
        let analytic = [g.x.unwrap(), g.weight.unwrap(), g.gamma, g.beta, g.residual.unwrap()];
        for (tensor, analytic) in analytic.iter().enumerate() {
            let scale = analytic.iter().fold(0.0f64, |m, &v| m.max(f64::from(v).abs()));
            for at in (0..analytic.len()).step_by(analytic.len().div_ceil(4)) {
                let (h, original) = (2e-2f32, t[tensor][at]);
                let mut loss = |value: f32| {
                    t[tensor][at] = value;
                    let out = run(&s, &t, tail).out;
                    out.iter().zip(&t[5]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
                };
                let numeric = (loss(original + h) - loss(original - h)) / (2.0 * f64::from(h));
                loss(original);
                let error = (numeric - f64::from(analytic[at])).abs() / scale;
                assert!(error < 1e-2, "{s:?} tensor {tensor} at {at}: {numeric} {}", analytic[at]);
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let s = ConvShape { batch: 19, ..shape([16, 32], [8, 8], 3, 2) };
    let tail = Tail { epsilon: 1e-5, relu: true, batch_statistics: true };
    let t = tensors(&s);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (run(&s, &t, tail).out, gradients(&s, &t, tail)))
    };
    let ((out1, g1), (out3, g3)) = (with(1), with(3));
    assert_eq!(out1, out3);
    assert_eq!((g1.x, g1.weight, g1.gamma), (g3.x, g3.weight, g3.gamma));
}

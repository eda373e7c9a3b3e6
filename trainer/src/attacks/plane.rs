//! The nearest point of a plane within the box `[0, 1]`.

use super::ball::Norm;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

/// For each image the point of the box nearest to it, in `norm`, at which the linear function that is `gaps` at the image
/// and has gradient `slope` is 0; where it is 0 nowhere in the box, the corner at which it comes nearest to 0.
pub(super) fn nearest(norm: Norm, images: &Tensor<4>, slope: &Tensor<4>, gaps: &[f32]) -> Tensor<4> {
    let (dims, device) = (images.dims(), images.device());
    let each = (dims[1] * dims[2] * dims[3]).max(1);
    let host = |t: &Tensor<4>| t.clone().into_data().iter::<f32>().collect::<Vec<f32>>();
    let (mut x, slope) = (host(images), host(slope));
    x.par_chunks_mut(each)
        .zip(slope.par_chunks(each))
        .zip(gaps)
        .for_each(|((x, w), gap)| to_plane(norm, x, w, *gap));
    Tensor::from_data(TensorData::new(x, dims), &device)
}

/// Moves every value towards the plane at the speed that is best in `norm` (alike, or in proportion to its slope), until the
/// plane is met; a value that meets the box stays there. That is the solution of the dual problem, whose only unknown is the
/// time.
fn to_plane(norm: Norm, x: &mut [f32], slope: &[f32], gap: f32) {
    let way = -f64::from(gap.signum());
    let speed = |w: f64| if norm == Norm::Linf { way * w.signum() } else { way * w };
    let end = |x: f64, speed: f64| if speed > 0.0 { (1.0 - x) / speed } else { x / -speed };
    let mut stops: Vec<(f64, f64)> = x
        .iter()
        .zip(slope)
        .filter(|(_, w)| **w != 0.0)
        .map(|(x, w)| {
            let (w, speed) = (f64::from(*w), speed(f64::from(*w)));
            (end(f64::from(*x), speed), (w * speed).abs())
        })
        .collect();
    stops.sort_by(|a, b| a.0.total_cmp(&b.0));
    let time = meeting(&stops, f64::from(gap.abs()));
    for (x, w) in x.iter_mut().zip(slope).filter(|(_, w)| **w != 0.0) {
        let speed = speed(f64::from(*w));
        let at = f64::from(*x);
        *x = (at + speed * time.min(end(at, speed))).clamp(0.0, 1.0) as f32;
    }
}

/// When a sum has grown to `height`, whose parts grow at their rates until their ends; `stops` are (end, rate), in order.
fn meeting(stops: &[(f64, f64)], height: f64) -> f64 {
    let mut rate: f64 = stops.iter().map(|s| s.1).sum();
    let (mut now, mut left) = (0.0, height);
    for (end, own) in stops {
        let gain = rate * (end - now);
        if gain >= left {
            return now + left / rate.max(f64::MIN_POSITIVE);
        }
        left -= gain;
        rate -= own;
        now = *end;
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Normals, Stream, stream};

    /// The distance from `x` at which the box of half-width t (Linf) or the point of time t (L2) first meets the plane,
    /// by bisection over the points `clip(x + t v)`: nothing is sorted or summed up piece by piece.
    fn by_bisection(norm: Norm, x: &[f32], w: &[f32], gap: f32) -> Vec<f64> {
        let at = |t: f64| -> Vec<f64> {
            let push = |(x, w): (&f32, &f32)| {
                let w = f64::from(*w);
                let v = if norm == Norm::Linf && w != 0.0 { w.signum() } else { w };
                (f64::from(*x) - f64::from(gap.signum()) * t * v).clamp(0.0, 1.0)
            };
            x.iter().zip(w).map(push).collect()
        };
        let height = |z: &[f64]| -> f64 {
            let parts = z.iter().zip(x).zip(w).map(|((z, x), w)| (z - f64::from(*x)) * f64::from(*w));
            f64::from(gap) + parts.sum::<f64>()
        };
        let (mut low, mut high) = (0.0, 1e6);
        for _ in 0..200 {
            let mid = 0.5 * (low + high);
            if height(&at(mid)).signum() == f64::from(gap.signum()) { low = mid } else { high = mid }
        }
        at(high)
    }

    /// Random points of the plane and the box are never nearer.
    fn beats_random_points(norm: Norm, x: &[f32], w: &[f32], z: &[f32], random: &mut Normals) {
        let length = |z: &[f32]| -> f64 {
            let parts = z.iter().zip(x).map(|(z, x)| f64::from(z - x).abs());
            if norm == Norm::Linf {
                parts.fold(0.0, f64::max)
            } else {
                parts.map(|d| d * d).sum::<f64>().sqrt()
            }
        };
        let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum() };
        let best = length(z);
        for _ in 0..200 {
            let direction: Vec<f32> = z.iter().map(|_| random.draw()).collect();
            let off = dot(&direction, w) / dot(w, w);
            let other: Vec<f32> = z
                .iter()
                .zip(direction.iter().zip(w))
                .map(|(z, (d, w))| z + 0.02 * (d - off as f32 * w))
                .collect();
            if other.iter().all(|v| (0.0..=1.0).contains(v)) {
                assert!(length(&other) >= best - 1e-5, "{norm}: {} {best}", length(&other));
            }
        }
    }

    #[test]
    fn projection_is_the_nearest_point() {
        let mut random = Normals::new(stream(5, Stream::Weights));
        for case in 0..300 {
            let norm = if case % 2 == 0 { Norm::Linf } else { Norm::L2 };
            let size = 1 + case % 7;
            let x: Vec<f32> = (0..size).map(|_| (0.5 + 0.4 * random.draw()).clamp(0.0, 1.0)).collect();
            let mut w: Vec<f32> = (0..size).map(|_| random.draw()).collect();
            w[0] *= (case % 3) as f32;
            let gap = random.draw();
            let mut z = x.clone();
            to_plane(norm, &mut z, &w, gap);
            assert!(z.iter().all(|v| (0.0..=1.0).contains(v)));
            for (z, truth) in z.iter().zip(by_bisection(norm, &x, &w, gap)) {
                assert!((f64::from(*z) - truth).abs() < 1e-5, "{norm} {z} {truth}");
            }
            let at: f32 = gap + z.iter().zip(&x).zip(&w).map(|((z, x), w)| (z - x) * w).sum::<f32>();
            if at.abs() < 1e-5 && w.iter().any(|w| *w != 0.0) {
                beats_random_points(norm, &x, &w, &z, &mut random);
            }
        }
    }
}

//! Projections and ascent against closed forms.

#![allow(clippy::unwrap_used)]

use super::ball::lengths;
use super::*;
use crate::random::{Normals, Stream, stream};
use burn::tensor::{Device, Tensor, TensorData};

const DIMS: [usize; 4] = [3, 2, 4, 5];

fn normal(seed: u64) -> Tensor<4> {
    let mut random = Normals::new(stream(seed, Stream::Weights));
    let values: Vec<f32> = (0..DIMS.iter().product()).map(|_| random.draw()).collect();
    Tensor::from_data(TensorData::new(values, DIMS), &Device::flex())
}

fn floats(t: Tensor<4>) -> Vec<f32> {
    t.into_data().try_into_vec().unwrap()
}

fn largest(t: Tensor<4>) -> f32 {
    floats(t).into_iter().fold(0.0, |m, v| m.max(v.abs()))
}

#[test]
fn projections_end_in_the_ball_and_stay_there() {
    let images = normal(1).mul_scalar(0.2).add_scalar(0.5).clamp(0.0, 1.0);
    for norm in [Norm::Linf, Norm::L2] {
        for epsilon in [0.0, 0.03, 0.5] {
            let ball = Ball { norm, epsilon };
            let once = ball.project(&images, images.clone() + normal(2));
            let delta = once.clone() - images.clone();
            let norm = match norm {
                Norm::Linf => largest(delta),
                Norm::L2 => largest(lengths(delta)),
            };
            assert!(norm <= epsilon as f32 * (1.0 + 1e-5) + 1e-6, "{ball:?}: {norm}");
            assert!(floats(once.clone()).iter().all(|v| (0.0..=1.0).contains(v)));
            let twice = ball.project(&images, once.clone());
            assert!(largest(twice - once) < 1e-6, "{ball:?}");
        }
        let small = normal(3).mul_scalar(1e-4);
        let kept = Ball { norm, epsilon: 0.5 }.shorten(small.clone());
        assert!(largest(kept - small) < 1e-9, "a short perturbation is not lengthened");
    }
}

#[test]
fn random_starts_fill_the_ball() {
    let zero = Tensor::<4>::zeros([3, 1, 1, 1], &Device::flex());
    let ball = Ball { norm: Norm::L2, epsilon: 0.7 };
    let at = |radius: f32| lengths(ball.random(normal(1), normal(2), zero.clone().add_scalar(radius)));
    assert!(largest(at(1.0).sub_scalar(0.7)) < 1e-5);
    // Half of the volume of a 40-dimensional ball lies within 2^(-1/40) of its radius.
    assert!(largest(at(0.5).sub_scalar(0.7 * 0.5f32.powf(1.0 / 40.0))) < 1e-5);
}

/// On a linear function the best perturbation is known: epsilon times the sign, or times the unit gradient.
#[test]
fn ascent_reaches_the_best_point_of_a_linear_function() {
    let (images, w) = (Tensor::<4>::full(DIMS, 0.5, &Device::flex()), normal(4));
    for norm in [Norm::Linf, Norm::L2] {
        let pgd = Pgd { norm, epsilon: 0.1, step: 0.03, steps: 5, start: Start::Image };
        let slope = w.clone().autodiff();
        let x = pgd.ascend(&images, images.clone(), &mut |x| (x * slope.clone()).sum());
        let best = pgd.ball().steepest(w.clone()).mul_scalar(0.1);
        assert!(largest(x - images.clone() - best) < 1e-5, "{norm}");
    }
    let pgd = Pgd { norm: Norm::L2, epsilon: 0.1, step: 0.03, steps: 5, start: Start::Image };
    let constant = Tensor::<1>::ones([1], &Device::flex().autodiff()).require_grad();
    let x = pgd.ascend(&images, images.clone(), &mut |_| constant.clone());
    assert_eq!(floats(x), floats(images), "a constant moves nothing");
}

mod black;
mod deployed;
mod latent;
mod oracles;
mod search;
mod sources;
mod suites;
mod white;

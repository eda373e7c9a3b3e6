//! The building blocks.

use super::*;
use crate::methods::loss::*;

fn close(found: Tensor<1>, expected: &[f64], tolerance: f64) {
    let found: Vec<f64> = found.into_data().iter::<f32>().map(f64::from).collect();
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{found:?} {expected:?}");
    }
}

fn matrix<const N: usize>(rows: [[f32; 3]; N]) -> Tensor<2> {
    Tensor::from_data(rows, &Device::flex())
}

fn labels<const N: usize>(labels: [i32; N]) -> Tensor<1, Int> {
    Tensor::from_data(labels, &Device::flex())
}

#[test]
fn values_by_hand() {
    // e, e^2, e^3 sum to 30.19288: ln is 3.407606.
    let z = matrix([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]);
    close(cross_entropy(z.clone(), &labels([0, 2])), &[2.407606, 1.098612], 1e-5);
    // p = .0900306 .2447285 .6652410; 1.0001 - max of the others is .3348590 and .6667667.
    let boosted = [2.407606 + 1.094046, 1.098612 + 0.405315];
    close(boosted_cross_entropy(z.clone(), &labels([0, 2])), &boosted, 1e-4);
    // KL(t || p) = .5 (ln .5 - ln .0900306) + .5 (ln .5 - ln .2447285)
    let target = matrix([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]);
    let second = 0.2 * 0.6f64.ln() + 0.3 * 0.9f64.ln() + 0.5 * 1.5f64.ln();
    close(divergence(target.clone(), z.clone()), &[1.214459, second], 1e-5);
    close(entropy(target.clone()), &[core::f64::consts::LN_2, 1.029653], 1e-5);
    close(negative_log(target.clone(), &labels([1, 1])), &[core::f64::consts::LN_2, 1.203973], 1e-5);
    close(best_other(target.clone(), &labels([1, 2])), &[0.5, 0.3], 1e-6);
    close(of_label(target, &labels([2, 0])), &[0.0, 0.2], 1e-6);
    // Two copies of one image each.
    let mean = rows(mean_probability(z, 2));
    let expected = [0.2116820, 0.2890309, 0.4992872];
    assert!(mean[0].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{mean:?}");
}

#[test]
fn quantiles_and_their_slope() {
    let p = Tensor::<1>::from_data([0.975, 0.5, 0.001, 0.0], &Device::flex().autodiff()).require_grad();
    let z = normal_quantile(p.clone());
    close(z.clone(), &[1.959964, 0.0, -3.090232, -4.753424], 1e-5);
    let slope = p.grad(&z.sum().backward()).unwrap();
    // 1 / density: sqrt(2 pi) exp(z^2 / 2); outside the range that is kept nothing moves.
    close(slope, &[17.11, 2.506628, 297.0, 0.0], 1e-2);
}

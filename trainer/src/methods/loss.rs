//! Losses of a batch, one value an image (`[n]`), from logits `[n, classes]` or probabilities.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// Smallest probability whose logarithm is taken.
const TINY: f32 = 1e-20;

fn column(t: Tensor<2>) -> Tensor<1> {
    let [n, _] = t.dims();
    t.reshape([n])
}

/// The entry of each row that its label names.
#[must_use]
pub fn of_label(rows: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    let [n, _] = rows.dims();
    column(rows.gather(1, labels.clone().reshape([n, 1])))
}

/// `-log p_label`, in nats.
#[must_use]
pub fn cross_entropy(logits: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    of_label(log_softmax(logits, 1), labels).neg()
}

/// `KL(target || p) = sum target (log target - log p)`, `target` probabilities, `p` given by logits.
#[must_use]
pub fn divergence(target: Tensor<2>, logits: Tensor<2>) -> Tensor<1> {
    let logarithm = target.clone().clamp_min(TINY).log();
    column((target * (logarithm - log_softmax(logits, 1))).sum_dim(1))
}

/// `-sum p log p`.
#[must_use]
pub fn entropy(p: Tensor<2>) -> Tensor<1> {
    column((p.clone() * p.clamp_min(TINY).log()).sum_dim(1).neg())
}

/// `-log` of the label's probability in `p`.
#[must_use]
pub fn negative_log(p: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    of_label(p, labels).clamp_min(TINY).log().neg()
}

/// Mean over copies of the class probabilities; `logits` is copy after copy, `[copies * n, classes]`.
#[must_use]
pub fn mean_probability(logits: Tensor<2>, copies: usize) -> Tensor<2> {
    let [rows, classes] = logits.dims();
    let n = rows / copies;
    softmax(logits, 1).reshape([copies, n, classes]).mean_dim(0).reshape([n, classes])
}

/// `rows` with the label's entry lowered below all others: what is left to take a maximum over.
fn others(rows: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<2> {
    let [_, classes] = rows.dims();
    let chosen = labels.clone().one_hot::<2>(classes).float();
    let floor = if rows.is_autodiff() { chosen.autodiff() } else { chosen };
    rows - floor.mul_scalar(1e9)
}

/// Largest entry of each row but the label's.
#[must_use]
pub fn best_other(rows: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    column(others(rows, labels).max_dim(1))
}

/// Logarithm of the sum of the exponentials of each row, but for the label's entry.
#[must_use]
pub fn soft_best_other(rows: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    let rows = others(rows, labels);
    let top = rows.clone().detach().max_dim(1);
    column((rows - top.clone()).exp().sum_dim(1).log() + top)
}

/// Boosted cross-entropy `-log p_y - log(1.0001 - max_{k != y} p_k)` (MART, equation 8; the constant of its code).
#[must_use]
pub fn boosted_cross_entropy(logits: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    let p = softmax(logits.clone(), 1);
    let second = best_other(p, labels).neg().add_scalar(1.0001).log();
    cross_entropy(logits, labels) - second
}

/// Standard normal quantiles of probabilities, in both directions: the value is exact to f32, the gradient is
/// `1 / density`, which is what `Phi^-1` has. Probabilities are first moved into `[1e-6, 1 - 1e-6]`.
#[must_use]
pub fn normal_quantile(p: Tensor<1>) -> Tensor<1> {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    let normal = Normal::standard();
    let [values, slopes] = {
        let at: Vec<f32> = p.clone().into_data().iter::<f32>().collect();
        let z: Vec<f64> = at.iter().map(|&p| normal.inverse_cdf(f64::from(p))).collect();
        let slope = z.iter().map(|&z| (1.0 / normal.pdf(z)) as f32).collect::<Vec<_>>();
        [z.into_iter().map(|z| z as f32).collect(), slope]
    };
    let device = p.device();
    let [values, slopes] = [values, slopes].map(|v| Tensor::<1>::from_data(v.as_slice(), &device));
    values + (p.clone() - p.detach()) * slopes
}

//! Methods that attack the smoothed classifier in training.

use super::batch::Batch;
use super::loss::{divergence, mean_probability, negative_log};
use super::model::{Craft, Frozen, Model, first_point};
use super::objective::{Carry, Objective};
use super::smoothed::{copies_entropy, noisy_logits};
use crate::attacks::{Norm, Pgd, Start};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// `-log` of the label's probability, averaged over noisy copies of `x` with the noises given, summed over images.
fn soft_vote(net: &Frozen, batch: &Batch, x: Tensor<4>, noises: &Tensor<4>, copies: usize) -> Tensor<1> {
    let logits = net.logits(x.repeat_dim(0, copies) + noises.clone());
    negative_log(mean_probability(logits, copies), &batch.labels).sum()
}

/// The share of `full` that a linear warm-up of `epochs` epochs allows in the epoch of `batch`.
fn warmed(full: f64, epochs: f64, batch: &Batch) -> f64 {
    if epochs > 0.0 { full * ((f64::from(batch.epoch) + 1.0) / epochs).min(1.0) } else { full }
}

/// SmoothAdv (Salman et al. 2019, arXiv:1906.04584, equation 6): x' raises `-log mean_i p_y(x + n_i)` in an L2 ball; the
/// same noises serve every step of the attack and the update, whose loss is that of x'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SmoothAdv {
    /// The attack.
    #[serde(flatten)]
    pub attack: Pgd,
    /// Noisy copies.
    pub copies: usize,
    /// Epochs over which epsilon and the step grow to their full size.
    pub warmup_epochs: f64,
}

impl Objective for SmoothAdv {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let noises = batch.noises(self.copies);
        let attack = Pgd {
            epsilon: warmed(self.attack.epsilon, self.warmup_epochs, batch),
            step: warmed(self.attack.step, self.warmup_epochs, batch),
            ..self.attack
        };
        let x = {
            let net = model.frozen(Craft::Evaluation);
            attack.ascend(&batch.images, first_point(&attack, batch), &mut |x| {
                soft_vote(&net, batch, x, &noises, self.copies)
            })
        };
        let logits = model.logits(x.repeat_dim(0, self.copies) + noises);
        negative_log(mean_probability(logits, self.copies), &batch.labels).mean()
    }

    fn cost(&self) -> f64 {
        (self.copies as f64) * (1.0 + f64::from(self.attack.steps))
    }

    fn smooths(&self) -> bool {
        true
    }
}

/// SmoothMix (Jeong et al. 2021, arXiv:2111.09277, section 3): beside the noisy copies, points between an image and an
/// adversarial one found without a bound; their label leans to the uniform one. Images whose mean prediction is wrong are
/// left out of that part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SmoothMix {
    /// Noisy copies.
    pub copies: usize,
    /// Steps of the search.
    pub steps: u32,
    /// L2 length of a step.
    pub step: f64,
    /// Weight of the mixed part.
    pub eta: f64,
    /// Whether the clean side of the mix is the point after the first step (limited to `step` in the warm-up).
    pub one_step: bool,
    /// Epochs over which the mixed part comes in.
    pub warmup_epochs: f64,
}

impl SmoothMix {
    /// The clean side and the adversarial side.
    fn ends(&self, model: &Model, batch: &Batch, noises: &Tensor<4>) -> [Tensor<4>; 2] {
        let net = model.frozen(Craft::Evaluation);
        // The ball of all images: the search is held by its steps alone.
        let search = |steps, from: Tensor<4>| {
            let epsilon = f64::from(self.steps) * self.step;
            let attack = Pgd { norm: Norm::L2, epsilon, step: self.step, steps, start: Start::Image };
            let objective = &mut |x| soft_vote(&net, batch, x, noises, self.copies);
            attack.ascend(&batch.images, from, objective)
        };
        if !self.one_step || self.steps == 0 {
            return [batch.images.clone(), search(self.steps, batch.images.clone())];
        }
        let first = search(1, batch.images.clone());
        let last = search(self.steps - 1, first.clone());
        let limit = warmed(self.step, self.warmup_epochs, batch);
        let ball = crate::attacks::Ball { norm: Norm::L2, epsilon: limit };
        [ball.project(&batch.images, first), last]
    }
}

impl Objective for SmoothMix {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let noises = batch.noises(self.copies);
        let [clean, far] = self.ends(model, batch, &noises);
        let logits = model.logits(clean.clone().repeat_dim(0, self.copies) + noises.clone());
        let mean = mean_probability(logits.clone(), self.copies);
        let [n, classes] = mean.dims();
        let right = mean.clone().detach().argmax(1).reshape([n]).equal(batch.labels.clone().autodiff());
        let share = batch.coin_tensor(1).mul_scalar(0.5);
        let mixed = clean.clone() + (far - clean) * share.clone();
        let share = share.reshape([n, 1]).autodiff();
        let uniform = 1.0 / classes as f64;
        let target = mean.clone() + (mean.neg().add_scalar(uniform)) * share;
        let mixed = model.logits(mixed.repeat_dim(0, self.copies) + noises);
        let apart = divergence(target.repeat_dim(0, self.copies), mixed);
        let counted = right.float().repeat_dim(0, self.copies);
        let weight = warmed(self.eta, self.warmup_epochs, batch);
        copies_entropy(logits, batch, self.copies).mean() + (apart * counted).mean().mul_scalar(weight)
    }

    fn cost(&self) -> f64 {
        (self.copies as f64) * (2.0 + f64::from(self.steps))
    }

    fn smooths(&self) -> bool {
        true
    }
}

/// CAT-RS (Jeong et al. 2023, arXiv:2212.09000, equations 9 to 11): the k lowest of the copies' cross-entropies, k
/// binomial with the confidence of a trained Gaussian classifier, and, where k is all of them, the largest divergence from
/// that classifier's prediction over noises that were moved to raise it, each kept at its own mean and deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatRs {
    /// Noisy copies.
    pub copies: usize,
    /// How far a noise may be moved, L2.
    pub epsilon: f64,
    /// Steps.
    pub steps: u32,
    /// Weight of the second part.
    pub lambda: f64,
}

impl CatRs {
    /// The noises moved: `[copies * n, ...]`.
    fn moved(&self, model: &Model, batch: &Batch, target: &Tensor<2>, noises: &Tensor<4>) -> Tensor<4> {
        let net = model.frozen(Craft::Evaluation);
        let ball = crate::attacks::Ball { norm: Norm::L2, epsilon: self.epsilon };
        let images = batch.images.clone().repeat_dim(0, self.copies);
        let target = target.clone().repeat_dim(0, self.copies).autodiff();
        let step = 2.0 * self.epsilon / f64::from(self.steps.max(1));
        let [mean, deviation] = moments(noises.clone());
        let mut noise = noises.clone();
        for _ in 0..self.steps {
            let watched = noise.clone().autodiff().require_grad();
            let logits = net.logits(images.clone().autodiff() + watched.clone());
            let mut gradients = divergence(target.clone(), logits).sum().backward();
            let Some(gradient) = watched.grad_remove(&mut gradients) else { return noise };
            let far = noise + ball.steepest(gradient).mul_scalar(step);
            noise = noises.clone() + ball.shorten(far - noises.clone());
            let [m, d] = moments(noise.clone());
            noise = (noise - m) / d * deviation.clone() + mean.clone();
        }
        noise
    }

    /// How many of the copies count for each image: `[copies][n]` of 0 or 1 by rank of the loss, and whether all do.
    fn accepted(&self, batch: &Batch, confidence: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let n = batch.len();
        let mut count = vec![0u32; n];
        for copy in 0..self.copies as u32 {
            let coins = batch.coins(1 + copy);
            count.iter_mut().zip(coins.iter().zip(confidence)).for_each(|(k, (c, p))| *k += u32::from(c < p));
        }
        let kept = |rank: usize| count.iter().map(move |&k| if rank < k.max(1) as usize { 1.0 } else { 0.0 });
        let all = count.iter().map(|&k| if k as usize == self.copies { 1.0 } else { 0.0 }).collect();
        ((0..self.copies).flat_map(kept).collect(), all)
    }
}

/// Mean and root mean square of each image, `[n, 1, 1, 1]`.
fn moments(x: Tensor<4>) -> [Tensor<4>; 2] {
    let [n, c, h, w] = x.dims();
    let flat = x.reshape([n, c * h * w]);
    [flat.clone().mean_dim(1), flat.square().mean_dim(1).sqrt()].map(|t| t.reshape([n, 1, 1, 1]))
}

impl Objective for CatRs {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let (m, n) = (self.copies, batch.len());
        let noises = batch.noises(m);
        let logits = noisy_logits(model, batch, m);
        let [_, classes] = logits.dims();
        // `Settings::check` asks for a teacher; without one the network is its own.
        let target = match model.teacher() {
            Some(teacher) => {
                mean_probability(teacher.logits(batch.images.clone().repeat_dim(0, m) + noises.clone()), m)
            }
            None => mean_probability(logits.clone().inner(), m),
        };
        let confidence = super::loss::of_label(target.clone(), &batch.labels);
        let confidence: Vec<f32> = confidence.into_data().iter::<f32>().collect();
        let (kept, all) = self.accepted(batch, &confidence);
        let device = batch.images.device();
        let tensor = |v: &[f32]| Tensor::<1>::from_data(v, &device).autodiff();
        let ranked = copies_entropy(logits, batch, m).reshape([m, n]).sort(0).reshape([m * n]);
        let low = (ranked * tensor(&kept)).mean();
        let moved = self.moved(model, batch, &target, &noises);
        let far = model.logits(batch.images.clone().repeat_dim(0, m) + moved);
        let target = target.reshape([n, classes]).repeat_dim(0, m).autodiff();
        let worst = divergence(target, far).reshape([m, n]).max_dim(0).reshape([n]);
        low + (worst * tensor(&all)).mean().mul_scalar(self.lambda)
    }

    fn cost(&self) -> f64 {
        (self.copies as f64) * (2.5 + f64::from(self.steps))
    }

    fn smooths(&self) -> bool {
        true
    }

    fn needs_teacher(&self) -> bool {
        true
    }
}

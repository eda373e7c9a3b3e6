//! Every method's loss, recomputed in f64 from the network's logits by the formula of its paper. Attacks make no step and
//! begin away from the image, so that where they end is known.

use super::*;
use crate::nets::{Draw, Pass};

/// Logits of `images` in training, as the pass number `index` of the step computes them.
fn logits(net: &Network, images: Tensor<4>, index: u64) -> Vec<Vec<f64>> {
    let draw = Some(Draw { seed: 5, index: 40 * 65536 + index });
    rows(net.forward(&spec(), images.autodiff(), Pass { path: Path::Fused, draw }).inner())
}

fn softmax(z: &[f64]) -> Vec<f64> {
    let sum: f64 = z.iter().map(|v| v.exp()).sum();
    z.iter().map(|v| v.exp() / sum).collect()
}

fn mean(p: &[Vec<f64>]) -> Vec<f64> {
    (0..p[0].len()).map(|c| p.iter().map(|row| row[c]).sum::<f64>() / p.len() as f64).collect()
}

fn kl(t: &[f64], p: &[f64]) -> f64 {
    t.iter().zip(p).filter(|(t, _)| **t > 0.0).map(|(t, p)| t * (t.ln() - p.ln())).sum()
}

const LABELS: [usize; 5] = [0, 1, 2, 3, 0];

fn average(of: impl Fn(usize) -> f64) -> f64 {
    (0..5).map(of).sum::<f64>() / 5.0
}

/// Probabilities of `copies` noisy copies: `[copy][image][class]`.
fn noisy(net: &Network, images: &Tensor<4>, copies: usize) -> Vec<Vec<Vec<f64>>> {
    let x = images.clone().repeat_dim(0, copies) + batch().noises(copies);
    let p: Vec<Vec<f64>> = logits(net, x, 0).iter().map(|z| softmax(z)).collect();
    p.chunks(5).map(<[Vec<f64>]>::to_vec).collect()
}

fn check(name: &str, changes: &[&str], expected: f64) {
    let found = f64::from(loss_of(name, changes, &net()).into_scalar::<f32>());
    assert!((found - expected).abs() < 2e-4 * expected.abs().max(1.0), "{name}: {found}, by hand {expected}");
}

fn start(name: &str, changes: &[&str]) -> Tensor<4> {
    let changes: Vec<String> = changes.iter().map(|c| (*c).into()).collect();
    let attack = Choice::new(name, &changes).unwrap().objective().attack().unwrap();
    attack.ball().project(&batch().images, first_point(&attack, &batch()))
}

#[test]
fn cross_entropies() {
    let (net, images) = (net(), batch().images);
    let p: Vec<Vec<f64>> = logits(&net, images, 0).iter().map(|z| softmax(z)).collect();
    let clean = average(|i| -p[i][LABELS[i]].ln());
    check("plain", &[], clean);
    check("gaussian", &[], clean);
    check("free", &[], clean);
    check("pni", &["steps=0"], clean);
    let still = ["steps=0", "epsilon=0.1"];
    let x = start("madry", &still);
    let q: Vec<Vec<f64>> = logits(&net, x, 0).iter().map(|z| softmax(z)).collect();
    let adversarial = average(|i| -q[i][LABELS[i]].ln());
    assert!((adversarial - clean).abs() > 1e-3, "the start is away from the image");
    check("madry", &still, adversarial);
    check("fast", &still, adversarial);
    for name in ["mixed", "cni-w", "cni-i+w", "epgd", "high-k"] {
        check(name, &still, 0.5 * adversarial + 0.5 * clean);
    }
    check("mixed", &["steps=0", "epsilon=0.1", "weight=0.25"], 0.25 * adversarial + 0.75 * clean);
    check("pni", &["steps=0", "epsilon=0.1", "clean_epochs=2"], 0.5 * adversarial + 0.5 * clean);
}

#[test]
fn of_other_noise() {
    let noise = crate::baselines::Generalised::of_deviation(0.2f32.into(), 3.0);
    let images = batch().images + batch().noise_by(0, |random| noise.draw(random));
    let p: Vec<Vec<f64>> = logits(&net(), images, 0).iter().map(|z| softmax(z)).collect();
    check("unicr", &["beta=3"], average(|i| -p[i][LABELS[i]].ln()));
}

#[test]
fn divergences() {
    let (net, images) = (net(), batch().images);
    let still = ["steps=0", "epsilon=0.1", "start=uniform"];
    let p: Vec<Vec<f64>> = logits(&net, images, 0).iter().map(|z| softmax(z)).collect();
    let q: Vec<Vec<f64>> = logits(&net, start("trades", &still), 0).iter().map(|z| softmax(z)).collect();
    let trades = average(|i| -p[i][LABELS[i]].ln() + 6.0 * kl(&p[i], &q[i]));
    check("trades", &still, trades);
    check("cni-w+t", &still, trades);
    let mart = average(|i| {
        let y = LABELS[i];
        let other = (0..4).filter(|&c| c != y).map(|c| q[i][c]).fold(0.0, f64::max);
        -q[i][y].ln() - (1.0001 - other).ln() + 5.0 * kl(&p[i], &q[i]) * (1.0 - p[i][y])
    });
    check("mart", &still, mart);
}

#[test]
fn smoothed_losses() {
    let (net, images) = (net(), batch().images);
    let p = noisy(&net, &images, 2);
    let of = |i: usize| [p[0][i].clone(), p[1][i].clone()];
    let entropies = average(|i| of(i).iter().map(|p| -p[LABELS[i]].ln()).sum::<f64>() / 2.0);
    let consistency = average(|i| {
        let m = mean(&of(i));
        let apart = of(i).iter().map(|p| kl(&m, p)).sum::<f64>() / 2.0;
        10.0 * apart - 0.5 * m.iter().map(|v| v * v.ln()).sum::<f64>()
    });
    check("consistency", &[], entropies + consistency);
    check("smoothadv", &["steps=0"], average(|i| -mean(&of(i))[LABELS[i]].ln()));
    // No step and no warm-up: the mixed image is the image, its label leans to the uniform one by half the image's coin.
    let coins = batch().coins(1);
    let mixed = average(|i| {
        let m = mean(&of(i));
        let best = (0..4).max_by(|&a, &b| m[a].total_cmp(&m[b])).unwrap();
        let lean = f64::from(coins[i]) / 2.0;
        let target: Vec<f64> = m.iter().map(|v| (1.0 - lean) * v + lean / 4.0).collect();
        let apart = of(i).iter().map(|p| kl(&target, p)).sum::<f64>() / 2.0;
        if best == LABELS[i] { 5.0 * apart } else { 0.0 }
    });
    check("smoothmix", &["steps=0", "warmup_epochs=0"], entropies + mixed);
}

#[test]
fn macer() {
    use statrs::distribution::{ContinuousCDF, Normal};
    let (net, images) = (net(), batch().images);
    let z = logits(&net, images.repeat_dim(0, 3) + batch().noises(3), 0);
    let of = |i: usize, beta: f64| {
        let copies: Vec<Vec<f64>> =
            (0..3).map(|k| softmax(&z[5 * k + i].iter().map(|v| beta * v).collect::<Vec<_>>())).collect();
        mean(&copies)
    };
    let mut right = 0;
    let expected: f64 = (0..5)
        .map(|i| {
            let (p, sharp) = (of(i, 1.0), of(i, 2.0));
            let other = (0..4).filter(|&c| c != LABELS[i]).map(|c| sharp[c]).fold(0.0, f64::max);
            let quantile = |p| Normal::standard().inverse_cdf(p);
            let gap = quantile(sharp[LABELS[i]]) - quantile(other);
            right += usize::from(gap > 0.0);
            let hinge = if gap > 0.0 { 12.0 * 0.2 / 2.0 * (8.0 - gap).max(0.0) } else { 0.0 };
            -p[LABELS[i]].ln() + hinge
        })
        .sum();
    assert!(right > 0, "the hinge is seen");
    check("macer", &["copies=3", "beta=2"], expected / 5.0);
}

#[test]
fn cat_rs() {
    let (net, images) = (net(), batch().images);
    let p = noisy(&net, &images, 4);
    let teacher = Network::new(&spec(), &Device::flex(), 8);
    let x = images.repeat_dim(0, 4) + batch().noises(4);
    let t: Vec<Vec<f64>> =
        rows(teacher.forward(&spec(), x, Pass::quiet(Path::Fused))).iter().map(|z| softmax(z)).collect();
    let target = |i: usize| mean(&(0..4).map(|k| t[5 * k + i].clone()).collect::<Vec<_>>());
    let coins: Vec<Vec<f32>> = (1..5).map(|c| batch().coins(c)).collect();
    let expected = average(|i| {
        let count = coins.iter().filter(|c| f64::from(c[i]) < target(i)[LABELS[i]]).count();
        let mut losses: Vec<f64> = p.iter().map(|p| -p[i][LABELS[i]].ln()).collect();
        losses.sort_by(f64::total_cmp);
        let low = losses[..count.max(1)].iter().sum::<f64>() / 4.0;
        let worst = p.iter().map(|p| kl(&target(i), &p[i])).fold(0.0, f64::max);
        low + if count == 4 { worst } else { 0.0 }
    });
    check("cat-rs", &["steps=0"], expected);
}

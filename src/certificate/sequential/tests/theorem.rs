//! How often statements are wrong: enumerated for three classes, simulated for many.

use super::super::{checkpoints, needed, target_units};
use super::units;
use crate::certificate::alpha_units;
use crate::certificate::binomial::P_ONE;
use crate::certificate::smoothing::Smoothing;
use crate::certificate::table::RadiusRule;
use ringfence_runtime::certificate::{Checkpoint, Decision};

fn rule_for(needed: u64, budget: u32, alpha: f64) -> Vec<Checkpoint> {
    let (entries, certifies) = checkpoints(needed, budget, alpha_units(alpha).unwrap());
    assert!(certifies);
    entries
        .as_chunks()
        .0
        .iter()
        .map(|&[votes, accept, reject]| Checkpoint { votes, accept, reject })
        .collect()
}

/// Whether a statement about votes that fall on classes with these probabilities is wrong.
fn is_wrong(decision: Decision, class: usize, probabilities: &[f64], needed: f64) -> bool {
    match decision {
        Decision::Certify => probabilities[class] < needed,
        Decision::Refute => probabilities.iter().any(|&p| p >= needed),
    }
}

/// The probability of a wrong statement about three classes, over all ways the votes can fall.
fn error_of_three(rule: &[Checkpoint], probabilities: [f64; 3], needed: f64) -> f64 {
    let budget = rule.last().unwrap().votes as usize;
    let width = budget + 2;
    let mut cells = vec![0.0; width * width]; // by votes for the first and the second class
    cells[0] = 1.0;
    let mut wrong = 0.0;
    let mut at = rule.iter().peekable();
    for votes in 1..=budget {
        for first in (0..=votes).rev() {
            for second in (0..=votes - first).rev() {
                let mut mass = cells[first * width + second] * probabilities[2];
                if first + second == votes {
                    mass = 0.0;
                }
                if first > 0 {
                    mass += cells[(first - 1) * width + second] * probabilities[0];
                }
                if second > 0 {
                    mass += cells[first * width + second - 1] * probabilities[1];
                }
                cells[first * width + second] = mass;
            }
        }
        let Some(checkpoint) = at.next_if(|at| at.votes as usize == votes) else { continue };
        for first in 0..=votes {
            for second in 0..=votes - first {
                let counts = [first, second, votes - first - second];
                let class = (0..3).rev().max_by_key(|&class| counts[class]).unwrap();
                if let Some(decision) = checkpoint.decide(counts[class] as u32) {
                    let mass = std::mem::take(&mut cells[first * width + second]);
                    wrong += if is_wrong(decision, class, &probabilities, needed) { mass } else { 0.0 };
                }
            }
        }
    }
    wrong
}

#[test]
fn no_three_classes_are_wronged_more_often_than_alpha() {
    for (p, alpha, budget) in [(0.500_001, 0.05, 80), (0.6, 0.05, 80), (0.6, 0.25, 60), (0.85, 0.01, 100)] {
        let rule = rule_for(units(p), budget, alpha);
        let spent = alpha * f64::from(budget) / f64::from(budget + 200);
        let mut worst: f64 = 0.0;
        // Just below, at and above what is needed; the rest split evenly, or all of it in one other class.
        let least = units(p) as f64 / P_ONE as f64;
        let tops = (0..=12).map(|i| f64::from(i).mul_add(1.0 / 18.0, 1.0 / 3.0));
        for top in tops.chain([least - 1e-9, least, least + 0.02, 0.5]) {
            for second in [0.5, 0.9, 1.0] {
                let second = ((1.0 - top) * second).min(1.0);
                let error = error_of_three(&rule, [top, second, 1.0 - top - second], least);
                assert!(error <= spent * (1.0 + 1e-9), "p* {p}, alpha {alpha}: {top}, {second}: {error}");
                worst = worst.max(error);
            }
        }
        assert!(worst > 0.6 * spent, "p* {p}, alpha {alpha}: worst error {worst}, {spent} may be spent");
    }
}

/// A generator for simulations.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / 2f64.powi(53)
    }
}

/// Shares of wrong certificates, wrong refutations and abstentions among `trials`.
fn simulate(rule: &[Checkpoint], probabilities: &[f64], needed: f64, trials: u32) -> [f64; 3] {
    let mut uniform = Uniform(0x9e37_79b9_7f4a_7c15);
    let mut shares = [0.0; 3];
    for _ in 0..trials {
        let mut counts = vec![0u32; probabilities.len()];
        let (mut votes, mut end) = (0, None);
        for at in rule {
            for _ in votes..at.votes {
                let mut left = uniform.next();
                let class = probabilities.iter().position(|&p| {
                    left -= p;
                    left < 0.0
                });
                counts[class.unwrap_or(probabilities.len() - 1)] += 1;
            }
            votes = at.votes;
            let class = (0..counts.len()).rev().max_by_key(|&class| counts[class]).unwrap();
            end = at.decide(counts[class]).map(|decision| (decision, class));
            if end.is_some() {
                break;
            }
        }
        match end {
            Some((decision, class)) if is_wrong(decision, class, probabilities, needed) => {
                shares[usize::from(decision == Decision::Refute)] += 1.0 / f64::from(trials);
            }
            Some(_) => {}
            None => shares[2] += 1.0 / f64::from(trials),
        }
    }
    shares
}

#[test]
fn synthetic_classifiers_are_wronged_at_most_as_often_as_claimed() {
    let (alpha, trials) = (0.05, 4000);
    // Four standard deviations above alpha.
    let limit = alpha + 4.0 * (alpha * (1.0 - alpha) / f64::from(trials)).sqrt();
    let (sigma, budget) = (0.25, 1000);
    for target in [0.02, 0.1, 0.25] {
        let needed =
            needed(target_units(target).unwrap(), &RadiusRule::new(Smoothing::l2(sigma, 0)).unwrap())
                .unwrap();
        let rule = rule_for(needed, budget, alpha);
        let least = needed as f64 / P_ONE as f64;
        let ten = |top: f64| [vec![top], vec![(1.0 - top) / 9.0; 9]].concat();
        let below = simulate(&rule, &ten(least - 1e-9), least, trials);
        let at = simulate(&rule, &ten(least), least, trials);
        assert!(below[0] <= limit && below[0] > 0.3 * alpha, "target {target}, just below: {below:?}");
        assert!(at[1] <= limit && at[1] > 0.3 * alpha, "target {target}, just enough: {at:?}");
        assert!(below[1] == 0.0 && at[0] < 0.01, "target {target}: {below:?}, {at:?}");
        // Ties, of two classes and of ten: nothing can be certified.
        for tie in [vec![0.5, 0.5], vec![0.1; 10], vec![0.45, 0.45, 0.1]] {
            let shares = simulate(&rule, &tie, least, trials / 4);
            assert!(shares[0] <= limit && shares[1] == 0.0, "target {target}, tie {tie:?}: {shares:?}");
        }
        // Clear cases come to an end.
        for clear in [ten(1.0), ten(0.3)] {
            assert_eq!(simulate(&rule, &clear, least, 200), [0.0; 3], "target {target}");
        }
    }
}

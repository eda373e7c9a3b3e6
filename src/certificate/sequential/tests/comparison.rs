//! The table of docs/anytime.md: samples and power of stopping rules, by dynamic programming.
//!
//! ```text
//! cargo test --release -p ringfence --lib comparison -- --ignored --nocapture
//! ```

use super::super::{checkpoints, needed, target_units};
use crate::certificate::alpha_units;
use crate::certificate::binomial::{Count, P_ONE};
use crate::certificate::smoothing::Smoothing;
use crate::certificate::table::RadiusRule;
use ringfence_runtime::certificate::Checkpoint;
use statrs::function::gamma::ln_gamma;

const ALPHA: f64 = 0.001;

/// Least count of n votes that is significant at a level against success probability p (2^-40); n + 1 for none.
fn least(n: u32, p: u64, alpha: f64) -> u32 {
    let units = (alpha * 2f64.powi(100)) as u128;
    let counts = std::iter::successors(Some(Count::unanimous(n)), |count| count.previous());
    counts.take_while(|count| count.tail(p) <= units).last().map_or(n + 1, |count| count.k)
}

/// Both counts of a checkpoint, from a bound for the class and one for the other classes.
fn both(votes: u32, p: u64, least: impl Fn(u64) -> u32) -> Checkpoint {
    Checkpoint { votes, accept: least(p), reject: votes.saturating_sub(least(P_ONE - p)) }
}

/// Voracek (NeurIPS 2024), union bound: Clopper-Pearson after 1.1^k votes at level 5 alpha / ((k+4)(k+5)).
fn union_bound(p: u64, budget: u32) -> Vec<Checkpoint> {
    let level = |votes: u32| {
        let k = f64::from(votes).ln() / 1.1f64.ln();
        5.0 * ALPHA / ((k + 4.0) * (k + 5.0))
    };
    let next = |&votes: &u32| Some((votes + 1).max((f64::from(votes) * 1.1).ceil() as u32));
    let votes = std::iter::successors(Some(1), next).take_while(|&votes| votes < budget);
    votes.chain([budget]).map(|votes| both(votes, p, |p| least(votes, p, level(votes)))).collect()
}

/// Voracek (NeurIPS 2024), betting by the Krichevsky-Trofimov rule: a look after every vote.
fn betting(p: u64, budget: u32) -> Vec<Checkpoint> {
    let wealth = |votes: u32, count: u32, p: f64| {
        let (t, k) = (f64::from(votes), f64::from(count));
        let mixture =
            ln_gamma(k + 0.5) + ln_gamma(t - k + 0.5) - ln_gamma(t + 1.0) - std::f64::consts::PI.ln();
        mixture - k * p.ln() - (t - k) * (1.0 - p).ln()
    };
    let least = |votes: u32, p: u64| {
        let p = p as f64 / P_ONE as f64;
        let above = (0..=votes).rev().take_while(|&count| f64::from(count) > f64::from(votes) * p);
        above.take_while(|&count| wealth(votes, count, p) >= -ALPHA.ln()).last().unwrap_or(votes + 1)
    };
    (1..=budget).map(|votes| both(votes, p, |p| least(votes, p))).collect()
}

fn ours(p: u64, budget: u32) -> Vec<Checkpoint> {
    let (entries, _) = checkpoints(p, budget, alpha_units(ALPHA).unwrap());
    entries
        .as_chunks()
        .0
        .iter()
        .map(|&[votes, accept, reject]| Checkpoint { votes, accept, reject })
        .collect()
}

/// Mean votes and the probability of a certificate when votes are for the class with probability p.
fn run(rule: &[Checkpoint], budget: u32, p: f64) -> (f64, f64) {
    let mut cells = vec![0.0; budget as usize + 2];
    cells[0] = 1.0;
    let (mut mean, mut certified, mut left) = (0.0, 0.0, 1.0);
    let mut at = rule.iter().peekable();
    for votes in 1..=budget {
        for count in (1..=votes as usize).rev() {
            cells[count] = cells[count] * (1.0 - p) + cells[count - 1] * p;
        }
        cells[0] *= 1.0 - p;
        let Some(checkpoint) = at.next_if(|at| at.votes == votes) else { continue };
        let accepted: f64 = cells[checkpoint.accept as usize..].iter_mut().map(std::mem::take).sum();
        let lost = if checkpoint.reject > 0 { checkpoint.reject as usize + 1 } else { 0 };
        let rejected: f64 = cells[..lost].iter_mut().map(std::mem::take).sum();
        certified += accepted;
        mean += (accepted + rejected) * f64::from(votes);
        left -= accepted + rejected;
    }
    (mean + left.max(0.0) * f64::from(budget), certified)
}

/// Horvath et al. (ICLR 2022): fresh votes in stages of 100, 1000, .., each at a share of alpha; 100 more select.
fn stages(p_needed: u64, budget: u32, p: f64) -> (f64, f64) {
    let stages: Vec<u32> = std::iter::successors(Some(100), |votes| Some(votes * 10))
        .take_while(|&votes| votes <= budget)
        .collect();
    let level = ALPHA / stages.len() as f64;
    let (mut mean, mut certified, mut left) = (100.0, 0.0, 1.0);
    for votes in stages {
        let stage = [both(votes, p_needed, |p| least(votes, p, level))];
        mean += left * f64::from(votes);
        // A second run with the reject count alone tells how often the stage goes on.
        let (_, accepted) = run(&stage, votes, p);
        let mirrored = [Checkpoint { votes, accept: votes - stage[0].reject, reject: 0 }];
        let rejected = if stage[0].reject > 0 { run(&mirrored, votes, 1.0 - p).1 } else { 0.0 };
        certified += left * accepted;
        left *= 1.0 - accepted - rejected;
    }
    (mean, certified)
}

#[test]
#[ignore = "prints the table of docs/anytime.md"]
fn comparison() {
    let sigma = 0.25;
    for budget in [1000u32, 10_000] {
        for target in [0.1, 0.25, 0.5] {
            let rule = RadiusRule::new(Smoothing::l2(sigma, 0)).unwrap();
            let p = needed(target_units(target).unwrap(), &rule).unwrap();
            let least_p = p as f64 / P_ONE as f64;
            let probabilities = [0.5, 0.7, least_p - 0.04, least_p + 0.02, 0.9, 0.95, 0.99, 0.999, 1.0];
            println!("\nradius {target}, p* {least_p:.5}, budget {budget}: mean votes / certified");
            let line = |name: &str, find: &dyn Fn(f64) -> (f64, f64)| {
                let cells = probabilities.map(|p| {
                    let (mean, certified) = find(p.min(1.0));
                    format!("{mean:.0} / {certified:.2}")
                });
                println!("| {name} | {} |", cells.join(" | "));
            };
            println!("| p | {} |", probabilities.map(|p| format!("{p:.3}")).join(" | "));
            let fixed = [Checkpoint { votes: budget, accept: least(budget, p, ALPHA), reject: 0 }];
            line("fixed, 100 select", &|p| (f64::from(budget) + 100.0, run(&fixed, budget, p).1));
            line("stages", &|q| stages(p, budget, q));
            for (name, rule) in [
                ("union bound", union_bound(p, budget)),
                ("betting", betting(p, budget)),
                ("shipped", ours(p, budget)),
            ] {
                line(name, &|q| run(&rule, budget, q));
            }
        }
    }
}

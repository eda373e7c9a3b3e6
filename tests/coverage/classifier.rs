//! Classifiers that are nothing but their class probabilities.

use crate::method::{SIGMA, Tested};
use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use ringfence_runtime::smooth::Counts;
use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};

/// Certificates that one random stream serves.
const CHUNK: u64 = 1000;

/// A smoothed classifier at one image: the probability of each class.
pub struct Classifier {
    probabilities: Vec<f64>,
    /// Upper ends of the other classes' parts of 0..2^64, given that the vote is not for class 0.
    ends: Vec<u64>,
}

/// Draws the votes of a classifier: class 0's count from its binomial distribution, the other votes one by one.
struct Votes<'c> {
    classifier: &'c Classifier,
    n: u32,
    /// P[Bin(n, p_0) <= k], units of 2^-64.
    first: Vec<u64>,
}

impl Classifier {
    pub fn new(probabilities: &[f64]) -> Self {
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let others = &probabilities[1..];
        let (all, mut sum) = (others.iter().sum::<f64>(), 0.0);
        let end = |p: &f64| {
            sum += p;
            units(sum / all)
        };
        Self { probabilities: probabilities.to_vec(), ends: others.iter().map(end).collect() }
    }

    /// The most likely class and its probability, unless two share it.
    pub fn top(&self) -> Option<(usize, f64)> {
        let largest = self.probabilities.iter().copied().fold(0.0, f64::max);
        let mut top = (0..self.probabilities.len()).filter(|&c| self.probabilities[c] == largest);
        top.next().filter(|_| top.next().is_none()).map(|class| (class, largest))
    }

    /// Whether the statement follows from the probabilities: the class is the most likely one and, for a radius in
    /// pixels, Phi(radius / sigma) is at most its probability.
    pub fn supports(&self, class: usize, radius: Option<f64>) -> bool {
        let within = |p| radius.is_none_or(|radius| Normal::standard().cdf(radius / SIGMA) <= p);
        self.top().is_some_and(|(top, p)| top == class && within(p))
    }

    fn sampler(&self, n: u32) -> Votes<'_> {
        let binomial = Binomial::new(self.probabilities[0], u64::from(n)).unwrap();
        let first = (0..u64::from(n)).map(|k| units(binomial.cdf(k))).collect();
        Votes { classifier: self, n, first }
    }

    /// How many of `trials` statements are wrong. The number depends on method, case and nothing else.
    pub fn wrong(&self, tested: &Tested, trials: u64, case: u64) -> u64 {
        let judge = tested.judge(self);
        let (selecting, counted) = tested.votes();
        let (selecting, counted) = (self.sampler(selecting), self.sampler(counted));
        let chunk = |index: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(case);
            rng.set_stream(index);
            let mut wrong = || judge.is_wrong(selecting.draw(&mut rng), counted.draw(&mut rng));
            (0..CHUNK).filter(|_| wrong()).count() as u64
        };
        (0..trials / CHUNK).into_par_iter().map(chunk).sum()
    }
}

impl Votes<'_> {
    fn draw(&self, rng: &mut ChaCha8Rng) -> Counts {
        let below = |ends: &[u64], word: u64| ends.partition_point(|end| *end <= word);
        let ends = &self.classifier.ends;
        let mut counts: Counts = self.classifier.probabilities.iter().map(|_| 0).collect();
        if self.n == 0 {
            return counts;
        }
        counts[0] = below(&self.first, rng.next_u64()) as u32;
        for _ in counts[0]..self.n {
            // The last end may fall short of 2^64 by rounding.
            counts[1 + below(ends, rng.next_u64()).min(ends.len() - 1)] += 1;
        }
        counts
    }
}

/// A probability in units of 2^-64; 1 saturates.
fn units(p: f64) -> u64 {
    (p * 2f64.powi(64)) as u64
}

/// A classifier to certify.
pub struct Case {
    pub name: String,
    pub classifier: Classifier,
    /// Whether its probability lies just under the edge of a count, so that about alpha of the statements are wrong.
    pub edge: bool,
}

/// Edges of the method's table, and classifiers that are hard for other reasons.
pub fn cases(tested: &Tested) -> Vec<Case> {
    let mut cases = Vec::new();
    for (count, p) in tested.edges() {
        let many = |others: usize| [vec![p], vec![(1.0 - p) / others as f64; others]].concat();
        for others in [1, 99] {
            let name = format!("p = {p:.6} under {count}, {} classes", others + 1);
            cases.push(Case { name, classifier: Classifier::new(&many(others)), edge: true });
        }
    }
    for (name, probabilities) in [
        ("tie of 2", vec![0.5; 2]),
        ("tie of 2, a third behind", vec![0.45, 0.45, 0.1]),
        ("tie of 4", vec![0.25; 4]),
        ("tie of 64", vec![1.0 / 64.0; 64]),
        ("0.499 against 0.501", vec![0.499, 0.501]),
        ("0.5001 against 0.4999", vec![0.5001, 0.4999]),
        ("0.49 against 0.47", vec![0.49, 0.47, 0.02, 0.02]),
        ("0.3 against 70 others", [vec![0.3], vec![0.01; 70]].concat()),
    ] {
        cases.push(Case { name: name.to_owned(), classifier: Classifier::new(&probabilities), edge: false });
    }
    // The votes of two classes are one binomial number, those of many are drawn one by one.
    cases.retain(|case| tested.has_few_votes() || case.classifier.probabilities.len() == 2);
    cases
}

//! Searches with gradients for the audit of certificates.

use super::oracle::Estimator;
use super::target::OnBatch;
use super::{Ascent, Attack, NetTarget, Norm, Oracle, Pgd, attack};
use crate::error::Error;
use crate::methods::Batch;
use crate::train::to_device;
use burn::tensor::{Device, Tensor};
use ringfence::audit::{AuditError, Oracle as Queries, Random, Search, Task};

/// The searches by name: ascents in the ball, and the nearest image whose direction is then followed into the ball.
pub const SEARCHES: [&str; 4] = ["epgd", "smoothadv-pgd", "smoothadv-ddn", "carlini"];

/// An attack with gradients on a smoothed classifier: the compiled network's values, its float twin's slopes.
#[derive(Debug)]
pub struct GradientSearch<'a> {
    name: &'static str,
    attack: Attack,
    estimator: Estimator,
    draws: u32,
    target: NetTarget<'a>,
    network: &'a str,
    device: &'a Device,
}

impl<'a> GradientSearch<'a> {
    /// The search called `name`, with so many draws for each gradient; `network` tells which the float twin is.
    ///
    /// # Errors
    /// Listing the known names.
    pub fn new(
        name: &str,
        draws: u32,
        target: NetTarget<'a>,
        (network, device): (&'a str, &'a Device),
    ) -> Result<Self, Error> {
        if !SEARCHES.contains(&name) {
            let known = SEARCHES.join(", ");
            return Err(Error::Settings(format!("--attacks {name}: unknown; expected {known}")));
        }
        let entry = attack(name, Norm::L2)?;
        let planned = entry.planned(Norm::L2);
        // Each gradient costs as many passes as there are draws: fewer steps than against one network.
        let attack = match planned.attack {
            Attack::Ddn(ddn) => Attack::Ddn(super::Ddn { steps: 30, ..ddn }),
            Attack::Carlini(carlini) => {
                Attack::Carlini(super::Carlini { steps: 40, searches: 3, rate: 0.02, weight: 1.0, ..carlini })
            }
            other => other,
        };
        let estimator = planned.estimator.unwrap_or(Estimator::Probability);
        Ok(Self { name: entry.name, attack, estimator, draws, target, network, device })
    }

    /// The image that the attack ends at.
    fn crafted(&self, oracle: &Oracle, batch: &Batch, label: i32, epsilon: f64) -> Tensor<4> {
        match self.attack {
            Attack::Ascent(ascent) => {
                let Ascent { pgd, .. } = ascent;
                let pgd = Pgd { epsilon, step: pgd.step * epsilon / pgd.epsilon, ..pgd };
                // Where it ends, not only where the estimate says that it broke: the votes judge.
                ascent.climb(oracle, &pgd, batch, &[label], (0, None))
            }
            nearest => nearest.run(oracle, batch, &[label], f64::INFINITY).0,
        }
    }
}

impl Search for GradientSearch<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn settings(&self) -> String {
        let Self { name, attack, estimator, draws, network, .. } = self;
        format!("{name} {attack:?} {estimator:?} draws {draws} network {network}")
    }

    fn search(
        &self,
        task: &Task<'_>,
        queries: &mut Queries<'_>,
        random: &mut Random,
    ) -> Result<(), AuditError> {
        let [b0, b1, b2, b3, ..] = random.bytes();
        let seed = u64::from(u32::from_le_bytes([b0, b1, b2, b3]));
        let center = task.ball.center();
        let pixels = center.iter().map(|p| f32::from(*p) / 255.0).collect();
        let label = task.class as i32;
        let (images, labels) = to_device(pixels, vec![label], self.target.spec, self.device);
        let sigma = self.target.sigma;
        let batch =
            Batch { images, labels, ids: vec![0], epoch: 0, progress: 0.0, seed, sigma, objects: None };
        let on = OnBatch { target: NetTarget { seed, ..self.target }, ids: &[0], watch: &() };
        let oracle = Oracle::new(&on, self.draws, self.draws, self.estimator);
        let x = self.crafted(&oracle, &batch, label, task.ball.radius_255() / 255.0);
        let moved = x.mul_scalar(255.0).into_data();
        let direction: Vec<f64> =
            moved.iter::<f32>().zip(center).map(|(x, c)| f64::from(x) - f64::from(*c)).collect();
        if direction.iter().any(|d| *d != 0.0) {
            queries.score(&task.ball.reach(&direction))?;
        }
        Ok(())
    }
}

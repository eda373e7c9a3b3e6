//! Several attacks on the same images, each on those that are left; the worst of all counts.

use super::trial::Trial;
use super::{Cost, Estimator, Journal, Key, NetTarget, Norm, Planned, Results, Watch};
use crate::data::Images;
use burn::module::Module;
use burn::tensor::Device;

/// What is run, and against which balls.
#[derive(Debug, Clone)]
pub struct Suite<'a> {
    /// The attacks, in order.
    pub attacks: Vec<Planned>,
    /// Norm of the balls.
    pub norm: Norm,
    /// Their sizes, in units of the pixel range.
    pub epsilons: Vec<f64>,
    /// Draws of a randomised classifier in each gradient.
    pub draws: u32,
    /// Draws of each of its decisions.
    pub votes: u32,
    /// How its gradient is estimated.
    pub estimator: Estimator,
    /// Seed of random starts.
    pub seed: u64,
    /// Images attacked at a time, at least 1.
    pub batch: usize,
    /// Networks that transferred images are crafted on, not on an autodiff device.
    pub sources: &'a [NetTarget<'a>],
    /// The one that imitates the target.
    pub substitute: Option<NetTarget<'a>>,
}

impl Suite<'_> {
    /// Runs all attacks on the first `count` of `images`, at each size, or once for all sizes if an attack looks for the
    /// nearest image. A success counts only where a pass of its own, on an image that is within the ball, confirms it.
    /// Steps that `journal` knows are not run again.
    ///
    /// # Errors
    /// The journal's.
    pub fn run<J: Journal>(
        &self,
        target: &NetTarget,
        (images, count): (&Images, usize),
        device: &Device,
        journal: &mut J,
        watch: &dyn Watch,
    ) -> Result<Results, J::Error> {
        // With training on, passes that are differentiated would normalise by the batch's own statistics.
        let net = target.net.valid();
        let target = NetTarget { net: &net, ..*target };
        let trial = Trial { suite: self, target, images, device, watch };
        let ids: Vec<u32> = (0..images.len().min(count) as u32).collect();
        let (wrong, _) = self.pass(&trial, None, None, &ids, journal)?;
        let mut results = Results::new(&self.epsilons, &images.labels()[..ids.len()], &wrong);
        for planned in &self.attacks {
            let sizes = if planned.attack.is_minimal() {
                vec![None]
            } else {
                (0..self.epsilons.len()).map(Some).collect()
            };
            for at in sizes {
                let left = results.left(at);
                let epsilon = at.map(|at| self.epsilons[at]);
                let (found, cost) = self.pass(&trial, Some(planned), epsilon, &left, journal)?;
                results
                    .take(planned.name, at, (&left, &found), cost)
                    .iter()
                    .for_each(|line| watch.line(line));
            }
        }
        results.finish();
        Ok(results)
    }

    /// One attack, or none, on the images `ids`, chunk by chunk: distances of what was found, and the cost.
    fn pass<J: Journal>(
        &self,
        trial: &Trial,
        planned: Option<&Planned>,
        epsilon: Option<f64>,
        ids: &[u32],
        journal: &mut J,
    ) -> Result<(Vec<Option<f32>>, Cost), J::Error> {
        let name = planned.map_or("clean", |planned| planned.name);
        let (mut found, mut cost) = (Vec::with_capacity(ids.len()), Cost::default());
        trial.watch.begin(name, epsilon, ids.len());
        for chunk in ids.chunks(self.batch.max(1)) {
            let key = Key { attack: name.to_owned(), epsilon, images: chunk.to_vec() };
            let step = if let Some(step) = journal.recall(&key)? {
                step
            } else {
                let step = planned.map_or_else(|| trial.clean(chunk), |p| trial.attacked(p, epsilon, chunk));
                journal.record(&key, &step)?;
                step
            };
            found.extend(step.found);
            cost += step.cost;
            trial.watch.done(chunk.len());
        }
        trial.watch.end();
        Ok((found, cost))
    }
}

//! What is attacked.

use ringfence_runtime::smooth::{Image, Purpose, Seed, Smoother};

use super::{AuditError, Random};

/// A smoothed classifier as an attacker can ask it: votes of an image, with noise that is fresh in every call.
pub trait Target {
    /// Votes of each class among `votes` noisy copies of `image`, channel by channel.
    ///
    /// # Errors
    /// The image does not fit the classifier.
    fn votes(&mut self, image: &[u8], votes: u32) -> Result<Vec<u32>, AuditError>;
}

/// A compiled model in the runtime; each call has a seed of its own.
pub struct Smoothed<'t, 'm, 'a, 's> {
    smoother: &'t mut Smoother<'m, 'a, 's>,
    seeds: Random,
}

impl<'t, 'm, 'a, 's> Smoothed<'t, 'm, 'a, 's> {
    /// Asks `smoother` with seeds from `seeds`.
    pub fn new(smoother: &'t mut Smoother<'m, 'a, 's>, seeds: Random) -> Self {
        Self { smoother, seeds }
    }
}

impl Target for Smoothed<'_, '_, '_, '_> {
    fn votes(&mut self, image: &[u8], votes: u32) -> Result<Vec<u32>, AuditError> {
        let input = self.smoother.model().input();
        let image = Image::chw(image, input.channels, input.height, input.width)?;
        let seed = Seed(self.seeds.bytes());
        Ok(self.smoother.tally(&image, &seed, Purpose::Vote, 0..votes)?.to_vec())
    }
}

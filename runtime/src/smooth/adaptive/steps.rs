//! The two steps of a batch of samples.

use super::{Mixture, Recipe};
use crate::exec::ExecError;
use crate::format::Mask;
use crate::noise::{Lanes, Purpose, Seed};
use crate::ops::quantise_row;
use crate::plan::{Input, Tensor};
use crate::smooth::smoother::Draws;
use crate::smooth::{Error, Image, Smoother};

impl Smoother<'_, '_, '_> {
    /// Writes the mixed images of some samples for the classifier: both steps, with the mask network between them.
    ///
    /// Never inlined: plain smoothing does without the stack of this.
    #[inline(never)]
    pub(in crate::smooth) fn write_mixed(
        &mut self,
        mask: &Mask<'_>,
        image: &Image<'_>,
        draws: &Draws<'_>,
        count: usize,
    ) -> Result<(), Error> {
        self.write_masks(mask, image, draws, count)?;
        for slot in 0..count {
            self.write_mixture(mask, image, draws, slot)?;
        }
        Ok(())
    }

    /// The mask of one sample, row by row in units of 1/255; none if the model has no mask network.
    pub fn mask(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        purpose: Purpose,
        sample: u32,
    ) -> Result<Option<&[u8]>, Error> {
        self.check(image)?;
        let Some(mask) = self.model().mask() else { return Ok(None) };
        let draws = Draws { generator: self.generator(), seed, purpose, first: sample };
        self.write_masks(mask, image, &draws, 1)?;
        let inconsistent = ExecError::Inconsistent { op: 0 };
        let (_, plane) = self.halves(mask, 0).ok_or(inconsistent)?;
        Ok(Some(plane))
    }

    /// Runs the mask network on noisy copies and puts the masks of some samples behind the networks' memory.
    fn write_masks(
        &mut self,
        mask: &Mask<'_>,
        image: &Image<'_>,
        draws: &Draws<'_>,
        count: usize,
    ) -> Result<(), Error> {
        let input = mask.network.input();
        for slot in 0..count {
            let noise = draws.noise(self.model().noise(), slot);
            self.write_into(input, slot, image, Some(noise))?;
        }
        self.run_mask(count)?;
        let tensor = mask.network.last().tensor;
        for slot in 0..count {
            let halves = self.halves(mask, slot).ok_or(ExecError::Inconsistent { op: 0 })?;
            copy_plane(&tensor, halves);
        }
        Ok(())
    }

    /// Mixes both noisy images of a sample into the classifier's input.
    fn write_mixture(
        &mut self,
        mask: &Mask<'_>,
        image: &Image<'_>,
        draws: &Draws<'_>,
        slot: usize,
    ) -> Result<(), Error> {
        let (input, table, backend) = (self.model().input(), self.model().noise(), self.executor.available());
        let (networks, plane) = self.halves(mask, slot).ok_or(ExecError::Inconsistent { op: 0 })?;
        let squares = plane.iter().map(|&w| u64::from(w) * u64::from(w)).sum();
        let mixture = Mixture::new(mask.adaptive.first, mask.adaptive.deviation(squares));
        let tensor = networks.get_mut(input.operand.tensor.range());
        let tensor = tensor.ok_or(ExecError::Inconsistent { op: 0 })?;
        let recipe = Recipe {
            image,
            mask: plane,
            first: draws.noise(table, slot),
            second: draws.normal(mask.adaptive.quantiles, slot),
            mixture: &mixture,
        };
        backend.mix(MixJob { input, recipe, tensor });
        Ok(())
    }
}

/// An image to be mixed into an input tensor, which has the shape of the image.
#[derive(Debug)]
pub(crate) struct MixJob<'m> {
    /// Shape, layout and rules.
    pub input: &'m Input,
    /// What is mixed.
    pub recipe: Recipe<'m>,
    /// What is filled.
    pub tensor: &'m mut [u8],
}

/// Fills an input tensor: zero point throughout, then the mixed image, quantised.
///
/// Inlined so that a backend can compile it for its own instruction set.
#[inline(always)]
pub(crate) fn write_mix<L: Lanes>(MixJob { input, recipe, tensor }: MixJob<'_>) {
    let layout = input.operand.tensor;
    tensor.fill(layout.zero_point);
    recipe.each_piece_with::<L>(|piece| {
        let [c, y, x] = piece.place;
        let line = tensor.get_mut(layout.index(y, x, 0)..).unwrap_or_default();
        if let Some(&rule) = input.rules.get(c) {
            quantise_row(piece.mixed, rule, layout.top, line, layout.stored, c);
        }
    });
}

/// Copies the only channel of a mask to its plane.
fn copy_plane(tensor: &Tensor, (networks, plane): (&mut [u8], &mut [u8])) {
    let bytes = networks.get(tensor.range()).unwrap_or_default();
    for (y, row) in plane.chunks_mut(tensor.width.max(1)).enumerate() {
        let pixels = bytes.get(tensor.index(y, 0, 0)..).unwrap_or_default();
        let values = pixels.iter().step_by(tensor.stored.max(1));
        row.iter_mut().zip(values).for_each(|(w, &value)| *w = value);
    }
}

//! Cases that a board is tested with: models, and a hash of all that they compute on a made-up image.
//!
//! Shared with the program on the host that makes them. A case is the length of a model (u32), the hash (u64), both little
//! endian, and the model.

use ringfence_runtime::{Backend, ExecError, Executor, Model};

/// Bytes before the model of a case.
pub const HEADER_BYTES: usize = 12;
/// Largest model of a case.
pub const MODEL_BYTES: usize = 128 * 1024;
/// Largest arena of a case.
pub const ARENA_BYTES: usize = 128 * 1024;
/// Most classes of a case.
pub const CLASSES: usize = 32;

/// FNV-1a of all tensors, operation after operation, and of the logits; none if the backend is not there.
///
/// `arena` holds one sample, `logits` one row.
pub fn hash(
    model: &Model<'_>,
    backend: Backend,
    arena: &mut [u8],
    logits: &mut [i32],
) -> Result<Option<u64>, ExecError> {
    let Some(executor) = Executor::new(model, backend) else { return Ok(None) };
    write_image(&executor, arena)?;
    let mut hash = Hash(0xCBF2_9CE4_8422_2325);
    executor.run(arena, 1, logits, |_, _, view| {
        let t = view.tensor;
        for y in 0..t.height {
            for x in 0..t.width {
                (0..t.channels).filter_map(|c| view.get(y, x, c)).for_each(|byte| hash.add(byte));
            }
        }
    })?;
    logits.iter().flat_map(|logit| logit.to_le_bytes()).for_each(|byte| hash.add(byte));
    Ok(Some(hash.0))
}

/// Pixels with noise, from a linear congruential generator.
fn write_image(executor: &Executor<'_, '_>, arena: &mut [u8]) -> Result<(), ExecError> {
    let input = executor.model().input();
    let mut writer = executor.write_input(arena, 0)?;
    let mut state = 1u32;
    let mut row = [0; 64];
    let row = &mut row[..input.width.min(64)];
    for channel in 0..input.channels {
        for y in 0..input.height {
            for value in row.iter_mut() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = (state >> 22) as i16 - 300;
            }
            writer.row(channel, y, row);
        }
    }
    Ok(())
}

struct Hash(u64);

impl Hash {
    fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
}

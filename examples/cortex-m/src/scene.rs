//! What the programs work on: a model and an image in flash, and memory.

use core::sync::atomic::{AtomicBool, Ordering};
use ringfence_runtime::embed_model;

/// The model that the build was asked for.
pub static MODEL: &[u8] = embed_model!(env!("MODEL"));
/// A sign, 3 x 32 x 32, channel by channel.
pub static IMAGE: &[u8] = include_bytes!("../../../runtime/tests/vectors/sign-24.chw");

/// Enough for both shipped models.
const ARENA_BYTES: usize = 38 * 1024;

static mut ARENA: [u8; ARENA_BYTES] = [0; ARENA_BYTES];
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The arena; once.
pub fn take_arena() -> Option<&'static mut [u8]> {
    // Without compare-and-swap, which small cores lack: no interrupt takes it.
    if TAKEN.load(Ordering::Relaxed) {
        return None;
    }
    TAKEN.store(true, Ordering::Relaxed);
    // SAFETY: the only reference to it, as nobody else has taken it.
    Some(unsafe { &mut *(&raw mut ARENA) })
}

//! AMX tiles: how they are set up, and the instructions on them (the intrinsics are not stable).
//!
//! Values stay in tiles from one instruction to the next. Nothing comes between: the compiler has no use for tiles (no
//! code here is compiled with AMX features), no function called in between touches them, and the kernel saves them.

use core::arch::asm;
use core::mem::MaybeUninit;

/// Bytes of a row of a tile.
pub(super) const ROW: usize = 64;

/// Rows of a tile.
pub(super) const ROWS: usize = 16;

/// Loads a tile from rows `stride` bytes apart.
macro_rules! load {
    ($tile:tt, $from:expr, $stride:expr) => {
        core::arch::asm!(
            concat!("tileloadd ", $tile, ", [{from} + {stride}*1]"),
            from = in(reg) $from,
            stride = in(reg) $stride,
            out($tile) _,
            options(nostack, readonly, preserves_flags),
        )
    };
}

/// Stores a tile to rows `stride` bytes apart.
macro_rules! store {
    ($tile:tt, $to:expr, $stride:expr) => {
        core::arch::asm!(
            concat!("tilestored [{to} + {stride}*1], ", $tile),
            to = in(reg) $to,
            stride = in(reg) $stride,
            options(nostack, preserves_flags),
        )
    };
}

/// Zeroes a tile.
macro_rules! zero {
    ($tile:tt) => {
        core::arch::asm!(concat!("tilezero ", $tile), out($tile) _, options(nostack, nomem, preserves_flags))
    };
}

/// Adds the products of unsigned bytes of a tile with signed bytes of another one to a third.
macro_rules! dot {
    ($sum:tt, $pixels:tt, $weights:tt) => {
        core::arch::asm!(
            concat!("tdpbusd ", $sum, ", ", $pixels, ", ", $weights),
            out($sum) _,
            options(nostack, nomem, preserves_flags),
        )
    };
}

pub(super) use {dot, load, store, zero};

/// Rows and bytes a row of each tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Rows, 1..=16; 0 for a tile that is not used.
    pub rows: [u8; 8],
    /// Bytes of a row, a multiple of four in 4..=64.
    pub bytes: [u8; 8],
}

#[derive(Debug, PartialEq, Eq)]
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// How the tiles were set up.
#[derive(Debug, Default)]
pub struct Tiles {
    /// None before the first use.
    shape: Option<Shape>,
    /// Whether others may have set them up since.
    is_doubtful: bool,
}

impl Tiles {
    /// Other code may run before the next use: tiles belong to the thread, of which there may be another one then, and
    /// anyone may set them up otherwise or release them.
    pub(in super::super) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// Sets the tiles up, unless they are.
    ///
    /// # Safety
    /// Tiles are permitted; the shape is within its limits.
    pub(super) unsafe fn prepare(&mut self, shape: Shape) {
        let is_doubtful = core::mem::take(&mut self.is_doubtful);
        // SAFETY: tiles are permitted.
        if self.shape == Some(shape) && !(is_doubtful && unsafe { Config::current() } != Config::new(shape)) {
            return;
        }
        let config = Config::new(shape);
        // SAFETY: the configuration is valid by the contract of this function.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &config, options(nostack, readonly, preserves_flags)) };
        self.shape = Some(shape);
    }
}

impl Config {
    #[inline]
    fn new(shape: Shape) -> Self {
        let mut config =
            Self { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        for (to, from) in config.row_bytes.iter_mut().zip(shape.bytes) {
            *to = from.into();
        }
        for (to, from) in config.rows.iter_mut().zip(shape.rows) {
            *to = from;
        }
        config
    }

    /// That of this thread.
    ///
    /// # Safety
    /// Tiles are permitted.
    unsafe fn current() -> Self {
        let mut config = MaybeUninit::uninit();
        // SAFETY: tiles are permitted; all 64 bytes are written.
        unsafe {
            asm!("sttilecfg [{}]", in(reg) config.as_mut_ptr(), options(nostack, preserves_flags));
            config.assume_init()
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        if self.shape.is_some() {
            // SAFETY: tiles that were set up are permitted. The operating system need not save them any more.
            unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
        }
    }
}

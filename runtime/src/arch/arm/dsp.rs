//! Convolution with the DSP extension: `smlad` multiplies two pairs of 16 bits and adds both products.
//!
//! The weights of an octet are widened once for all pixels; those deeper than there is room for are widened as they are
//! multiplied. Nothing saturates.

use super::octet::{self, Kernel, OCTET, Window, groups};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::{ConvJob, ConvPlan};
use core::arch::asm;

/// Deepest octet that is widened beforehand: 3 x 3 over 64 channels, 9 KiB.
const ROOM: usize = 576;

/// See [`ops::conv`](crate::ops::conv).
pub(super) fn conv(job: ConvJob<'_>) {
    if job.plan().filter.depth <= ROOM {
        octet::conv::<Widened>(&mut [[[0; 2]; OCTET]; ROOM / CHANNEL_GROUP], job);
    } else {
        octet::conv::<Packed>(&mut core::ptr::null(), job);
    }
}

/// Two pairs of 16 bits of each output for each group: depths 0 and 2, then 1 and 3, as `uxtb16` takes four activations
/// apart.
struct Widened;

impl Kernel for Widened {
    type Weights = [[[u32; 2]; OCTET]; ROOM / CHANNEL_GROUP];

    #[inline(never)]
    fn repack(plan: &ConvPlan<'_>, octet: usize, weights: &mut Self::Weights) {
        for (wide, group) in weights.iter_mut().zip(groups(plan, octet)) {
            for (pairs, &[a, b, c, d]) in wide.iter_mut().zip(group) {
                *pairs = [pair(a, c), pair(b, d)];
            }
        }
    }

    fn window(plan: &ConvPlan<'_>) -> Window {
        window(plan)
    }

    #[inline(always)]
    unsafe fn add(pixels: *const u8, weights: &Self::Weights, sums: &mut [i32; OCTET], window: &Window) {
        // SAFETY: by the contract of this function; the weights of a window are not more than there is room for.
        unsafe { add_widened(pixels, weights.as_ptr().cast(), sums, window) }
    }
}

/// The weights as the model has them, from the octet's first group on.
struct Packed;

impl Kernel for Packed {
    type Weights = *const u8;

    fn repack(plan: &ConvPlan<'_>, octet: usize, weights: &mut Self::Weights) {
        *weights = groups(plan, octet).next().map_or(core::ptr::null(), |group| group.as_ptr().cast());
    }

    fn window(plan: &ConvPlan<'_>) -> Window {
        window(plan)
    }

    #[inline(always)]
    unsafe fn add(pixels: *const u8, weights: &Self::Weights, sums: &mut [i32; OCTET], window: &Window) {
        // SAFETY: by the contract of this function; the octet has the weights of a window.
        unsafe { add_packed(pixels, *weights, sums, window) }
    }
}

fn window(plan: &ConvPlan<'_>) -> Window {
    Window { run: plan.run, rows: plan.rows, turn: plan.row_bytes.wrapping_sub(plan.run) }
}

/// Two weights as the halves of a word.
fn pair(low: u8, high: u8) -> u32 {
    let wide = |weight: u8| i32::from(weight.cast_signed()).cast_unsigned();
    wide(low) & 0xffff | wide(high) << 16
}

/// A function that adds the products of a window to eight sums, given the instructions for four depths of all outputs.
///
/// In those, `r0` and `r1` are the next activations and weights, `r2` to `r9` the sums, `r10` to `lr` free. On the stack
/// lie the end of the run, the rows that are left, the bytes from a run to the next, of a run, and where the sums go.
macro_rules! window_sum {
    ($(#[$doc:meta])* $name:ident, $four_depths:expr) => {
        $(#[$doc])*
        #[inline(never)]
        unsafe fn $name(
            pixels: *const u8,
            weights: *const u8,
            sums: &mut [i32; OCTET],
            window: &Window,
        ) {
            // SAFETY: by the contract of this function; what is not given as an operand is restored.
            unsafe {
                asm!(
                    // The assembler need not know what the target was said to have.
                    ".cpu cortex-m4",
                    "push {{r4-r11, lr}}",
                    "sub sp, #20",
                    "ldm r3, {{r4, r5, r6}}",
                    "strd r5, r6, [sp, #4]",
                    "strd r4, r2, [sp, #12]",
                    "ldm r2, {{r2-r9}}",
                    "2:",
                    "ldr r10, [sp, #12]",
                    "add r11, r0, r10",
                    "str r11, [sp]",
                    // An odd number of groups starts with the second one of the loop.
                    "tst r10, #4",
                    "bne 4f",
                    "3:",
                    $four_depths,
                    "4:",
                    $four_depths,
                    "ldr r10, [sp]",
                    "cmp r0, r10",
                    "bne 3b",
                    "ldrd r10, r11, [sp, #4]",
                    "add r0, r11",
                    "subs r10, #1",
                    "str r10, [sp, #4]",
                    "bne 2b",
                    "ldr r10, [sp, #16]",
                    "stm r10, {{r2-r9}}",
                    "add sp, #20",
                    "pop {{r4-r11, lr}}",
                    inout("r0") pixels => _,
                    inout("r1") weights => _,
                    inout("r2") sums => _,
                    inout("r3") window => _,
                    out("r12") _,
                )
            }
        }
    };
}

/// Loads four activations: depths 0 and 2 to `r10`, 1 and 3 to `r11`.
macro_rules! load_activations {
    () => {
        "ldr r10, [r0], #4\nuxtb16 r11, r10, ror #8\nuxtb16 r10, r10\n"
    };
}

/// Multiplies them with the weights in `r12` and `lr`.
macro_rules! multiply {
    ($sum:literal) => {
        concat!("smlad ", $sum, ", r12, r10, ", $sum, "\nsmlad ", $sum, ", lr, r11, ", $sum, "\n")
    };
}

macro_rules! widened {
    ($($sum:literal)*) => {
        concat!(load_activations!(), $("ldrd r12, lr, [r1], #8\n", multiply!($sum)),*)
    };
}

macro_rules! packed {
    ($($sum:literal $at:literal)*) => {
        concat!(
            load_activations!(),
            $("ldr lr, [r1, #", $at, "]\nsxtb16 r12, lr\nsxtb16 lr, lr, ror #8\n", multiply!($sum)),*,
            "add r1, #64\n",
        )
    };
}

window_sum! {
    /// With weights `[depth/4][8][2]` of two 16-bit values each.
    ///
    /// # Safety
    /// All runs of the window and as many weights can be read; the processor has the DSP extension.
    add_widened, widened!("r2" "r3" "r4" "r5" "r6" "r7" "r8" "r9")
}

window_sum! {
    /// With weights `[depth/4][16][4]`, of which the first eight outputs are used.
    ///
    /// # Safety
    /// As [`add_widened`].
    add_packed, packed!("r2" 0 "r3" 4 "r4" 8 "r5" 12 "r6" 16 "r7" 20 "r8" 24 "r9" 28)
}

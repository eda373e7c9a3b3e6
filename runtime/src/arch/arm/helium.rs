//! Convolution with Helium (MVE): `vmladava` multiplies sixteen pairs of bytes and adds all products to one sum.
//!
//! The weights of an octet are sorted by outputs once for all pixels, sixteen depths at a time; each run is filled up with
//! zeros. Activations are moved by 128, so that both operands are i8; the sums make up for it. Nothing saturates.

use super::dsp;
use super::octet::{self, Kernel, OCTET, Window, groups};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::{ConvJob, ConvPlan};
use core::arch::asm;

/// Bytes of a vector.
const WIDE: usize = 16;

/// Four weights.
type Four = [u8; CHANNEL_GROUP];

/// Sixteen depths of each output.
type Chunk = [[Four; WIDE / CHANNEL_GROUP]; OCTET];

/// Most chunks that there is room for: 3 x 3 over 64 channels, 4.6 KiB.
const ROOM: usize = 36;

/// See [`ops::conv`](crate::ops::conv).
pub(super) fn conv(job: ConvJob<'_>) {
    let plan = job.plan();
    if plan.rows * plan.run.div_ceil(WIDE) <= ROOM {
        octet::conv::<Sorted>(&mut Sorted { chunks: [EMPTY; ROOM], missing: [0; OCTET] }, job);
    } else {
        dsp::conv(job);
    }
}

const EMPTY: Chunk = [[[0; CHANNEL_GROUP]; WIDE / CHANNEL_GROUP]; OCTET];

/// `[row][run/16][8][16]`, and 128 times the sum of each output's weights.
struct Sorted {
    chunks: [Chunk; ROOM],
    missing: [i32; OCTET],
}

impl Kernel for Sorted {
    type Weights = Self;

    #[inline(never)]
    fn repack(plan: &ConvPlan<'_>, octet: usize, weights: &mut Self) {
        let (per_run, per_chunk) = (plan.run / CHANNEL_GROUP, WIDE / CHANNEL_GROUP);
        weights.chunks = [EMPTY; ROOM];
        weights.missing = [0; OCTET];
        let (mut row, mut at) = (0, 0);
        for group in groups(plan, octet) {
            let Some(chunk) = weights.chunks.get_mut(row + at / per_chunk) else { return };
            for ((output, four), missing) in chunk.iter_mut().zip(group).zip(&mut weights.missing) {
                output[at % per_chunk] = *four;
                *missing += 128 * four.iter().map(|&weight| i32::from(weight.cast_signed())).sum::<i32>();
            }
            at += 1;
            if at == per_run {
                (row, at) = (row + per_run.div_ceil(per_chunk), 0);
            }
        }
    }

    fn missing(weights: &Self) -> [i32; OCTET] {
        weights.missing
    }

    fn window(plan: &ConvPlan<'_>) -> Window {
        let read = plan.run.next_multiple_of(WIDE);
        Window { run: plan.run, rows: plan.rows, turn: plan.row_bytes.wrapping_sub(read) }
    }

    #[inline(always)]
    unsafe fn add(pixels: *const u8, weights: &Self, sums: &mut [i32; OCTET], window: &Window) {
        // SAFETY: by the contract of this function; the chunks of a window are not more than there is room for.
        unsafe { add_sorted(pixels, weights.chunks.as_ptr(), sums, window) }
    }
}

/// Multiplies sixteen activations in `q0` with the weights of eight outputs.
macro_rules! multiply {
    () => {
        multiply!("r0" "r2" "r4" "r6" "r8" "r10" "r12" "lr")
    };
    ($($sum:literal)*) => {
        concat!(
            "veor q0, q0, q2\n",
            $("vldrb.u8 q1, [r3], #16\nvmladava.s8 ", $sum, ", q0, q1\n"),*,
        )
    };
}

/// Adds the products of a window with weights `[row][run/16][8][16]` to eight sums.
///
/// # Safety
/// All runs of the window and as many weights can be read; the processor has Helium.
#[inline(never)]
unsafe fn add_sorted(pixels: *const u8, weights: *const Chunk, sums: &mut [i32; OCTET], window: &Window) {
    // r1, r3: the next activations and weights; r5: bytes left of the run, r7: rows; r9: bytes from a run to the next,
    // r11: of a run. The sums are in the other registers: only those with even numbers can be added to.
    // SAFETY: by the contract of this function; what is not given as an operand is restored.
    unsafe {
        asm!(
            // The compiler is not told of Helium: what it makes of loops with it does not always compile.
            ".cpu cortex-m55",
            "push {{r2, r4-r11, lr}}",
            "ldr r11, [r3]",
            "ldrd r7, r9, [r3, #4]",
            "mov r3, r1",
            "mov r1, r0",
            "vmov.i8 q2, #128",
            "ldr lr, [r2, #28]",
            "ldr r12, [r2, #24]",
            "ldr r10, [r2, #20]",
            "ldr r8, [r2, #16]",
            "ldr r6, [r2, #12]",
            "ldr r4, [r2, #8]",
            "ldr r0, [r2]",
            "ldr r2, [r2, #4]",
            "2:",
            "subs r5, r11, #16",
            "blt 4f",
            "3:",
            "vldrb.u8 q0, [r1], #16",
            multiply!(),
            "subs r5, #16",
            "bge 3b",
            "4:",
            "adds r5, #16",
            "beq 5f",
            "vctp.8 r5",
            "vpst",
            "vldrbt.u8 q0, [r1], #16",
            multiply!(),
            "5:",
            "add r1, r9",
            "subs r7, #1",
            "bne 2b",
            "pop {{r1}}",
            "str r0, [r1]",
            "str r2, [r1, #4]",
            "str r4, [r1, #8]",
            "str r6, [r1, #12]",
            "str r8, [r1, #16]",
            "str r10, [r1, #20]",
            "str r12, [r1, #24]",
            "str lr, [r1, #28]",
            "pop {{r4-r11, lr}}",
            inout("r0") pixels => _,
            inout("r1") weights => _,
            inout("r2") sums => _,
            inout("r3") window => _,
            out("r12") _,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _,
        )
    }
}

//! Convolution with Helium (MVE): `vmladava` multiplies sixteen pairs of bytes and adds all products to one sum.
//!
//! The weights of an octet are sorted by outputs once for all pixels, sixteen depths at a time; each run is filled up with
//! zeros. Activations are moved by 128, so that both operands are i8; the sums make up for it. `vqrdmulh` is the rule's
//! second step. Saturating 16-bit sums are exact here: whatever saturates is clamped to the same end by the final clamp.

use super::dsp;
use super::octet::{self, Kernel, OCTET, Row, packed};
use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::{ConvJob, ConvPlan};
use core::arch::asm;
use core::mem::offset_of;

/// Bytes of a vector.
const WIDE: usize = 16;

/// Sixteen weights of each output.
type Chunk = [[u8; WIDE]; OCTET];

/// Most chunks that there is room for: 3 x 3 over 64 channels, 4.6 KiB.
const ROOM: usize = 36;

/// See [`ops::conv`](crate::ops::conv).
pub(super) fn conv(job: ConvJob<'_>) {
    let plan = job.plan();
    if plan.rows * plan.run.div_ceil(WIDE) <= ROOM {
        octet::conv(&mut Sorted { chunks: [[[0; WIDE]; OCTET]; ROOM], missing: [0; OCTET] }, job);
    } else {
        dsp::conv(job);
    }
}

/// `[row][run/16][8][16]`, and 128 times the sum of each output's weights.
struct Sorted {
    chunks: [Chunk; ROOM],
    missing: [i32; OCTET],
}

/// Right shifts as negative left ones, of outputs 0, 2, 4, 6, then 1, 3, 5, 7; multipliers in order.
#[repr(C)]
struct Rules {
    even: [i32; OCTET / 2],
    odd: [i32; OCTET / 2],
    mul: [i16; OCTET],
}

impl Kernel for Sorted {
    type Rules = Rules;

    fn repack(&mut self, plan: &ConvPlan<'_>, octet: usize) -> *const u8 {
        let mut sorting = Sorting {
            from: packed(plan, octet).as_ptr(),
            to: self.chunks.as_mut_ptr(),
            rows: plan.rows,
            groups: plan.run / CHANNEL_GROUP,
            starts: core::array::from_fn(|i| (i * BLOCK * CHANNEL_GROUP) as u32),
            sums: [0; OCTET],
        };
        // SAFETY: the plan has checked that there are `rows * groups` groups, `conv` that the chunks have room.
        unsafe { sort(&mut sorting) };
        self.missing = sorting.sums.map(|sum| sum << 7);
        self.chunks.as_ptr().cast()
    }

    fn missing(&self) -> [i32; OCTET] {
        self.missing
    }

    fn rules(pre: [u8; OCTET], mul: [i16; OCTET]) -> Rules {
        let shift = |o: usize| -i32::from(pre[o]);
        let even = core::array::from_fn(|i| shift(2 * i));
        Rules { even, odd: core::array::from_fn(|i| shift(2 * i + 1)), mul }
    }

    fn read(run: usize) -> usize {
        run.next_multiple_of(WIDE)
    }

    unsafe fn row(_: &ConvPlan<'_>, row: &mut Row<Rules>) {
        // SAFETY: by the contract of this function.
        unsafe { row_of_sorted(row) }
    }
}

/// What is sorted, as the assembly reads it.
#[repr(C)]
struct Sorting {
    /// First group of the octet; the next ones are 64 bytes apart.
    from: *const u8,
    to: *mut Chunk,
    /// Runs, not 0.
    rows: usize,
    /// Groups of a run, not 0.
    groups: usize,
    /// Where the groups of a chunk start.
    starts: [u32; WIDE / CHANNEL_GROUP],
    /// Receives the sum of each output's weights.
    sums: [i32; OCTET],
}

/// Sixteen weights of each output, from `r1` to `r3`, as far as `p0` says that they are there; adds them up.
macro_rules! sort_chunk {
    ($($sum:literal)*) => {
        concat!($(
            "vpst\nvldrwt.u32 q0, [r1, q1]\n",
            "vaddva.s8 ", $sum, ", q0\n",
            "vstrb.8 q0, [r3], #16\n",
            "add r1, #4\n",
        )*)
    };
}

/// Brings the weights of an octet into order.
///
/// # Safety
/// `rows * groups` groups can be read, `rows * groups.div_ceil(4)` chunks written; the processor has Helium.
#[inline(never)]
unsafe fn sort(sorting: &mut Sorting) {
    // r1, r3: from, to; r5: groups left of the run; r7: runs left; r9: groups of a run. The sums are in the other
    // registers: only those with even numbers can be added to.
    // SAFETY: by the contract of this function; what is not given as an operand is restored.
    unsafe {
        asm!(
            // The compiler is not told of Helium: what it makes of loops with it does not always compile.
            ".cpu cortex-m55",
            "push {{r0, r4-r11, lr}}",
            "ldrd r1, r3, [r0, #{from}]",
            "ldrd r7, r9, [r0, #{rows}]",
            "add r0, #{starts}",
            "vldrw.u32 q1, [r0]",
            "mov r0, #0",
            "mov r2, #0",
            "mov r4, #0",
            "mov r6, #0",
            "mov r8, #0",
            "mov r10, #0",
            "mov r12, #0",
            "mov lr, #0",
            "2:",
            "mov r5, r9",
            "3:",
            "vctp.32 r5",
            sort_chunk!("r0" "r2" "r4" "r6" "r8" "r10" "r12" "lr"),
            "add r1, #224",
            "subs r5, #4",
            "bgt 3b",
            // Back by what the last chunk had too much.
            "add r1, r1, r5, lsl #6",
            "subs r7, #1",
            "bne 2b",
            "pop {{r1}}",
            "add r1, #{sums}",
            "stm r1, {{r0, r2, r4, r6, r8, r10, r12, lr}}",
            "pop {{r4-r11, lr}}",
            from = const offset_of!(Sorting, from),
            rows = const offset_of!(Sorting, rows),
            starts = const offset_of!(Sorting, starts),
            sums = const offset_of!(Sorting, sums),
            inout("r0") sorting => _,
            out("r1") _,
            out("r2") _,
            out("r3") _,
            out("r12") _,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _,
        )
    }
}

/// Multiplies sixteen activations in `q0` with the weights of eight outputs.
macro_rules! multiply {
    () => {
        multiply!("r0" "r2" "r4" "r6" "r8" "r10" "r12" "lr")
    };
    ($($sum:literal)*) => {
        concat!("veor q0, q0, q2\n", $("vldrb.u8 q1, [r3], #16\nvmladava.s8 ", $sum, ", q0, q1\n"),*)
    };
}

/// See [`Kernel::row`].
///
/// # Safety
/// As there; the processor has Helium.
#[inline(never)]
unsafe fn row_of_sorted(row: &mut Row<Rules>) {
    // r1, r3: the next activations and weights; r5: bytes left of the run; r7: runs left; r9: the row; r11: bytes of a run.
    // The sums are in the other registers: only those with even numbers can be added to.
    // SAFETY: by the contract of this function; what is not given as an operand is restored.
    unsafe {
        asm!(
            ".cpu cortex-m55",
            "push {{r4-r11, lr}}",
            "mov r9, r0",
            "ldr r11, [r9, #{run}]",
            // The next pixel.
            "2:",
            "vmov.i8 q2, #128",
            "ldrd r3, r1, [r9, #{weights}]",
            "ldr r7, [r9, #{rows}]",
            "add lr, r9, #{bias}",
            "ldm lr, {{r0, r2, r4, r6, r8, r10, r12, lr}}",
            // The next run.
            "3:",
            "subs r5, r11, #16",
            "blt 5f",
            "4:",
            "vldrb.u8 q0, [r1], #16",
            multiply!(),
            "subs r5, #16",
            "bge 4b",
            "5:",
            "adds r5, #16",
            "beq 6f",
            "vctp.8 r5",
            "vpst",
            "vldrbt.u8 q0, [r1], #16",
            multiply!(),
            "6:",
            "ldr r5, [r9, #{turn}]",
            "add r1, r5",
            "subs r7, #1",
            "bne 3b",

            // Even outputs to q0, odd ones to q1, both to the 16-bit lanes of q2.
            "vmov q0[2], q0[0], r0, r8",
            "vmov q0[3], q0[1], r4, r12",
            "vmov q1[2], q1[0], r2, r10",
            "vmov q1[3], q1[1], r6, lr",
            "add r0, r9, #{rules}",
            "vldrw.u32 q3, [r0]",
            "vshl.s32 q0, q0, q3",
            "vldrw.u32 q3, [r0, #16]",
            "vshl.s32 q1, q1, q3",
            "vqmovnb.s32 q2, q0",
            "vqmovnt.s32 q2, q1",
            "vldrw.u32 q3, [r0, #32]",
            "vqrdmulh.s16 q2, q2, q3",
            "ldr r0, [r9, #{stored}]",
            "vctp.16 r0",
            "ldrd r0, r1, [r9, #{output}]",
            "ldr r2, [r9, #{step}]",
            "cbz r1, 7f",
            "vpst",
            "vldrbt.u16 q0, [r1]",
            "add r1, r2",
            "ldr r3, [r9, #{residual_zero_point}]",
            "ldrd r4, r5, [r9, #{residual_shift}]",
            "vsub.i16 q0, q0, r3",
            "vshl.s16 q0, r4",
            "vqrdmulh.s16 q0, q0, r5",
            "vqadd.s16 q2, q2, q0",
            "7:",
            "ldr r3, [r9, #{zero_point}]",
            "vqadd.s16 q2, q2, r3",
            "ldrb r4, [r9, #{lo}]",
            "ldrb r5, [r9, #{top}]",
            "vdup.16 q0, r4",
            "vmax.s16 q2, q2, q0",
            "vdup.16 q0, r5",
            "vmin.s16 q2, q2, q0",
            "vpst",
            "vstrbt.16 q2, [r0]",
            "add r0, r2",
            "strd r0, r1, [r9, #{output}]",
            "ldrd r0, r1, [r9, #{pixels}]",
            "add r0, r1",
            "str r0, [r9, #{pixels}]",
            "ldr r0, [r9, #{left}]",
            "subs r0, #1",
            "str r0, [r9, #{left}]",
            "bne 2b",
            "pop {{r4-r11, lr}}",
            pixels = const offset_of!(Row<Rules>, pixels),
            weights = const offset_of!(Row<Rules>, weights),
            rows = const offset_of!(Row<Rules>, rows),
            bias = const offset_of!(Row<Rules>, bias),
            run = const offset_of!(Row<Rules>, run),
            turn = const offset_of!(Row<Rules>, turn),
            rules = const offset_of!(Row<Rules>, rules),
            zero_point = const offset_of!(Row<Rules>, zero_point),
            step = const offset_of!(Row<Rules>, step),
            residual_zero_point = const offset_of!(Row<Rules>, residual_zero_point),
            residual_shift = const offset_of!(Row<Rules>, residual_shift),
            stored = const offset_of!(Row<Rules>, stored),
            lo = const offset_of!(Row<Rules>, lo),
            top = const offset_of!(Row<Rules>, top),
            output = const offset_of!(Row<Rules>, output),
            left = const offset_of!(Row<Rules>, left),
            inout("r0") row => _,
            out("r1") _,
            out("r2") _,
            out("r3") _,
            out("r12") _,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _, out("d6") _, out("d7") _,
        )
    }
}

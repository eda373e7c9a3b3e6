//! Convolution with the DSP extension: `smlad` multiplies two pairs of 16 bits and adds both products.
//!
//! The weights of an octet are widened once for all pixels; those deeper than there is room for are widened as they are
//! multiplied. Nothing saturates before the rule does.

use super::octet::{self, Kernel, OCTET, Row, groups, packed};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::{ConvJob, ConvPlan};
use core::arch::asm;
use core::mem::offset_of;

/// Deepest octet that is widened beforehand: 3 x 3 over 64 channels, 9 KiB.
const ROOM: usize = 576;

/// See [`ops::conv`](crate::ops::conv).
pub(super) fn conv(job: ConvJob<'_>) {
    octet::conv(&mut Dsp([[[0; 2]; OCTET]; ROOM / CHANNEL_GROUP]), job);
}

/// Widened weights of an octet: for each group two pairs of 16 bits of each output, depths 0 and 2, then 1 and 3, as
/// `uxtb16` takes four activations apart.
struct Dsp([[[u32; 2]; OCTET]; ROOM / CHANNEL_GROUP]);

/// A multiplier above a right shift, of each output: a shift by a register takes the last byte of it.
type Rules = [u32; OCTET];

impl Kernel for Dsp {
    type Rules = Rules;

    fn repack(&mut self, plan: &ConvPlan<'_>, octet: usize) -> *const u8 {
        if plan.filter.depth > ROOM {
            return packed(plan, octet).as_ptr();
        }
        for (wide, group) in self.0.iter_mut().zip(groups(plan, octet)) {
            for (pairs, &[a, b, c, d]) in wide.iter_mut().zip(group) {
                *pairs = [pair(a, c), pair(b, d)];
            }
        }
        self.0.as_ptr().cast()
    }

    fn rules(pre: [u8; OCTET], mul: [i16; OCTET]) -> Rules {
        core::array::from_fn(|o| (i32::from(mul[o]) << 16).cast_unsigned() | u32::from(pre[o]))
    }

    fn read(run: usize) -> usize {
        run
    }

    unsafe fn row(plan: &ConvPlan<'_>, row: &mut Row<Rules>) {
        // SAFETY: by the contract of this function.
        unsafe { compute(row, plan.filter.depth <= ROOM) }
    }
}

/// Two weights as the halves of a word.
fn pair(low: u8, high: u8) -> u32 {
    let wide = |weight: u8| i32::from(weight.cast_signed()).cast_unsigned();
    wide(low) & 0xffff | wide(high) << 16
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

/// Four depths of all outputs with weights `[depth/4][8][2]` of two 16-bit values each.
macro_rules! widened {
    ($($sum:literal)*) => {
        concat!(load_activations!(), $("ldrd r12, lr, [r1], #8\n", multiply!($sum)),*)
    };
}

/// The same with weights `[depth/4][16][4]`, of which the first eight outputs are used.
macro_rules! packed {
    ($($sum:literal $at:literal)*) => {
        concat!(
            load_activations!(),
            $("ldr lr, [r1, #", $at, "]\nsxtb16 r12, lr\nsxtb16 lr, lr, ror #8\n", multiply!($sum)),*,
            "add r1, #64\n",
        )
    };
}

/// The rule, and the zero point in `r1`; the rules at `r0`.
macro_rules! requantise {
    ($($sum:literal)*) => {
        concat!($(
            "ldr r10, [r0], #4\n",
            "asr ", $sum, ", ", $sum, ", r10\n",
            "ssat ", $sum, ", #16, ", $sum, "\n",
            "smlabt ", $sum, ", ", $sum, ", r10, lr\n",
            "add ", $sum, ", r1, ", $sum, ", asr #15\n",
        )*)
    };
}

/// Adds the residuals at `r0`: less the zero point in `r10`, shifted by `r11`, times `r1`.
macro_rules! add_residuals {
    ($($sum:literal)*) => {
        concat!($(
            "ldrb r12, [r0], #1\n",
            "sub r12, r12, r10\n",
            "lsl r12, r12, r11\n",
            "smlabb r12, r12, r1, lr\n",
            "add ", $sum, ", ", $sum, ", r12, asr #15\n",
        )*)
    };
}

/// Clamps four outputs to a byte each and all of them to the bytes of `r10` and `r11`; the first register holds them.
macro_rules! clamp {
    ($a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "usat ",
            $a,
            ", #8, ",
            $a,
            "\nusat ",
            $b,
            ", #8, ",
            $b,
            "\n",
            "usat ",
            $c,
            ", #8, ",
            $c,
            "\nusat ",
            $d,
            ", #8, ",
            $d,
            "\n",
            "orr ",
            $a,
            ", ",
            $a,
            ", ",
            $b,
            ", lsl #8\n",
            "orr ",
            $c,
            ", ",
            $c,
            ", ",
            $d,
            ", lsl #8\n",
            "orr ",
            $a,
            ", ",
            $a,
            ", ",
            $c,
            ", lsl #16\n",
            "usub8 lr, ",
            $a,
            ", r10\nsel ",
            $a,
            ", ",
            $a,
            ", r10\n",
            "usub8 lr, r11, ",
            $a,
            "\nsel ",
            $a,
            ", ",
            $a,
            ", r11\n",
        )
    };
}

/// See [`Kernel::row`]; the weights are widened or those of the model.
///
/// # Safety
/// As there; the processor has the DSP extension.
#[inline(never)]
unsafe fn compute(row: &mut Row<Rules>, widened: bool) {
    // While it multiplies, r0 and r1 are the next activations and weights, r2 to r9 the sums. On the stack lie the row's
    // address, the end of the run, the runs that are left, and `widened`.
    // SAFETY: by the contract of this function; what is not given as an operand is restored.
    unsafe {
        asm!(
            // Whatever the target was said to have, for the assembler.
            ".cpu cortex-m4",
            "push {{r4-r11, lr}}",
            "sub sp, #16",
            "str r0, [sp]",
            "str r1, [sp, #12]",
            "mov r12, r0",
            // The next pixel.
            "2:",
            "ldr r0, [r12, #{pixels}]",
            "ldr r1, [r12, #{weights}]",
            "ldr r10, [r12, #{rows}]",
            "add lr, r12, #{bias}",
            "ldm lr, {{r2-r9}}",
            // The next run.
            "3:",
            "ldr r11, [r12, #{run}]",
            "add r12, r0, r11",
            "strd r12, r10, [sp, #4]",
            "ldr lr, [sp, #12]",
            "cmp lr, #0",
            "bne 10f",
            "9:",
            packed!("r2" 0 "r3" 4 "r4" 8 "r5" 12 "r6" 16 "r7" 20 "r8" 24 "r9" 28),
            "ldr r12, [sp, #4]",
            "cmp r0, r12",
            "bne 9b",
            "b 16f",
            "10:",
            // An odd number of groups starts with the second one of the loop.
            "tst r11, #4",
            "bne 5f",
            "4:",
            widened!("r2" "r3" "r4" "r5" "r6" "r7" "r8" "r9"),
            "5:",
            widened!("r2" "r3" "r4" "r5" "r6" "r7" "r8" "r9"),
            "ldr r12, [sp, #4]",
            "cmp r0, r12",
            "bne 4b",
            // After a run.
            "16:",
            "ldr r12, [sp]",
            "ldr r11, [r12, #{turn}]",
            "ldr r10, [sp, #8]",
            "add r0, r11",
            "subs r10, #1",
            "bne 3b",

            "movw lr, #0x4000",
            "add r0, r12, #{rules}",
            "ldr r1, [r12, #{zero_point}]",
            requantise!("r2" "r3" "r4" "r5" "r6" "r7" "r8" "r9"),
            "ldr r0, [r12, #{residual}]",
            "cmp r0, #0",
            "beq 7f",
            "ldr r11, [r12, #{step}]",
            "add r11, r0",
            "str r11, [r12, #{residual}]",
            "ldr r10, [r12, #{residual_zero_point}]",
            "ldr r11, [r12, #{residual_shift}]",
            "ldr r1, [r12, #{residual_mul}]",
            "ldr r12, [r12, #{stored}]",
            "cmp r12, #4",
            add_residuals!("r2" "r3" "r4" "r5"),
            "ble 6f",
            add_residuals!("r6" "r7" "r8" "r9"),
            "6:",
            "ldr r12, [sp]",
            "7:",
            "ldr r10, [r12, #{lo}]",
            "ldr r11, [r12, #{top}]",
            "ldr r0, [r12, #{output}]",
            "ldr r1, [r12, #{stored}]",
            clamp!("r2" "r3" "r4" "r5"),
            "str r2, [r0]",
            "cmp r1, #4",
            "ble 8f",
            clamp!("r6" "r7" "r8" "r9"),
            "str r6, [r0, #4]",
            "8:",
            "ldr r1, [r12, #{step}]",
            "add r0, r1",
            "str r0, [r12, #{output}]",
            "ldr r0, [r12, #{pixels}]",
            "ldr r1, [r12, #{step_x}]",
            "add r0, r1",
            "str r0, [r12, #{pixels}]",
            "ldr r0, [r12, #{left}]",
            "subs r0, #1",
            "str r0, [r12, #{left}]",
            "bne 2b",
            "add sp, #16",
            "pop {{r4-r11, lr}}",
            pixels = const offset_of!(Row<Rules>, pixels),
            weights = const offset_of!(Row<Rules>, weights),
            rows = const offset_of!(Row<Rules>, rows),
            bias = const offset_of!(Row<Rules>, bias),
            run = const offset_of!(Row<Rules>, run),
            turn = const offset_of!(Row<Rules>, turn),
            rules = const offset_of!(Row<Rules>, rules),
            zero_point = const offset_of!(Row<Rules>, zero_point),
            residual = const offset_of!(Row<Rules>, residual),
            step = const offset_of!(Row<Rules>, step),
            residual_zero_point = const offset_of!(Row<Rules>, residual_zero_point),
            residual_shift = const offset_of!(Row<Rules>, residual_shift),
            residual_mul = const offset_of!(Row<Rules>, residual_mul),
            stored = const offset_of!(Row<Rules>, stored),
            lo = const offset_of!(Row<Rules>, lo),
            top = const offset_of!(Row<Rules>, top),
            output = const offset_of!(Row<Rules>, output),
            step_x = const offset_of!(Row<Rules>, step_x),
            left = const offset_of!(Row<Rules>, left),
            inout("r0") row => _,
            inout("r1") usize::from(widened) => _,
            out("r2") _,
            out("r3") _,
            out("r12") _,
        )
    }
}

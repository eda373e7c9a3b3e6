/* Vectors, the call to the debugger, and what lies in flash. */
    .syntax unified
    .cpu cortex-m4
    .thumb

    .section .vectors, "a"
    .word stack_top
    .word reset
    .rept 14
    .word fault
    .endr

    .section .text.semihost, "ax"
    .global semihost
    .type semihost, %function
    .thumb_func
semihost:
    bkpt 0xab
    bx lr

    .section .rodata.model, "a"
    .balign 64
    .global model_start
    .global model_end
model_start:
    .incbin "signs-resnet8-s025.rfm"
model_end:

    /* A PPM without the 13 bytes of its header. */
    .section .rodata.pixels, "a"
    .global pixels_start
    .global pixels_end
pixels_start:
    .incbin "sign.ppm", 13
pixels_end:

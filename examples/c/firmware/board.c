/* A Cortex-M4 board as QEMU emulates it (mps2-an386): start, faults, and text through the debugger (semihosting). */
#include "board.h"

/* Operations of semihosting. */
enum { WRITE0 = 0x04, EXIT_EXTENDED = 0x20 };
/* Why the program ends: on its own. */
enum { APPLICATION_EXIT = 0x20026 };

/* A call to the debugger (start.S). */
uint32_t semihost(uint32_t operation, const void *argument);

/* Places from the linker script. */
extern uint32_t stack_top[], stack_bottom[], data_start[], data_end[], bss_start[], bss_end[];
extern const uint32_t data_load[];

/* From the vectors (start.S). */
void reset(void);
void fault(void);

/* What the stack is filled with, to see later how much was used. */
#define UNUSED 0xa5a5a5a5u

void print(const char *text)
{
    semihost(WRITE0, text);
}

void serve_watchdog(void)
{
    /* The emulated board has none. */
}

void leave(uint32_t status)
{
    const uint32_t block[2] = {APPLICATION_EXIT, status};
    for (;;)
        semihost(EXIT_EXTENDED, block);
}

void print_number(uint32_t number)
{
    char digits[11];
    char *first = digits + sizeof digits - 1;
    *first = 0;
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    print(first);
}

/* Bytes of stack that were used since the start. */
static uint32_t stack_used(void)
{
    const volatile uint32_t *word = stack_bottom;
    while (*word == UNUSED)
        word++;
    return (uint32_t)((const volatile char *)stack_top - (const volatile char *)word);
}

void fault(void)
{
    print("fault\n");
    leave(2);
}

void reset(void)
{
    /* Floating point registers: code of this target may move data through them. */
    volatile uint32_t *const cpacr = (volatile uint32_t *)0xe000ed88u;
    *cpacr |= 0xfu << 20;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    /* The stack below this function. */
    for (volatile uint32_t *to = stack_bottom; to < (uint32_t *)__builtin_frame_address(0) - 32;)
        *to++ = UNUSED;
    int status = main();
    print("stack ");
    print_number(stack_used());
    print("\n");
    leave((uint32_t)status);
}

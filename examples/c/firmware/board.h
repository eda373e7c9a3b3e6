/* What the firmware asks of its board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

/* The model file and the pixels of a picture, in flash (start.S). */
extern const uint8_t model_start[], model_end[], pixels_start[], pixels_end[];

void print(const char *text);
void print_number(uint32_t number);
void serve_watchdog(void);
/* Ends the emulation with an exit status. */
void leave(uint32_t status);
int main(void);

#endif

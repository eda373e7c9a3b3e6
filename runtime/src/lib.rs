//! Integer-only runtime of ringfence: no allocator, no floating point in the certified path, no panics.
#![no_std]

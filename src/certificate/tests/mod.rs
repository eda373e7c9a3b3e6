//! Tests of the tables: against published numbers, and against exact rationals over another integer library.
#![allow(clippy::unwrap_used)]

mod exact;
mod reference;
mod scheme;

//! Tests of the stopping rule: its levels in exact arithmetic, the theorem by enumeration and by simulation, the shape
//! of its tables.
#![allow(clippy::unwrap_used, clippy::panic)]

mod comparison;
mod exact;
mod table;
mod theorem;

use crate::certificate::binomial::P_ONE;

/// A probability in units of 2^-40.
fn units(p: f64) -> u64 {
    (p * P_ONE as f64) as u64
}

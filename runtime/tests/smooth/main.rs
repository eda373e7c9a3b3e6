//! Tests of noise, votes and certificates through the public interface.

#![allow(clippy::unwrap_used, clippy::panic)]

mod certificates;
mod images;
mod naive;
mod noise;
mod runs;
mod sequential;
mod streams;
#[path = "../suite/support/mod.rs"]
mod support;
mod votes;

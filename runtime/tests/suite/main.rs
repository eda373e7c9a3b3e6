//! Tests of the runtime through its public interface.

#![allow(clippy::unwrap_used, clippy::panic)]

mod joins;
mod kernels;
mod models;
mod mutation;
mod parser;
mod seeds;
mod support;

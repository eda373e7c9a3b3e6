//! Trains, evaluates and exports the networks that ringfence certifies.
#![recursion_limit = "256"]

pub mod cli;
pub mod data;
pub mod error;
pub mod kernels;
pub mod nets;
pub mod random;
pub mod train;

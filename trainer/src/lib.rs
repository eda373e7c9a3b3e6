//! Trains, evaluates and exports the networks that ringfence certifies.
#![recursion_limit = "256"]
#![forbid(unsafe_code)]

pub mod adaptive;
pub mod attacks;
pub mod baselines;
pub mod cli;
pub mod data;
pub mod diagnose;
pub mod error;
pub mod export;
pub mod kernels;
pub mod methods;
pub mod nets;
pub mod noise;
pub mod numbers;
pub mod quantise;
pub mod random;
#[cfg(test)]
mod testing;
pub mod train;

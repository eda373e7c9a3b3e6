//! ringfence: ONNX in, certified integer networks out.
//!
//! Data flows one way: image -> noise -> network -> votes -> certificate. The network, the noise and the votes run in
//! [`ringfence_runtime`], which needs neither an allocator nor floating point; this crate makes its model files
//! ([`compile`]), computes the tables they carry ([`noise`], [`certificate`]), reads the data sets ([`data`]) and is the
//! library behind the `ringfence` command ([`cli`]).
#![forbid(unsafe_code)]

pub mod audit;
pub mod certificate;
pub mod cli;
pub mod compile;
pub mod data;
pub mod device;
pub mod models;
pub mod noise;
pub mod onnx;
pub mod profile;
pub mod report;

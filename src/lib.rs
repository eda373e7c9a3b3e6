//! ringfence: ONNX in, certified integer networks out.
//!
//! Data flows one way: image -> noise -> network -> votes -> certificate. The network, the noise and the votes run in
//! [`ringfence_runtime`], which needs neither an allocator nor floating point; this crate makes its model files
//! ([`compile`]), computes the tables they carry ([`noise`], [`certificate`]), reads the data sets ([`data`]) and is the
//! library behind the `ringfence` command ([`cli`]).
//!
//! From a network and a data set to a certificate:
//!
//! ```no_run
//! use ringfence::compile::{Options, compile};
//! use ringfence::data::{self, Split};
//! use ringfence_runtime::Model;
//! use ringfence_runtime::smooth::{Budget, Image, Seed, Smoother};
//!
//! let onnx = std::fs::read("net.onnx")?;
//! let train = data::open("signs", Split::Train)?;
//! let file = compile(&onnx, "net", train.as_ref(), &Options::new(0.25))?;
//!
//! let model = Model::parse(&file)?;
//! let mut arena = vec![0; model.arena_bytes(1)];
//! let mut smoother = Smoother::new(&model, &mut arena)?;
//! let test = data::open("signs", Split::Test)?;
//! let mut pixels = vec![0; test.shape().bytes()];
//! let label = test.read(0, &mut pixels)?;
//! let mut seed = [0; 32];
//! getrandom::fill(&mut seed)?;
//! let outcome = smoother.certify(&Image::chw(&pixels, 3, 32, 32)?, Budget::samples(1000), &Seed(seed))?;
//! println!("true class {label}: {outcome:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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

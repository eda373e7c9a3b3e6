//! The `.rfm` model file: one flat, versioned, checksummed little-endian file, read in place.
//!
//! [`Model::parse`] is total: any byte string gives a model or a [`FormatError`]. It checks everything that
//! the kernels rely on (ranges, shapes, windows, operand limits, who wrote what before whom), so that after
//! it no kernel can index out of bounds or overflow an `i32`.

mod adaptive;
mod bytes;
mod checkpoints;
mod dataflow;
mod decode;
mod error;
mod header;
mod include;
pub mod layout;
mod message;
mod model;
mod network;
mod tables;
mod tensors;
mod weights;

pub use adaptive::{Adaptive, Mask, Quantiles};
pub use checkpoints::Checkpoint;
pub use error::{
    AdaptiveFault, CertificateFault, ClassFault, FormatError, InputFault, MaskFault, NoiseFault, OpFault,
    SoftmaxFault, TensorFault,
};
pub use include::Aligned;
pub use layout::{MAX_CLASSES, Section, checksum};
pub use model::Model;
pub use network::Network;
pub use tables::{CertificateTable, Method, NoiseTable, Norm, Softmax};
pub use weights::pairs_fit;

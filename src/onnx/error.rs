//! Why an ONNX file is not a network that ringfence can compile.

use thiserror::Error;

/// Error of reading or running an ONNX model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bytes are not a protobuf message of type `ModelProto`.
    #[error("not an ONNX file: {0}")]
    Protobuf(String),
    /// The model as a whole is not of the expected kind.
    #[error("ONNX model: {0}")]
    Model(String),
    /// A node cannot be expressed with the supported layers.
    #[error("node {node} ({op}) on {shape}: {reason}")]
    Unsupported {
        /// Name of the node.
        node: String,
        /// Its ONNX operator.
        op: String,
        /// Shapes of the values it reads.
        shape: String,
        /// What is not supported, or what is wrong.
        reason: String,
    },
    /// tract refused to load or run the float model.
    #[error("float model in tract: {0}")]
    Tract(String),
}

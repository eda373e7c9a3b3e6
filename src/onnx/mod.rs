//! ONNX graphs as ringfence understands them.

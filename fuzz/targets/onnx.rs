//! Any bytes give a graph or an error that has words; a graph is in order and its shapes agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence::onnx::{self, Op};

fuzz_target!(|bytes: &[u8]| {
    match onnx::parse(bytes) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(graph) => {
            assert!(graph.output < graph.nodes.len());
            assert!(matches!(graph.nodes[0].op, Op::Input));
            for (index, node) in graph.nodes.iter().enumerate() {
                assert!(node.inputs.iter().all(|&input| input < index), "{node:?}");
                assert!(node.shape.channels() > 0, "{node:?}");
            }
        }
    }
});

//! How many numbers a network has learned.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

#[derive(Default)]
struct Count {
    total: usize,
    /// Whether the visitor is inside running statistics.
    statistics: bool,
}

fn is_statistics(field: &str) -> bool {
    matches!(field, "running_mean" | "running_var")
}

impl ModuleVisitor for Count {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.statistics {
            self.total += param.shape().num_elements();
        }
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.statistics |= is_statistics(name);
    }

    fn exit_module(&mut self, name: &str, _: &str) {
        self.statistics &= !is_statistics(name);
    }
}

/// Trained numbers of a module: weights, scales, shifts and noise strengths, not the running statistics.
#[must_use]
pub fn parameters(module: &impl Module) -> usize {
    let mut count = Count::default();
    module.visit(&mut count);
    count.total
}

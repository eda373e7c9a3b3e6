//! Gradients of all parameters as one vector, and a running average of parameters.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use std::collections::VecDeque;

/// Sum of squares of all gradients.
struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sum += f64::from(gradient.square().sum().into_scalar::<f32>());
        }
    }
}

/// All gradients by a factor.
struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}

/// All gradients by a factor.
pub fn scale<M: Module>(gradients: &mut GradientsParams, net: &M, factor: f64) {
    net.visit(&mut Scale { gradients, factor });
}

/// Shortens the gradient of all parameters of `net` together to the Euclidean norm `limit`, if it is longer.
pub fn clip<M: Module>(gradients: &mut GradientsParams, net: &M, limit: f64) {
    let mut squares = Squares { gradients, sum: 0.0 };
    net.visit(&mut squares);
    let norm = squares.sum.sqrt();
    if norm > limit {
        scale(gradients, net, limit / norm);
    }
}

/// Current values, parameter by parameter in the order of visits.
#[derive(Default)]
struct Values(VecDeque<Vec<f32>>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push_back(param.val().into_data().iter::<f32>().collect());
    }
}

/// Moves each parameter towards its current value.
struct Blend {
    values: Values,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // A module is mapped in the order in which it is visited.
        let Some(now) = self.values.0.pop_front() else { return param };
        let decay = self.decay;
        param.map(|old| {
            let now = Tensor::<1>::from_data(now.as_slice(), &old.device()).reshape(old.shape());
            old.mul_scalar(decay) + now.mul_scalar(1.0 - decay)
        })
    }
}

/// The running average `decay * average + (1 - decay) * net` of parameters and running statistics, which `average`, not on
/// an autodiff device, keeps from step to step.
#[must_use]
pub fn blend<M: Module>(average: M, net: &M, decay: f64) -> M {
    let mut values = Values::default();
    net.visit(&mut values);
    average.map(&mut Blend { values, decay })
}

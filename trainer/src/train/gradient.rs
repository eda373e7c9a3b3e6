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
struct Values(VecDeque<Tensor<1>>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push_back(param.val().flatten(0, D - 1));
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
            let now = now.reshape(old.shape());
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    fn linear(value: f32) -> Linear {
        let device = Device::flex().autodiff();
        let mut layer = LinearConfig::new(3, 2).with_bias(false).init(&device);
        layer.weight = Param::from_tensor(Tensor::full([3, 2], value, &device));
        layer
    }

    fn weights(layer: &Linear) -> Vec<f32> {
        layer.weight.val().into_data().try_into_vec().unwrap()
    }

    #[test]
    fn only_long_gradients_are_shortened() {
        let layer = linear(1.0);
        // The gradient of the sum of 2 w is 2 everywhere: norm 2 sqrt(6).
        let gradient = |limit: f64| {
            let loss = layer.weight.val().mul_scalar(2.0).sum();
            let mut gradients = GradientsParams::from_grads(loss.backward(), &layer);
            clip(&mut gradients, &layer, limit);
            let values: Vec<f32> =
                gradients.get::<2>(layer.weight.id).unwrap().into_data().try_into_vec().unwrap();
            values[0]
        };
        assert_eq!(gradient(10.0), 2.0);
        assert!((f64::from(gradient(0.5)) - 0.5 / 6.0f64.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn the_average_moves_by_a_share_of_the_difference() {
        let average = blend(linear(1.0).valid(), &linear(5.0).valid(), 0.75);
        assert_eq!(weights(&average), [2.0; 6]);
    }
}

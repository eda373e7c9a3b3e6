//! Gradients of every method's loss against central differences in f32. Attacks make no step: a point that an attack
//! chose is a constant to the gradient but not to a difference.

use super::*;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;

/// Adds `delta` to element `element` of the parameter numbered `target`.
struct Nudge {
    target: usize,
    element: usize,
    delta: f32,
    next: usize,
}

impl ModuleMapper for Nudge {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let number = self.next;
        self.next += 1;
        if number != self.target {
            return param;
        }
        param.map(|t| {
            let (device, shape) = (t.device(), t.shape());
            let mut values: Vec<f32> = t.into_data().iter::<f32>().collect();
            values[self.element] += self.delta;
            Tensor::<1>::from_data(values.as_slice(), &device.inner())
                .reshape(shape)
                .autodiff()
                .require_grad()
        })
    }
}

/// One gradient value of each tracked parameter: its number, the element of largest gradient, and the value.
struct Largest<'a> {
    gradients: &'a GradientsParams,
    next: usize,
    found: Vec<(usize, usize, f64)>,
}

impl ModuleVisitor for Largest<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(g) = self.gradients.get::<D>(param.id) {
            let values: Vec<f64> = g.into_data().iter::<f32>().map(f64::from).collect();
            let best =
                (0..values.len()).max_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs())).unwrap();
            self.found.push((self.next, best, values[best]));
        }
        self.next += 1;
    }
}

fn check(name: &str, changes: &[&str]) {
    let net = net();
    let gradients = GradientsParams::from_grads(loss_of(name, changes, &net).backward(), &net);
    let mut largest = Largest { gradients: &gradients, next: 0, found: vec![] };
    net.visit(&mut largest);
    assert!(largest.found.len() > 20, "{name}: {} parameters have a gradient", largest.found.len());
    let scale = largest.found.iter().fold(0.0f64, |m, f| m.max(f.2.abs()));
    for &(target, element, analytic) in largest.found.iter().filter(|f| f.2.abs() > 0.05 * scale) {
        let at = |delta: f32| {
            let mut nudge = Nudge { target, element, delta, next: 0 };
            // A copy of its own: running statistics are shared by clones.
            let moved = net.valid().train().map(&mut nudge);
            f64::from(loss_of(name, changes, &moved).into_scalar::<f32>())
        };
        let h = 2e-3f32;
        let numeric = (at(h) - at(-h)) / (2.0 * f64::from(h));
        let error = (numeric - analytic).abs() / analytic.abs().max(0.2 * scale);
        assert!(error < 0.05, "{name}: parameter {target} at {element}: {analytic}, difference {numeric}");
    }
}

#[test]
fn of_cross_entropies() {
    check("plain", &[]);
    check("mixed", &["steps=0"]);
    check("madry", &["steps=0"]);
    check("free", &[]);
}

#[test]
fn of_divergences() {
    check("trades", &["steps=0", "start=uniform", "epsilon=0.1"]);
    check("mart", &["steps=0", "start=uniform", "epsilon=0.1"]);
}

#[test]
fn of_smoothed_losses() {
    check("consistency", &[]);
    check("smoothadv", &["steps=0"]);
    check("macer", &["copies=3", "beta=2"]);
    check("smoothmix", &["steps=0", "warmup_epochs=0"]);
    check("cat-rs", &["steps=0"]);
}

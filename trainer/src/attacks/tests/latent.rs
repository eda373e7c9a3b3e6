//! A defence without a gradient, passed by through the variable that its images are made of.

use super::super::oracle::Target;
use super::oracles::{N, Plane, distances, plane};
use super::*;
use crate::methods::Batch;

/// Each image is replaced by the nearest one of columns; no gradient passes.
struct Projected<'a>(&'a Plane);

fn columns(x: Tensor<4>) -> Tensor<4> {
    let height = x.dims()[2];
    x.mean_dim(2).repeat_dim(2, height)
}

impl Target for Projected<'_> {
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2> {
        let plain = if images.is_autodiff() { images.inner() } else { images };
        self.0.logits(columns(plain), draw)
    }
}

#[test]
fn a_defence_by_projection_is_passed_by() {
    let (plane, batch, _) = plane();
    let (images, defence) = (batch.images.clone(), Projected(&plane));
    let labels = Oracle::new(&defence, 1, 1, Estimator::Loss).classes(&images);
    let pgd = attack("pgd-20", Norm::Linf).unwrap().planned(Norm::Linf).attack;
    // Far enough for every image of columns.
    let inside = Batch { images: columns(images.clone()), ..batch.clone() };
    let [_, linf] = distances(&Plane { w: columns(plane.w.clone()), b: plane.b }, &inside);
    let epsilon = 1.05 * linf.iter().fold(0.0f64, |most, d| most.max(f64::from(*d)));
    assert!(epsilon < 0.4, "{epsilon}");
    let oracle = Oracle::new(&defence, 1, 1, Estimator::Loss);
    let (_, slope) = oracle.gradient(&images, &|z| margin(z, &labels_of(&labels, &images)));
    assert_eq!(largest(slope), 0.0);
    // The variable is a row; its images are columns, which the defence leaves alone.
    let decode = |z: Tensor<4>| z.repeat_dim(2, DIMS[2]);
    let latent = Latent { target: &plane, decode: &decode };
    let rows = Batch { images: images.mean_dim(2), ..batch };
    let (z, found) = pgd.run(&Oracle::new(&latent, 1, 1, Estimator::Loss), &rows, &labels, epsilon);
    assert_eq!(found, [true; N]);
    let judged = Oracle::new(&defence, 1, 1, Estimator::Loss).fooled(&decode(z), &labels);
    assert_eq!(judged, [true; N], "the defence in place");
}

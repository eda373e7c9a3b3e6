//! A certificate of a shipped model, its votes written down: every machine and every backend must find them.

#![allow(clippy::unwrap_used)]

use ringfence_runtime::noise::Seed;
use ringfence_runtime::smooth::{Budget, Image, Smoother};
use ringfence_runtime::{Backend, Model, include_rfm};

static MODEL: &[u8] = include_rfm!("../../models/signs-resnet8-s025.rfm");

/// A disc and a ring on a gradient, between two signs: the copies do not agree on a class.
fn picture() -> Vec<u8> {
    let pixel = |i: u32| {
        let (channel, y, x) = (i / 1024, i / 32 % 32, i % 32);
        let (dy, dx) = (y.abs_diff(15), x.abs_diff(16));
        match dy * dy + dx * dx {
            0..105 => 40 + 90 * channel,
            105..200 => 250 - 100 * channel,
            _ => 60 + 5 * x,
        }
    };
    (0..3 * 32 * 32).map(|i| pixel(i) as u8).collect()
}

#[test]
fn a_certificate_has_the_same_votes_everywhere() {
    let model = Model::parse(MODEL).unwrap();
    let pixels = picture();
    let image = Image::chw(&pixels, 3, 32, 32).unwrap();
    let mut arena = vec![0; model.arena_bytes(4)];
    for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
        let mut smoother = Smoother::with_backend(&model, &mut arena, backend).unwrap();
        let outcome = smoother.certify(&image, Budget::single_stage(100, 0.001), &Seed([7; 32])).unwrap();
        let votes: Vec<(usize, u32)> =
            outcome.counts().iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
        assert_eq!(votes, [(2, 72), (13, 3), (14, 25)], "{backend:?}");
        let certificate = outcome.certificate().unwrap();
        assert_eq!((certificate.class, certificate.radius.units()), (2, 42_738), "{backend:?}");
    }
}

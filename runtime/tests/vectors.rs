//! Certificates of a shipped model, their votes written down: every machine and every backend must find them.

#![allow(clippy::unwrap_used)]

use ringfence_runtime::certificate::conclude;
use ringfence_runtime::noise::{Generator, Purpose, Seed};
use ringfence_runtime::smooth::{Budget, Counts, Image, Smoother};
use ringfence_runtime::{Backend, Model, embed_model};

static MODEL: &[u8] = embed_model!("../../models/signs-resnet8-s025.rfm");

/// Records that `ringfence certify --json` wrote on x86-64, one of each method and generator, both of this image.
static RECORDS: &str = include_str!("vectors/certificates.jsonl");
static SIGN: &[u8] = include_bytes!("vectors/sign-24.chw");

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

/// The lines that the firmware and `examples/aarch64` print of their first sign.
#[test]
fn votes_of_boards_are_found_here() {
    let votes = [
        ("../models/signs-resnet8-s025.rfm", include_str!("vectors/votes/signs-resnet8-s025")),
        ("../models/cifar10-resnet20-s025.rfm", include_str!("vectors/votes/cifar10-resnet20-s025")),
    ];
    for (path, expected) in votes {
        let file = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let model = Model::parse(&file).unwrap();
        let image = Image::chw(SIGN, 3, 32, 32).unwrap();
        let mut arena = vec![0; model.arena_bytes(4)];
        let mut smoother = Smoother::new(&model, &mut arena).unwrap();
        let seed = Seed([7; 32]);
        let counts = smoother.tally(&image, &seed, Purpose::Estimate, 0..10).unwrap();
        let outcome = smoother.certify(&image, Budget::single_stage(100, 0.001), &seed).unwrap();
        let certificate = outcome.certificate().unwrap();
        let radius = certificate.radius.units();
        let found = format!("counts {:?}\nclass {} radius {radius}\n", counts.as_slice(), certificate.class);
        assert_eq!(found, expected, "{path}");
    }
}

/// A record's field, as it is written; without quotes and brackets.
fn field<'r>(record: &'r str, name: &str) -> &'r str {
    let (_, rest) = record.split_once(&format!("\"{name}\":")).unwrap();
    let (inside, end) = match rest.as_bytes()[0] {
        b'"' => (&rest[1..], '"'),
        b'[' => (&rest[1..], ']'),
        _ => (rest, ','),
    };
    inside.split_once(end).unwrap().0
}

fn bytes(hex: &str) -> [u8; 32] {
    core::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

fn votes(list: &str) -> Vec<u32> {
    list.split(',').filter(|vote| !vote.is_empty()).map(|vote| vote.parse().unwrap()).collect()
}

#[test]
fn stored_records_are_found_again_everywhere() {
    let model = Model::parse(MODEL).unwrap();
    let image = Image::chw(SIGN, 3, 32, 32).unwrap();
    let mut arena = vec![0; model.arena_bytes(4)];
    assert_eq!(RECORDS.lines().count(), 2);
    for record in RECORDS.lines() {
        let number = |name| field(record, name).parse::<u32>().unwrap();
        let (n0, n, alpha) = (number("n0"), number("n"), field(record, "alpha").parse().unwrap());
        let budget = match field(record, "method") {
            "two-stage" => Budget::two_stage(n0, n, alpha),
            _ => Budget::single_stage(n, alpha),
        };
        let generator = match field(record, "generator") {
            "chacha8" => Generator::ChaCha,
            _ => Generator::Xoshiro,
        };
        let (table, seed) = (budget.table(&model).unwrap(), Seed(bytes(field(record, "seed"))));
        assert_eq!(model.sha256(), bytes(field(record, "model_sha256")));
        assert_eq!(image.sha256(), bytes(field(record, "image_sha256")));
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
            let smoother = Smoother::with_backend(&model, &mut arena, backend).unwrap();
            let mut smoother = smoother.with_generator(generator);
            let mut tally = |purpose, n| smoother.tally(&image, &seed, purpose, 0..n).unwrap();
            let selection = if n0 == 0 { Counts::new() } else { tally(Purpose::Select, n0) };
            let counts = tally(Purpose::Estimate, n);
            assert_eq!(selection[..], votes(field(record, "selection")), "{backend:?}");
            assert_eq!(counts[..], votes(field(record, "counts")), "{backend:?}");
            let outcome = conclude(&table, &selection, &counts).unwrap();
            let certificate = outcome.certificate().unwrap();
            let found = (certificate.class as u32, certificate.radius.units());
            assert_eq!(found, (number("predict"), number("radius_units")), "{backend:?}");
        }
    }
}

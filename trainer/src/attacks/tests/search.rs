//! Searches with gradients in the audit of certificates.

use super::suites::bench;
use super::*;
use crate::export::to_onnx;
use crate::testing::Toy;
use ringfence::audit::search::Square as Squares;
use ringfence::audit::{Ball, Oracle as Queries, Random, Search, Smoothed, Task};
use ringfence::compile::{Options, compile};
use ringfence_runtime::Model;
use ringfence_runtime::certificate::Radius;
use ringfence_runtime::smooth::Smoother;

/// One image by each search with gradients takes more votes from the class than twenty queries of squares.
#[test]
fn gradients_find_what_queries_do_not() {
    let bench = bench();
    let (device, sigma) = (Device::flex(), 0.25);
    let options = Options { images: 24, tables: vec![], ..Options::new(f64::from(sigma)) };
    let bytes = compile(&to_onnx(&bench.net, &bench.spec, "float").unwrap(), "toy", &Toy, &options).unwrap();
    let deployed = Deployed::new(bytes.clone(), &bench.spec).unwrap();
    let target = NetTarget { sigma, deployed: Some(&deployed), ..bench.target() };
    let model = Model::parse(&bytes).unwrap();
    let mut arena = vec![0; model.arena_bytes(8)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let (center, votes) = (bench.images.evaluation(&[2], 0.0, 1).pixels, 400);
    let center: Vec<u8> = center.iter().map(|p| (p * 255.0).round() as u8).collect();
    let ball = Ball::new(&center, Radius(Radius::ONE / 2)).unwrap();
    let task = |class| Task { ball, class, shape: [3, 8, 8], others: &[] };
    // The lead of the class at the image, or the least that a search finds within so many queries.
    let mut least = |class: usize, search: Option<&dyn Search>, queries: u32| {
        let mut target = Smoothed::new(&mut smoother, Random::new([3; 32], 0));
        let task = task(class);
        let mut oracle = Queries::new(&mut target, &task, votes);
        oracle.grant("search", queries);
        match search {
            None => oracle.score(&center).unwrap().unwrap().margin,
            Some(search) => {
                search.search(&task, &mut oracle, &mut Random::new([5; 32], 0)).unwrap();
                assert!(oracle.queries() >= 1);
                oracle.into_worst().unwrap().score.margin
            }
        }
    };
    let class = (0..3).max_by(|a, b| least(*a, None, 1).total_cmp(&least(*b, None, 1))).unwrap();
    let (own, squares) = (least(class, None, 1), least(class, Some(&Squares), 20));
    assert!(own > 0.0 && squares < own);
    for name in SEARCHES {
        let search = GradientSearch::new(name, 16, target, ("toy", &device)).unwrap();
        let found = least(class, Some(&search), 1);
        assert!(found < squares - 0.05, "{name}: {found}, squares {squares}, at the image {own}");
        assert!(search.settings().contains("draws 16 network toy"), "{}", search.settings());
    }
    assert!(deployed.check().is_ok());
}

#[test]
fn unknown_searches_are_told_the_known() {
    let bench = bench();
    let device = Device::flex();
    let found = GradientSearch::new("pgd-20", 4, bench.target(), ("toy", &device));
    assert!(found.unwrap_err().to_string().contains("epgd, smoothadv-pgd, smoothadv-ddn, carlini"));
}

//! Searches with gradients in the audit of certificates.

use super::super::oracle::Target as _;
use super::super::target::OnBatch;
use super::suites::{Bench, bench, bench_of};
use super::*;
use crate::nets::Architecture;
use ringfence::audit::search::Square as Squares;
use ringfence::audit::{AuditError, Ball, Oracle as Queries, Random, Search, Target, Task};
use ringfence_runtime::certificate::Radius;

/// The float network under noise, each call with draws of its own.
struct Votes<'a> {
    target: NetTarget<'a>,
    next: u64,
}

impl Target for Votes<'_> {
    fn votes(&mut self, image: &[u8], votes: u32) -> Result<Vec<u32>, AuditError> {
        let pixels: Vec<f32> = image.iter().map(|p| f32::from(*p) / 255.0).collect();
        let x = Tensor::<4>::from_data(TensorData::new(pixels, [1, 3, 8, 8]), &Device::flex());
        let on = OnBatch { target: self.target, ids: &[0], watch: &() };
        let mut counts = vec![0; 3];
        for logits in on.draws(x, self.next..self.next + u64::from(votes)) {
            counts[logits.argmax(1).into_data().iter::<i32>().next().unwrap() as usize] += 1;
        }
        self.next += u64::from(votes);
        Ok(counts)
    }
}

/// The image whose class leads by the least, beyond chance, and that class.
fn doubtful(bench: &Bench, votes: &mut Votes<'_>) -> (Vec<u8>, usize) {
    let mut lead = |id: u32| {
        let pixels = bench.images.evaluation(&[id], 0.0, 1).pixels;
        let pixels: Vec<u8> = pixels.iter().map(|p| (p * 255.0).round() as u8).collect();
        let mut ranked: Vec<_> = votes.votes(&pixels, 400).unwrap().into_iter().zip(0..).collect();
        ranked.sort_unstable();
        (ranked[2].0 - ranked[1].0, pixels, ranked[2].1)
    };
    let found = (0..24).map(&mut lead).filter(|(lead, ..)| *lead > 100).min_by_key(|(lead, ..)| *lead);
    let (_, pixels, class) = found.unwrap();
    (pixels, class)
}

/// One image by each search with gradients takes more votes from the class than twenty queries of squares.
#[test]
fn gradients_find_what_queries_do_not() {
    let (bench, device) = (bench_of(Architecture::Mlp), Device::flex());
    let target = NetTarget { sigma: 0.25, ..bench.target() };
    let mut votes = Votes { target, next: 1 << 20 };
    let (center, class) = doubtful(&bench, &mut votes);
    let ball = Ball::new(&center, Radius(Radius::ONE / 2)).unwrap();
    let task = Task { ball, class, shape: [3, 8, 8], others: &[] };
    // The lead of the class at the image, or the least that a search finds within so many queries.
    let mut least = |search: Option<&dyn Search>, queries: u32| {
        let mut oracle = Queries::new(&mut votes, &task, 400);
        oracle.grant("search", queries);
        match search {
            None => assert!(oracle.score(&center).is_ok()),
            Some(search) => {
                search.search(&task, &mut oracle, &mut Random::new([5; 32], 0)).unwrap();
                assert!(oracle.queries() >= 1);
            }
        }
        oracle.into_worst().unwrap().score.margin
    };
    let (own, squares) = (least(None, 1), least(Some(&Squares), 20));
    assert!(own > 0.0);
    for name in SEARCHES {
        let search = GradientSearch::new(name, 16, target, ("toy", &device)).unwrap();
        let found = least(Some(&search), 1);
        assert!(found < squares - 0.05, "{name}: {found}, squares {squares}, at the image {own}");
        assert!(search.settings().contains("draws 16 network toy"), "{}", search.settings());
    }
}

#[test]
fn unknown_searches_are_told_the_known() {
    let (bench, device) = (bench(), Device::flex());
    let found = GradientSearch::new("pgd-20", 4, bench.target(), ("toy", &device));
    assert!(found.unwrap_err().to_string().contains("epgd, smoothadv-pgd, smoothadv-ddn, carlini"));
}

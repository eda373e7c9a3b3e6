//! Attacks on a classifier whose certified radius is known in closed form.

#![allow(clippy::unwrap_used, clippy::panic)]

use ringfence_runtime::certificate::Radius;
use statrs::distribution::{ContinuousCDF, Normal};

use ringfence::audit::search::{Boundary, Climb, Square, all};
use ringfence::audit::{
    AuditError, Ball, Effort, Finding, Judge, Oracle, Outcome, Random, Search, Target, Task, attack,
};

const SHAPE: [usize; 3] = [1, 4, 4];
const SIGMA: f64 = 0.25;

/// Class 0 below a plane, class 1 above it: with Gaussian noise the share of class 0 at signed distance t below the
/// plane is Phi(t / sigma), and the largest radius that any certificate may give is t.
struct Plane {
    normal: Vec<f64>,
    /// Distance of the plane from the grey image, in pixels.
    distance: f64,
    coins: Random,
}

impl Plane {
    fn new(key: u8, distance: f64) -> Self {
        let mut coins = Random::new([key; 32], 7);
        let normal: Vec<f64> = (0..16).map(|_| coins.normal()).collect();
        let length = normal.iter().map(|n| n * n).sum::<f64>().sqrt();
        Self { normal: normal.iter().map(|n| n / length).collect(), distance, coins }
    }

    /// Distance of an image below the plane.
    fn below(&self, image: &[u8]) -> f64 {
        let along = image.iter().zip(&self.normal).map(|(&u, n)| (f64::from(u) - 128.0) / 255.0 * n);
        self.distance - along.sum::<f64>()
    }
}

impl Target for Plane {
    fn votes(&mut self, image: &[u8], votes: u32) -> Result<Vec<u32>, AuditError> {
        let share = Normal::standard().cdf(self.below(image) / SIGMA);
        let first = (0..votes).filter(|_| self.coins.unit() < share).count() as u32;
        Ok(vec![first, votes - first])
    }
}

/// Attacks the grey image with a claimed radius; `search` alone, or all of them.
fn attacked(plane: &mut Plane, radius: f64, queries: u32, key: u8) -> Finding {
    let center = [128; 16];
    let units = Radius((radius * f64::from(Radius::ONE)).floor() as u32);
    let ball = Ball::new(&center, units).unwrap();
    let across: Vec<u8> = plane.normal.iter().map(|n| (128.0 + 400.0 * n).round() as u8).collect();
    let others = [vec![128; 16], across];
    let task = Task { ball, class: 0, shape: SHAPE, others: &others };
    let effort = Effort { queries, votes: 400 };
    attack(plane, &task, &all(), effort, &Judge::new().unwrap(), &mut Random::new([key; 32], 0)).unwrap()
}

#[test]
fn certificates_as_large_as_the_truth_hold_and_larger_ones_are_violated() {
    for key in 0..6 {
        let distance = 0.15 + 0.05 * f64::from(key);
        let held = attacked(&mut Plane::new(key, distance), distance, 600, key);
        assert!(!matches!(held.outcome, Outcome::Violated(_)), "{key}: {held:?}");
        assert!(held.worst.unwrap().score.margin < 0.35);
        let mut plane = Plane::new(key, distance);
        let caught = attacked(&mut plane, 1.2 * distance, 600, key);
        let Outcome::Violated(confirmation) = &caught.outcome else { panic!("{key}: {caught:?}") };
        assert_eq!(confirmation.class, Some(1));
        assert!(plane.below(&confirmation.image) < 0.0);
        assert!(caught.queries <= 600 + 4);
    }
}

/// Every search alone takes votes, and asks no more than it was granted (a second look counts four).
#[test]
fn each_search_leaves_the_center_for_worse_and_keeps_to_its_queries() {
    let searches: [&dyn Search; 3] = [&Square, &Boundary, &Climb];
    for search in searches {
        let mut plane = Plane::new(9, 0.3);
        let center = [128; 16];
        let ball = Ball::new(&center, Radius(Radius::ONE / 4)).unwrap();
        let others = [plane.normal.iter().map(|n| (128.0 + 400.0 * n).round() as u8).collect()];
        let task = Task { ball, class: 0, shape: SHAPE, others: &others };
        let mut oracle = Oracle::new(&mut plane, &task, 400);
        oracle.grant(search.name(), 150);
        search.search(&task, &mut oracle, &mut Random::new([3; 32], 0)).unwrap();
        assert!((100..=154).contains(&oracle.queries()), "{}: {}", search.name(), oracle.queries());
        let worst = oracle.into_worst().unwrap();
        assert!(ball.contains(&worst.image) && worst.found_by == search.name());
        // At the center the lead is 2 Phi(1.2) - 1 = 0.77, at the nearest image 0.16.
        assert!(worst.score.margin < 0.6, "{}: {}", search.name(), worst.score.margin);
    }
}

#[test]
fn balls_are_open_and_exact() {
    // One step of 1/255 is 4112.03 units of 2^-20.
    let center = [10, 20];
    let ball = |units| Ball::new(&center, Radius(units)).unwrap();
    assert!(Ball::new(&center, Radius(0)).is_none());
    assert!(ball(1).contains(&[10, 20]) && !ball(4112).contains(&[11, 20]));
    assert!(ball(4113).contains(&[11, 20]) && !ball(4113).contains(&[11, 21]));
    assert!(!ball(4113).contains(&[10]));
    // A radius of exactly one pixel does not reach from black to white.
    let black = [0, 0];
    let whole = Ball::new(&black, Radius(Radius::ONE)).unwrap();
    assert!(whole.contains(&[254, 0]) && !whole.contains(&[255, 0]));
    assert!(Ball::new(&black, Radius(Radius::ONE + 1)).unwrap().contains(&[255, 0]));
    assert_eq!(Ball::new(&black, Radius(u32::MAX)).unwrap().distance2(&[3, 4]), 25);
}

#[test]
fn what_is_reached_is_inside_and_near_the_surface() {
    let mut random = Random::new([1; 32], 0);
    for (pixels, radius) in [(16, 0.1), (48, 0.4), (3072, 0.05), (3072, 0.6)] {
        let center: Vec<u8> = (0..pixels).map(|_| random.below(256) as u8).collect();
        let ball = Ball::new(&center, Radius((radius * 1_048_576.0) as u32)).unwrap();
        for _ in 0..20 {
            let direction: Vec<f64> = (0..pixels).map(|_| random.normal()).collect();
            let image = ball.reach(&direction);
            assert!(ball.contains(&image));
            let share = (ball.distance2(&image) as f64).sqrt() / ball.radius_255();
            assert!(share > 0.9, "{pixels} {radius}: {share}");
        }
        assert_eq!(ball.reach(&vec![0.0; pixels]), center);
    }
}

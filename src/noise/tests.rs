//! The table against its own sampler by enumeration, and against another series at another precision.
#![allow(clippy::unwrap_used)]

use super::dyadic::Dyadic;
use super::gaussian::{BITS, Bounds, half_mass};
use super::*;
use dashu::integer::UBig;
use num_bigint::BigInt;
use proptest::prelude::*;

/// 3 x 32 x 32, CIFAR's image.
const CIFAR: usize = 3072;

/// Another derivation of Phi(x) - 1/2 in units of 2^-320: the alternating Taylor series of erf over
/// num-bigint, with pi by Machin's formula. Good to about 2^-240 for x up to 10.
struct Taylor {
    root_two_pi: BigInt,
}

impl Taylor {
    const FRACTION: usize = 320;

    fn new() -> Self {
        let inverse_tangent = |n: i64| {
            let (mut sum, mut power, mut k) = (BigInt::ZERO, (BigInt::from(1) << Self::FRACTION) / n, 0i64);
            while power != BigInt::ZERO {
                let term = &power / (2 * k + 1);
                sum += if k % 2 == 0 { term } else { -term };
                power /= n * n;
                k += 1;
            }
            sum
        };
        let pi: BigInt = 16 * inverse_tangent(5) - 4 * inverse_tangent(239);
        Self { root_two_pi: (pi << (Self::FRACTION + 1)).sqrt() }
    }

    /// Phi(numerator / denominator) - 1/2.
    fn half_mass(&self, numerator: &BigInt, denominator: &BigInt) -> BigInt {
        let x: BigInt = (numerator << Self::FRACTION) / denominator;
        let square: BigInt = (&x * &x) >> Self::FRACTION;
        let (mut sum, mut power, mut k) = (x.clone(), x, 0i64);
        while power != BigInt::ZERO {
            k += 1;
            power = ((power * &square) >> Self::FRACTION) / (2 * k);
            let term = &power / (2 * k + 1);
            sum += if k % 2 == 0 { term } else { -term };
        }
        (sum << Self::FRACTION) / &self.root_two_pi
    }
}

fn reach(table: &NoiseTable) -> i32 {
    let masses = table.masses();
    masses.iter().rposition(|&units| units > 0).unwrap() as i32 + table.min_value
}

#[test]
fn phi_equals_known_values() {
    // Phi(x) - 1/2 to 30 digits.
    let known = [
        (1u64, 1, "191462461274013103637704610608"),
        (1, 0, "341344746068542948585232545632"),
        (2, 0, "477249868051820792799717362833"),
        (3, 0, "498650101968369905473348185232"),
    ];
    let scale = UBig::from(10u8).pow(30);
    for (x, bits, digits) in known {
        let bounds = half_mass(&Bounds::exact(x, bits));
        let digits: UBig = digits.parse().unwrap();
        assert_eq!((bounds.low.clone() * &scale) >> BITS, digits, "x = {x} / 2^{bits}");
        assert_eq!((bounds.high.clone() * &scale) >> BITS, digits, "x = {x} / 2^{bits}");
        assert!(bounds.high - bounds.low < UBig::ONE << 24, "bounds of Phi({x} / 2^{bits}) are loose");
    }
}

#[test]
fn phi_brackets_another_series() {
    let taylor = Taylor::new();
    for n in (1u32..=1000).step_by(37) {
        let bounds = half_mass(&Bounds::of_ratio(UBig::from(n), &UBig::from(100u8)));
        let other = taylor.half_mass(&BigInt::from(n), &BigInt::from(100)) >> (Taylor::FRACTION - BITS);
        let (low, high) = (to_num(&bounds.low), to_num(&bounds.high));
        assert!(low <= other && other <= high, "x = {n}/100: {low} {other} {high}");
        assert!(high - low < BigInt::from(1) << 24, "x = {n}/100: loose");
    }
}

fn to_num(value: &UBig) -> BigInt {
    BigInt::from_bytes_le(num_bigint::Sign::Plus, &value.to_le_bytes())
}

#[test]
fn sampler_has_exactly_the_masses_of_the_generator() {
    for sigma in [0.01, 0.05, 0.12, 0.25, 0.5, 1.0, 2.0] {
        let table = generate(sigma, CIFAR).unwrap();
        let masses = table.masses();
        assert_eq!(masses.iter().sum::<u128>(), 1 << 64, "sigma {sigma}");
        let (bits, reach) = support(&Dyadic::from_f64(sigma));
        let cells = pmf::cells(&Dyadic::from_f64(sigma), reach);
        assert_eq!(masses, pmf::masses(&cells, bits), "sigma {sigma}");
        let zero = -table.min_value as usize;
        for v in 1..masses.len() - zero {
            let mirrored = if v <= zero { masses[zero - v] } else { 0 };
            assert_eq!(masses[zero + v], mirrored, "sigma {sigma}, noise {v}");
            assert!(masses[zero + v] <= masses[zero + v - 1], "sigma {sigma}, noise {v}");
        }
    }
}

#[test]
fn the_runtime_draws_the_distribution() {
    use ringfence_runtime::noise::{Noise, Purpose, Seed};
    let table = generate(0.05, CIFAR).unwrap();
    let entries = table.entry_bytes();
    let view = table.view(&entries);
    let samples = 1000;
    let mut counts = vec![0u32; table.words.len()];
    let mut values = [0i16; CIFAR];
    for sample in 0..samples {
        Noise::new(view, &Seed([1; 32]), Purpose::Vote, sample).fill(&mut values);
        values.iter().for_each(|&value| counts[(i32::from(value) - table.min_value) as usize] += 1);
    }
    // Chi-square over the cells with at least 20 expected draws: mean = cells - 1, variance = 2 * mean.
    let (mut cells, mut chi_square) = (0u32, 0.0);
    for (&count, units) in counts.iter().zip(table.masses()) {
        let expected = units as f64 / 2f64.powi(64) * f64::from(samples) * CIFAR as f64;
        if expected >= 20.0 {
            cells += 1;
            chi_square += (f64::from(count) - expected).powi(2) / expected;
        }
    }
    let deviation = (chi_square - f64::from(cells - 1)) / f64::from(2 * (cells - 1)).sqrt();
    assert!(cells > 90 && deviation.abs() < 4.0, "{cells} cells, chi-square {chi_square}");
}

#[test]
fn support_holds_eight_sigma_in_the_fewest_columns() {
    for (sigma, bits) in [(0.01, 6), (0.05, 8), (0.12, 9), (0.25, 10), (0.5, 11), (1.0, 12), (2.0, 13)] {
        let table = generate(sigma, CIFAR).unwrap();
        assert_eq!(table.column_bits, bits, "sigma {sigma}");
        assert_eq!((table.words.len(), table.low.len()), (1 << bits, 1 << bits));
        // Cells beyond 9.1 sigma hold less than half a unit.
        let reach = f64::from(reach(&table)) / (255.0 * sigma);
        assert!((7.9..=10.1).contains(&reach), "sigma {sigma} reaches {reach} sigma");
    }
}

#[test]
fn budget_is_rederived_by_another_series() {
    let taylor = Taylor::new();
    for sigma in [0.05, 0.25, 0.5] {
        let table = generate(sigma, CIFAR).unwrap();
        let (numerator, denominator) = Dyadic::from_f64(sigma).ratio();
        let (step, unit) = (to_num(&numerator) * 510, to_num(&denominator));
        let mut edges = vec![BigInt::ZERO]; // half masses at the right edges of cells 0, 1, ..
        let reach = reach(&table);
        edges.extend((0..=reach).map(|v| taylor.half_mass(&(&unit * (2 * v + 1)), &step)));
        let mut doubled = BigInt::ZERO; // sum |table - ideal|, units of 2^-320
        for (column, units) in table.masses().into_iter().enumerate() {
            let v = (column as i32 + table.min_value).unsigned_abs() as usize;
            let ideal = match v {
                0 => &edges[1] * 2,
                v if v <= reach as usize => &edges[v + 1] - &edges[v],
                _ => BigInt::ZERO, // in the tail below
            };
            let difference: BigInt = (BigInt::from(units) << (Taylor::FRACTION - 64)) - ideal;
            doubled += BigInt::from(difference.magnitude().clone());
        }
        doubled += ((BigInt::from(1) << (Taylor::FRACTION - 1)) - &edges[reach as usize + 1]) * 2;
        let exact: BigInt = (doubled * CIFAR) >> (Taylor::FRACTION - 64 + 1);
        let shipped = BigInt::from(table.tv_budget);
        assert!(exact < shipped, "sigma {sigma}: charged {shipped}, distance is {exact}");
        assert!(shipped <= &exact + 1i32, "sigma {sigma}: charged {shipped}, distance is {exact}");
    }
}

/// Images of 3x224x224, the largest there are.
fn budget_is_met(sigmas: impl Iterator<Item = f64>) {
    for sigma in sigmas {
        let table = generate(sigma, 3 * 224 * 224).unwrap();
        assert!(table.tv_budget <= MAX_TV_BUDGET, "sigma {sigma}: {}", table.tv_budget);
    }
}

#[test]
#[ignore = "a minute"]
fn budget_is_below_one_in_a_million_on_a_fine_grid() {
    budget_is_met((5..=200).map(|step| f64::from(step) * 0.01));
}

#[test]
fn budget_is_below_one_in_a_million_everywhere() {
    let grid = (1..=10).map(|step| f64::from(step) * 0.05);
    // Neighbours of the deviations where the table grows by a bit.
    let growth = (5..11).map(|bits| f64::from((1 << bits) - 1) / (8.0 * 255.0));
    let edges = growth.flat_map(|sigma| [sigma * (1.0 - 1e-9), sigma * (1.0 + 1e-9)]);
    budget_is_met([0.01, 0.75, 1.0, 1.5, 2.0].into_iter().chain(grid).chain(edges));
    // The charge grows with the values, the table stays the same.
    for sigma in [0.05, 0.25] {
        let large = generate(sigma, 3 * 224 * 224).unwrap();
        for values in [1, 28 * 28, CIFAR, 3 * 64 * 64] {
            let small = generate(sigma, values).unwrap();
            let share = large.tv_budget as f64 * values as f64 / (3.0 * 224.0 * 224.0);
            assert!((small.tv_budget as f64 - share).abs() <= 1.0, "sigma {sigma}, {values} values");
            assert_eq!((small.words, small.low), (large.words.clone(), large.low.clone()));
        }
    }
    assert!((MAX_TV_BUDGET as f64 / 2f64.powi(64) - 1e-6).abs() < 1e-18);
}

#[test]
fn errors_name_sigma() {
    for sigma in [0.0, -0.25, 0.0099, 2.01, f64::NAN, f64::INFINITY] {
        let error = generate(sigma, CIFAR).unwrap_err();
        assert!(matches!(error, NoiseError::Sigma { .. }), "{error}");
        assert!(error.to_string().contains(&sigma.to_string()), "{error}");
    }
    let error = generate(0.25, 1_000_000_000_000).unwrap_err();
    assert!(matches!(error, NoiseError::Budget { found, .. } if found > 1e-6), "{error}");
    assert!(error.to_string().contains("sigma 0.25"), "{error}");
}

#[test]
fn section_has_the_documented_layout() {
    let table = generate(0.25, CIFAR).unwrap();
    let bytes = table.to_bytes();
    assert_eq!(bytes.len(), 64 + 8 * 1024);
    assert_eq!(bytes[..8], 0.25f64.to_le_bytes());
    assert_eq!(bytes[8..12], [10, 0, 0, 0]);
    assert_eq!(bytes[12..16], (-511i32).to_le_bytes());
    assert_eq!(bytes[16..24], table.tv_budget.to_le_bytes());
    assert!(bytes[24..64].iter().all(|&byte| byte == 0));
    assert_eq!(bytes[64 + 4 * 700..][..4], table.words[700].to_le_bytes());
    assert_eq!(bytes[64 + 4096 + 4 * 700..][..4], table.low[700].to_le_bytes());
}

proptest! {
    #[test]
    fn dyadic_is_the_float(value in 1e-300f64..1e300) {
        let parts = Dyadic::from_f64(value);
        prop_assert_eq!(parts.mantissa % 2, 1);
        // Two factors: 2^exponent alone may underflow.
        let half = parts.exponent / 2;
        let power = 2f64.powi(half);
        prop_assert_eq!(parts.mantissa as f64 * power * 2f64.powi(parts.exponent - half), value);
    }

    #[test]
    fn alias_columns_give_back_any_masses(weights in prop::collection::vec(0u64..=u64::MAX / 64, 63)) {
        let mut masses: Vec<u128> = weights.iter().map(|&w| u128::from(w)).collect();
        masses.push((1 << 64) - masses.iter().sum::<u128>());
        prop_assert_eq!(alias::build(&masses, 6).masses(), masses);
    }
}

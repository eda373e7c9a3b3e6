//! Non-central chi-square distribution, also for the thousands of degrees that images have.

use statrs::function::gamma::ln_gamma;

/// Terms below this share of the whole are left out.
const TINY: f64 = 1e-17;

/// `ln(n!) - (n + 1/2) ln n + n - ln(2 pi) / 2`: what Stirling's formula lacks (Loader 2000).
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        return ln_gamma(n + 1.0) - (n + 0.5) * n.ln() + n - 0.5 * std::f64::consts::TAU.ln();
    }
    let square = n * n;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * square)) / square) / square) / n
}

/// `n ln(n / mean) + mean - n` without cancellation.
fn deviance(n: f64, mean: f64) -> f64 {
    let e = (n - mean) / mean;
    if e.abs() > 0.1 {
        return n * (n / mean).ln() + mean - n;
    }
    // (1 + e) ln(1 + e) - e = sum over k >= 2 of (-e)^k / (k (k - 1))
    let mut power = e * e;
    let (mut sum, mut k) = (0.0, 2.0);
    while power.abs() > 1e-18 * e * e {
        sum += power / (k * (k - 1.0));
        power *= -e;
        k += 1.0;
    }
    mean * sum
}

/// `mean^n e^-mean / Gamma(n + 1)` for real `n`: Poisson probabilities (Loader 2000).
fn poisson(n: f64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return if n == 0.0 { 1.0 } else { 0.0 };
    }
    if n < 1e-9 {
        return (-mean).exp();
    }
    (-stirling_error(n) - deviance(n, mean)).exp() / (std::f64::consts::TAU * n).sqrt()
}

/// Regularised lower incomplete gamma function `P(a, x)`, `a > 0`.
fn lower_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = poisson(a, x);
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0, 1.0, a);
        while term > TINY * sum {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return front * sum;
    }
    // Lentz's continued fraction of the upper function.
    let (mut b, mut c) = (x + 1.0 - a, f64::MAX);
    let mut d = 1.0 / b;
    let mut h = d;
    let mut i = 1.0;
    loop {
        let an = i * (a - i);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        let step = c * d;
        h *= step;
        if (step - 1.0).abs() < 1e-16 || i > 1e6 {
            return 1.0 - front * a * h;
        }
        i += 1.0;
    }
}

/// `P[X <= x]` for `X` the squared length of a normal vector of `degrees` values of variance 1 whose mean has the squared
/// length `offset`: a Poisson mixture of central distributions, summed from its largest term both ways (Benton and
/// Krishnamoorthy 2003).
#[must_use]
pub fn noncentral_chi_squared(x: f64, degrees: f64, offset: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let (mean, half) = (0.5 * offset, 0.5 * x);
    let start = mean.floor();
    let a = 0.5 * degrees + start;
    let (weight, central, slope) = (poisson(start, mean), lower_gamma(a, half), poisson(a, half));
    let mut sum = weight * central;
    let (mut w, mut p, mut s, mut j) = (weight, central, slope, start);
    while w > TINY * weight.max(1e-300) && p > 0.0 {
        p = (p - s).max(0.0);
        j += 1.0;
        w *= mean / j;
        s *= half / (0.5 * degrees + j);
        sum += w * p;
    }
    (w, p, s, j) = (weight, central, slope, start);
    while j > 0.0 && w > TINY * weight.max(1e-300) {
        s *= (0.5 * degrees + j) / half;
        p = (p + s).min(1.0);
        w *= j / mean;
        j -= 1.0;
        sum += w * p;
    }
    sum.clamp(0.0, 1.0)
}

//! Steps of polynomials with products of 52 bits (AVX-512 IFMA).

use super::deviates::Step;
use core::arch::x86_64::*;

/// Products of 52 bits.
pub(super) struct Ifma;

impl Step for Ifma {
    type Places = Places;
    /// 2^63: with it, signed sums are unsigned.
    const BIAS: i64 = i64::MIN;

    #[inline(always)]
    unsafe fn split(places: __m512i) -> Places {
        // SAFETY: by the contract of this function.
        unsafe { split(places) }
    }

    #[inline(always)]
    unsafe fn next(sums: __m512i, places: &Places, coefficients: __m512i) -> __m512i {
        // SAFETY: by the contract of this function.
        unsafe { next(sums, places, coefficients) }
    }
}

/// Where eight polynomials are evaluated, split for products of 52 bits.
#[derive(Clone, Copy)]
pub(super) struct Places {
    /// All 64 bits; products take the lower 52.
    lower: __m512i,
    /// The upper 12.
    upper: __m512i,
    /// What sums of units of 2^52 and of 2^104 start from.
    starts: [__m512i; 2],
}

/// With a + 2^63 in place of the signed a, a product with b is 2^63 b too much: 2^11 b in units of 2^52, which are
/// subtracted from where the sums start. There, too, stands the 2^63 of the result.
#[target_feature(enable = "avx512f")]
#[inline]
fn split(b: __m512i) -> Places {
    let upper = _mm512_srli_epi64::<52>(b);
    let lower_excess = _mm512_srli_epi64::<1>(_mm512_slli_epi64::<12>(b));
    let upper_excess = _mm512_slli_epi64::<11>(upper);
    let starts = [
        _mm512_sub_epi64(_mm512_setzero_si512(), lower_excess),
        _mm512_sub_epi64(_mm512_set1_epi64(1 << 23), upper_excess),
    ];
    Places { lower: b, upper, starts }
}

/// Leading half of the product of a and b, plus c, where a and the result are kept with 2^63 more.
///
/// Of the product's units of 1 nothing is needed: what is above them is a whole number of 2^52.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn next(a: __m512i, b: &Places, c: __m512i) -> __m512i {
    let a_upper = _mm512_srli_epi64::<52>(a);
    let [low, high] = b.starts;
    let low = _mm512_madd52hi_epu64(low, a, b.lower);
    let low = _mm512_madd52lo_epu64(low, a, b.upper);
    let low = _mm512_madd52lo_epu64(low, a_upper, b.lower);
    let high = _mm512_madd52hi_epu64(high, a, b.upper);
    let high = _mm512_madd52hi_epu64(high, a_upper, b.lower);
    let high = _mm512_madd52lo_epu64(high, a_upper, b.upper);
    // Their units are 2^-12 and 2^40 of the result's.
    let upper = _mm512_add_epi64(_mm512_slli_epi64::<40>(high), c);
    _mm512_add_epi64(upper, _mm512_srai_epi64::<12>(low))
}

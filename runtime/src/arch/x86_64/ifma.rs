//! Normal deviates with products of 52 bits (AVX-512 IFMA).

use super::lanes::{Avx512, Avx512Dq, coefficients, signed};
use crate::format::Quantiles;
use crate::noise::{LANES, Lanes};
use core::arch::x86_64::*;

/// AVX-512 with the extensions CD, DQ and IFMA. Used only by code that is compiled for them.
pub(super) struct Avx512Ifma;

impl Lanes for Avx512Ifma {
    #[inline(always)]
    fn entries(table: &[[u8; 4]], columns: &[u32; LANES]) -> [u32; LANES] {
        Avx512::entries(table, columns)
    }

    #[inline(always)]
    fn deviates(quantiles: Quantiles<'_>, words: &[u64; LANES]) -> [i64; LANES] {
        // SAFETY: the only user has AVX-512 IFMA.
        signed(words, |segments, places| unsafe { polynomials(quantiles, segments, places) })
    }

    #[inline(always)]
    fn high(a: &[i64; LANES], b: &[u64; LANES]) -> [i64; LANES] {
        Avx512Dq::high(a, b)
    }
}

/// Where eight polynomials are evaluated, split for products of 52 bits.
#[derive(Clone, Copy)]
struct Places {
    /// All 64 bits; products take the lower 52.
    lower: __m512i,
    /// The upper 12.
    upper: __m512i,
    /// What sums of units of 2^52 and of 2^104 start from.
    starts: [__m512i; 2],
}

/// The polynomials of these segments at these places, as [`quantile`](crate::noise::quantile) has them; those beyond
/// the table are 0.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn polynomials(quantiles: Quantiles<'_>, segments: &[u64; LANES], places: &[u64; LANES]) -> [i64; LANES] {
    let sign = _mm512_set1_epi64(i64::MIN);
    let zero = _mm512_setzero_si512();
    let empty = Places { lower: zero, upper: zero, starts: [zero; 2] };
    let mut halves = [([zero; 8], empty, zero); LANES / 8];
    let parts = segments.as_chunks().0.iter().zip(places.as_chunks::<8>().0);
    for ((columns, at, sum), (segments, places)) in halves.iter_mut().zip(parts) {
        *columns = coefficients(quantiles, segments);
        // SAFETY: an array of eight is 64 bytes.
        *at = split(unsafe { _mm512_loadu_si512(places.as_ptr().cast()) });
        *sum = _mm512_xor_si512(columns[7], sign);
    }
    // By one degree in all lanes, then by the next: a chain of products waits for its own results.
    for degree in (0..7).rev() {
        for (columns, at, sum) in &mut halves {
            *sum = next(*sum, at, columns[degree]);
        }
    }
    let mut sums = [0; LANES];
    for (sums, (_, _, sum)) in sums.as_chunks_mut::<8>().0.iter_mut().zip(halves) {
        // SAFETY: an array of eight is 64 bytes.
        unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), _mm512_xor_si512(sum, sign)) };
    }
    sums
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

/// Leading half of the product of a and b, plus c, all but b plus 2^63.
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

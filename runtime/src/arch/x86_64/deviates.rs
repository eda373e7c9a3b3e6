//! Normal deviates of all lanes at once: polynomials in vectors of eight, products of words from products of their halves.

use super::lanes::Avx512;
use crate::format::Quantiles;
use crate::noise::{LANES, Lanes, place};
use core::arch::x86_64::*;
use core::marker::PhantomData;

/// AVX-512 with the extensions CD and DQ and what `P` needs. Used only by code that is compiled for them.
pub(super) struct Avx512Dq<P>(PhantomData<P>);

/// A step of eight polynomials. Used only by code that is compiled for its instructions.
pub(super) trait Step {
    /// Where the polynomials are evaluated, as products want it.
    type Places: Copy;

    /// What sums are kept with, by exclusive or.
    const BIAS: i64;

    /// From the places.
    ///
    /// # Safety
    /// The CPU has the instructions.
    unsafe fn split(places: __m512i) -> Self::Places;

    /// Leading halves of products of the sums and the places, plus the coefficients of the next degree.
    ///
    /// # Safety
    /// The CPU has the instructions.
    unsafe fn next(sums: __m512i, places: &Self::Places, coefficients: __m512i) -> __m512i;
}

impl<P: Step> Lanes for Avx512Dq<P> {
    #[inline(always)]
    fn entries(table: &[[u8; 4]], columns: &[u32; LANES]) -> [u32; LANES] {
        Avx512::entries(table, columns)
    }

    #[inline(always)]
    fn deviates(quantiles: Quantiles<'_>, words: &[u64; LANES]) -> [i64; LANES] {
        let (mut segments, mut places) = ([0; LANES], [0; LANES]);
        for ((segment, within), &word) in segments.iter_mut().zip(&mut places).zip(words) {
            (*segment, *within) = place(word);
        }
        // SAFETY: the only users have AVX-512 DQ and what P needs.
        let mut sums = unsafe { polynomials::<P>(quantiles, &segments, &places) };
        for (sum, &word) in sums.iter_mut().zip(words) {
            let sign = word as i64 >> 63;
            *sum = (*sum ^ sign).wrapping_sub(sign);
        }
        sums
    }

    #[inline(always)]
    fn high(a: &[i64; LANES], b: &[u64; LANES]) -> [i64; LANES] {
        let mut halves = [0; LANES];
        let parts = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
        for (half, (a, b)) in halves.as_chunks_mut::<8>().0.iter_mut().zip(parts) {
            // SAFETY: the only users have AVX-512 DQ; arrays of eight are 64 bytes.
            unsafe {
                let (a, b) = (_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast()));
                _mm512_storeu_si512(half.as_mut_ptr().cast(), high(a, b));
            }
        }
        halves
    }
}

/// The polynomials of these segments at these places, one by one as [`quantile`](crate::noise::quantile) has them; those
/// beyond the table are 0.
///
/// # Safety
/// The CPU has AVX-512 DQ and what P needs.
#[inline(always)]
unsafe fn polynomials<P: Step>(
    quantiles: Quantiles<'_>,
    segments: &[u64; LANES],
    places: &[u64; LANES],
) -> [i64; LANES] {
    let halves = segments.as_chunks::<8>().0.iter().zip(places.as_chunks::<8>().0);
    let mut sums = [0; LANES];
    // SAFETY: by the contract of this function; arrays of eight are 64 bytes.
    unsafe {
        let (zero, bias) = (_mm512_setzero_si512(), _mm512_set1_epi64(P::BIAS));
        let mut parts = [([zero; 8], P::split(zero), zero); LANES / 8];
        for ((columns, at, sum), (segments, places)) in parts.iter_mut().zip(halves) {
            *columns = coefficients(quantiles, segments);
            *at = P::split(_mm512_loadu_si512(places.as_ptr().cast()));
            *sum = _mm512_xor_si512(columns[7], bias);
        }
        // By one degree in all lanes, then by the next: a chain of products waits for its own results.
        for degree in (0..7).rev() {
            for (columns, at, sum) in &mut parts {
                *sum = P::next(*sum, at, columns[degree]);
            }
        }
        for (sums, (_, _, sum)) in sums.as_chunks_mut::<8>().0.iter_mut().zip(parts) {
            _mm512_storeu_si512(sums.as_mut_ptr().cast(), _mm512_xor_si512(sum, bias));
        }
    }
    sums
}

/// The coefficients of these segments, by degree.
#[target_feature(enable = "avx512f")]
#[inline]
fn coefficients(quantiles: Quantiles<'_>, segments: &[u64; 8]) -> [__m512i; 8] {
    let mut rows = [_mm512_setzero_si512(); 8];
    for (row, &segment) in rows.iter_mut().zip(segments) {
        if let Some(coefficients) = quantiles.get(segment as usize) {
            // SAFETY: the coefficients of a segment are 64 bytes.
            *row = unsafe { _mm512_loadu_si512(coefficients.as_ptr().cast()) };
        }
    }
    transposed(rows)
}

/// Both halves of a result are the lower, or the upper, half of an operand.
const LOWER_HALVES: i32 = 0b01_00_01_00;
const UPPER_HALVES: i32 = 0b11_10_11_10;

/// Rows of eight become columns.
#[target_feature(enable = "avx512f")]
#[inline]
fn transposed([a, b, c, d, e, f, g, h]: [__m512i; 8]) -> [__m512i; 8] {
    // Pairs of rows, then four, then all.
    let (ab_even, ab_odd) = (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    let (cd_even, cd_odd) = (_mm512_unpacklo_epi64(c, d), _mm512_unpackhi_epi64(c, d));
    let (ef_even, ef_odd) = (_mm512_unpacklo_epi64(e, f), _mm512_unpackhi_epi64(e, f));
    let (gh_even, gh_odd) = (_mm512_unpacklo_epi64(g, h), _mm512_unpackhi_epi64(g, h));
    let first = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0);
    let second = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
    let four = |order, x, y| _mm512_permutex2var_epi64(x, order, y);
    let (abcd_0, efgh_0) = (four(first, ab_even, cd_even), four(first, ef_even, gh_even));
    let (abcd_1, efgh_1) = (four(first, ab_odd, cd_odd), four(first, ef_odd, gh_odd));
    let (abcd_2, efgh_2) = (four(second, ab_even, cd_even), four(second, ef_even, gh_even));
    let (abcd_3, efgh_3) = (four(second, ab_odd, cd_odd), four(second, ef_odd, gh_odd));
    [
        _mm512_shuffle_i64x2::<LOWER_HALVES>(abcd_0, efgh_0),
        _mm512_shuffle_i64x2::<LOWER_HALVES>(abcd_1, efgh_1),
        _mm512_shuffle_i64x2::<LOWER_HALVES>(abcd_2, efgh_2),
        _mm512_shuffle_i64x2::<LOWER_HALVES>(abcd_3, efgh_3),
        _mm512_shuffle_i64x2::<UPPER_HALVES>(abcd_0, efgh_0),
        _mm512_shuffle_i64x2::<UPPER_HALVES>(abcd_1, efgh_1),
        _mm512_shuffle_i64x2::<UPPER_HALVES>(abcd_2, efgh_2),
        _mm512_shuffle_i64x2::<UPPER_HALVES>(abcd_3, efgh_3),
    ]
}

/// Products of halves of 32 bits: what DQ has.
pub(super) struct Halves;

impl Step for Halves {
    type Places = __m512i;
    const BIAS: i64 = 0;

    #[inline(always)]
    unsafe fn split(places: __m512i) -> __m512i {
        places
    }

    #[inline(always)]
    unsafe fn next(sums: __m512i, places: &__m512i, coefficients: __m512i) -> __m512i {
        // SAFETY: by the contract of this function.
        unsafe { _mm512_add_epi64(high(sums, *places), coefficients) }
    }
}

/// Takes the upper word of each pair.
const UPPER: _MM_PERM_ENUM = 0b11_11_01_01;

/// Leading halves of products of signed a and unsigned b, from products of their halves.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
fn high(a: __m512i, b: __m512i) -> __m512i {
    // Not shifted: the compiler would see a product of 128 bits, and leave the vector registers for it.
    let (a_high, b_high) = (_mm512_shuffle_epi32::<UPPER>(a), _mm512_shuffle_epi32::<UPPER>(b));
    let low = _mm512_srli_epi64::<32>(_mm512_mul_epu32(a, b));
    let first = _mm512_add_epi64(_mm512_mul_epu32(a_high, b), low);
    let second = _mm512_mul_epu32(a, b_high);
    let carry = _mm512_add_epi64(_mm512_and_si512(first, _mm512_set1_epi64(0xFFFF_FFFF)), second);
    let carries = _mm512_add_epi64(_mm512_srli_epi64::<32>(first), _mm512_srli_epi64::<32>(carry));
    let unsigned = _mm512_add_epi64(_mm512_mul_epu32(a_high, b_high), carries);
    // As an unsigned number, a negative a is 2^64 too much.
    _mm512_mask_sub_epi64(unsigned, _mm512_movepi64_mask(a), unsigned, b)
}

#[cfg(test)]
mod tests {
    use super::super::{has_avx512cd_dq, has_ifma, ifma::Ifma};
    use super::*;
    use crate::arch::Backend;
    use crate::format::layout::{QUANTILE_SEGMENT_BYTES, QUANTILE_SEGMENTS};
    use crate::noise::{OneByOne, Purpose, Seed, Streams};

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512cd,avx512dq")]
    fn high_with_avx512(a: &[i64; LANES], b: &[u64; LANES]) -> [i64; LANES] {
        Avx512Dq::<Halves>::high(a, b)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512cd,avx512dq")]
    fn deviates_with_avx512(table: Quantiles<'_>, words: &[u64; LANES]) -> [i64; LANES] {
        Avx512Dq::<Halves>::deviates(table, words)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512cd,avx512dq,avx512ifma")]
    fn deviates_with_ifma(table: Quantiles<'_>, words: &[u64; LANES]) -> [i64; LANES] {
        Avx512Dq::<Ifma>::deviates(table, words)
    }

    fn has_avx512dq() -> bool {
        Backend::Avx512Vnni.is_available() && has_avx512cd_dq()
    }

    /// Words of every size: random ones, as many of their leading bits zero as one likes.
    fn random(streams: &mut Streams, shift: u32) -> [u64; LANES] {
        let (high, low) = (streams.words(), streams.words());
        core::array::from_fn(|i| (u64::from(high[i]) << 32 | u64::from(low[i])) >> (shift % 64))
    }

    #[test]
    fn leading_halves_are_those_of_the_definition() {
        if !has_avx512dq() {
            return;
        }
        let mut streams = Streams::new(&Seed([5; 32]), Purpose::Vote, 0);
        let edges = [0, 1, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX];
        for round in 0..2000 {
            let (mut a, mut b) = (random(&mut streams, round), random(&mut streams, round / 64));
            (a[0], b[0]) = (edges[round as usize % 8], edges[round as usize / 8 % 8]);
            let a = a.map(|a| if round % 2 == 0 { a as i64 } else { (a as i64).wrapping_neg() });
            // SAFETY: the CPU has the features.
            assert_eq!(unsafe { high_with_avx512(&a, &b) }, OneByOne::high(&a, &b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn deviates_are_those_of_the_definition() {
        if !has_avx512dq() {
            return;
        }
        let mut streams = Streams::new(&Seed([6; 32]), Purpose::Vote, 0);
        let mut table = [[0; QUANTILE_SEGMENT_BYTES]; QUANTILE_SEGMENTS];
        for segment in &mut table {
            let words = streams.words();
            segment.as_chunks_mut().0.iter_mut().zip(words).for_each(|(to, word)| *to = word.to_le_bytes());
        }
        for round in 0..2000 {
            // Small tails, of both signs.
            let words = random(&mut streams, round).map(|word| word ^ u64::from(round & 1) << 63);
            // SAFETY: the CPU has the features.
            let deviates = unsafe { deviates_with_avx512(&table, &words) };
            assert_eq!(deviates, OneByOne::deviates(&table, &words), "{words:?}");
            if has_ifma() {
                // SAFETY: the CPU has IFMA, too.
                let deviates = unsafe { deviates_with_ifma(&table, &words) };
                assert_eq!(deviates, OneByOne::deviates(&table, &words), "{words:?}");
            }
        }
    }
}

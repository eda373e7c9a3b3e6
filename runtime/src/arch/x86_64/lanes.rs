//! Noise for all lanes at once: gathered entries.

use crate::noise::{LANES, Lanes};
use core::arch::x86_64::*;

/// Eight at a time. Used only by code that is compiled for AVX2.
pub(super) struct Avx2;

/// Sixteen at a time. Used only by code that is compiled for AVX-512.
pub(super) struct Avx512;

impl Lanes for Avx2 {
    #[inline(always)]
    fn entries(table: &[[u8; 4]], columns: &[u32; LANES]) -> [u32; LANES] {
        let mut entries = [0; LANES];
        let Some(last) = table.len().checked_sub(1) else { return entries };
        let (columns, _) = columns.as_chunks::<8>();
        for (found, columns) in entries.as_chunks_mut::<8>().0.iter_mut().zip(columns) {
            // SAFETY: the only user has AVX2. Columns beyond the table, of which `last` is the end or within it, are
            // masked, and arrays of eight are 32 bytes.
            unsafe {
                let columns = _mm256_loadu_si256(columns.as_ptr().cast());
                let last = _mm256_set1_epi32(last.min(i32::MAX as usize) as i32);
                let within = _mm256_cmpeq_epi32(_mm256_min_epu32(columns, last), columns);
                let zero = _mm256_setzero_si256();
                let gathered = _mm256_mask_i32gather_epi32::<4>(zero, table.as_ptr().cast(), columns, within);
                _mm256_storeu_si256(found.as_mut_ptr().cast(), gathered);
            }
        }
        entries
    }
}

impl Lanes for Avx512 {
    #[inline(always)]
    fn entries(table: &[[u8; 4]], columns: &[u32; LANES]) -> [u32; LANES] {
        let mut entries = [0; LANES];
        let Some(last) = table.len().checked_sub(1) else { return entries };
        // SAFETY: the only user has AVX-512. Columns beyond the table, of which `last` is the end or within it, are
        // masked, and arrays of sixteen are 64 bytes.
        unsafe {
            let columns = _mm512_loadu_si512(columns.as_ptr().cast());
            let last = _mm512_set1_epi32(last.min(i32::MAX as usize) as i32);
            let within = _mm512_cmple_epu32_mask(columns, last);
            let zero = _mm512_setzero_si512();
            let gathered = _mm512_mask_i32gather_epi32::<4>(zero, within, columns, table.as_ptr().cast());
            _mm512_storeu_si512(entries.as_mut_ptr().cast(), gathered);
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Backend;
    use crate::noise::OneByOne;

    #[target_feature(enable = "avx2")]
    fn with_avx2(table: &[[u8; 4]], columns: &[u32; LANES]) -> [u32; LANES] {
        Avx2::entries(table, columns)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn with_avx512(table: &[[u8; 4]], columns: &[u32; LANES]) -> [u32; LANES] {
        Avx512::entries(table, columns)
    }

    #[test]
    fn columns_beyond_a_table_give_zero() {
        let table: [[u8; 4]; 9] = core::array::from_fn(|i| [i as u8 + 1, 2, 3, 0x80 | i as u8]);
        let columns: [u32; LANES] =
            core::array::from_fn(|lane| [lane as u32, u32::MAX - lane as u32, 1 << 31, 8][lane % 4]);
        for length in 0..=table.len() {
            let table = &table[..length];
            let expected = OneByOne::entries(table, &columns);
            if Backend::Avx2.is_available() {
                // SAFETY: the CPU has AVX2.
                assert_eq!(unsafe { with_avx2(table, &columns) }, expected);
            }
            if Backend::Avx512Vnni.is_available() {
                // SAFETY: the CPU has AVX-512 F, BW and VL.
                assert_eq!(unsafe { with_avx512(table, &columns) }, expected);
            }
        }
    }
}

//! Checked views of the noise, certificate and soft-vote tables.

use super::bytes::{Record, record, slice};
use super::error::{CertificateFault, FormatError, NoiseFault, SoftmaxFault};
use super::layout::{self, MAX_NOISY, Section};

/// Bits of 1.0 and of infinity as an f64: positive floats compare like their bits.
const F64_ONE: u64 = 0x3FF0_0000_0000_0000;
const F64_INFINITY: u64 = 0x7FF0_0000_0000_0000;

/// The alias table of the noise sampler: integer noise values around zero, in 1/255.
///
/// A column is `words.len() == low.len() == 2^column_bits` wide in index. Word `w` of a column holds the
/// upper part of its threshold in the high `32 - column_bits` bits and its alias column in the low
/// `column_bits` bits; `low` refines the threshold by 32 bits more. Every column and alias is a valid index,
/// and a pixel plus any noise value stays within ±2^13.
#[derive(Clone, Copy, Debug)]
pub struct NoiseTable<'a> {
    /// Bits of the standard deviation as an f64, in pixels of \[0, 1\]; positive and finite.
    pub sigma_bits: u64,
    /// Bits of a column index, 6..=14.
    pub column_bits: u8,
    /// Noise value of column 0.
    pub min_value: i32,
    /// Total-variation budget of one whole image in units of 2^-64, rounded up.
    pub tv_budget: u64,
    /// Threshold and alias of each column, little-endian u32.
    pub words: &'a [[u8; 4]],
    /// Low part of each threshold, little-endian u32.
    pub low: &'a [[u8; 4]],
}

impl<'a> NoiseTable<'a> {
    pub(crate) fn parse(section: &'a [u8]) -> Result<Self, FormatError> {
        use layout::noise::{COLUMN_BITS, METHOD, MIN_VALUE, RESERVED, SIGMA, TAIL, TV_BUDGET};
        const HEADER: usize = layout::NOISE_HEADER_BYTES;
        let length =
            |expected| FormatError::SectionLength { section: Section::Noise, expected, found: section.len() };
        let head: Record<'_, HEADER> = record(section, 0).ok_or(length(HEADER))?;
        let column_bits = head.u8::<COLUMN_BITS>();
        if !layout::COLUMN_BITS.contains(&column_bits) {
            return Err(FormatError::Noise(NoiseFault::ColumnBits(column_bits)));
        }
        let columns = 1usize << column_bits;
        if section.len() != HEADER + 8 * columns {
            return Err(length(HEADER + 8 * columns));
        }
        if head.u8::<METHOD>() != 0 {
            return Err(FormatError::Noise(NoiseFault::Method(head.u8::<METHOD>())));
        }
        if head.u16::<RESERVED>() != 0 || !head.is_zero::<TAIL, HEADER>() {
            return Err(FormatError::Reserved { section: Some(Section::Noise) });
        }
        let sigma_bits = head.u64::<SIGMA>();
        if sigma_bits == 0 || sigma_bits >= F64_INFINITY {
            return Err(FormatError::Noise(NoiseFault::Sigma));
        }
        let min_value = head.i32::<MIN_VALUE>();
        let max = i64::from(min_value) + columns as i64 - 1;
        if min_value < -MAX_NOISY || max + 255 > i64::from(MAX_NOISY) {
            return Err(FormatError::Noise(NoiseFault::Range { min: min_value, max }));
        }
        let (tables, _) = section[HEADER..].as_chunks();
        let (words, low) = tables.split_at_checked(columns).ok_or(length(HEADER + 8 * columns))?;
        Ok(Self { sigma_bits, column_bits, min_value, tv_budget: head.u64::<TV_BUDGET>(), words, low })
    }
}

/// What a radius is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Norm {
    /// The Euclidean distance over all values of the image.
    #[default]
    L2,
    /// The largest difference of any value.
    LInf,
}

/// What a certificate table is for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Method {
    /// n0 votes select the class, n fresh votes are counted: radii.
    TwoStage = 1,
    /// n votes select and are counted: radii.
    SingleStage = 2,
    /// n votes decide whether the top class is significantly ahead: least counts.
    Predict = 3,
    /// At most n votes, counted until they certify or refute one radius: checkpoints.
    Sequential = 4,
}

impl Method {
    /// The method of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        let all = [Self::TwoStage, Self::SingleStage, Self::Predict, Self::Sequential];
        all.into_iter().find(|method| *method as u8 == number)
    }
}

/// A checked certificate table.
///
/// For [`Method::TwoStage`] and [`Method::SingleStage`], entry `j` is the radius that `first + j` of `n` votes
/// certify, in units of 2^-20 pixel, rounded down; entries do not fall, and `2 * first > n`. For
/// [`Method::Predict`], entry `m` is the least count of the top class that is significant when the top two
/// classes have `m` votes together, or `n + 1` for never. For [`Method::Sequential`], `first` is the target
/// radius in the same units and three entries make a [`Checkpoint`](super::Checkpoint).
#[derive(Clone, Copy, Debug)]
pub struct CertificateTable<'a> {
    method: Method,
    n0: u32,
    n: u32,
    alpha_bits: u64,
    pub(super) first: u32,
    pub(super) entries: &'a [[u8; 4]],
    norm: Norm,
}

impl<'a> CertificateTable<'a> {
    /// Checks a table. `alpha_bits` are the bits of an f64; `entries` are little-endian u32.
    pub fn new(
        method: Method,
        n0: u32,
        n: u32,
        alpha_bits: u64,
        first: u32,
        entries: &'a [u8],
    ) -> Result<Self, CertificateFault> {
        if n == 0 || (method == Method::TwoStage && n0 == 0) {
            return Err(CertificateFault::Samples);
        }
        if alpha_bits == 0 || alpha_bits >= F64_ONE {
            return Err(CertificateFault::Alpha);
        }
        if method == Method::Sequential {
            let (entries, rest) = entries.as_chunks();
            let table = Self { method, n0, n, alpha_bits, first, entries, norm: Norm::L2 };
            return table.check_checkpoints(rest).map(|()| table);
        }
        let (n64, first64) = (u64::from(n), u64::from(first));
        let has_radii = method != Method::Predict;
        let first_fits = if has_radii { 2 * first64 > n64 && first64 <= n64 + 1 } else { first == 0 };
        if !first_fits {
            return Err(CertificateFault::First(first));
        }
        let (entries, rest) = entries.as_chunks();
        let (expected, found) = (n64 + 1 - first64, entries.len() as u64);
        if found != expected || !rest.is_empty() {
            return Err(CertificateFault::Length { expected, found });
        }
        let table = Self { method, n0, n, alpha_bits, first, entries, norm: Norm::L2 };
        match table.entries().enumerate().try_fold(0, |before, (index, entry)| {
            let fits = if has_radii { entry >= before } else { u64::from(entry) <= n64 + 1 };
            if fits { Ok(entry) } else { Err(index) }
        }) {
            Ok(_) => Ok(table),
            Err(index) => Err(CertificateFault::Entry(index)),
        }
    }

    /// The same table with radii in another norm; L2 if nothing is said.
    #[must_use]
    pub fn with_norm(self, norm: Norm) -> Self {
        Self { norm, ..self }
    }

    /// What the radii are measured in.
    pub fn norm(&self) -> Norm {
        self.norm
    }

    /// What the table is for.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Votes that select the class (two-stage only).
    pub fn n0(&self) -> u32 {
        self.n0
    }

    /// Votes that are counted; the most that a sequential table allows.
    pub fn n(&self) -> u32 {
        self.n
    }

    /// Bits of the f64 that is the probability of a wrong statement; in (0, 1).
    pub fn alpha_bits(&self) -> u64 {
        self.alpha_bits
    }

    /// Count of entry 0, smaller counts abstain; the target radius of a sequential table.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// All entries in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.entries.iter().map(|entry| u32::from_le_bytes(*entry))
    }

    /// The entry of a count (or of `m` votes in the top two), if the table has one; none in a sequential
    /// table.
    pub fn entry(&self, count: u32) -> Option<u32> {
        if self.method == Method::Sequential {
            return None;
        }
        let index = count.checked_sub(self.first)? as usize;
        self.entries.get(index).map(|entry| u32::from_le_bytes(*entry))
    }

    pub(crate) fn parse(section: &'a [u8], index: usize) -> Result<Self, CertificateFault> {
        use layout::certificate::{ALPHA, FIRST, LENGTH, METHOD, N, N0, OFFSET};
        const BYTES: usize = layout::CERTIFICATE_BYTES;
        let at = layout::CERTIFICATES_HEADER_BYTES + index * BYTES;
        let head: Record<'_, BYTES> = record(section, at).ok_or(CertificateFault::Range)?;
        let number = head.u8::<METHOD>();
        let method = Method::from_number(number).ok_or(CertificateFault::Method(number))?;
        if !head.is_zero::<1, 4>() {
            return Err(CertificateFault::Reserved);
        }
        let (offset, length) = (head.u32::<OFFSET>() as usize, head.u32::<LENGTH>() as usize);
        let bytes = length.checked_mul(4).ok_or(CertificateFault::Range)?;
        let entries = slice(section, offset, bytes).filter(|_| offset % 4 == 0);
        Self::new(
            method,
            head.u32::<N0>(),
            head.u32::<N>(),
            head.u64::<ALPHA>(),
            head.u32::<FIRST>(),
            entries.ok_or(CertificateFault::Range)?,
        )
    }
}

/// The exponential table of soft votes.
///
/// A logit `d` below the largest weighs `table[min(255, (d * mul) >> shift)]` (u64 arithmetic); the first
/// entry is positive and entries do not rise.
#[derive(Clone, Copy, Debug)]
pub struct Softmax<'a> {
    /// Multiplier from logit distance to table index.
    pub mul: u32,
    /// Right shift after it, 0..=63.
    pub shift: u8,
    /// 256 entries `round(32768 exp(-i/16))`, little-endian u16.
    pub table: &'a [[u8; 2]; layout::SOFTMAX_ENTRIES],
}

impl<'a> Softmax<'a> {
    /// Weight of a logit that lies `distance` below the largest.
    pub fn weight(&self, distance: u32) -> u16 {
        let index = (u64::from(distance) * u64::from(self.mul)) >> self.shift;
        u16::from_le_bytes(self.table[index.min(layout::SOFTMAX_ENTRIES as u64 - 1) as usize])
    }

    pub(crate) fn parse(section: &'a [u8]) -> Result<Self, FormatError> {
        use layout::softmax::{MUL, SHIFT, TAIL};
        const HEADER: usize = layout::SOFTMAX_HEADER_BYTES;
        const BYTES: usize = HEADER + 2 * layout::SOFTMAX_ENTRIES;
        let length =
            FormatError::SectionLength { section: Section::Softmax, expected: BYTES, found: section.len() };
        if section.len() != BYTES {
            return Err(length);
        }
        let head: Record<'_, HEADER> = record(section, 0).ok_or(length)?;
        let table = section[HEADER..].as_chunks().0.first_chunk().ok_or(length)?;
        if !head.is_zero::<TAIL, HEADER>() {
            return Err(FormatError::Reserved { section: Some(Section::Softmax) });
        }
        let shift = head.u8::<SHIFT>();
        if shift > 63 {
            return Err(FormatError::Softmax(SoftmaxFault::Shift(shift)));
        }
        if u16::from_le_bytes(table[0]) == 0 {
            return Err(FormatError::Softmax(SoftmaxFault::Entry(0)));
        }
        if let Some(i) = table.windows(2).position(|w| u16::from_le_bytes(w[1]) > u16::from_le_bytes(w[0])) {
            return Err(FormatError::Softmax(SoftmaxFault::Entry(i + 1)));
        }
        Ok(Self { mul: head.u32::<MUL>(), shift, table })
    }
}

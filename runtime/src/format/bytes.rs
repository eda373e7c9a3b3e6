//! Little-endian fields of fixed-size records, with offsets proved to fit at compile time.

/// A record of `N` bytes.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a, const N: usize>(pub &'a [u8; N]);

impl<const N: usize> Record<'_, N> {
    /// The `M` bytes at `AT`.
    pub fn array<const AT: usize, const M: usize>(self) -> [u8; M] {
        const { assert!(AT + M <= N) };
        core::array::from_fn(|i| self.0[AT + i])
    }

    pub fn u8<const AT: usize>(self) -> u8 {
        const { assert!(AT < N) };
        self.0[AT]
    }

    pub fn u16<const AT: usize>(self) -> u16 {
        u16::from_le_bytes(self.array::<AT, 2>())
    }

    pub fn i16<const AT: usize>(self) -> i16 {
        i16::from_le_bytes(self.array::<AT, 2>())
    }

    pub fn u32<const AT: usize>(self) -> u32 {
        u32::from_le_bytes(self.array::<AT, 4>())
    }

    pub fn i32<const AT: usize>(self) -> i32 {
        i32::from_le_bytes(self.array::<AT, 4>())
    }

    pub fn u64<const AT: usize>(self) -> u64 {
        u64::from_le_bytes(self.array::<AT, 8>())
    }

    /// Whether the bytes from `FROM` up to `TO` are all zero.
    pub fn is_zero<const FROM: usize, const TO: usize>(self) -> bool {
        const { assert!(FROM <= TO && TO <= N) };
        self.0[FROM..TO].iter().all(|&byte| byte == 0)
    }
}

/// The `N` bytes at `at`, if they are there.
pub(crate) fn record<const N: usize>(bytes: &[u8], at: usize) -> Option<Record<'_, N>> {
    bytes.get(at..)?.first_chunk().map(Record)
}

/// The `length` bytes at `offset`, if they are there.
pub(crate) fn slice(bytes: &[u8], offset: usize, length: usize) -> Option<&[u8]> {
    bytes.get(offset..offset.checked_add(length)?)
}

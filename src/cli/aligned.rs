//! Memory that starts a cache line, so that no row of a tensor or of weights straddles two without need.

use ringfence_runtime::format::layout::ALIGN;

/// A buffer at a multiple of 64 bytes.
pub(super) struct Aligned {
    memory: Vec<u8>,
    start: usize,
    bytes: usize,
}

impl Aligned {
    /// So many zeros.
    pub fn zeroed(bytes: usize) -> Self {
        let memory = vec![0; bytes + ALIGN];
        // The hint may decline (`usize::MAX`); then the start is as good as any.
        let start = memory.as_ptr().align_offset(ALIGN).min(ALIGN);
        Self { memory, start, bytes }
    }

    /// A copy.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut aligned = Self::zeroed(bytes.len());
        aligned.bytes_mut().copy_from_slice(bytes);
        aligned
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..][..self.bytes]
    }

    /// The bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..][..self.bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_start_at_a_multiple_of_64() {
        for len in [0, 1, 63, 64, 65, 1000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let copy = Aligned::copy_of(&bytes);
            assert_eq!(copy.bytes(), bytes);
            assert_eq!(copy.bytes().as_ptr().align_offset(ALIGN), 0);
        }
    }
}

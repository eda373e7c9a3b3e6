//! Model files compiled into a program.

/// Bytes at an address that is a multiple of 64, as the sections of a model file are within it.
///
/// [`embed_model!`](crate::embed_model) makes one; alignment costs nothing and keeps weight loads within
/// one cache line.
#[repr(C, align(64))]
pub struct Aligned<B: ?Sized> {
    /// The bytes.
    pub bytes: B,
}

/// Includes a model file like `include_bytes!`, aligned to 64 bytes, as a `&'static [u8]`.
///
/// ```
/// static MODEL: &[u8] = ringfence_runtime::embed_model!("../../../models/signs-resnet8-s025.rfm");
/// assert_eq!(MODEL.as_ptr() as usize % 64, 0);
/// ```
#[macro_export]
macro_rules! embed_model {
    ($path:expr) => {{
        static FILE: &$crate::format::Aligned<[u8]> =
            &$crate::format::Aligned { bytes: *include_bytes!($path) };
        &FILE.bytes
    }};
}

#[cfg(test)]
mod tests {
    #[test]
    fn included_bytes_are_aligned() {
        let bytes = crate::embed_model!("include.rs");
        assert_eq!(bytes, include_bytes!("include.rs"));
        assert_eq!(bytes.as_ptr().addr() % 64, 0);
    }
}

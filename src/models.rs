//! Models that the program carries.

/// A model file inside the program.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// Name under which the command line knows it.
    pub name: &'static str,
    /// The `.rfm` file, aligned to 64 bytes.
    pub bytes: &'static [u8],
}

/// All embedded models; the first one is what `certify` and `predict` take when no model is named.
pub static EMBEDDED: &[Embedded] = &[Embedded {
    name: "signs-resnet8-s025",
    bytes: ringfence_runtime::embed_model!("../models/signs-resnet8-s025.rfm"),
}];

//! What composed pictures lie on: rendered scenes, or the pictures of a folder.

use std::path::{Path, PathBuf};

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::signs::background;
use super::{DataError, Split, folders};

/// Where backgrounds come from.
pub(super) enum Backgrounds {
    /// Scenes rendered by the program.
    Rendered,
    /// Pictures of a folder, stretched to the size of the background.
    Pictures {
        /// The folder, as it was named.
        folder: PathBuf,
        /// Those of this split.
        files: Vec<PathBuf>,
    },
}

impl Backgrounds {
    /// The pictures of a folder: those in its `train`, or its `testval` or `test`, if it has such folders; else its own.
    pub fn of_folder(folder: &Path, split: Split) -> Result<Self, DataError> {
        let parts: &[&str] = match split {
            Split::Train => &["train"],
            Split::Test => &["testval", "test"],
        };
        let part = parts.iter().map(|part| folder.join(part)).find(|part| part.is_dir());
        let files = folders::pictures(part.as_deref().unwrap_or(folder))?;
        Ok(Self::Pictures { folder: folder.to_owned(), files })
    }

    /// What stands between side and data set in a spec.
    pub fn spec(&self) -> String {
        match self {
            Self::Rendered => String::new(),
            Self::Pictures { folder, .. } => format!(",{}", folder.display()),
        }
    }

    /// Writes the background of image `index`, `[3, side, side]`.
    pub fn write(&self, key: [u8; 32], index: u64, side: usize, chw: &mut [u8]) -> Result<(), DataError> {
        let Self::Pictures { files, .. } = self else { return background(key, index, side, chw) };
        let mut rng = ChaCha8Rng::from_seed(key);
        // Streams below are those of scenes, those at 2^40 of places.
        rng.set_stream(2 << 40 | index);
        let (len, random) = (files.len(), u64::from(rng.next_u32()));
        let which = ((random * len as u64) >> 32) as usize;
        folders::stretched(files.get(which).ok_or(DataError::Index { index: which, len })?, side, chw)
    }
}

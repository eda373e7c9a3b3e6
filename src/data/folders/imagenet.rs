//! `ImageNet` as a tree of folders, one a class (Russakovsky et al. 2015): the shorter side of a picture becomes 256
//! pixels, of which the middle 224x224 are taken. Classes have the names of the training folders, in their order.

use std::fs;
use std::path::Path;

use super::picture::Frame;
use super::{DataError, Folder, Split, missing};

const FRAME: Frame = Frame { side: 224, shorter: Some(256) };
const EXPECTED: &str = "a folder of pictures for each class";

pub(super) fn open(root: &Path, split: Split) -> Result<Folder, DataError> {
    let classes = names(&root.join("train"), true)?;
    let pictures = root.join(match split {
        Split::Train => "train",
        Split::Test => "val",
    });
    let mut files = vec![];
    for class in names(&pictures, true)? {
        let label = classes.iter().position(|known| *known == class).ok_or_else(|| {
            let reason = format!("no class of this name in {}", root.join("train").display());
            DataError::Picture { path: pictures.join(&class), reason }
        })?;
        let inside = names(&pictures.join(&class), false)?;
        files.extend(inside.into_iter().map(|name| (format!("{class}/{name}"), label)));
    }
    Ok(Folder { name: "imagenet", root: root.to_owned(), classes, frame: FRAME, files, pictures })
}

/// Names of the folders, or of the files, in `path`, in order; hidden ones are passed over.
pub(super) fn names(path: &Path, folders: bool) -> Result<Vec<String>, DataError> {
    let mut names = vec![];
    for entry in fs::read_dir(path).map_err(|source| missing(path, EXPECTED, source))? {
        let entry = entry.map_err(|source| missing(path, EXPECTED, source))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() == folders && !name.starts_with('.') {
            names.push(name);
        }
    }
    if names.is_empty() {
        let expected = if folders { EXPECTED } else { "pictures" };
        return Err(missing(path, expected, std::io::ErrorKind::NotFound.into()));
    }
    names.sort_unstable();
    Ok(names)
}

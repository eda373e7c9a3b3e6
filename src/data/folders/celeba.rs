//! `CelebA` (Liu et al. 2015) with the attribute of Lyu et al. 2024: whether the mouth is slightly open. Pictures are the
//! aligned ones, 178x218, of which the middle 160x160 are taken; the mouth is inside. The published split: 0 for training,
//! 2 for test.

use std::collections::HashMap;
use std::path::Path;

use super::picture::Frame;
use super::{DataError, Folder, Split, line, text};

const ATTRIBUTE: &str = "Mouth_Slightly_Open";
const FRAME: Frame = Frame { side: 160, shorter: None };

pub(super) fn open(root: &Path, split: Split) -> Result<Folder, DataError> {
    let wanted = match split {
        Split::Train => "0",
        Split::Test => "2",
    };
    let part = partition(&root.join("list_eval_partition.txt"))?;
    let files = labels(&root.join("list_attr_celeba.txt"))?
        .into_iter()
        .filter(|(name, _)| part.get(name).is_some_and(|part| part == wanted))
        .collect();
    let classes = ["mouth closed", "mouth slightly open"].map(str::to_owned).to_vec();
    let pictures = root.join("img_align_celeba");
    Ok(Folder { name: "celeba", root: root.to_owned(), classes, frame: FRAME, files, pictures })
}

/// Which part each picture belongs to.
fn partition(path: &Path) -> Result<HashMap<String, String>, DataError> {
    let text = text(path, "a picture and 0, 1 or 2 on each line")?;
    let mut part = HashMap::new();
    for (number, row) in text.lines().enumerate() {
        let mut words = row.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(name), Some(which @ ("0" | "1" | "2")), None) => {
                part.insert(name.to_owned(), which.to_owned());
            }
            (None, ..) => {}
            _ => return Err(line(path, number, "a picture and 0, 1 or 2".to_owned())),
        }
    }
    Ok(part)
}

/// Every picture's label: the number of pictures, the names of the attributes, then a line for each picture.
fn labels(path: &Path) -> Result<Vec<(String, usize)>, DataError> {
    let text = text(path, "the number of pictures, names of attributes, and a line for each picture")?;
    let mut lines = text.lines().enumerate().skip(1);
    let names: Vec<&str> = lines.next().map(|(_, row)| row.split_whitespace().collect()).unwrap_or_default();
    let column = names.iter().position(|name| *name == ATTRIBUTE);
    let column =
        column.ok_or_else(|| line(path, 1, format!("names of attributes, {ATTRIBUTE} among them")))?;
    let mut labels = vec![];
    for (number, row) in lines {
        let words: Vec<&str> = row.split_whitespace().collect();
        let label = match words.get(1 + column) {
            _ if words.is_empty() => continue,
            Some(&"-1") => 0,
            Some(&"1") => 1,
            _ => return Err(line(path, number, format!("a picture and {} times -1 or 1", names.len()))),
        };
        labels.push((words[0].to_owned(), label));
    }
    Ok(labels)
}

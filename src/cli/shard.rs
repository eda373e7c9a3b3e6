//! Parts of the images of a run, each for a machine of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The `index`-th of `count` parts, from 1 on: every `count`-th image, so that parts take equally long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shard {
    pub index: u32,
    pub count: u32,
}

impl Shard {
    /// The images of this part, of all.
    pub fn take(self, all: &[usize]) -> Vec<usize> {
        let start = self.index.saturating_sub(1) as usize;
        all.iter().copied().skip(start).step_by(self.count.max(1) as usize).collect()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            _ => Err("expected I/N with 1 <= I <= N, as in 2/8".to_owned()),
        }
    }
}

/// What a part is a part of; kept with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    #[serde(flatten)]
    pub shard: Shard,
    /// Images of all parts.
    pub images: usize,
    /// Steps between their indices.
    pub skip: usize,
    /// Attacked images of all parts.
    #[serde(default)]
    pub attacked: usize,
}

impl Part {
    /// `images` have equal steps; attacked ones are counted from 0.
    pub fn new(shard: Shard, images: &[usize], attacked: &[usize]) -> Self {
        let skip = images.get(1).copied().unwrap_or(1);
        Self { shard, images: images.len(), skip, attacked: attacked.len() }
    }

    /// The images and the attacked images that this part must hold.
    pub fn expected(&self) -> [Vec<usize>; 2] {
        let all: Vec<usize> = (0..self.images).map(|at| at * self.skip).collect();
        let attacked: Vec<usize> = (0..self.attacked).collect();
        [self.shard.take(&all), self.shard.take(&attacked)]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_apart_and_cover_everything() {
        for (images, skip, count) in [(10, 1, 3), (2, 5, 4), (0, 1, 2), (7, 3, 1)] {
            let all: Vec<usize> = (0..images).map(|at| at * skip).collect();
            let mut found = Vec::new();
            for index in 1..=count {
                let part = Part::new(Shard { index, count }, &all, &[0, 1, 2]);
                let [mine, attacked] = part.expected();
                assert_eq!(mine, part.shard.take(&all));
                assert!(attacked.len().abs_diff(3 / count as usize) <= 1);
                found.extend(mine);
            }
            found.sort_unstable();
            assert_eq!(found, all);
        }
    }

    #[test]
    fn names_are_parsed() {
        let shard: Shard = "2/8".parse().unwrap();
        assert_eq!((shard.index, shard.count, shard.to_string()), (2, 8, "2/8".to_owned()));
        for wrong in ["0/8", "9/8", "1", "a/b", "1/0", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}

//! `signs`: traffic signs, rendered on demand, so that everything runs on a machine with nothing but Rust.
//!
//! An image is a function of the split and its index alone: `ChaCha8`, keyed by the split and with the index as stream
//! number, chooses class, scene, pose, occlusion, light, blur and grain. Arithmetic is limited to operations that IEEE
//! 754 rounds exactly and to solid anti-aliased fills, so the bytes are the same on every machine.

mod camera;
mod catalogue;
mod drawing;
mod scene;
mod stream;

use std::ops::RangeInclusive;

use tiny_skia::Pixmap;

use super::{DataError, Dataset, Region, Shape, Split, check_index, check_read};
use drawing::Layer;
use stream::Stream;

/// Rows and columns of a picture of `signs`, and the size that a sign has in any scene.
const SIDE: usize = 32;
/// Sides that a scene may have.
const SIDES: RangeInclusive<usize> = SIDE..=96;

/// Rendered traffic signs: 3 x 32 x 32, sixteen classes, 50,000 training and 10,000 test images; or scenes of 3 x k x k
/// with a sign of the same size somewhere in each.
pub struct Signs {
    key: [u8; 32],
    len: usize,
    side: usize,
    names: Vec<String>,
    signs: Vec<Vec<Layer>>,
}

/// What a camera is shown.
struct Scene {
    label: usize,
    canvas: Pixmap,
    sign: Region,
    /// For what comes after.
    stream: Stream,
}

impl Signs {
    /// The renderer of one split.
    ///
    /// # Errors
    /// [`DataError::Drawing`] if the rasteriser refuses an outline of the catalogue.
    pub fn new(split: Split) -> Result<Self, DataError> {
        let key = match split {
            Split::Train => *b"ringfence signs, version 1 train",
            Split::Test => *b"ringfence signs, version 1 test.",
        };
        Self::of_side(key, split, SIDE)
    }

    /// Scenes of `side` x `side` pixels, 32 to 96: other pictures than those of [`new`](Self::new), at 32 too.
    ///
    /// # Errors
    /// [`DataError::Side`] for another side, else as [`new`](Self::new).
    pub fn scenes(split: Split, side: usize) -> Result<Self, DataError> {
        check_side(side)?;
        let key = match split {
            Split::Train => *b"ringfence scene, version 1 train",
            Split::Test => *b"ringfence scene, version 1 test.",
        };
        Self::of_side(key, split, side)
    }

    fn of_side(key: [u8; 32], split: Split, side: usize) -> Result<Self, DataError> {
        let len = match split {
            Split::Train => 50_000,
            Split::Test => 10_000,
        };
        Ok(Self { key, len, side, names: catalogue::names(), signs: catalogue::draw_all()? })
    }

    /// Draws image `index`.
    fn scene(&self, index: usize) -> Result<Scene, DataError> {
        let mut stream = Stream::new(self.key, index as u64);
        let label = stream.below(self.signs.len());
        let mut canvas = canvas(self.side)?;
        let sign = scene::render(&mut canvas, &self.signs[label], &mut stream);
        Ok(Scene { label, canvas, sign, stream })
    }

    fn is_scene(&self) -> bool {
        self.key.starts_with(b"ringfence scene")
    }
}

/// Refuses a side that no scene has.
pub(super) fn check_side(found: usize) -> Result<(), DataError> {
    let (least, most) = SIDES.into_inner();
    if (least..=most).contains(&found) { Ok(()) } else { Err(DataError::Side { found, least, most }) }
}

/// Writes a scene without a sign, of `side` x `side` pixels, to `chw`; a function of key and index alone.
pub(super) fn background(key: [u8; 32], index: u64, side: usize, chw: &mut [u8]) -> Result<(), DataError> {
    let mut stream = Stream::new(key, index);
    let mut canvas = canvas(side)?;
    scene::background(&mut canvas, &mut stream);
    camera::expose(&canvas, chw, &mut stream);
    Ok(())
}

fn canvas(side: usize) -> Result<Pixmap, DataError> {
    Pixmap::new(side as u32, side as u32).ok_or(DataError::Drawing { what: "canvas" })
}

impl Dataset for Signs {
    fn name(&self) -> &str {
        if self.is_scene() { "signs-scene" } else { "signs" }
    }

    fn spec(&self) -> String {
        if self.is_scene() { format!("signs-scene:{}", self.side) } else { "signs".to_owned() }
    }

    fn shape(&self) -> Shape {
        Shape { channels: 3, height: self.side, width: self.side }
    }

    fn classes(&self) -> &[String] {
        &self.names
    }

    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        check_read(index, self.len(), self.shape(), chw.len())?;
        let Scene { label, canvas, mut stream, .. } = self.scene(index)?;
        camera::expose(&canvas, chw, &mut stream);
        Ok(label)
    }

    fn object(&self, index: usize) -> Result<Option<Region>, DataError> {
        check_index(index, self.len())?;
        Ok(Some(self.scene(index)?.sign))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fmt::Write as _;

    use sha2::{Digest, Sha256};

    use super::*;

    fn digest(split: Split, range: std::ops::Range<usize>) -> String {
        let signs = Signs::new(split).unwrap();
        let mut chw = vec![0; signs.shape().bytes()];
        let mut hash = Sha256::new();
        for index in range {
            let label = signs.read(index, &mut chw).unwrap();
            hash.update([label as u8]);
            hash.update(&chw);
        }
        hash.finalize().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    /// The bytes are part of what a shipped model was trained on: a change here is a new version of the data set.
    #[test]
    fn pictures_are_the_same_everywhere() {
        assert_eq!(
            digest(Split::Train, 0..200),
            "510fdf2a2cc6fb9ed42b490aea9c133bd60a3d7d62eb8f21c3dcdf244d9ed2c9"
        );
        assert_eq!(
            digest(Split::Test, 9_800..10_000),
            "16a9fccac212b5cd5a9646d5e3d36cdd4f88c99f032faf851925077c74f3f28e"
        );
    }

    #[test]
    fn order_of_reading_does_not_matter() {
        let signs = Signs::new(Split::Test).unwrap();
        let (mut first, mut again) = (vec![0; 3072], vec![0; 3072]);
        let label = signs.read(77, &mut first).unwrap();
        signs.read(3, &mut again).unwrap();
        assert_eq!(signs.read(77, &mut again).unwrap(), label);
        assert_eq!(first, again);
    }

    #[test]
    fn every_class_is_about_as_frequent() {
        let signs = Signs::new(Split::Train).unwrap();
        let mut chw = vec![0; 3072];
        let mut counts = [0_usize; 16];
        for index in 0..1600 {
            counts[signs.read(index, &mut chw).unwrap()] += 1;
        }
        // Mean 100, standard deviation below 10: six deviations.
        assert!(counts.iter().all(|count| (40..=160).contains(count)), "{counts:?}");
    }

    #[test]
    fn splits_share_no_picture() {
        let pictures = |split| {
            let signs = Signs::new(split).unwrap();
            let mut chw = vec![0; 3072];
            (0..300)
                .map(|index| {
                    signs.read(index, &mut chw).unwrap();
                    chw.clone()
                })
                .collect::<std::collections::HashSet<_>>()
        };
        let (train, test) = (pictures(Split::Train), pictures(Split::Test));
        assert_eq!((train.len(), test.len()), (300, 300));
        assert!(train.is_disjoint(&test));
    }

    #[test]
    fn scenes_are_pictures_of_their_own_with_a_sign_of_the_same_size() {
        for side in [32, 48, 64, 96] {
            let scenes = Signs::scenes(Split::Test, side).unwrap();
            assert_eq!(scenes.spec(), format!("signs-scene:{side}"));
            let (mut chw, mut again) = (vec![0; 3 * side * side], vec![0; 3 * side * side]);
            let label = scenes.read(5, &mut chw).unwrap();
            assert_eq!(scenes.read(5, &mut again).unwrap(), label);
            assert_eq!(chw, again);
            scenes.read(6, &mut again).unwrap();
            assert_ne!(chw, again);
        }
        let (mut scene, mut sign) = (vec![0; 3072], vec![0; 3072]);
        Signs::scenes(Split::Test, 32).unwrap().read(0, &mut scene).unwrap();
        Signs::new(Split::Test).unwrap().read(0, &mut sign).unwrap();
        assert_ne!(scene, sign);
        for side in [0, 31, 97] {
            let error = Signs::scenes(Split::Train, side).err().unwrap();
            assert_eq!(error.to_string(), format!("side {side}: a scene has 32 to 96 pixels"));
        }
    }

    /// Pixels of two scenes that differ in nothing but the sign differ in its region alone, and there in most places.
    #[test]
    fn the_sign_is_where_the_data_set_says() {
        let scenes = Signs::scenes(Split::Test, 64).unwrap();
        for index in 0..100 {
            let Scene { canvas: shown, sign: region, .. } = scenes.scene(index).unwrap();
            assert_eq!(scenes.object(index).unwrap(), Some(region));
            let mut stream = Stream::new(scenes.key, index as u64);
            stream.below(scenes.signs.len());
            let mut without = canvas(64).unwrap();
            scene::render(&mut without, &[], &mut stream);
            let differs: Vec<bool> =
                shown.pixels().iter().zip(without.pixels()).map(|(a, b)| a != b).collect();
            let inside = |i: usize| region.contains(i / 64, i % 64);
            assert!(
                differs.iter().enumerate().all(|(i, differs)| !differs || inside(i)),
                "{index}: {region:?}"
            );
            let changed = differs.iter().filter(|differs| **differs).count();
            assert!(3 * changed > region.height * region.width, "{index}: {changed} of {region:?}");
        }
    }

    #[test]
    fn arguments_are_checked() {
        let signs = Signs::new(Split::Test).unwrap();
        let error = signs.read(10_000, &mut [0; 3072]).unwrap_err();
        assert_eq!(error.to_string(), "image 10000 does not exist: the data set has 10000 images");
        let error = signs.read(0, &mut [0; 10]).unwrap_err();
        assert_eq!(error.to_string(), "image buffer: expected 3072 bytes, found 10");
    }
}

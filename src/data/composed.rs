//! Small pictures on large backgrounds: each touches an edge, as in the 20kBG benchmark of Lyu et al. (*Adaptive
//! randomized smoothing*, 2024); the backgrounds are rendered scenes or pictures of a folder.
//!
//! Background and place are a function of the split and the index alone.

use super::backgrounds::Backgrounds;
use super::signs::check_side;
use super::{DataError, Dataset, Region, Shape, Split, check_index, check_read};
use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Pictures of a data set, each somewhere on a background.
pub(super) struct Composed {
    inner: Box<dyn Dataset>,
    name: String,
    side: usize,
    backgrounds: Backgrounds,
    key: [u8; 32],
}

impl Composed {
    /// Pictures of `inner` on backgrounds of `side` x `side` pixels.
    pub fn new(
        inner: Box<dyn Dataset>,
        side: usize,
        backgrounds: Backgrounds,
        split: Split,
    ) -> Result<Self, DataError> {
        check_side(side)?;
        let shape = inner.shape();
        if shape.channels != 3 || shape.height.max(shape.width) > side {
            return Err(DataError::Background { name: inner.name().to_owned(), shape, side });
        }
        let key = match split {
            Split::Train => *b"ringfence on background v1 train",
            Split::Test => *b"ringfence on background v1 test.",
        };
        Ok(Self { name: format!("{}-bg", inner.name()), inner, side, backgrounds, key })
    }

    /// Row and column of a picture's first pixel: one of them at an edge, the other anywhere.
    fn place(&self, index: usize) -> (usize, usize) {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        // The backgrounds have the streams below.
        rng.set_stream(1 << 40 | index as u64);
        let mut below = |bound: usize| ((u64::from(rng.next_u32()) * bound as u64) >> 32) as usize;
        let shape = self.inner.shape();
        let (rows, columns) = (self.side - shape.height, self.side - shape.width);
        let (at_row, at_end) = (below(2) == 0, below(2));
        if at_row { (at_end * rows, below(columns.max(1))) } else { (below(rows.max(1)), at_end * columns) }
    }
}

impl Dataset for Composed {
    fn name(&self) -> &str {
        &self.name
    }

    fn spec(&self) -> String {
        format!("bg:{}{}:{}", self.side, self.backgrounds.spec(), self.inner.spec())
    }

    fn shape(&self) -> Shape {
        Shape { channels: 3, height: self.side, width: self.side }
    }

    fn classes(&self) -> &[String] {
        self.inner.classes()
    }

    fn len(&self) -> usize {
        self.inner.len()
    }

    fn mirror_keeps_class(&self) -> bool {
        self.inner.mirror_keeps_class()
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        check_read(index, self.len(), self.shape(), chw.len())?;
        let shape = self.inner.shape();
        let mut picture = vec![0; shape.bytes()];
        let label = self.inner.read(index, &mut picture)?;
        self.backgrounds.write(self.key, index as u64, self.side, chw)?;
        let (top, left) = self.place(index);
        for (i, row) in picture.chunks_exact(shape.width).enumerate() {
            let (c, y) = (i / shape.height, i % shape.height);
            let start = (c * self.side + top + y) * self.side + left;
            chw[start..start + shape.width].copy_from_slice(row);
        }
        Ok(label)
    }

    fn object(&self, index: usize) -> Result<Option<Region>, DataError> {
        check_index(index, self.len())?;
        let ((top, left), Shape { height, width, .. }) = (self.place(index), self.inner.shape());
        Ok(Some(Region { top, left, height, width }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::{Signs, open};

    #[test]
    fn the_picture_lies_at_an_edge_and_is_unchanged() {
        let signs = Signs::new(Split::Test).unwrap();
        for side in [32, 48, 96] {
            let spec = format!("bg:{side}:signs");
            let data = open(&spec, Split::Test).unwrap();
            assert_eq!((data.spec(), data.len(), data.name()), (spec, signs.len(), "signs-bg"));
            let inner = Box::new(Signs::new(Split::Test).unwrap());
            let composed = Composed::new(inner, side, Backgrounds::Rendered, Split::Test).unwrap();
            let (mut chw, mut inner) = (vec![0; 3 * side * side], vec![0; 3072]);
            let mut edges = [0; 4];
            for index in 0..200 {
                let label = data.read(index, &mut chw).unwrap();
                assert_eq!(label, signs.read(index, &mut inner).unwrap());
                let (top, left) = composed.place(index);
                let region = Region { top, left, height: 32, width: 32 };
                assert_eq!(data.object(index).unwrap(), Some(region));
                let free = side - 32;
                assert!(top <= free && left <= free);
                let touches = [top == 0, top == free, left == 0, left == free];
                assert!(touches.contains(&true), "{top}, {left}");
                edges.iter_mut().zip(touches).for_each(|(edge, touches)| *edge += usize::from(touches));
                let pixel = |c: usize, y: usize, x: usize| chw[(c * side + top + y) * side + left + x];
                assert!((0..3072).all(|i| inner[i] == pixel(i / 1024, i / 32 % 32, i % 32)));
            }
            assert!(edges.iter().all(|edge| *edge > 25), "{edges:?}");
        }
    }

    #[test]
    fn what_has_no_background_is_named() {
        let error = |spec: &str| open(spec, Split::Test).err().unwrap().to_string();
        assert!(error("bg:64").contains("is not known"));
        assert!(error("bg:100:signs").contains("side 100"));
        assert!(error("bg:48:signs-scene:64").contains("signs-scene"));
    }
}

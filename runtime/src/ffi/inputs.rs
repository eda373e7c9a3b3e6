//! What a caller gives: images, seeds, memory to work in.

use super::memory::{self, Out, Span};
use super::{CModel, CSha256, Status};
use crate::arch::Backend;
use crate::noise::{self, Seed};
use crate::smooth::{self, Image, Smoother};
use core::ffi::c_char;

/// Most samples that run together.
pub const MAX_BATCH: usize = 16;

const _: () = assert!(MAX_BATCH == smooth::MAX_BATCH);

/// How pixels are stored, for `ringfence_image.layout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Layout {
    /// Channel by channel.
    Chw = 0,
    /// Row by row, the channels of a pixel together.
    Hwc = 1,
}

/// What noise is drawn from, for `ringfence_smoother.generator`. The votes depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Generator {
    /// xoshiro128++ in lanes, seeded by ChaCha8: fast.
    Xoshiro = 0,
    /// ChaCha8 itself: also where some of the noise may become known.
    Chacha8 = 1,
}

/// What a sample gives to each class, for `ringfence_vote`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Vote {
    /// 1 to its class.
    Prediction = 0,
    /// 2^(min(classes, 16) - 1 - r) to the class of rank r by logit, nothing from rank 16 on.
    Weighted = 1,
    /// The softmax of its logits, in units of 2^-16, rounded down.
    Soft = 2,
}

impl Vote {
    /// The vote of this number.
    pub(super) fn parse(number: u32) -> Result<smooth::Vote, Status> {
        match number {
            n if n == Self::Prediction as u32 => Ok(smooth::Vote::Prediction),
            n if n == Self::Weighted as u32 => Ok(smooth::Vote::Weighted),
            n if n == Self::Soft as u32 => Ok(smooth::Vote::Soft),
            _ => Err(Status::UnknownValue),
        }
    }
}

/// An image of bytes, 0 to 255 for 0 to 1. The pixels stay the caller's and must not change during a call, nor between
/// `ringfence_run_begin` and the last step of a run.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CImage {
    /// The pixels, at any address.
    pub pixels: *const u8,
    /// Bytes there: channels * height * width.
    pub length: usize,
    /// Channels.
    pub channels: u32,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// A `ringfence_layout`.
    pub layout: u32,
}

/// Key of all noise of one certificate: 32 bytes from a hardware generator, which nobody may know before the answer. With
/// the same seed the same samples are drawn, so a seed is used for one image only, and kept for the record.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CSeed {
    /// The key.
    pub bytes: [u8; 32],
}

/// A model with the memory it works in.
///
/// The arena is the caller's, at any address (a multiple of 64 is fastest), of `ringfence_arena_bytes`. It is written by
/// every call that classifies and holds nothing between calls, so it may serve other things in the meantime. Threads need an
/// arena each. It must not share bytes with the image, the model or a run.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CSmoother {
    /// A parsed model.
    pub model: *const CModel,
    /// Memory of the network.
    pub arena: *mut u8,
    /// Bytes there.
    pub arena_bytes: usize,
    /// A `ringfence_generator`.
    pub generator: u32,
    /// Name of the backend ("scalar", "avx2", ...), ending with a zero byte; null for the fastest of this CPU. Results do
    /// not depend on it.
    pub backend: *const c_char,
}

impl From<CSeed> for Seed {
    fn from(seed: CSeed) -> Self {
        Self(seed.bytes)
    }
}

impl CImage {
    /// The image.
    ///
    /// # Safety
    /// The pixels are readable and do not change during `'b`.
    unsafe fn view<'b>(&self) -> Result<Image<'b>, Status> {
        // SAFETY: by the contract of this function.
        let pixels = unsafe { memory::bytes(self.pixels, self.length) }?;
        let [channels, height, width] = [self.channels, self.height, self.width].map(|side| side as usize);
        Ok(match self.layout {
            layout if layout == Layout::Chw as u32 => Image::chw(pixels, channels, height, width)?,
            layout if layout == Layout::Hwc as u32 => Image::hwc(pixels, channels, height, width)?,
            _ => return Err(Status::UnknownValue),
        })
    }
}

impl CSmoother {
    /// The smoother, and the image that it is to work on.
    ///
    /// # Safety
    /// Model, arena and image are as `ringfence.h` asks for during `'s`; nothing else refers to the arena.
    pub unsafe fn open<'s>(&self, image: &CImage) -> Result<(Smoother<'s, 'static, 's>, Image<'s>), Status> {
        // SAFETY: by the contract of this function.
        let (model, view) = unsafe { (CModel::get(self.model)?, image.view()?) };
        let arena = Span::new(self.arena, self.arena_bytes)?;
        arena.apart_from(Span::new(image.pixels, image.length)?)?;
        arena.apart_from(Span::of(self.model))?;
        arena.apart_from(Span::new(model.bytes().as_ptr(), model.bytes().len())?)?;
        // SAFETY: by the contract of this function; nothing that was made here refers to it, as just seen.
        let arena = unsafe { memory::bytes_mut(self.arena, self.arena_bytes) }?;
        let generator = match self.generator {
            number if number == Generator::Xoshiro as u32 => noise::Generator::Xoshiro,
            number if number == Generator::Chacha8 as u32 => noise::Generator::ChaCha,
            _ => return Err(Status::UnknownValue),
        };
        // SAFETY: by the contract of this function.
        let backend = unsafe { backend(self.backend) }?;
        let smoother = Smoother::with_backend(model, arena, backend)?.with_generator(generator);
        smoother.check(&view)?;
        Ok((smoother, view))
    }
}

/// The backend of a name.
///
/// # Safety
/// `name` is null or points to bytes that end with zero.
unsafe fn backend(name: *const c_char) -> Result<Backend, Status> {
    if name.is_null() {
        return Ok(Backend::best());
    }
    let is_named = |backend: &Backend| {
        let mut expected = backend.name().bytes().chain([0]).enumerate();
        // SAFETY: no byte is read behind the first that differs, so none behind the zero at the end.
        expected.all(|(index, byte)| unsafe { name.cast::<u8>().add(index).read() } == byte)
    };
    Backend::ALL.into_iter().find(is_named).ok_or(Status::Backend)
}

/// SHA-256 of an image's pixels, channel by channel whatever the layout, for records.
///
/// # Safety
/// `image` points to an image whose pixels can be read, `sha256` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_image_sha256(image: *const CImage, sha256: *mut CSha256) -> Status {
    Status::of(|| {
        // SAFETY: by the contract of this function.
        let (image, sha256) = unsafe { (memory::read(image)?, Out::new(sha256)?) };
        // SAFETY: as above.
        sha256.write(CSha256 { bytes: unsafe { image.view() }?.sha256() });
        Ok(())
    })
}

//! A parsed model in the caller's memory.

use super::memory::{Out, Span, bytes, check};
use super::{CSha256, Status};
use crate::format::{AdaptiveFault, FormatError, Model};
use core::ffi::c_char;
use core::mem::{MaybeUninit, align_of, size_of};

/// Words of a `ringfence_model`.
pub const MODEL_WORDS: usize = 104;

/// What word 0 of a struct with a model holds.
const TAG: u64 = u64::from_le_bytes(*b"RF.MODEL");

/// A parsed model: a view of the file, some hundred bytes that the caller keeps where it likes.
///
/// Made by `ringfence_model_parse`, then only read: any number of threads may share it, and it may be copied. The file
/// must stay where it was, unchanged, as long as the struct or a copy is used. Nothing needs to be freed. A struct of zero
/// bytes, or one whose parse failed, is recognised (RINGFENCE_STATUS_NOT_PARSED); one of arbitrary bytes is not.
#[repr(C)]
#[derive(Debug)]
pub struct CModel {
    /// Private.
    words: [MaybeUninit<u64>; MODEL_WORDS],
}

// The model lies behind the tag.
const _: () = assert!(size_of::<Model<'_>>() <= size_of::<CModel>() - size_of::<u64>());
const _: () = assert!(align_of::<Model<'_>>() <= align_of::<CModel>());

/// What a model says of itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CInfo {
    /// Channels of an image, 1 to 4.
    pub channels: u32,
    /// Rows of an image.
    pub height: u32,
    /// Columns of an image.
    pub width: u32,
    /// Classes, 2 to RINGFENCE_MAX_CLASSES.
    pub classes: u32,
    /// Certificate tables, see `ringfence_table`.
    pub tables: u32,
    /// Arena bytes of one sample.
    pub sample_arena_bytes: usize,
    /// Standard deviation of the noise, in pixels of full scale 1. For display: nothing is computed with it.
    pub sigma: f64,
    /// SHA-256 of the ONNX file that the model was compiled from.
    pub source: CSha256,
}

impl CModel {
    /// The model in a struct of the caller.
    ///
    /// # Safety
    /// If `at` is neither null nor misaligned, it is valid for reads during `'m`, and holds zeros or what
    /// `ringfence_model_parse` put there; the file is still in its place.
    pub(super) unsafe fn get<'m>(at: *const Self) -> Result<&'m Model<'static>, Status> {
        check(at)?;
        // SAFETY: neither null nor misaligned; the rest is the caller's promise.
        if unsafe { at.cast::<u64>().read() } != TAG {
            return Err(Status::NotParsed);
        }
        // SAFETY: behind the tag lies a model, by `ringfence_model_parse`; it fits, see above.
        Ok(unsafe { &*at.cast::<u64>().add(1).cast() })
    }
}

/// Checks a model file of `length` bytes (any bytes are safe to give) and makes `*model` a view of it.
///
/// The file may lie anywhere, in flash or in a memory map; at a multiple of 64 it is read fastest. It is checked once,
/// here: all later calls rely on it, so it must not change.
///
/// # Safety
/// `file` points to `length` bytes, `model` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_model_parse(file: *const u8, length: usize, model: *mut CModel) -> Status {
    Status::of(|| {
        check(model)?;
        if let Ok(file) = Span::new(file, length) {
            Span::of(model).apart_from(file)?;
        }
        let words = model.cast::<u64>();
        // SAFETY: checked, and writable by the contract of this function.
        unsafe { words.write(0) };
        // SAFETY: by the contract of this function; the file stays as long as the model is used.
        let parsed = match Model::parse(unsafe { bytes(file, length) }?) {
            Ok(model) if model.mask().is_some() => return Err(Status::Adaptive),
            Err(FormatError::Adaptive(AdaptiveFault::LeftOut)) => return Err(Status::Adaptive),
            parsed => parsed?,
        };
        // SAFETY: as above; the model fits behind the tag.
        unsafe {
            words.add(1).cast::<Model<'static>>().write(parsed);
            words.write(TAG);
        }
        Ok(())
    })
}

/// What a model says of itself.
///
/// # Safety
/// `model` points to a `ringfence_model`, `info` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_model_info(model: *const CModel, info: *mut CInfo) -> Status {
    Status::of(|| {
        // SAFETY: by the contract of this function.
        let (model, info) = unsafe { (CModel::get(model)?, Out::new(info)?) };
        let input = model.input();
        info.write(CInfo {
            channels: input.channels as u32,
            height: input.height as u32,
            width: input.width as u32,
            classes: model.classes() as u32,
            tables: model.certificates().count() as u32,
            sample_arena_bytes: model.sample_arena_bytes(),
            sigma: f64::from_bits(model.noise().sigma_bits),
            source: CSha256 { bytes: *model.source_sha256() },
        });
        Ok(())
    })
}

/// The arena bytes with which `batch` samples run side by side. One is enough; more help where weights are many, and more
/// than RINGFENCE_MAX_BATCH are not used. Results do not depend on it.
///
/// # Safety
/// `model` points to a `ringfence_model`, `arena_bytes` to a number that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_arena_bytes(
    model: *const CModel,
    batch: usize,
    arena_bytes: *mut usize,
) -> Status {
    Status::of(|| {
        // SAFETY: by the contract of this function.
        let (model, arena_bytes) = unsafe { (CModel::get(model)?, Out::new(arena_bytes)?) };
        arena_bytes.write(model.arena_bytes(batch));
        Ok(())
    })
}

/// The name of a class: `*length` bytes of UTF-8 in the model file, without a zero byte at the end.
///
/// # Safety
/// `model` points to a `ringfence_model`, `name` and `length` to a pointer and a number that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_class_name(
    model: *const CModel,
    class_index: u32,
    name: *mut *const c_char,
    length: *mut usize,
) -> Status {
    Status::of(|| {
        // SAFETY: by the contract of this function.
        let (model, name, length) = unsafe { (CModel::get(model)?, Out::new(name)?, Out::new(length)?) };
        let class = Some(class_index as usize).filter(|class| *class < model.classes());
        let text = class.and_then(|class| model.class_name(class)).ok_or(Status::Index)?;
        name.write(text.as_ptr().cast());
        length.write(text.len());
        Ok(())
    })
}

/// SHA-256 of the model file, for records.
///
/// # Safety
/// `model` points to a `ringfence_model`, `sha256` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_model_sha256(model: *const CModel, sha256: *mut CSha256) -> Status {
    Status::of(|| {
        // SAFETY: by the contract of this function.
        let (model, sha256) = unsafe { (CModel::get(model)?, Out::new(sha256)?) };
        sha256.write(CSha256 { bytes: model.sha256() });
        Ok(())
    })
}

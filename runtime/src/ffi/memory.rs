//! The caller's memory: pointers are checked before they are followed.

use super::Status;
use super::outputs::Answer;
use core::mem::size_of;
use core::slice;

/// A place for a result, checked before any work is done.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    /// If `at` is neither null nor misaligned, it is valid for writing a `T` as long as the place is used.
    pub unsafe fn new(at: *mut T) -> Result<Self, Status> {
        check(at).map(|()| Self(at))
    }

    /// Writes the result.
    pub fn write(self, value: T) {
        // SAFETY: checked in `new`, whose caller promised the rest; nothing there is read or dropped.
        unsafe { self.0.write(value) }
    }

    /// Writes a result field by field, zeros where it says nothing.
    pub fn fill<R>(self, result: &R)
    where
        T: Answer<R>,
    {
        // SAFETY: as in `write`; zero bytes are a value by the contract of `Answer`.
        let place = unsafe {
            self.0.write_bytes(0, 1);
            &mut *self.0
        };
        place.fill(result);
    }
}

/// Whether a pointer may be followed, as far as its address tells.
pub(super) fn check<T>(at: *const T) -> Result<(), Status> {
    if at.is_null() {
        Err(Status::NullPointer)
    } else if !at.is_aligned() {
        Err(Status::Misaligned)
    } else {
        Ok(())
    }
}

/// Copies a struct of the caller.
///
/// # Safety
/// If `at` is neither null nor misaligned, it is valid for reading a `T`, of which any bytes are a value.
pub(super) unsafe fn read<T: Copy>(at: *const T) -> Result<T, Status> {
    check(at)?;
    // SAFETY: neither null nor misaligned; the rest is the caller's promise.
    Ok(unsafe { at.read() })
}

/// Bytes of the caller.
///
/// # Safety
/// If `at` is not null and `length` at most `isize::MAX`, the bytes are valid and do not change during `'b`.
pub(super) unsafe fn bytes<'b>(at: *const u8, length: usize) -> Result<&'b [u8], Status> {
    check_length(at, length)?;
    // SAFETY: not null, not longer than memory; the rest is the caller's promise.
    Ok(unsafe { slice::from_raw_parts(at, length) })
}

/// Working memory of the caller.
///
/// # Safety
/// As [`bytes`], and nothing else refers to them during `'b`.
pub(super) unsafe fn bytes_mut<'b>(at: *mut u8, length: usize) -> Result<&'b mut [u8], Status> {
    check_length(at, length)?;
    // SAFETY: not null, not longer than memory; the rest is the caller's promise.
    Ok(unsafe { slice::from_raw_parts_mut(at, length) })
}

/// Whether bytes may lie there.
fn check_length(at: *const u8, length: usize) -> Result<(), Status> {
    check(at)?;
    let fits = isize::try_from(length).is_ok() && at.addr().checked_add(length).is_some();
    if fits { Ok(()) } else { Err(Status::Length) }
}

/// Addresses from the first to one after the last.
#[derive(Clone, Copy)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// The addresses of `length` bytes.
    pub fn new(at: *const u8, length: usize) -> Result<Self, Status> {
        check_length(at, length)?;
        Ok(Self { start: at.addr(), end: at.addr() + length })
    }

    /// The addresses of a struct.
    pub fn of<T>(at: *const T) -> Self {
        Self { start: at.addr(), end: at.addr().saturating_add(size_of::<T>()) }
    }

    /// Refuses memory that shares bytes with `other`.
    pub fn apart_from(self, other: Self) -> Result<(), Status> {
        let apart = self.end <= other.start || other.end <= self.start;
        if apart { Ok(()) } else { Err(Status::Overlap) }
    }
}

//! Files that promise the impossible: refused, with an error of their own and without a byte of memory taken.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ringfence_runtime::exec::Executor;
use ringfence_runtime::format::layout::{
    self, HEADER_BYTES, SECTION_RECORD_BYTES, Section, certificate, header, input, op, section, tensor,
};
use ringfence_runtime::format::{CertificateFault, OpFault, TensorFault};
use ringfence_runtime::smooth::{Error, Image, ImageError, Smoother};
use ringfence_runtime::{Backend, FormatError, Model};

#[path = "suite/support/mod.rs"]
mod support;

use support::{Rng, random_conv, reseal};

/// The system's allocator, counting what this thread asks for.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.with(|asked| asked.set(asked.get() + layout.size()));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What parsing gives; it must not have taken memory.
fn parse(file: &[u8]) -> Result<Model<'_>, FormatError> {
    let before = ASKED.with(Cell::get);
    let result = Model::parse(file);
    assert_eq!(ASKED.with(Cell::get), before, "parsing took memory");
    result
}

/// A model with two convolutions and a pool.
fn file() -> Vec<u8> {
    random_conv(&mut Rng(11), [8, 8], [3, 3], [6, 6]).to_bytes()
}

fn find(file: &[u8], kind: Section) -> usize {
    let field = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let records = (HEADER_BYTES..).step_by(SECTION_RECORD_BYTES);
    let at = records.take(9).find(|&at| field(at + section::KIND) == kind as u32).unwrap();
    field(at + section::OFFSET) as usize
}

/// The file with bytes replaced at a place of a section.
fn with(kind: Section, edits: &[(usize, &[u8])]) -> Vec<u8> {
    let mut file = file();
    let start = find(&file, kind);
    for (at, bytes) in edits {
        file[start + at..][..bytes.len()].copy_from_slice(bytes);
    }
    reseal(&mut file);
    file
}

#[test]
fn lengths_near_the_end_of_the_address_space_are_refused() {
    let good = file();
    assert!(parse(&good).is_ok());
    let mut long = good.clone();
    long[header::LENGTH..][..4].copy_from_slice(&[0xFF; 4]);
    let expected = u32::MAX as usize;
    assert_eq!(parse(&long).err(), Some(FormatError::Truncated { expected, found: good.len() }));
    for (offset, length) in [(u32::MAX, u32::MAX), (u32::MAX - 63, 64), (0, u32::MAX), (64, u32::MAX - 63)] {
        for entry in 0..9 {
            let mut file = good.clone();
            let record = HEADER_BYTES + entry * SECTION_RECORD_BYTES;
            file[record + section::OFFSET..][..4].copy_from_slice(&offset.to_le_bytes());
            file[record + section::LENGTH..][..4].copy_from_slice(&length.to_le_bytes());
            reseal(&mut file);
            let error = parse(&file).unwrap_err();
            assert!(matches!(error, FormatError::SectionRange { .. }), "{entry}: {error:?}");
        }
    }
    let mut many = good;
    many[header::SECTION_COUNT..][..4].copy_from_slice(&[0xFF; 4]);
    reseal(&mut many);
    assert_eq!(parse(&many).err(), Some(FormatError::SectionCount { found: u32::MAX }));
}

#[test]
fn tensors_larger_than_any_arena_are_refused() {
    let most = [0xFF; 2];
    let shape = [
        (tensor::HEIGHT, &most[..]),
        (tensor::WIDTH, &most),
        (tensor::CHANNELS, &most),
        (tensor::BORDER, &[255]),
    ];
    let mut file = with(Section::Tensors, &shape);
    file[header::SAMPLE_ARENA..][..4].copy_from_slice(&[0xFF; 4]);
    reseal(&mut file);
    let side = 65_535u64 + 510;
    let range = TensorFault::Range { end: side * side * 65_536, arena: u32::MAX };
    assert_eq!(parse(&file).err(), Some(FormatError::Tensor { index: 0, fault: range }));
    let far = with(Section::Tensors, &[(tensor::OFFSET, &[0xC0, 0xFF, 0xFF, 0xFF])]);
    assert!(matches!(
        parse(&far).err(),
        Some(FormatError::Tensor { index: 0, fault: TensorFault::Range { .. } })
    ));
}

#[test]
fn operations_that_reach_too_far_are_refused() {
    let at = |edits: &[(usize, &[u8])]| match parse(&with(Section::Ops, edits)).unwrap_err() {
        FormatError::Op { index: 0, fault } => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(at(&[(op::STRIDE_H, &[255, 255])]), OpFault::Window);
    assert_eq!(at(&[(op::KERNEL_H, &[255, 255])]), OpFault::Window);
    assert_eq!(at(&[(op::PAD_TOP, &[255, 255])]), OpFault::Window);
    assert_eq!(at(&[(op::WEIGHTS, &[0xC0, 0xFF, 0xFF, 0xFF])]), OpFault::WeightRange);
    assert_eq!(at(&[(op::REQUANT, &[0xC0, 0xFF, 0xFF, 0xFF])]), OpFault::WeightRange);
    assert_eq!(at(&[(op::INPUT, &[0xFE, 0xFF])]), OpFault::Tensor(0xFFFE));
}

#[test]
fn cycles_and_shared_bytes_are_refused() {
    let good = file();
    let ops = find(&good, Section::Ops);
    let index = |at: usize| [good[ops + at], good[ops + at + 1]];
    // An operation that reads what it writes, and one that reads what only a later one writes.
    let own = with(Section::Ops, &[(op::OUTPUT, &index(op::INPUT))]);
    assert!(matches!(parse(&own).err(), Some(FormatError::Op { index: 0, .. })));
    let output = index(op::OUTPUT);
    let later = with(Section::Ops, &[(op::INPUT, &output)]);
    assert!(matches!(parse(&later).err(), Some(FormatError::Op { index: 0, .. })));
    // The output's tensor over the input's bytes.
    let place = find(&good, Section::Tensors);
    let record = usize::from(u16::from_le_bytes(output)) * layout::TENSOR_BYTES;
    let over = with(Section::Tensors, &[(record + tensor::OFFSET, &good[place..place + 4])]);
    let found = parse(&over).err();
    assert_eq!(found, Some(FormatError::Op { index: 0, fault: OpFault::Overlap }));
    // Two sections over the same bytes.
    let mut shared = good.clone();
    let offset = HEADER_BYTES + section::OFFSET;
    let first: [u8; 4] = good[offset..][..4].try_into().unwrap();
    shared[offset + SECTION_RECORD_BYTES..][..4].copy_from_slice(&first);
    reseal(&mut shared);
    assert!(matches!(parse(&shared).err(), Some(FormatError::SectionOverlap { .. })));
}

#[test]
fn tables_of_four_billion_votes_are_refused() {
    let start = layout::CERTIFICATES_HEADER_BYTES;
    let most = [0xFF; 4];
    let table = |edits: &[(usize, &[u8])]| match parse(&with(Section::Certificates, edits)).unwrap_err() {
        FormatError::Certificate { index: 0, fault } => fault,
        other => panic!("{other:?}"),
    };
    let entries = 1u64 << 31;
    let (n, first) = (start + certificate::N, start + certificate::FIRST);
    let fault = table(&[(n, &most), (first, &0x8000_0000u32.to_le_bytes())]);
    assert_eq!(fault, CertificateFault::Length { expected: entries, found: 3 });
    assert_eq!(table(&[(start + certificate::LENGTH, &most)]), CertificateFault::Range);
    assert_eq!(table(&[(start + certificate::OFFSET, &most)]), CertificateFault::Range);
    let count = FormatError::CertificateCount { found: u32::MAX };
    assert_eq!(parse(&with(Section::Certificates, &[(0, &most)])).err(), Some(count));
    assert!(matches!(parse(&with(Section::Input, &[(input::HEIGHT, &most)])), Err(FormatError::Input(_))));
}

/// An arena of four gigabytes is a lawful wish; it is answered by its size, not by an attempt to take it.
#[test]
fn callers_are_asked_for_memory_not_the_system() {
    let mut file = file();
    file[header::SAMPLE_ARENA..][..4].copy_from_slice(&[0xFF; 4]);
    reseal(&mut file);
    let model = parse(&file).unwrap();
    assert_eq!(model.arena_bytes(usize::MAX), usize::MAX);
    let needed = u32::MAX as usize;
    let found = Smoother::with_backend(&model, &mut [0; 64], Backend::Scalar).err();
    assert_eq!(found, Some(Error::ArenaTooSmall { needed, given: 64 }));
    let executor = Executor::new(&model, Backend::Scalar).unwrap();
    assert!(executor.run(&mut [0; 64], usize::MAX, &mut [], |_, _, _| ()).is_err());
    assert!(executor.write_input(&mut [0; 64], usize::MAX).is_err());
    for shape in [[usize::MAX; 3], [usize::MAX, 2, 1], [1 << 32, 1 << 32, 1], [0, 1, 1]] {
        let [channels, height, width] = shape;
        assert_eq!(Image::chw(&[], channels, height, width).err(), Some(ImageError::Shape { shape }));
    }
}

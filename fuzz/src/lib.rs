//! What the fuzz targets share: how bytes become a model file, and reading everything a model says.

use ringfence_runtime::format::layout::{self, HEADER_BYTES, header};
use ringfence_runtime::{Model, Op};

/// Largest arena of a sample that a target allocates.
pub const ARENA_LIMIT: usize = 1 << 16;

/// Most multiply-accumulates of a model that a target runs.
pub const MACS_LIMIT: u64 = 1 << 20;

/// Puts magic, version, length and checksum in place, so that the fuzzer need not find them: what follows is its own.
pub fn seal(file: &mut [u8]) {
    if file.len() < HEADER_BYTES {
        return;
    }
    let length = file.len() as u32;
    put(file, header::MAGIC, &layout::MAGIC);
    put(file, header::VERSION, &layout::VERSION.to_le_bytes());
    put(file, header::LENGTH, &length.to_le_bytes());
    let checksum = layout::checksum(file);
    put(file, header::CHECKSUM, &checksum.to_le_bytes());
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Reads all that a model says, and checks what its documentation promises.
pub fn read_everything(model: &Model<'_>) {
    assert!((2..=layout::MAX_CLASSES).contains(&model.classes()));
    assert!((0..model.classes()).all(|class| model.class_name(class).is_some()));
    assert_eq!(model.class_name(model.classes()), None);
    let arena = model.sample_arena_bytes();
    assert!(model.tensors().all(|tensor| tensor.range().end <= arena && tensor.zero_point <= tensor.top));
    let ops: Vec<Op<'_>> = model.ops().collect();
    assert!(matches!(ops.last(), Some(Op::Logits(_))));
    for op in &ops {
        let inside = |tensor: usize| model.tensor(tensor).is_some();
        assert!(inside(op.input().index));
        assert!(op.output().is_none_or(|output| inside(output.index)));
    }
    let noise = model.noise();
    assert_eq!((noise.words.len(), noise.low.len()), (1 << noise.column_bits, 1 << noise.column_bits));
    for table in model.certificates() {
        assert_eq!(table.entries().len() as u64, u64::from(table.n()) + 1 - u64::from(table.first()));
        assert_eq!(table.entry(table.n().wrapping_add(1)), None);
    }
    assert!(model.softmax().weight(0) >= model.softmax().weight(u32::MAX));
    assert!(model.meta().is_none_or(|meta| meta.len() <= model.bytes().len()));
}

/// Whether a model is small enough to be run by a fuzzer.
pub fn is_small(model: &Model<'_>) -> bool {
    let values: usize = model.tensors().map(|tensor| tensor.bytes).fold(0, usize::saturating_add);
    let macs = model.ops().map(|op| op.macs()).fold(0, u64::saturating_add);
    model.sample_arena_bytes() <= ARENA_LIMIT && values <= 4 * ARENA_LIMIT && macs <= MACS_LIMIT
}

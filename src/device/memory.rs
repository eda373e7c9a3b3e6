//! Memory of a model on a microcontroller: RAM, flash, and which tensors live when.

use ringfence_runtime::{Backend, Model};
use serde::Serialize;

/// Stack that a certification was seen to take at most (painted, then looked at), by backend; `.ci/cortex-m` holds the boards
/// to it.
const STACK: &str = include_str!("stack.tsv");

/// Code of the runtime for Armv7E-M, optimised for size, by what it is for; `.ci/cortex-m --record` writes it.
const CODE: &str = include_str!("code.tsv");

/// What a model takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// RAM for activations of one sample, exact.
    pub arena_bytes: usize,
    /// RAM for the stack of a certification, by backend.
    pub stack: Vec<Stack>,
    /// Flash for the whole model file.
    pub model_bytes: usize,
    /// Of that, weights and requantisation constants.
    pub weight_bytes: usize,
    /// Of that, noise tables, certificate tables, names and structure.
    pub table_bytes: usize,
    /// Flash for code, by what it is for.
    pub code: Vec<Part>,
    /// Flash for code, all together.
    pub code_bytes: usize,
    /// The arena after each operation.
    pub moments: Vec<Moment>,
}

/// Stack of a backend.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stack {
    /// The backend.
    pub backend: &'static str,
    /// Bytes.
    pub bytes: usize,
}

/// A part of the code.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// An operator, or what else it is for.
    pub name: &'static str,
    /// Bytes.
    pub bytes: usize,
}

/// The arena while an operation runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// Bytes that hold something: inputs, output, and tensors that wait for a later operation.
    pub live_bytes: usize,
    /// The tensors, as first byte and length.
    pub tensors: Vec<[usize; 2]>,
}

/// Works out what a model takes.
#[must_use]
pub fn memory(model: &Model<'_>, weight_bytes: usize) -> Memory {
    let model_bytes = model.bytes().len();
    let code: Vec<Part> = rows(CODE).map(|(name, bytes)| Part { name, bytes }).collect();
    let stack = rows(STACK).filter(|(name, _)| Backend::from_name(name).is_some());
    Memory {
        arena_bytes: model.arena_bytes(1),
        stack: stack.map(|(backend, bytes)| Stack { backend, bytes }).collect(),
        model_bytes,
        weight_bytes,
        table_bytes: model_bytes.saturating_sub(weight_bytes),
        code_bytes: code.iter().map(|part| part.bytes).sum(),
        code,
        moments: moments(model),
    }
}

/// Names and numbers of a table with a head line.
fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, usize)> {
    table.lines().skip(1).filter_map(|line| {
        let (name, bytes) = line.split_once('\t')?;
        Some((name, bytes.parse().ok()?))
    })
}

/// The tensors that live while each operation runs: from the operation that writes one to the last that reads it.
fn moments(model: &Model<'_>) -> Vec<Moment> {
    let tensors: Vec<_> = model.tensors().collect();
    let mut spans = vec![None; tensors.len()];
    let mut extend = |index: usize, op: usize| {
        if let Some(span) = spans.get_mut(index) {
            let (first, _) = span.unwrap_or((op, op));
            *span = Some((first, op));
        }
    };
    extend(model.input().operand.index, 0);
    let mut ops = 0;
    for op in model.ops() {
        let second = op.second().map(|second| second.operand);
        for operand in [Some(op.input()), second, op.output()].into_iter().flatten() {
            extend(operand.index, ops);
        }
        ops += 1;
    }
    let moment = |op: usize| {
        let lives =
            |span: &Option<(usize, usize)>| span.is_some_and(|(first, last)| (first..=last).contains(&op));
        let mut live: Vec<[usize; 2]> = tensors
            .iter()
            .zip(&spans)
            .filter(|(_, span)| lives(span))
            .map(|(tensor, _)| [tensor.offset, tensor.bytes])
            .collect();
        live.sort_unstable();
        // A residual that is added in place has the bytes of the output.
        live.dedup();
        Moment { live_bytes: live.iter().map(|[_, bytes]| bytes).sum(), tensors: live }
    };
    (0..ops).map(moment).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::models::EMBEDDED;

    #[test]
    fn live_tensors_lie_apart_and_fill_the_arena_once() {
        let model = Model::parse(EMBEDDED[0].bytes).unwrap();
        let memory = memory(&model, 80_352);
        assert_eq!(memory.moments.len(), model.ops().count());
        let mut end = 0;
        for moment in &memory.moments {
            assert!(moment.live_bytes <= memory.arena_bytes);
            assert!(
                moment.tensors.windows(2).all(|pair| pair[0][0] + pair[0][1] <= pair[1][0]),
                "{moment:?}"
            );
            end = end.max(moment.tensors.iter().map(|[start, bytes]| start + bytes).max().unwrap());
        }
        assert!(memory.arena_bytes - end < 64, "{end}");
        assert_eq!(memory.model_bytes, memory.weight_bytes + memory.table_bytes);
        assert_eq!(memory.stack.len(), 3);
        assert!(
            memory.code.iter().any(|part| part.name == "convolution")
                && (16 * 1024..32 * 1024).contains(&memory.code_bytes)
        );
    }
}

//! `ringfence inspect --memory`: what a model takes on a microcontroller.

use serde::Serialize;

use crate::compile::inspect;
use crate::device::{Memory, Moment};

/// Columns of the picture of the arena.
const COLUMNS: usize = 48;

/// The report for machines.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    /// Names of the operations, in the order of `moments`.
    layers: Vec<&'a str>,
    #[serde(flatten)]
    memory: &'a Memory,
}

impl<'a> Document<'a> {
    pub fn new(report: &'a inspect::Report, memory: &'a Memory) -> Self {
        Self { schema: "ringfence.memory/1", layers: names(report), memory }
    }
}

fn names(report: &inspect::Report) -> Vec<&str> {
    report.layers.iter().map(|layer| layer.name.as_deref().unwrap_or(layer.kind)).collect()
}

/// The report for people.
pub(super) fn text(report: &inspect::Report, memory: &Memory) -> String {
    let row = |what: &str, bytes: usize| format!("  {what:<30} {bytes:>9} bytes");
    let mut lines = vec!["RAM".to_owned(), row("arena, one sample", memory.arena_bytes)];
    let stack = memory.stack.iter();
    lines.extend(stack.map(|stack| row(&format!("stack with {}, at most", stack.backend), stack.bytes)));
    lines.push("flash".to_owned());
    lines.push(row("weights and constants", memory.weight_bytes));
    lines.push(row("tables, names, structure", memory.table_bytes));
    lines.push(row("code (Armv7E-M)", memory.code_bytes));
    lines.extend(memory.code.iter().map(|part| row(&format!("  {}", part.name), part.bytes)));
    lines.push(row("together", memory.model_bytes + memory.code_bytes));
    lines.push(String::new());
    lines.push(format!("{:>3}  {:<28} {:>9}  arena", "", "while it runs", "live B"));
    for (index, (name, moment)) in names(report).iter().zip(&memory.moments).enumerate() {
        let picture = picture(moment, memory.arena_bytes);
        lines.push(format!("{index:>3}  {name:<28} {:>9}  {picture}", moment.live_bytes));
    }
    lines.join("\n") + "\n"
}

/// The arena from its first byte to its last, with a mark where a tensor lives.
fn picture(moment: &Moment, arena: usize) -> String {
    let is_live = |column: usize| {
        let at = (2 * column + 1) * arena / (2 * COLUMNS);
        moment.tensors.iter().any(|&[start, bytes]| (start..start + bytes).contains(&at))
    };
    (0..COLUMNS).map(|column| if is_live(column) { '#' } else { '.' }).collect()
}

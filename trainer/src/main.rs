//! The `ringfence-trainer` command.
fn main() {}

//! Tests of the runtime through its public interface.

mod models;
mod parser;
mod support;

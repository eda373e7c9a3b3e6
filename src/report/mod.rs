//! Records of certificates, their summary, tables and pictures.

mod interval;
mod picture;
mod plot;
mod record;
mod rows;
mod stops;
mod summary;

pub use interval::wilson_95;
pub use picture::png;
pub use plot::{Curve, certified_accuracy_svg};
pub use record::{CERTIFY_SCHEMA, Generator, Method, Norm, Record, Schema, SeedSource, Sequential, Unit};
pub use rows::{Row, RowError, TSV_HEADER, TSV_STOP_HEADER, TSV_TEST, TSV_TEST_HEADER};
pub use stops::{Stop, Stops, Verdict};
pub use summary::{Score, Summary};

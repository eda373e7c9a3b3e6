//! Records of certificates, their summary, tables and pictures.

mod interval;
mod plot;
mod record;
mod rows;
mod stops;
mod summary;

pub use interval::wilson_95;
pub use plot::{Curve, certified_accuracy_svg};
pub use record::{CERTIFY_SCHEMA, Method, Record, SeedSource, Sequential};
pub use rows::{Row, RowError, TSV_HEADER, TSV_HEADER_SEQUENTIAL};
pub use stops::{Stop, Stops, Verdict};
pub use summary::{Score, Summary};

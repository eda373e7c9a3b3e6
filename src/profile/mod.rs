//! What each number of samples buys: accuracy, certified radius, time.
//!
//! ```text
//! image -> samples drawn once -> what the first N elect, for each N -> row -> points -> document
//! ```
//!
//! The first N of an image's samples are the samples of N (they are keyed by their index), so one run at the largest N
//! answers for all. A row holds what one image came to; everything else follows from the rows, in whatever order and on
//! however many machines they were made.

mod advice;
mod anytime;
mod csv;
mod document;
mod grid;
mod latency;
mod levels;
mod page;
mod points;
mod row;
mod text;

pub use advice::{Advice, Front, Quality, Wish};
pub use anytime::{Anytime, AnytimePoint, Stopped};
pub use csv::csv;
pub use document::{Document, LayerTime, PROFILE_SCHEMA, Subject};
pub use grid::{Grid, GridError};
pub use latency::{Latency, Timing};
pub use levels::Levels;
pub use page::html;
pub use points::{Certified, Point, Share, Shares, VoteShare, points};
pub use row::{ProfileRow, Rule, Set};
pub use text::text;

//! The C interface: the same verbs as Rust's, on plain structs, in `include/ringfence.h`.
//!
//! Every function checks its pointers as far as an address tells (null, alignment, overlap), copies small structs before it
//! works on anything, writes results at the end and answers with a [`Status`]. Numbers that a caller may get wrong are
//! integers here, enums only after a check.
//!
//! The text of the header is the documentation of these items; `cargo test -p ringfence-c` compares the two.

mod certify;
mod inputs;
mod memory;
mod model;
mod outputs;
mod run;
mod status;
mod table;

pub use certify::{ringfence_certify, ringfence_classify, ringfence_predict, ringfence_vote};
pub use inputs::{CImage, CSeed, CSmoother, Generator, Layout, MAX_BATCH, Vote, ringfence_image_sha256};
pub use model::{
    CInfo, CModel, MODEL_WORDS, ringfence_arena_bytes, ringfence_class_name, ringfence_model_info,
    ringfence_model_parse, ringfence_model_sha256,
};
pub use outputs::{COutcome, CPrediction, CSha256, CVerdict, Decision, MAX_CLASSES, RADIUS_ONE};
pub use run::{
    CProgress, CRun, RUN_WORDS, ringfence_run_begin, ringfence_run_finish, ringfence_run_progress,
    ringfence_run_step,
};
pub use status::{Status, ringfence_status_message, ringfence_version};
pub use table::{CBudget, Method, ringfence_table};

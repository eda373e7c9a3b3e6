//! The functions of the C interface, called as C calls them.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "all calls are alike: their pointers come from `Caller`, or must be refused without being followed"
)]

mod caller;
mod equal;
mod files;
mod refused;
mod steps;
#[path = "../suite/support/mod.rs"]
mod support;

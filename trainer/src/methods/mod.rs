//! Training methods: what is minimised on a batch. Every method is an entry of one table ([`METHODS`]) and one of a few
//! objectives with numbers of its own.

mod adaptive;
mod adversarial;
mod batch;
mod free;
pub mod loss;
mod model;
mod objective;
mod plain;
mod preset;
mod registry;
mod smoothadv;
mod smoothed;
mod trades;

#[cfg(test)]
mod tests;

pub use adaptive::{Ars, StaticPlane};
pub use adversarial::Adversarial;
pub use batch::Batch;
pub use free::Free;
pub use model::{Craft, Frozen, Model, first_point, first_point_of};
pub use objective::{Carry, Needs, Objective};
pub use plain::{Gaussian, Plain, UniCr};
pub use preset::{PRESETS, Preset, preset};
pub use registry::{Choice, Entry, METHODS, Method, entry};
pub use smoothadv::{CatRs, SmoothAdv, SmoothMix};
pub use smoothed::{Consistency, Macer};
pub use trades::{Mart, Trades};

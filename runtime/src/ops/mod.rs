//! The scalar definition of every operation: the numbers that each backend must give.
//!
//! Activations are u8 with a zero point, weights i8, accumulators i32; see [`requant`] for the one rounding
//! rule. The functions take the bytes of whole tensors, borders included, and write the interior of the
//! output; [`fill_border`] writes its border.

mod add;
mod argmax;
mod border;
mod conv;
mod input;
mod join;
mod logits;
mod lookup;
mod max_pool;
mod pool;
mod requant;
mod unweighted;

pub use add::add;
pub use argmax::argmax;
pub use border::fill_border;
pub(crate) use border::mirror_border;
pub use conv::{ConvJob, ConvPlan, ResidualPlan, conv};
pub(crate) use input::quantise_block;
pub use input::{quantise, quantise_row};
pub use join::join;
pub use logits::logits;
pub use lookup::lookup;
pub use max_pool::max_pool;
pub use pool::global_avg_pool;
pub use requant::{finish, requant, rescale};
pub use unweighted::{Unweighted, UnweightedJob, unweighted};

//! Training images: splits, augmentation and batches.

mod augment;
mod batch;

#[cfg(test)]
mod tests;

pub use augment::Augmentation;
pub use batch::{Batch, Images, epoch_order, moments};

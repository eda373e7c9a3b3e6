//! Who looks on while a suite runs.

use super::Line;

/// Told what a suite is at; `()` is told nothing.
pub trait Watch {
    /// An attack (`clean`: none) begins on so many images, at a size or (none) at the least that it needs.
    fn begin(&self, _attack: &str, _epsilon: Option<f64>, _images: usize) {}
    /// So many images went through the network.
    fn pass(&self, _images: usize) {}
    /// The attack is done with so many more of its images.
    fn done(&self, _images: usize) {}
    /// It is done with all.
    fn end(&self) {}
    /// What it left at one size.
    fn line(&self, _line: &Line) {}
}

impl Watch for () {}

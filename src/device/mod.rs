//! What a model will cost on a microcontroller, before anything is flashed: instructions, memory, seconds.

mod cost;
mod memory;
mod reach;

pub use cost::{Cost, instructions};
pub use memory::{Memory, Moment, Part, Stack, memory};
pub use reach::{REPORT_SCHEMA, Reach, Report, report};

use ringfence_runtime::Backend;

/// A processor core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Device {
    /// The name that [`Device::from_name`] takes.
    pub name: &'static str,
    /// The backend that is built for it.
    pub backend: Backend,
    /// Cycles an instruction, roughly: from the instruction timings in Arm's manuals, with code and data in memory without wait
    /// states. Not measured; a board says better.
    pub cycles: f64,
}

impl Device {
    /// All that are known.
    pub const ALL: [Self; 6] = [
        // Loads take two cycles, those of two words three; everything else here takes one.
        Self { name: "cortex-m3", backend: Backend::Scalar, cycles: 1.5 },
        Self { name: "cortex-m4", backend: Backend::Dsp, cycles: 1.6 },
        Self { name: "cortex-m33", backend: Backend::Dsp, cycles: 1.6 },
        // Starts two instructions a cycle, one of them a load.
        Self { name: "cortex-m7", backend: Backend::Dsp, cycles: 0.9 },
        // A vector instruction takes two cycles, overlapping with its neighbours.
        Self { name: "cortex-m55", backend: Backend::Helium, cycles: 1.6 },
        Self { name: "cortex-m85", backend: Backend::Helium, cycles: 1.2 },
    ];

    /// The device of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|device| device.name == name)
    }
}

//! How many samples a certificate of a fixed number of them takes, and how sure it is.

use crate::report::Method;

/// Flags of two-stage and single-stage certificates.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct CountArgs {
    /// Samples that select the class
    #[arg(long, value_name = "N0", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    n0: u32,
    /// Samples that are counted
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Probability, over the noise drawn, that a certificate is wrong
    #[arg(long, value_name = "ALPHA", default_value_t = 0.001)]
    pub alpha: f64,
    /// Let all n samples select and count, without the n0 of selection
    #[arg(long)]
    single_stage: bool,
}

/// Ids of the flags that a target radius excludes.
pub(super) const FIXED_COUNT: [&str; 3] = ["n0", "n", "single_stage"];

impl CountArgs {
    /// Method, n0, n and alpha.
    pub fn votes(self) -> (Method, u32, u32, f64) {
        let method = if self.single_stage { Method::SingleStage } else { Method::TwoStage };
        (method, self.n0, self.n, self.alpha)
    }
}

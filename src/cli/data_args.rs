//! Which images a verb works on.

use std::num::NonZeroUsize;

use crate::data::{self, DataError, Dataset, SPECS, Split};

/// Images when nothing limits them: a glance, since rendered signs are many.
const SIGNS_BY_DEFAULT: usize = 100;

/// Flags that choose images.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Images")]
pub(super) struct DataArgs {
    /// Data set
    #[arg(long, value_name = "SPEC", default_value = "signs", long_help = data_help())]
    data: String,
    /// Half of the data set
    #[arg(long, default_value = "test", value_name = "train|test")]
    split: Split,
    /// Take every K-th image only
    #[arg(long, value_name = "K", default_value = "1")]
    skip: NonZeroUsize,
    /// Stop after M images; if not given, 100 of rendered signs and all of any other data set
    #[arg(long, value_name = "M")]
    max: Option<usize>,
}

/// Ids of these flags, for flags that exclude them.
pub(super) const DATA_FLAGS: [&str; 4] = ["data", "split", "skip", "max"];

impl DataArgs {
    pub fn open(&self) -> Result<Box<dyn Dataset>, DataError> {
        data::open(&self.data, self.split)
    }

    pub fn split(&self) -> Split {
        self.split
    }

    /// Most images, if that was asked for.
    pub fn max(&self) -> Option<usize> {
        self.max
    }

    /// Indices of the images, in order.
    pub fn indices(&self, data: &dyn Dataset) -> Vec<usize> {
        let all = if data.name().starts_with("signs") { SIGNS_BY_DEFAULT } else { data.len() };
        (0..data.len()).step_by(self.skip.get()).take(self.max.unwrap_or(all)).collect()
    }
}

fn data_help() -> String {
    format!("Data set: {SPECS}")
}

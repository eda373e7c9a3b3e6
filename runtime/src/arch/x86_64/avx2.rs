//! Convolution.

use crate::ops::{self, ConvData, ConvPlan};

#[target_feature(enable = "avx2")]
pub(crate) fn conv(plan: &ConvPlan<'_>, data: ConvData<'_>) {
    ops::conv(plan, data);
}

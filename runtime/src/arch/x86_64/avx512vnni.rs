//! Convolution.

use crate::ops::{self, ConvData, ConvPlan};

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) fn conv(plan: &ConvPlan<'_>, data: ConvData<'_>) {
    ops::conv(plan, data);
}

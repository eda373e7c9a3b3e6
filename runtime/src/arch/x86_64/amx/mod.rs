//! AMX: sixteen pixels times sixteen outputs, up to 64 bytes of depth at a time.
//!
//! The rows of a tile of activations are the windows of neighbouring pixels, loaded from the tensor itself with the step
//! between pixels as their distance: nothing is gathered. Runs are cut into equal chunks.
//!
//! Multiplications and requantisation use different ports: while one group of tiles is multiplied, the group before it
//! is requantised, some of its pixels after each step.

mod cut;
mod pass;
mod permission;
mod product;
mod strip;
mod tail;
mod tiles;

use super::avx512vnni;
use crate::format::layout::BLOCK;
use crate::ops::ConvJob;
use cut::{Cut, Grouping};
pub(super) use permission::are_permitted;
use product::{FiveByOne, FourByOne, TwoByTwo};
use strip::Strip;
pub(super) use tiles::Tiles;

/// See [`ops::conv`](crate::ops::conv). Rows that cannot be cut into tiles are left to AVX512-VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn conv(mut job: ConvJob<'_>, tiles: &mut Tiles) {
    let plan = job.plan();
    let blocks = plan.filter.blocks();
    if let Some(strip) = Strip::of(plan) {
        return strip.run(0..blocks, &mut job, tiles);
    }
    if let Some(map) = Cut::of_map(plan) {
        return pass::run::<5, 1, FiveByOne>(&map, 0..blocks, &mut job, tiles);
    }
    let Some(pairs) = Cut::of_blocks(plan) else { return avx512vnni::conv(job) };
    // Blocks with outputs that are not stored stand alone.
    let even = plan.output.stored / BLOCK / 2 * 2;
    if even > 0 {
        pass::run::<2, 2, TwoByTwo>(&pairs, 0..even, &mut job, tiles);
    }
    if even < blocks {
        let single = pairs.of_block(plan);
        match single.grouping {
            Grouping::Pairs => pass::run::<2, 1, TwoByTwo>(&single, even..blocks, &mut job, tiles),
            _ => pass::run::<4, 1, FourByOne>(&single, even..blocks, &mut job, tiles),
        }
    }
}

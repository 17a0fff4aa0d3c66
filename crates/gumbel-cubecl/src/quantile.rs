//! The quantile of the standard normal distribution.
//!
//! Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (1988), PPND7.

use crate::device::Math;
use crate::elementary::ln_normal;
use cubecl::prelude::*;

/// The quantile of `u`, given by its distance.
#[cube]
pub(crate) fn normal_quantile(distance: f32, #[comptime] math: Math) -> f32 {
    let p = distance.abs();
    let from_median = p - 0.5f32;
    let x = 0.180_625f32 - from_median * from_median;
    let center = from_median
        * (((59.109_375f32 * x + 159.291_13f32) * x + 50.434_27f32) * x + 3.387_132_7f32)
        / (((67.187_56f32 * x + 78.757_76f32) * x + 17.895_17f32) * x + 1.0f32);
    let root = (-ln_normal(p, math)).sqrt();
    let x = root - 1.6f32;
    let near = (((0.170_238_21f32 * x + 1.306_728_5f32) * x + 2.756_815_4f32) * x + 1.423_437_2f32)
        / ((0.120_211_326f32 * x + 0.737_001_64f32) * x + 1.0f32);
    let x = root - 5.0f32;
    let far = (((0.017_337_205f32 * x + 0.428_682_94f32) * x + 3.081_226_3f32) * x + 6.657_905f32)
        / ((0.012_258_203f32 * x + 0.241_978_94f32) * x + 1.0f32);
    let tail = select(root > 5.0f32, -far, -near);
    let lower = select(p < 0.075f32, tail, center);
    select(distance < 0.0f32, -lower, lower)
}

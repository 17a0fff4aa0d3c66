//! The quantile of the standard normal distribution.
//!
//! Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (1988): ratios of polynomials, in
//! `u − ½` around the median and in `√(−ln p)` towards the ends. PPND7 is for `f32`, PPND16 for `f64`.

use super::real::Real;

/// The coefficients of numerator and denominator, constant first.
type Ratio<T, const N: usize> = [[T; N]; 2];

/// The ratios around the median (`center`), where √(−ln p) is at most 5 (`near`), and beyond, down to
/// p = 10⁻³¹⁶ (`far`).
pub(crate) struct Approximation<T, const N: usize> {
    center: Ratio<T, N>,
    near: Ratio<T, N>,
    far: Ratio<T, N>,
}

pub(crate) const PPND7: Approximation<f32, 4> = Approximation {
    center: [[3.387_132_7, 50.434_27, 159.291_13, 59.109_375], [1.0, 17.895_17, 78.757_76, 67.187_56]],
    near: [[1.423_437_2, 2.756_815_4, 1.306_728_5, 0.170_238_21], [1.0, 0.737_001_64, 0.120_211_326, 0.0]],
    far: [[6.657_905, 3.081_226_3, 0.428_682_94, 0.017_337_205], [1.0, 0.241_978_94, 0.012_258_203, 0.0]],
};

#[rustfmt::skip]
pub(crate) const PPND16: Approximation<f64, 8> = Approximation {
    center: [
        [
            3.387_132_872_796_366_5, 133.141_667_891_784_38, 1_971.590_950_306_551_3, 13_731.693_765_509_46,
            45_921.953_931_549_87, 67_265.770_927_008_7, 33_430.575_583_588_13, 2_509.080_928_730_122_7,
        ],
        [
            1.0, 42.313_330_701_600_91, 687.187_007_492_057_9, 5_394.196_021_424_751,
            21_213.794_301_586_597, 39_307.895_800_092_71, 28_729.085_735_721_943, 5_226.495_278_852_854,
        ],
    ],
    near: [
        [
            1.423_437_110_749_683_5, 4.630_337_846_156_546, 5.769_497_221_460_691, 3.647_848_324_763_204_5,
            1.270_458_252_452_368_4, 0.241_780_725_177_450_6, 0.022_723_844_989_269_184, 7.745_450_142_783_414e-4,
        ],
        [
            1.0, 2.053_191_626_637_759, 1.676_384_830_183_803_8, 0.689_767_334_985_1,
            0.148_103_976_427_480_08, 0.015_198_666_563_616_457, 5.475_938_084_995_345e-4, 1.050_750_071_644_416_9e-9,
        ],
    ],
    far: [
        [
            6.657_904_643_501_103, 5.463_784_911_164_114, 1.784_826_539_917_291_3, 0.296_560_571_828_504_87,
            0.026_532_189_526_576_124, 1.242_660_947_388_078_4e-3, 2.711_555_568_743_487_6e-5,
            2.010_334_399_292_288e-7,
        ],
        [
            1.0, 0.599_832_206_555_888, 0.136_929_880_922_735_8, 0.014_875_361_290_850_615,
            7.868_691_311_456_133e-4, 1.846_318_317_510_054_8e-5, 1.421_511_758_316_446e-7,
            2.044_263_103_389_939_7e-15,
        ],
    ],
};

/// The quantile of `u` in (0, 1), given as its distance in (0, ½] to the nearer end, negative if that end is one.
///
/// All three ratios are computed, so that a loop over this compiles to vector instructions.
#[inline(always)]
pub(crate) fn quantile<T: Real, const N: usize, const FMA: bool>(
    approximation: &Approximation<T, N>,
    distance: T,
) -> T {
    let p = distance.abs();
    let from_median = p - T::from_f64(0.5);
    let center =
        from_median * ratio(&approximation.center, T::from_f64(0.180_625) - from_median * from_median);
    let root = (-p.lane_ln_normal::<FMA>()).sqrt();
    let near = ratio(&approximation.near, root - T::from_f64(1.6));
    let far = ratio(&approximation.far, root - T::from_f64(5.0));
    let tail = if root > T::from_f64(5.0) { -far } else { -near };
    let lower = if p < T::from_f64(0.075) { tail } else { center };
    if distance < T::zero() { -lower } else { lower }
}

#[inline(always)]
fn ratio<T: Real, const N: usize>([numerator, denominator]: &Ratio<T, N>, x: T) -> T {
    let (mut above, mut below) = (T::zero(), T::zero());
    for place in (0..N).rev() {
        above = above * x + numerator[place];
        below = below * x + denominator[place];
    }
    above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (p, quantile) by `scipy.special.ndtri(p)`, SciPy 1.17.1, inside each ratio and at both of its ends.
    const GOLDEN: [(f64, f64); 8] = [
        (0.5, 0.0),
        (0.4, -0.2533471031357997),
        (0.076, -1.4325027208258116),
        (0.074, -1.4466320671589785),
        (0.001, -3.090232306167813),
        (1e-11, -6.706023155495137),
        (1e-12, -7.034483825301131),
        (6.310887241768095e-30, -11.303411362113572),
    ];

    #[test]
    fn quantiles_equal_scipy_from_the_median_to_the_far_tail() {
        for (p, expected) in GOLDEN {
            let double = quantile::<_, _, false>(&PPND16, p);
            assert!((double - expected).abs() <= 4e-15 * expected.abs(), "{double} at {p}, not {expected}");
            assert_eq!(quantile::<_, _, false>(&PPND16, -p), -double);
            let single = f64::from(quantile::<_, _, true>(&PPND7, p as f32));
            assert!((single - expected).abs() <= 5e-7 * expected.abs().max(1.0), "{single} at {p}");
        }
    }

    #[test]
    fn quantiles_increase_where_the_ratio_changes() {
        for seam in [0.075f64, (-25.0f64).exp()] {
            let at = |offset: f64| quantile::<_, _, false>(&PPND16, seam * (1.0 + offset));
            assert!(at(-1e-12) < at(0.0) && at(0.0) < at(1e-12), "{seam}");
        }
    }
}

//! The functions of `f64`: those of the platform.

use super::normal_quantile::{PPND16, quantile};
use super::real::{Functions, Real};

impl Real for f64 {
    #[inline]
    fn from_f64(value: f64) -> Self {
        value
    }
}

impl Functions for f64 {
    const VECTORIZED: bool = false;
    const BITS: u32 = f64::MANTISSA_DIGITS;
    const BELOW_ONE: Self = 1.0 - f64::EPSILON / 2.0;

    #[inline(always)]
    fn from_i32(value: i32) -> Self {
        value.into()
    }

    #[inline(always)]
    fn lane_ln<const FMA: bool>(self) -> Self {
        self.ln()
    }

    #[inline(always)]
    fn lane_ln_normal<const FMA: bool>(self) -> Self {
        self.ln()
    }

    #[inline(always)]
    fn lane_exp<const FMA: bool>(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn lane_exp_of_gap<const FMA: bool>(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn lane_ln_1p<const FMA: bool>(self) -> Self {
        self.ln_1p()
    }

    #[inline(always)]
    fn lane_ln_complement<const FMA: bool>(self) -> Self {
        (-self).ln_1p()
    }

    #[inline(always)]
    fn lane_tanh_half<const FMA: bool>(self) -> Self {
        (self * 0.5).tanh()
    }

    #[inline(always)]
    fn lane_minus_ln_at<const FMA: bool>(distance: Self) -> Self {
        if distance < 0.0 { -distance.ln_1p() } else { -distance.ln() }
    }

    #[inline(always)]
    fn lane_normal_quantile_at<const FMA: bool>(distance: Self) -> Self {
        quantile::<_, _, FMA>(&PPND16, distance)
    }
}

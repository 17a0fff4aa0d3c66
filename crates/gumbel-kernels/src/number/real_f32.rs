//! The functions of `f32`: polynomials that compile to vector instructions.

use super::elementary;
use super::normal_quantile::{PPND7, quantile};
use super::real::{Functions, Real};

impl Real for f32 {
    #[inline]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Functions for f32 {
    const VECTORIZED: bool = true;
    const BITS: u32 = f32::MANTISSA_DIGITS;
    const BELOW_ONE: Self = 1.0 - f32::EPSILON / 2.0;

    #[inline(always)]
    fn from_i32(value: i32) -> Self {
        value as f32
    }

    #[inline(always)]
    fn lane_ln<const FMA: bool>(self) -> Self {
        elementary::ln::<FMA>(self)
    }

    #[inline(always)]
    fn lane_ln_normal<const FMA: bool>(self) -> Self {
        elementary::ln_normal::<FMA>(self)
    }

    #[inline(always)]
    fn lane_exp<const FMA: bool>(self) -> Self {
        elementary::exp::<FMA>(self)
    }

    #[inline(always)]
    fn lane_exp_of_gap<const FMA: bool>(self) -> Self {
        elementary::exp_of_gap::<FMA>(self)
    }

    #[inline(always)]
    fn lane_ln_1p<const FMA: bool>(self) -> Self {
        elementary::ln_1p::<FMA>(self)
    }

    #[inline(always)]
    fn lane_ln_complement<const FMA: bool>(self) -> Self {
        elementary::ln_complement::<FMA>(self)
    }

    #[inline(always)]
    fn lane_tanh_half<const FMA: bool>(self) -> Self {
        elementary::tanh_half::<FMA>(self)
    }

    #[inline(always)]
    fn lane_minus_ln_at<const FMA: bool>(distance: Self) -> Self {
        elementary::minus_ln_at::<FMA>(distance)
    }

    #[inline(always)]
    fn lane_normal_quantile_at<const FMA: bool>(distance: Self) -> Self {
        quantile::<_, _, FMA>(&PPND7, distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_one_is_the_neighbor_of_one() {
        assert_eq!(f32::BELOW_ONE, 1f32.next_down());
        assert_eq!(f64::BELOW_ONE, 1f64.next_down());
    }
}

//! The trait of the two number types, and the functions that it adds to those of `num_traits::Float`.

use core::fmt::{Debug, Display};
use core::iter::Sum;
use num_traits::Float;
pub(crate) use sealed::Functions;

/// The type of number that a kernel computes in: `f32` or `f64`. Sealed: no other type implements it.
///
/// `f32` kernels use vector instructions, with functions of their own; `f64` kernels use the platform's `ln`
/// and `exp`, and are the reference that `f32` results are tested against. An `f64` draw is the `f32` draw
/// with more digits: see [`noise`](crate::noise).
///
/// ```
/// use gumbel_kernels::{Real, Stream, noise};
/// fn draw<T: Real>() -> f64 {
///     let mut out = [T::zero()];
///     noise::uniform(Stream::new(0), &mut out);
///     out[0].into()
/// }
/// assert!((draw::<f32>() - 0.399046).abs() < 1e-6);
/// assert!((draw::<f32>() - draw::<f64>()).abs() < 1e-7);
/// ```
pub trait Real: Float + Sum + Debug + Display + Send + Sync + Into<f64> + Functions + 'static {
    /// The number nearest to an `f64`.
    fn from_f64(value: f64) -> Self;
}

mod sealed {
    /// What differs between the two types inside a kernel. The functions of `f32` compile to vector
    /// instructions in a flat loop; those of `f64` are the platform's.
    ///
    /// `FMA` is whether the processor multiplies and adds in one instruction.
    pub trait Functions: Sized {
        /// Whether kernels of this type are compiled for vector instructions.
        const VECTORIZED: bool;
        /// Significant bits of the type.
        const BITS: u32;
        /// The largest number below one.
        const BELOW_ONE: Self;

        /// Exact for magnitudes below 2^24; rounded to the nearest number above.
        fn from_i32(value: i32) -> Self;

        fn lane_ln<const FMA: bool>(self) -> Self;
        /// `ln` of a positive, finite number that is not subnormal.
        fn lane_ln_normal<const FMA: bool>(self) -> Self;
        fn lane_exp<const FMA: bool>(self) -> Self;
        /// `exp` of a number up to 40.
        fn lane_exp_of_gap<const FMA: bool>(self) -> Self;
        /// `ln(1 + x)` for `x` in [0, 1].
        fn lane_ln_1p<const FMA: bool>(self) -> Self;
        /// `ln(1 − x)` for `x` in [0, 1/2].
        fn lane_ln_complement<const FMA: bool>(self) -> Self;
        fn lane_tanh_half<const FMA: bool>(self) -> Self;

        /// `−ln u` of a number `u` in (0, 1), given as its distance in (0, 1/2] to the nearer end of that
        /// interval, negative if that end is one: accurate at both ends.
        fn lane_minus_ln_at<const FMA: bool>(distance: Self) -> Self;
        /// The standard normal quantile of `u`, given in the same way.
        fn lane_normal_quantile_at<const FMA: bool>(distance: Self) -> Self;
    }
}

//! Logits in single, double or half precision.

use super::real::Real;
use half::{bf16, f16};
use sealed::Widen;

/// The type of a logit in a slice: `f32`, `f64`, or half precision, [`f16`](half::f16) or
/// [`bf16`](half::bf16). Sealed: no other type implements it.
///
/// Logits in half precision are widened to `f32` as they are read, which is exact, and everything is computed
/// in `f32`. Results equal those for the same logits in an `f32` slice, bit for bit, without the copy. Sampling
/// needs that precision: with noise of 11 significant bits, ties would decide the argmax.
///
/// ```
/// use gumbel_kernels::softmax;
/// use half::f16;
/// let logits = [0.0, 1.0, -65504.0].map(f16::from_f32);
/// let (mut p, mut widened) = ([0.0f32; 3], [0.0f32; 3]);
/// softmax(&logits, 3, &mut p)?;
/// softmax(&logits.map(f32::from), 3, &mut widened)?;
/// assert_eq!(p, widened);
/// assert!((p[1] - 0.7310586).abs() < 1e-7);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub trait Logit: Widen<<Self as Logit>::Real> + Copy + Send + Sync + 'static {
    /// The type that kernels compute in and return.
    type Real: Real;
}

mod sealed {
    /// Conversion to the type that kernels compute in.
    pub trait Widen<T>: Sized {
        /// The same logits as numbers: the slice itself, or widened into the buffer, which is no shorter.
        fn widen<'a>(logits: &'a [Self], buffer: &'a mut [T]) -> &'a [T];
    }
}

impl<T: Real> Logit for T {
    type Real = T;
}

impl Logit for f16 {
    type Real = f32;
}

impl Logit for bf16 {
    type Real = f32;
}

impl<T: Real> Widen<T> for T {
    #[inline(always)]
    fn widen<'a>(logits: &'a [T], _: &'a mut [T]) -> &'a [T] {
        logits
    }
}

impl Widen<f32> for f16 {
    #[inline(always)]
    fn widen<'a>(logits: &'a [f16], buffer: &'a mut [f32]) -> &'a [f32] {
        widen_each(logits, buffer, |logit| f16_to_f32(logit.to_bits()))
    }
}

impl Widen<f32> for bf16 {
    #[inline(always)]
    fn widen<'a>(logits: &'a [bf16], buffer: &'a mut [f32]) -> &'a [f32] {
        widen_each(logits, buffer, |logit| f32::from_bits(u32::from(logit.to_bits()) << 16))
    }
}

#[inline(always)]
fn widen_each<'a, L: Copy>(logits: &[L], buffer: &'a mut [f32], widen: impl Fn(L) -> f32) -> &'a [f32] {
    let buffer = &mut buffer[..logits.len()];
    for (to, &logit) in buffer.iter_mut().zip(logits) {
        *to = widen(logit);
    }
    buffer
}

/// Exact, and without a branch, so that a loop over it compiles to vector instructions of every level.
#[inline(always)]
fn f16_to_f32(bits: u16) -> f32 {
    let magnitude = u32::from(bits & 0x7fff) << 13;
    // The exponent biases of the two types differ by 127 − 15. The product makes subnormals normal.
    let finite = (f32::from_bits(magnitude) * f32::from_bits((127 + 127 - 15) << 23)).to_bits();
    let widened = if bits & 0x7c00 == 0x7c00 { magnitude | 0x7f80_0000 } else { finite };
    f32::from_bits(widened | u32::from(bits >> 15) << 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widened<L: Logit<Real = f32>>(logits: &[L]) -> Vec<f32> {
        let mut buffer = vec![0.0; logits.len()];
        L::widen(logits, &mut buffer).to_vec()
    }

    #[test]
    fn every_half_is_widened_exactly() {
        let same =
            |ours: f32, theirs: f32| ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        for (&half, wide) in halves.iter().zip(widened(&halves)) {
            assert!(same(wide, half.to_f32()), "{wide} for {half}");
        }
        let halves: Vec<bf16> = (0..=u16::MAX).map(bf16::from_bits).collect();
        for (&half, wide) in halves.iter().zip(widened(&halves)) {
            assert!(same(wide, half.to_f32()), "{wide} for {half}");
        }
    }
}

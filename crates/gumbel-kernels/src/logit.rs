//! Logits in any precision, and where a kernel finds them: each kernel reads a block of them at a time.

use crate::Real;
use crate::block::BLOCK;
use crate::error::{Error, logit_fault};
use half::{bf16, f16};

/// A type that logits are given in: `f32`, `f64`, or one of half precision, [`f16`](half::f16) or
/// [`bf16`](half::bf16).
///
/// Logits in half precision are widened to `f32` as they are read, which is exact, and everything is computed
/// in `f32`: results are those of the same logits in an `f32` slice, bit for bit, without the slice. Sampling
/// itself needs the precision: noise of 11 significant bits would let ties decide.
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
pub trait Logit: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The type that is computed in, and that of the results.
    type Real: Real;

    /// The same logits as numbers: themselves, or at most [`BLOCK`] of them widened into the buffer.
    #[doc(hidden)]
    fn widen<'a>(logits: &'a [Self], buffer: &'a mut [Self::Real]) -> &'a [Self::Real];
}

mod sealed {
    pub trait Sealed {}
    impl<T: crate::Real> Sealed for T {}
    impl Sealed for half::f16 {}
    impl Sealed for half::bf16 {}
}

impl<T: Real> Logit for T {
    type Real = T;

    #[inline(always)]
    fn widen<'a>(logits: &'a [T], _: &'a mut [T]) -> &'a [T] {
        logits
    }
}

impl Logit for f16 {
    type Real = f32;

    #[inline(always)]
    fn widen<'a>(logits: &'a [f16], buffer: &'a mut [f32]) -> &'a [f32] {
        widen_each(logits, buffer, |logit| f16_to_f32(logit.to_bits()))
    }
}

impl Logit for bf16 {
    type Real = f32;

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

/// Exact, and without a branch, so that it is compiled to vector instructions of any level.
#[inline(always)]
fn f16_to_f32(bits: u16) -> f32 {
    let magnitude = u32::from(bits & 0x7fff) << 13;
    // The exponents of the two types are 127 − 15 apart; the product makes subnormals normal.
    let finite = (f32::from_bits(magnitude) * f32::from_bits((127 + 127 - 15) << 23)).to_bits();
    let widened = if bits & 0x7c00 == 0x7c00 { magnitude | 0x7f80_0000 } else { finite };
    f32::from_bits(widened | u32::from(bits >> 15) << 31)
}

/// Room for a block of widened logits.
pub(crate) fn new_buffer<T: Real>() -> [T; BLOCK] {
    [T::zero(); BLOCK]
}

/// Where a kernel finds numbers that belong to those of its output.
pub(crate) trait Source<T>: Copy + Send + Sync {
    /// Whether the output takes their place.
    const IN_PLACE: bool;

    /// How many there are, unless they are the output.
    fn len(&self) -> Option<usize>;

    /// The numbers that belong to the block `out`, at most [`BLOCK`] long, which is found at `at` of the whole
    /// output.
    fn block<'a>(&'a self, at: usize, out: &[T], buffer: &'a mut [T; BLOCK]) -> &'a [T];
}

/// A slice of the caller's.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a, L>(pub &'a [L]);

impl<L: Logit> Source<L::Real> for Given<'_, L> {
    const IN_PLACE: bool = false;

    fn len(&self) -> Option<usize> {
        Some(self.0.len())
    }

    #[inline(always)]
    fn block<'a>(&'a self, at: usize, out: &[L::Real], buffer: &'a mut [L::Real; BLOCK]) -> &'a [L::Real] {
        L::widen(&self.0[at..][..out.len()], buffer)
    }
}

/// The output itself, before it is written.
#[derive(Clone, Copy)]
pub(crate) struct InPlace;

impl<T: Real> Source<T> for InPlace {
    const IN_PLACE: bool = true;

    fn len(&self) -> Option<usize> {
        None
    }

    #[inline(always)]
    fn block<'a>(&'a self, _: usize, out: &[T], buffer: &'a mut [T; BLOCK]) -> &'a [T] {
        let buffer = &mut buffer[..out.len()];
        buffer.copy_from_slice(out);
        buffer
    }
}

/// What is wrong with the logits of a row; `None` if they are sound.
#[cold]
pub(crate) fn row_fault<T: Real, S: Source<T>>(row: usize, logits: &S, out: &[T]) -> Option<Error> {
    let (mut wide, mut buffer) = (Vec::with_capacity(out.len()), new_buffer());
    for (chunk, part) in out.chunks(BLOCK).enumerate() {
        wide.extend_from_slice(logits.block(row * out.len() + chunk * BLOCK, part, &mut buffer));
    }
    logit_fault(row, &wide)
}

/// What is wrong with the first unsound row of length `k`; `None` if there is none.
#[cold]
pub(crate) fn first_fault<L: Logit>(first: usize, logits: &[L], k: usize) -> Option<Error> {
    let mut buffer = new_buffer();
    logits.chunks_exact(k).enumerate().find_map(|(row, logits)| {
        let mut wide = Vec::with_capacity(k);
        logits.chunks(BLOCK).for_each(|chunk| wide.extend_from_slice(L::widen(chunk, &mut buffer)));
        logit_fault(first + row, &wide)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widened<L: Logit<Real = f32>>(logits: &[L]) -> Vec<f32> {
        let mut buffer = new_buffer();
        logits.chunks(BLOCK).flat_map(|chunk| L::widen(chunk, &mut buffer).to_vec()).collect()
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

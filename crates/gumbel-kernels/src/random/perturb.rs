//! Perturbed logits: [gaps](crate::parallel::gaps) plus noise.

use super::noise::{Distribution, fill_block};
use super::stream::{Stream, WordBuffer};
use crate::Real;

/// The noise that is added to gaps.
#[derive(Clone, Copy)]
pub(crate) enum Noise<'a, T> {
    /// Standard Gumbel noise from a stream.
    Drawn(Stream),
    /// The caller's: one number for each logit.
    Given(&'a [T]),
}

impl<T: Real> Noise<'_, T> {
    /// Writes `gaps + noise` for a block of gaps into `keys`, which may be longer. The first is number `at` of all.
    #[inline(always)]
    pub fn perturb<const FMA: bool>(
        self,
        at: usize,
        gaps: impl ExactSizeIterator<Item = T>,
        words: &mut WordBuffer,
        keys: &mut [T],
    ) {
        match self {
            Noise::Drawn(stream) => {
                fill_block(stream.skip(at as u64), Distribution::Exponential, gaps.len(), words, keys);
                keys.iter_mut().zip(gaps).for_each(|(key, gap)| *key = gap - key.lane_ln_normal::<FMA>());
            }
            Noise::Given(noise) => {
                let pairs = noise[at..][..gaps.len()].iter().zip(gaps);
                keys.iter_mut().zip(pairs).for_each(|(key, (&noise, gap))| *key = noisy(noise, gap));
            }
        }
    }
}

/// `gap + noise`. A mask stays one whatever its noise is, and noise of −∞ makes none: it is NaN, which is refused.
#[inline(always)]
fn noisy<T: Real>(noise: T, gap: T) -> T {
    let noise = if noise > T::neg_infinity() { noise } else { T::nan() };
    if gap == T::neg_infinity() { gap } else { noise + gap }
}

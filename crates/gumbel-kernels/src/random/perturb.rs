//! Perturbed logits: logits plus noise.

use super::noise::{Distribution, fill_block};
use super::stream::{Stream, WordBuffer};
use crate::Real;

/// The noise that is added to logits.
#[derive(Clone, Copy)]
pub(crate) enum Noise<'a, T> {
    /// Standard Gumbel noise from a stream.
    Drawn(Stream),
    /// The caller's: one number for each logit.
    Given(&'a [T]),
    /// No noise.
    Absent,
}

impl<T: Real> Noise<'_, T> {
    /// Writes `logits + noise` for a block of logits into `keys`, which may be longer. The first is number `at` of all
    /// logits.
    #[inline(always)]
    pub fn perturb<const FMA: bool>(self, at: usize, logits: &[T], words: &mut WordBuffer, keys: &mut [T]) {
        match self {
            Noise::Drawn(stream) => {
                fill_block(stream.skip(at as u64), Distribution::Exponential, logits.len(), words, keys);
                let pairs = keys.iter_mut().zip(logits);
                pairs.for_each(|(key, &logit)| *key = logit - key.lane_ln_normal::<FMA>());
            }
            Noise::Given(noise) => {
                let pairs = noise[at..][..logits.len()].iter().zip(logits);
                keys.iter_mut().zip(pairs).for_each(|(key, (&noise, &logit))| *key = noise + logit);
            }
            Noise::Absent => keys[..logits.len()].copy_from_slice(logits),
        }
    }
}

//! Batches of `jax.vmap`: leading axes of the operands and the results.

use crate::threads::{self, SHARED};
use crate::xla::{Numbers, Operand};
use gumbel_kernels::{Error, Stream};
use rayon::prelude::*;

/// The leading axes of a result. An operand has as many, each of the same length, or of length 1 where its numbers are
/// the same for every batch.
pub struct Batches(pub Vec<usize>);

impl Batches {
    pub fn count(&self) -> usize {
        self.0.iter().product()
    }

    /// The place of a batch's part in an operand.
    pub fn place(&self, batch: usize, operand: &Operand<'_>) -> usize {
        let (mut rest, mut place, mut stride) = (batch, 0, 1);
        for (&length, &own) in self.0.iter().zip(&operand.shape).rev() {
            place += if own == 1 { 0 } else { rest % length * stride };
            (rest, stride) = (rest / length, stride * own);
        }
        place
    }

    /// The numbers of an operand that each batch has.
    pub fn size(&self, operand: &Operand<'_>) -> usize {
        operand.shape[self.0.len()..].iter().product()
    }

    /// The start of the noise of a batch's key: two words are the seed, two more the stream.
    pub fn stream(&self, batch: usize, key: &Operand<'_>) -> Stream {
        let Numbers::Words(words) = key.numbers else { panic!("a key is of words") };
        let (width, place) = (self.size(key), self.place(batch, key));
        let pair = |at: usize| u64::from(words[at]) << 32 | u64::from(words[at + 1]);
        match width {
            2 => Stream::new(pair(place * 2)),
            4 => Stream::from_parts(pair(place * 4), pair(place * 4 + 2), 0),
            _ => panic!("a key has 2 or 4 words, not {width}"),
        }
    }

    /// The temperature of a batch.
    pub fn tau(&self, batch: usize, tau: &Operand<'_>) -> f64 {
        let Numbers::Floats(numbers) = tau.numbers else { panic!("a temperature is a float") };
        let place = self.place(batch, tau);
        numbers.part(place, place + 1).double()[0]
    }
}

/// Runs a computation for each batch, which is given by what it writes. `numbers` is the size of all.
pub fn each<Part: Send>(
    parts: Vec<Part>,
    numbers: usize,
    run: impl Fn(usize, Part) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let run = |(batch, part)| run(batch, part).err();
    threads::run_outside(numbers, || {
        let error = if numbers < SHARED {
            parts.into_iter().enumerate().find_map(run)
        } else {
            parts.into_par_iter().enumerate().find_map_first(run)
        };
        error.map_or(Ok(()), Err)
    })
}

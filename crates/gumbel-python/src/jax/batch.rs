//! Batches of `jax.vmap`: leading axes of the operands and the results.

use crate::parts;
use crate::threads;
use crate::xla::Operand;
use gumbel_kernels::{Error, Stream};

/// The leading axes of a result. Every operand has the same number of them; one of length 1 is broadcast.
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
        let (words, width, place) = (key.words(), self.size(key), self.place(batch, key));
        let pair = |at: usize| u64::from(words[at]) << 32 | u64::from(words[at + 1]);
        match width {
            2 => Stream::new(pair(place * 2)),
            4 => Stream::from_parts(pair(place * 4), pair(place * 4 + 2), 0),
            _ => panic!("a key has 2 or 4 words, not {width}"),
        }
    }

    /// The temperature of a batch.
    pub fn tau(&self, batch: usize, tau: &Operand<'_>) -> f64 {
        tau.floats().at(self.place(batch, tau))
    }
}

/// Runs a computation for each batch, which is given by what it writes. `numbers` is the size of all.
pub fn each<Part: Send>(
    parts: Vec<Part>,
    numbers: usize,
    run: impl Fn(usize, Part) -> Result<(), Error> + Sync + Send,
) -> Result<(), Error> {
    let parts = parts.into_iter().enumerate().collect();
    let work = || parts::each(parts, numbers, |(batch, part)| run(batch, part));
    threads::run_outside(numbers, work).map(drop)
}

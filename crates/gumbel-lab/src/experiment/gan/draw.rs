//! Hard samples of a generator, and the cost of held-out strings under it.

use crate::data::text::{Alphabet, Corpus};
use crate::model::gan::Generator;
use crate::support::interrupt::Watch;
use crate::support::stats::Mean;
use anyhow::Result;
use burn::tensor::{Device, Tensor};
use gumbel::{Noise, sample_one_hot};

/// Sequences made at once, which bounds the memory.
const AT_ONCE: usize = 1000;

/// The vectors from which a generator's sequences start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Noise of this dimension.
    Noise(usize),
    /// Zeros of this dimension: a generator trained by maximum likelihood.
    Zeros(usize),
}

impl Start {
    fn rows(self, rows: usize, noise: &mut Noise, device: &Device) -> Tensor<2> {
        match self {
            Self::Noise(numbers) => super::start(rows, numbers, noise, device),
            Self::Zeros(numbers) => Tensor::zeros([rows, numbers], device),
        }
    }
}

/// Generates strings from hard samples, with the padding at their ends stripped.
///
/// # Errors
/// Parameters that are not finite; [`Interrupted`](crate::support::interrupt::Interrupted).
pub fn strings(
    generator: &Generator,
    start: Start,
    alphabet: &Alphabet,
    count: usize,
    noise: &mut Noise,
    watch: &Watch,
) -> Result<Vec<String>> {
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let rows = AT_ONCE.min(count - made.len());
        let seed = start.rows(rows, noise, &generator.device());
        let sequences = generator.generate(seed, |logits| sample_one_hot(logits, noise))?;
        let length = sequences.dims()[1];
        let codes = sequences.argmax(2).into_data().convert::<i64>().try_to_vec::<i64>();
        let codes: Vec<u8> = codes.expect("converted").into_iter().map(|code| code as u8).collect();
        made.extend(codes.chunks(length).map(|codes| alphabet.decode(codes)));
        watch.done(rows)?;
    }
    Ok(made)
}

/// The most held-out strings whose cost is averaged.
pub const HELD_OUT: usize = 1000;
/// Noise vectors that the probability of a string is averaged over.
pub const STARTS: usize = 64;

/// The cost −ln p(x) of held-out strings under a generator, in nats: mean and standard error over strings. Where
/// sequences start from noise,
///
/// ```text
/// −ln 1/m Σᵢ p(x | sᵢ),   m = 64,
/// ```
///
/// an upper bound on average (Burda, Grosse and Salakhutdinov 2016, with the prior as proposal).
///
/// # Errors
/// [`Interrupted`](crate::support::interrupt::Interrupted).
pub fn nats(
    generator: &Generator,
    start: Start,
    corpus: &Corpus,
    noise: &mut Noise,
    watch: &Watch,
) -> Result<Mean> {
    let held_out = &corpus.test[..HELD_OUT.min(corpus.test.len())];
    let device = generator.device();
    let (rows, x) = (held_out.len(), corpus.encode(held_out, &device));
    let starts = if matches!(start, Start::Noise(_)) { STARTS } else { 1 };
    let mut masses = Vec::with_capacity(starts);
    for _ in 0..starts {
        masses.push(generator.log_prob(start.rows(rows, noise, &device), x.clone()));
        watch.done(rows)?;
    }
    let masses = Tensor::stack::<2>(masses, 1);
    let most = masses.clone().max_dim(1);
    let mean = (masses - most.clone()).exp().mean_dim(1).log() + most;
    Ok(Mean::of_all(&mean.neg().into_data().iter::<f64>().collect::<Vec<_>>()))
}

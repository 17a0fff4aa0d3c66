//! Log-probabilities of sampled sequences, with a gradient.

use super::next::NextTokens;
use super::states::indices;
use super::{Prefix, Sequence, Sequences, States};
use crate::Error;
use crate::tensor::at_least_single;
use burn::tensor::{Int, Tensor, activation};
use std::ops::Range;

/// Log-probabilities in nats of the tokens of sampled sequences under a model, with the model's gradient.
///
/// The model reads each sequence from the start, all of them at once, in as many calls as the longest has tokens; `step`
/// and `start` are those of [`Sampler`](super::Sampler). Masked tokens get no gradient.
///
/// # Shapes
/// `[B, S, L]`, 0 where there is no token: the sum over the last axis is each sequence's log-probability `[B, S]`.
///
/// # Errors
/// Logits that are NaN or `+inf`, or all `-inf`; no row, or no sequence.
///
/// # Panics
/// If the number of `rows` differs from that of the sequences, or `step` does not return one row of logits for each prefix.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, sequence::{Prefix, Sampler, token_log_probs}};
/// // One logit per token, the same after every prefix.
/// let logits = Tensor::<2>::from_floats([[0.0, 3f32.ln()]], &Device::flex().autodiff()).require_grad();
/// let step = |(), prefixes: &[Prefix<'_>]| (logits.clone().repeat_dim(0, prefixes.len()), ());
/// let drawn = Sampler::new(5)?.independent(0..1, 1, (), step, &mut Noise::from_seed(1))?;
/// let log_probs = token_log_probs(&drawn, 0..1, (), step)?;
/// let total = log_probs.clone().inner().sum().into_scalar::<f32>();
/// assert!((f64::from(total) - drawn.rows()[0][0].log_prob).abs() < 1e-5);
/// let ones = drawn.rows()[0][0].tokens.iter().sum::<usize>() as f32;
/// let gradient = logits.grad(&log_probs.sum().backward()).expect("a gradient");
/// assert!((gradient.narrow(1, 1, 1).into_scalar::<f32>() - (ones - 5.0 * 0.75)).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "teacher forcing")]
pub fn token_log_probs<S: States>(
    sequences: &Sequences,
    rows: Range<usize>,
    start: S,
    mut step: impl FnMut(S, &[Prefix<'_>]) -> (Tensor<2>, S),
) -> Result<Tensor<3>, Error> {
    let counts = (rows.len(), sequences.rows().len());
    assert_eq!(counts.0, counts.1, "{} rows for sequences of {} rows", counts.0, counts.1);
    let mut reading = Reading::new(sequences, rows.start)?;
    let mut states = start.select(&reading.rows());
    for at in 0..sequences.length() {
        let prefixes = reading.prefixes(at);
        let (logits, after) = step(states, &prefixes);
        NextTokens::of(&logits, &prefixes, None)?;
        states = after.select(&reading.read(at, logits));
    }
    Ok(reading.finished())
}

/// Sequences, as far as they have been read.
struct Reading<'a> {
    sequences: &'a Sequences,
    first: usize,
    /// Those with tokens left, with their places in `[B, S]`.
    open: Vec<(usize, &'a Sequence)>,
    /// The log-probabilities of all tokens that have been read.
    pieces: Vec<Tensor<1>>,
    /// Where they are in that list, `[B, S, L]`. The first is a zero, for what is absent.
    found: Vec<usize>,
    count: usize,
}

impl<'a> Reading<'a> {
    fn new(sequences: &'a Sequences, first: usize) -> Result<Self, Error> {
        let open: Vec<_> = sequences.all().collect();
        if open.is_empty() {
            return Err(Error::parameter("token_log_probs", "sequences", "at least 1", 0));
        }
        let found = vec![0; sequences.count() * sequences.length()];
        Ok(Self { sequences, first, open, pieces: Vec::new(), found, count: 1 })
    }

    /// The row of each open sequence, counted from 0.
    fn rows(&self) -> Vec<usize> {
        self.open.iter().map(|(place, _)| place / self.sequences.samples()).collect()
    }

    /// The first `length` tokens of each open sequence.
    fn prefixes(&self, length: usize) -> Vec<Prefix<'a>> {
        let prefixes = self.rows().into_iter().zip(&self.open);
        prefixes
            .map(|(row, (_, of))| Prefix { row: self.first + row, tokens: &of.tokens[..length] })
            .collect()
    }

    /// Takes the log-probability of token number `at` of each open sequence. Returns which of them stay open.
    fn read(&mut self, at: usize, logits: Tensor<2>) -> Vec<usize> {
        let tokens: Vec<usize> = self.open.iter().map(|(_, sequence)| sequence.tokens[at]).collect();
        self.pieces.push(picked(logits, &tokens));
        let length = self.sequences.length();
        for (place, _) in &self.open {
            self.found[place * length + at] = self.count;
            self.count += 1;
        }
        let left =
            (0..self.open.len()).filter(|&of| self.open[of].1.tokens.len() > at + 1).collect::<Vec<_>>();
        self.open = left.iter().map(|&of| self.open[of]).collect();
        left
    }

    fn finished(mut self) -> Tensor<3> {
        self.pieces.insert(0, self.pieces[0].clone().narrow(0, 0, 1).zeros_like());
        let flat = Tensor::cat(self.pieces, 0);
        let places = indices(&self.found, &flat);
        flat.select(0, places).reshape(self.sequences.shape())
    }
}

/// The log-probability of one token in each row of logits, `[N, K]` to `[N]`.
fn picked(logits: Tensor<2>, tokens: &[usize]) -> Tensor<1> {
    let log_p = activation::log_softmax(at_least_single(logits), 1);
    let tokens: Tensor<2, Int> = indices(tokens, &log_p).unsqueeze_dim(1);
    log_p.gather(1, tokens).squeeze_dim(1)
}

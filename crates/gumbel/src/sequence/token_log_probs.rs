//! Log-probabilities of sampled sequences, with a gradient.

use super::next::NextTokens;
use super::states::indices;
use super::{Prefix, Sequences, States};
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
/// If `rows` are not as many as the sequences have, or `step` does not return one row of logits for each prefix.
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
    let all: Vec<_> = sequences.all().collect();
    if all.is_empty() {
        return Err(Error::parameter("token_log_probs", "sequences", "at least 1", 0));
    }
    let row = |place: usize| place / sequences.samples();
    let [.., length] = sequences.shape();
    let mut states = start.select(&all.iter().map(|&(place, _)| row(place)).collect::<Vec<_>>());
    let mut open: Vec<usize> = (0..all.len()).collect();
    let (mut pieces, mut found) = (Vec::new(), vec![0; sequences.count() * length]);
    let mut count = 1;
    for at in 0..length {
        let tokens = |&of: &usize| &all[of].1.tokens;
        let prefix = |of: &usize| Prefix { row: rows.start + row(all[*of].0), tokens: &tokens(of)[..at] };
        let prefixes: Vec<Prefix<'_>> = open.iter().map(prefix).collect();
        let (logits, after) = step(states, &prefixes);
        NextTokens::of(&logits, &prefixes, None)?;
        pieces.push(picked(logits, &open.iter().map(|of| tokens(of)[at]).collect::<Vec<_>>()));
        for &of in &open {
            found[all[of].0 * length + at] = count;
            count += 1;
        }
        let left: Vec<usize> = (0..open.len()).filter(|&of| tokens(&open[of]).len() > at + 1).collect();
        open = left.iter().map(|&of| open[of]).collect();
        states = after.select(&left);
    }
    // What is absent is the first of all numbers, a zero.
    pieces.insert(0, pieces[0].clone().narrow(0, 0, 1).zeros_like());
    let flat = Tensor::cat(pieces, 0);
    let places = indices(&found, &flat);
    Ok(flat.select(0, places).reshape(sequences.shape()))
}

/// The log-probability of one token in each row of logits, `[N, K]` to `[N]`.
fn picked(logits: Tensor<2>, tokens: &[usize]) -> Tensor<1> {
    let log_p = activation::log_softmax(at_least_single(logits), 1);
    let tokens: Tensor<2, Int> = indices(tokens, &log_p).unsqueeze_dim(1);
    log_p.gather(1, tokens).squeeze_dim(1)
}

//! Sampling from a model that gives the logits of the next token.

use super::ancestral::Ancestral;
use super::frontier::Frontier;
use super::next::NextTokens;
use super::{DistinctSequences, Prefix, Sequences, States};
use crate::checked::at_least_one;
use crate::{Error, Noise};
use burn::tensor::Tensor;
use std::ops::Range;

const OWNER: &str = "sequence sampler";

/// Samples sequences from a model of the next token: independent ones, or distinct ones without replacement.
///
/// The model is a closure `step`, from the states of N prefixes and these prefixes to the logits `[N, K]` of the next token
/// and the states afterwards. The state of a prefix is the one that `step` returned for the prefix without its last
/// token; for the empty prefix it is from `start`, which has one state for each row. A logit of `-inf` masks a token.
///
/// A sequence ends with the end token, if there is one, or at the maximum length.
///
/// # Noise
/// A call advances `noise` by one fork, whatever it draws. The noise of a node of the tree of prefixes is a function of that
/// fork, the row's number and the tokens of the prefix. So the sequences of a row depend neither on the other rows nor
/// on threads: `0..8` gives the same as `0..3` and `3..8` from equal noise. Distinct sequences do not depend on the
/// [width](Self::with_width) either, and the first of many are those that fewer would be. This holds bit for bit if
/// the logits of a prefix do not depend on the batch it is in; a matrix product may round differently in another batch.
///
/// # Shapes
/// Logits `[N, K]`, one row for each prefix, on any device; K may differ from call to call. Everything else is computed on
/// the host in double precision.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, sequence::{Prefix, Sampler}};
/// // Token 1 is twice as probable as 0, and the first token is repeated: 00 and 11.
/// let step = |(), prefixes: &[Prefix<'_>]| {
///     let logits = prefixes.iter().flat_map(|prefix| match prefix.last() {
///         None => [0.0, 2f32.ln()],
///         Some(0) => [0.0, f32::NEG_INFINITY],
///         Some(_) => [f32::NEG_INFINITY, 0.0],
///     });
///     let logits = Tensor::<1>::from_floats(logits.collect::<Vec<_>>().as_slice(), &Device::flex());
///     (logits.reshape([prefixes.len(), 2]), ())
/// };
/// let sampler = Sampler::new(2)?;
/// let drawn = sampler.distinct(0..1, 5, (), step, &mut Noise::from_seed(1))?;
/// let sequences = &drawn.sequences().rows()[0];
/// assert_eq!(sequences.len(), 2); // there are no others
/// let ones = sequences.iter().find(|sequence| sequence.tokens == [1, 1]).expect("both");
/// assert!((ones.log_prob.exp() - 2.0 / 3.0).abs() < 1e-7); // the logits are in single precision
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "stochastic beam search")]
#[doc(alias = "ancestral sampling")]
#[doc(alias = "decoding")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    max_length: usize,
    end: Option<usize>,
    width: usize,
}

impl Sampler {
    /// Of sequences of at most this many tokens, and of exactly as many without an end token.
    ///
    /// # Errors
    /// A length of zero.
    pub fn new(max_length: usize) -> Result<Self, Error> {
        at_least_one(OWNER, "max_length", max_length)?;
        Ok(Self { max_length, end: None, width: usize::MAX })
    }

    /// With a token that ends a sequence and belongs to it.
    #[must_use]
    pub fn with_end(self, end: usize) -> Self {
        Self { end: Some(end), ..self }
    }

    /// With at most this many prefixes of a row in one call of the model while distinct sequences are drawn. It is
    /// Kool et al.'s m. At 1 the search reads one prefix at a time, and the fewest in all. The default is the number of
    /// sequences: the stochastic beam search, which makes the fewest calls. The sequences are the same.
    ///
    /// # Errors
    /// A width of zero.
    pub fn with_width(self, width: usize) -> Result<Self, Error> {
        at_least_one(OWNER, "width", width)?;
        Ok(Self { width, ..self })
    }

    /// Draws S independent sequences for each row, with replacement.
    ///
    /// # Errors
    /// No samples; logits that are NaN or `+inf`, or all `-inf`; an end token that is no token.
    ///
    /// # Panics
    /// If `step` does not return one row of logits for each prefix.
    pub fn independent<S: States>(
        &self,
        rows: Range<usize>,
        samples: usize,
        start: S,
        mut step: impl FnMut(S, &[Prefix<'_>]) -> (Tensor<2>, S),
        noise: &mut Noise,
    ) -> Result<Sequences, Error> {
        at_least_one(OWNER, "samples", samples)?;
        let mut draw = Ancestral::new(rows, samples, noise.fork().stream());
        let mut states = start.select(&draw.rows());
        loop {
            let prefixes = draw.prefixes();
            if prefixes.is_empty() {
                return Ok(draw.finished());
            }
            let (logits, after) = step(states, &prefixes);
            let next = NextTokens::of(&logits, &prefixes, self.end)?;
            states = after.select(&draw.extend(&next, |length, token| self.complete(length, token)));
        }
    }

    /// Draws S distinct sequences for each row, without replacement: the S that have the largest perturbed
    /// log-probabilities, in decreasing order. A row that has fewer sequences gets all of them.
    ///
    /// The order is that of drawing them one after the other, each in proportion to its probability among those left.
    /// Kool, van Hoof and Welling 2019, "Stochastic Beams and Where To Find Them", algorithm 1, and Kool, van Hoof and
    /// Welling 2020, "Ancestral Gumbel-Top-k Sampling for Sampling Without Replacement". Only prefixes that may lead
    /// to one of the S are read, and no others are needed for the threshold κ.
    ///
    /// # Errors
    /// Those of [`independent`](Self::independent).
    ///
    /// # Panics
    /// Those of [`independent`](Self::independent).
    #[doc(alias = "gumbel top-k")]
    pub fn distinct<S: States>(
        &self,
        rows: Range<usize>,
        samples: usize,
        start: S,
        mut step: impl FnMut(S, &[Prefix<'_>]) -> (Tensor<2>, S),
        noise: &mut Noise,
    ) -> Result<DistinctSequences, Error> {
        at_least_one(OWNER, "samples", samples)?;
        let stream = noise.fork().stream();
        let frontier =
            |(place, row): (usize, usize)| Frontier::new(row, place, samples, stream.split(row as u64));
        let mut search = Search {
            frontiers: rows.clone().enumerate().map(frontier).collect(),
            states: start,
            known: rows.len(),
            calls: 0,
            prefixes: 0,
        };
        while search.advance(self, samples, &mut step)? {}
        Ok(DistinctSequences::new(search.frontiers, samples, [search.calls, search.prefixes]))
    }

    fn complete(&self, length: usize, token: usize) -> bool {
        length == self.max_length || self.end == Some(token)
    }
}

/// The searches of all rows, which share the calls of the model.
struct Search<S> {
    frontiers: Vec<Frontier>,
    /// The states of all open nodes, and of some that are not.
    states: S,
    /// How many states these are.
    known: usize,
    calls: usize,
    prefixes: usize,
}

impl<S: States> Search<S> {
    /// Calls the model once, unless every sequence is complete.
    fn advance(
        &mut self,
        sampler: &Sampler,
        samples: usize,
        step: &mut impl FnMut(S, &[Prefix<'_>]) -> (Tensor<2>, S),
    ) -> Result<bool, Error> {
        let width = sampler.width.min(samples);
        let open: Vec<Vec<usize>> = self.frontiers.iter().map(|frontier| frontier.open(width)).collect();
        let expanded =
            || self.frontiers.iter().zip(&open).flat_map(|(of, open)| open.iter().map(move |&at| (of, at)));
        let prefixes: Vec<Prefix<'_>> = expanded().map(|(of, at)| of.prefix(at)).collect();
        if prefixes.is_empty() {
            return Ok(false);
        }
        let places: Vec<usize> = expanded().filter_map(|(of, at)| of.nodes[at].state).collect();
        let (logits, after) = step(self.states.select(&places), &prefixes);
        let next = NextTokens::of(&logits, &prefixes, sampler.end)?;
        let (mut log_p, mut first) = (next.rows(), self.known);
        self.calls += 1;
        self.prefixes += places.len();
        for (frontier, open) in self.frontiers.iter_mut().zip(&open) {
            let complete = |length, token| sampler.complete(length, token);
            frontier.expand(open, log_p.by_ref().take(open.len()), first, complete);
            first += open.len();
        }
        self.keep(after, places.len());
        Ok(true)
    }

    /// Keeps the states that open nodes still need, of the old ones and of `count` that come after them.
    fn keep(&mut self, after: S, count: usize) {
        let nodes = self.frontiers.iter_mut().flat_map(|frontier| &mut frontier.nodes);
        let mut needed: Vec<&mut usize> = nodes.filter_map(|node| node.state.as_mut()).collect();
        let places: Vec<usize> = needed.iter().map(|place| **place).collect();
        needed.iter_mut().enumerate().for_each(|(new, place)| **place = new);
        let known = std::mem::replace(&mut self.known, places.len());
        self.states = if places.iter().all(|&place| place >= known) {
            after.select(&places.iter().map(|place| place - known).collect::<Vec<_>>())
        } else {
            self.states.select(&(0..known).collect::<Vec<_>>()).join(after).select(&places)
        };
        debug_assert!(places.iter().all(|&place| place < known + count));
    }
}

//! A gate with its parameters: from logits to a routing.

use super::choice::Choice;
use super::options::{Capacity, Gate, Priority, Weighting};
use super::routed::{Parts, Probabilities, Routing, Sampled};
use super::scores::{Prepared, Scores};
use super::{capacity, choice, noisy, weights};
use crate::tensor::{numbers, over};
use crate::{Error, Noise, subset};
use burn::tensor::Tensor;
use gumbel_kernels::check_temperature;
use serde::{Deserialize, Serialize};

/// A gate with its parameters: everything that decides a routing but the logits.
///
/// # Shapes
/// [`train`](Self::train) and [`evaluate`](Self::evaluate) take logits `[T, E]` in [`Scores`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::routing::{Gate, Gating, Scores, Weighting};
/// let logits = Tensor::<2>::from_floats([[0.0, 3.0, 1.0, 2.0]], &Device::flex());
/// let gating = Gating::new(Gate::GumbelTopK(Weighting::Chosen), 2);
/// let sampled = gating.train(Scores::new(logits.clone()), &mut Noise::from_seed(1))?;
/// assert_eq!(sampled.indices.dims(), [1, 2]);
/// let best = gating.evaluate(Scores::new(logits))?;
/// assert_eq!(best.indices.into_data().convert::<i64>().try_to_vec::<i64>().unwrap(), [1, 3]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gating {
    /// How experts are chosen.
    pub gate: Gate,
    /// Experts per token; their mean number under expert choice.
    pub k: usize,
    /// The capacity of an expert in training.
    pub capacity: Capacity,
    /// The capacity of an expert in evaluation.
    pub eval_capacity: Capacity,
    /// Who is dropped beyond it.
    pub priority: Priority,
}

impl Gating {
    /// A gate for `k` experts per token, with unlimited capacity.
    pub fn new(gate: Gate, k: usize) -> Self {
        let (capacity, priority) = (Capacity::Unlimited, Priority::TokenOrder);
        Self { gate, k, capacity, eval_capacity: capacity, priority }
    }

    /// The same with a capacity in training.
    #[must_use]
    pub fn with_capacity(self, capacity: Capacity) -> Self {
        Self { capacity, ..self }
    }

    /// The same with a capacity in evaluation.
    #[must_use]
    pub fn with_eval_capacity(self, eval_capacity: Capacity) -> Self {
        Self { eval_capacity, ..self }
    }

    /// The same with another order in which an expert takes tokens.
    #[must_use]
    pub fn with_priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// Routes tokens in training: with noise where the gate has some, and the training capacity.
    ///
    /// One number of the noise per logit is used by the gates that have noise.
    ///
    /// # Errors
    /// Those of [`evaluate`](Self::evaluate); a scale of the noise that is missing with [`Gate::NoisyTopK`], or not
    /// positive and finite.
    pub fn train(&self, scores: Scores, noise: &mut Noise) -> Result<Routing, Error> {
        let scores = self.prepared(scores)?;
        let limit = capacity::tokens(self.capacity, &scores, self.k);
        match self.gate {
            Gate::TopK(_) | Gate::ExpertChoice => Ok(self.deterministic(scores, limit)),
            Gate::NoisyTopK(weighting) => self.noisy(scores, weighting, noise, limit),
            Gate::GumbelTopK(weighting) => {
                let choice = self.without_replacement(&scores, noise)?;
                let sampled = Sampled::InOrder(scores.biased());
                let logits = scores.logits.clone();
                Ok(self.weighted(scores, logits, choice, weighting).sampled(sampled).within(limit))
            }
            Gate::Simple => {
                let biased = scores.biased();
                let z = subset::straight_through_k_hot(biased.clone(), self.k, noise)?;
                let choice = Choice::from_hot(&scores, &numbers(z.clone()), self.k);
                Ok(self.equal(scores, choice, z).sampled(Sampled::Subset(biased)).within(limit))
            }
            Gate::StraightThrough { tau } => {
                let biased = scores.biased();
                let z = subset::straight_through_top_k(biased.clone(), self.k, tau, &mut noise.clone())?;
                let choice = self.without_replacement(&scores, noise)?;
                Ok(self.equal(scores, choice, z).sampled(Sampled::InOrder(biased)).within(limit))
            }
        }
    }

    /// Routes tokens without noise, with the capacity of evaluation: to the largest logits, or as the experts choose.
    ///
    /// # Errors
    /// `k` is zero or larger than E, or than the number of unmasked experts of a token that is not padding; a logit of
    /// such a token is NaN or `+inf`; a capacity of zero, or a factor or temperature that is not positive and finite; a
    /// bias that is not finite, or any with expert choice.
    ///
    /// # Panics
    /// If masks, bias or noise scale do not have the shapes that [`Scores`] names.
    pub fn evaluate(&self, scores: Scores) -> Result<Routing, Error> {
        let scores = self.prepared(scores)?;
        let limit = capacity::tokens(self.eval_capacity, &scores, self.k);
        Ok(self.deterministic(scores, limit))
    }

    /// Checks the parameters for a number of experts.
    pub(super) fn check(&self, experts: usize) -> Result<(), Error> {
        let range = format!("from 1 to the number of experts, {experts}");
        if self.k == 0 || self.k > experts {
            return Err(Error::parameter("router", "k", range, self.k));
        }
        if let Gate::StraightThrough { tau } = self.gate {
            check_temperature(tau)?;
        }
        capacity::check(self.capacity)?;
        capacity::check(self.eval_capacity)
    }

    fn prepared(&self, scores: Scores) -> Result<Prepared, Error> {
        self.check(scores.logits.dims()[1])?;
        let least = if self.gate == Gate::ExpertChoice { 1 } else { self.k };
        self.check_bias(scores.bias.is_some())?;
        scores.prepared(least)
    }

    /// Rejects a bias for a gate that has none.
    pub(super) fn check_bias(&self, bias: bool) -> Result<(), Error> {
        if bias && self.gate == Gate::ExpertChoice {
            let expected = "absent with expert choice, whose load is even";
            return Err(Error::parameter("router", "bias", expected, "a bias"));
        }
        Ok(())
    }

    fn deterministic(&self, scores: Prepared, limit: Option<usize>) -> Routing {
        let logits = scores.logits.clone();
        match self.gate {
            Gate::TopK(weighting) | Gate::NoisyTopK(weighting) => {
                let choice = choice::by_tokens(&scores, &scores.values, self.k, weighting);
                self.weighted(scores, logits, choice, weighting).within(limit)
            }
            Gate::GumbelTopK(weighting) => {
                let choice = self.most_probable(&scores);
                self.weighted(scores, logits, choice, weighting).within(limit)
            }
            Gate::Simple | Gate::StraightThrough { .. } => {
                let choice = self.most_probable(&scores);
                let hot = choice.hot(&scores);
                self.equal(scores, choice, hot).within(limit)
            }
            Gate::ExpertChoice => {
                let limit = limit.unwrap_or_else(|| capacity::even(1.0, &scores, self.k));
                let shares = weights::softmax(logits);
                let choice = choice::by_experts(&scores, &numbers(shares.clone()), limit);
                let sparse = choice.only_chosen(&scores, shares.clone());
                self.parts(scores, choice, sparse, shares.clone(), Probabilities::Shares(shares)).within(None)
            }
        }
    }

    fn noisy(
        &self,
        scores: Prepared,
        weighting: Weighting,
        noise: &mut Noise,
        limit: Option<usize>,
    ) -> Result<Routing, Error> {
        let noisy = noisy::perturbed(&scores, noise)?;
        let choice = choice::by_tokens(&scores, &numbers(noisy.clone()), self.k, weighting);
        // With a bias it would be the load of another choice.
        let smooth_load = match scores.bias {
            None => Some(noisy::load_probabilities(&scores, &noisy, self.k)?),
            Some(_) => None,
        };
        let mut routing = self.weighted(scores, noisy, choice, weighting).within(limit);
        routing.smooth_load = smooth_load;
        Ok(routing)
    }

    /// What a gate that samples draws most often: its bias is one of the logits.
    fn most_probable(&self, scores: &Prepared) -> Choice {
        choice::by_logits(scores, &numbers(scores.biased()), self.k)
    }

    fn without_replacement(&self, scores: &Prepared, noise: &mut Noise) -> Result<Choice, Error> {
        let order = subset::gumbel_top_k(scores.biased(), self.k, noise)?;
        Ok(Choice::from_order(scores, &numbers(order.float()), self.k))
    }

    /// Weights of logits that may be perturbed.
    fn weighted(&self, scores: Prepared, logits: Tensor<2>, choice: Choice, weighting: Weighting) -> Parts {
        let weights::Weights { sparse, shares } = weights::of(&scores, logits, &choice, weighting);
        self.parts(scores, choice, sparse, shares.clone(), Probabilities::Shares(shares))
    }

    /// Weights of 1/k with the gradient of `z`.
    fn equal(&self, scores: Prepared, choice: Choice, z: Tensor<2>) -> Parts {
        let dense = over(z, self.k as f64);
        let sparse = choice.only_chosen(&scores, dense.clone());
        let probabilities = match self.gate {
            Gate::Simple => Probabilities::Marginals(scores.biased()),
            _ => Probabilities::Shares(weights::softmax(scores.logits.clone())),
        };
        self.parts(scores, choice, sparse, dense, probabilities)
    }

    fn parts(
        &self,
        scores: Prepared,
        choice: Choice,
        sparse: Tensor<2>,
        dense: Tensor<2>,
        probabilities: Probabilities,
    ) -> Parts {
        let (k, priority, sampled) = (self.k, self.priority, Sampled::No);
        Parts { k, priority, sampled, scores, choice, sparse, dense, probabilities }
    }
}

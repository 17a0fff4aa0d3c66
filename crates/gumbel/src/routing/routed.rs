//! What a gate returns.

use super::capacity;
use super::choice::Choice;
use super::losses::{cv_squared, squared_log_partition, switch_loss};
use super::options::Priority;
use super::scores::Prepared;
use crate::subset;
use crate::tensor::{attach, numbers, over};
use burn::tensor::{Int, Tensor, TensorData, activation};

/// Where tokens go, with the weights of the experts that take them.
///
/// # Shapes
/// T tokens, E experts, k choices per token.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::routing::{Gate, Gating, Scores, Weighting};
/// let device = Device::flex();
/// let logits = Tensor::<2>::from_floats([[2.0, 0.0, 1.0], [3.0, 0.0, 0.0]], &device);
/// let routing = Gating::new(Gate::TopK(Weighting::Chosen), 2).evaluate(Scores::new(logits))?;
/// assert_eq!(routing.load, [2, 1, 1]);
/// // Expert e multiplies its tokens by e + 1.
/// let x = Tensor::<2>::ones([2, 1], &device);
/// let y = routing.mix(x, |expert, tokens| tokens * (expert + 1) as f32);
/// let first = y.slice([0..1, 0..1]).into_scalar::<f32>();
/// assert!((first - 1.5379).abs() < 1e-4); // 1 + 2 σ(1 − 2)
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Routing {
    /// `[T, k]`: the experts of each token, its first choice first. Under expert choice `[E, C]`: the tokens of each
    /// expert. 0, with a weight of zero, for padding and for a slot that stays empty.
    pub indices: Tensor<2, Int>,
    /// The weights of [`indices`](Self::indices), in their shape, with gradients; 0 for what was dropped. The other
    /// weights of a token are not changed by that.
    pub weights: Tensor<2>,
    /// `[T, E]`: the same weights by token and expert, 0 elsewhere. The gradient reaches the weights of the experts that
    /// take the token, and no others.
    pub combine: Tensor<2>,
    /// `[E]`: the tokens that each expert takes.
    pub load: Vec<usize>,
    /// `[E]`: the tokens that chose each expert, before some were dropped.
    pub demand: Vec<usize>,
    /// The pairs of a token and an expert that were dropped: demand minus load.
    pub dropped: usize,
    /// The tokens, other than padding, that no expert takes.
    pub unrouted: usize,
    /// `[T, E]`, with noisy top-k in training and no bias: the probability that an expert is chosen if its noise alone
    /// were drawn anew, which is differentiable (Shazeer et al. 2017, appendix A).
    pub smooth_load: Option<Tensor<2>>,
    taken: Vec<Vec<usize>>,
    parts: Parts,
}

/// What a gate decided, before the capacity.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub k: usize,
    pub priority: Priority,
    pub scores: Prepared,
    pub choice: Choice,
    /// `[T, E]`, zero where there is no pair.
    pub sparse: Tensor<2>,
    /// `[T, E]`: what the dense gradient is that of.
    pub dense: Tensor<2>,
    pub probabilities: Probabilities,
    pub sampled: Sampled,
}

/// Probabilities of experts, which sum to one.
#[derive(Clone, Debug)]
pub(super) enum Probabilities {
    Shares(Tensor<2>),
    /// Inclusion probabilities for these logits, divided by k.
    Marginals(Tensor<2>),
}

/// The logits from which a choice was sampled.
#[derive(Clone, Debug)]
pub(super) enum Sampled {
    No,
    InOrder(Tensor<2>),
    Subset(Tensor<2>),
}

impl Parts {
    pub fn sampled(self, sampled: Sampled) -> Self {
        Self { sampled, ..self }
    }

    /// The routing, with at most `limit` tokens per expert.
    pub fn within(self, limit: Option<usize>) -> Routing {
        let Self { scores, choice, .. } = &self;
        let demand = choice.counts(scores.experts());
        let kept = match limit.filter(|limit| demand.iter().any(|demand| demand > limit)) {
            Some(limit) => {
                capacity::kept(choice, scores.experts(), limit, self.priority, &self.pair_weights())
            }
            None => vec![true; choice.pairs.len()],
        };
        let mut taken = vec![Vec::new(); scores.experts()];
        let mut routed = vec![false; scores.tokens()];
        for (pair, _) in choice.pairs.iter().zip(&kept).filter(|(_, kept)| **kept) {
            taken[pair.expert].push(pair.token);
            routed[pair.token] = true;
        }
        taken.iter_mut().for_each(|tokens| tokens.sort_unstable());
        let others = choice.mask(scores, |at| kept[at]).bool_not();
        let combine = self.sparse.clone().mask_fill(others, 0.0);
        Routing {
            indices: choice.indices(scores),
            weights: self.in_slots(&combine),
            combine,
            dropped: kept.iter().filter(|kept| !**kept).count(),
            unrouted: scores.count() - routed.iter().filter(|routed| **routed).count(),
            load: taken.iter().map(Vec::len).collect(),
            demand,
            smooth_load: None,
            taken,
            parts: self,
        }
    }

    /// The weights of the pairs on the host, where they decide; else nothing is read.
    fn pair_weights(&self) -> Vec<f64> {
        if self.priority == Priority::TokenOrder {
            return Vec::new();
        }
        let (weights, experts) = (numbers(self.sparse.clone()), self.scores.experts());
        self.choice.pairs.iter().map(|pair| weights[pair.token * experts + pair.expert]).collect()
    }

    /// Weights `[T, E]` in the shape of the indices.
    fn in_slots(&self, combine: &Tensor<2>) -> Tensor<2> {
        let Self { scores, choice, .. } = self;
        let slots = choice.shape[0] * choice.shape[1];
        if slots == 0 {
            return Tensor::zeros(choice.shape, (&combine.device(), combine.dtype()));
        }
        let (mut cells, mut empty) = (vec![0; slots], vec![true; slots]);
        for pair in &choice.pairs {
            let slot = choice.slot(pair);
            cells[slot] = (pair.token * scores.experts() + pair.expert) as i64;
            empty[slot] = false;
        }
        let device = combine.device();
        let cells = Tensor::from_data(TensorData::new(cells, [slots]), &device);
        let empty = Tensor::from_data(TensorData::new(empty, [slots]), &device);
        let weights = combine.clone().flatten::<1>(0, 1).select(0, cells).mask_fill(empty, 0.0);
        weights.reshape(choice.shape)
    }
}

impl Routing {
    /// The tokens that an expert takes, in their order.
    ///
    /// # Shapes
    /// As many as the `load` of the expert, from 0 to T − 1.
    ///
    /// # Panics
    /// If there is no such expert.
    pub fn tokens_of(&self, expert: usize) -> &[usize] {
        &self.taken[expert]
    }

    /// The tokens that could go to an expert and do not: neither it nor they are masked.
    pub(super) fn idle_tokens_of(&self, expert: usize) -> Vec<usize> {
        let (scores, taken) = (&self.parts.scores, self.tokens_of(expert));
        let open = scores.open_tokens(expert);
        open.filter(|token| taken.binary_search(token).is_err()).collect()
    }

    /// The weights `[T, E]` with the dense gradient: the value is [`combine`](Self::combine), the gradient that of the
    /// same gate if every expert were chosen (k = E).
    ///
    /// ```text
    /// ∂combine/∂θ := ∂w/∂θ,   w = softmax(θ), or σ(θ) / Σ σ(θ) with sigmoid weights
    /// ```
    ///
    /// DenseMixer (Yao et al. 2025), straight-through for the choice. With [`Gate::Simple`](super::Gate::Simple) and
    /// [`Gate::StraightThrough`](super::Gate::StraightThrough), w is what those gates differentiate. The outputs of **all**
    /// experts multiply it, as in [`mix_dense`](Self::mix_dense). DenseMixer's own code divides by the sum of the chosen
    /// probabilities where weights are normalised; for [`Weighting::All`](super::Weighting::All) both are the same.
    pub fn combine_dense(&self) -> Tensor<2> {
        let dense = self.parts.scores.fill_padding(self.parts.dense.clone(), 0.0);
        attach(self.combine.clone().detach(), dense)
    }

    /// The probabilities `[T, E]` of experts, with gradients; a row sums to 1, or to 0 for padding.
    ///
    /// The softmax of the logits, with their noise if the gate adds it; with sigmoid weights `σ(θ) / Σ σ(θ)`; with SIMPLE
    /// the inclusion probabilities divided by k.
    pub fn probabilities(&self) -> Tensor<2> {
        let probabilities = match &self.parts.probabilities {
            Probabilities::Shares(shares) => shares.clone(),
            Probabilities::Marginals(logits) => {
                let k = self.parts.k;
                let marginals = subset::marginals(logits.clone(), k).expect("the logits were checked");
                over(marginals, k as f64)
            }
        };
        self.parts.scores.fill_padding(probabilities, 0.0)
    }

    /// The [`switch_loss`] `[1]` of the probabilities and of the choices before some were dropped. 1 if both are even.
    pub fn switch_loss(&self) -> Tensor<1> {
        let chosen = self.parts.choice.hot(&self.parts.scores).detach();
        switch_loss(self.probabilities(), chosen)
    }

    /// The loss of importance `[1]`: [`cv_squared`] of each expert's sum of weights, before tokens were dropped (Shazeer et
    /// al. 2017, equations 6 and 7).
    pub fn importance_loss(&self) -> Tensor<1> {
        cv_squared(self.parts.sparse.clone().sum_dim(0).flatten(0, 1))
    }

    /// The loss of load `[1]`: [`cv_squared`] of the sums of [`smooth_load`](Self::smooth_load) (Shazeer et al. 2017,
    /// equations 10 and 11); `None` where there is none.
    pub fn load_loss(&self) -> Option<Tensor<1>> {
        Some(cv_squared(self.smooth_load.clone()?.sum_dim(0).flatten(0, 1)))
    }

    /// The [`z_loss`](super::z_loss) `[1]` of the logits without noise, over the tokens that are not padding; 0 without
    /// any.
    pub fn z_loss(&self) -> Tensor<1> {
        let scores = &self.parts.scores;
        let squares = scores.fill_padding(squared_log_partition(scores.logits.clone()), 0.0);
        over(squares.sum(), scores.count().max(1) as f64)
    }

    /// The log-probability `[T]` of the sampled choice in nats, with its gradient; 0 for padding. `None` if nothing was
    /// sampled, or by normal noise.
    ///
    /// ```text
    /// without replacement, in order:  Σⱼ θ_{iⱼ} − ln Σ over those not yet chosen of exp θ
    /// SIMPLE:                         Σ_{i ∈ S} θᵢ − A(θ)
    /// ```
    ///
    /// With it the gradient of any loss is unbiased: add `(loss − baseline).detach() · log_prob` for each token, where the
    /// baseline does not depend on its choice. For [`Gate::Simple`](super::Gate::Simple) and
    /// [`Gate::StraightThrough`](super::Gate::StraightThrough), whose weights have a gradient that stands for the same, compute the
    /// loss from `combine.detach()`.
    pub fn log_prob(&self) -> Option<Tensor<1>> {
        let Parts { scores, choice, sampled, k, .. } = &self.parts;
        let log_prob = match sampled {
            Sampled::No => return None,
            Sampled::InOrder(logits) => self.log_prob_in_order(logits.clone()),
            Sampled::Subset(logits) => subset::log_prob(logits.clone(), *k, choice.hot(scores).detach())
                .expect("the logits were checked"),
        };
        Some(scores.fill_padding(log_prob, 0.0).flatten(0, 1))
    }

    /// `[T, 1]`.
    fn log_prob_in_order(&self, logits: Tensor<2>) -> Tensor<2> {
        let Parts { scores, choice, k, .. } = &self.parts;
        let mut total = logits.clone().zeros_like().sum_dim(1);
        for rank in 0..*k {
            let gone = choice.mask(scores, |at| choice.pairs[at].rank < rank);
            let next = choice.mask(scores, |at| choice.pairs[at].rank == rank);
            let left = activation::log_softmax(logits.clone().mask_fill(gone, f32::NEG_INFINITY), 1);
            total = total + left.mask_fill(next.bool_not(), 0.0).sum_dim(1);
        }
        total
    }
}

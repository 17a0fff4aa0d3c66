//! The options of a gate.

use serde::{Deserialize, Serialize};

/// How experts are chosen. The table of [`routing`](crate::routing) compares the gates.
///
/// ```
/// use gumbel::routing::{Gate, Weighting};
/// let gate = Gate::StraightThrough { tau: 0.5 };
/// assert!(gate != Gate::TopK(Weighting::Chosen));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Gate {
    /// Each token goes to the k experts with its largest logits. No noise.
    TopK(Weighting),
    /// Each token goes to the k largest of `θ + σ ε`, ε standard normal and σ learned, and θ + σ ε replaces the logits
    /// in its weights (Shazeer et al. 2017, equations 3 to 5).
    NoisyTopK(Weighting),
    /// Each token draws k experts without replacement with probabilities `softmax(θ)`: the k largest of `θ + g`, g
    /// Gumbel noise. The weights are those of the logits without noise.
    GumbelTopK(Weighting),
    /// Each token draws a subset of k experts from the exponential family. The weights are 1/k, with the gradient of the
    /// inclusion probabilities (SIMPLE, Ahmed et al. 2023).
    Simple,
    /// Each token draws k experts as [`GumbelTopK`](Self::GumbelTopK) does. The weights are 1/k, with the gradient of the
    /// relaxed sample at a temperature (Xie and Ermon 2019).
    StraightThrough {
        /// The temperature, positive and finite.
        tau: f64,
    },
    /// Each expert takes the tokens that have the largest `softmax(θ)` for it, k experts per token on average (Zhou et
    /// al. 2022). No noise. A token's experts depend on the other tokens of the batch, on later ones too.
    ExpertChoice,
}

/// The weights of the chosen experts of a token.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::routing::{Gate, Gating, Scores, Weighting};
/// let logits = Tensor::<2>::from_floats([[2f32.ln(), 0.0, 0.0]], &Device::flex()); // a softmax of 1/2, 1/4, 1/4
/// let largest = |weighting| {
///     let routing = Gating::new(Gate::TopK(weighting), 2).evaluate(Scores::new(logits.clone()))?;
///     Ok::<_, gumbel::Error>(routing.weights.max().into_scalar::<f32>())
/// };
/// assert!((largest(Weighting::Chosen)? - 2.0 / 3.0).abs() < 1e-6);
/// assert!((largest(Weighting::All)? - 0.5).abs() < 1e-6);
/// assert!((largest(Weighting::Sigmoid)? - 4.0 / 7.0).abs() < 1e-6); // 2/3 and 1/2
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Weighting {
    /// The softmax over the chosen experts (Shazeer et al. 2017). They sum to 1. With k = 1 the weight is always 1: an
    /// objective then has no gradient in the logits, unless it is dense.
    Chosen,
    /// The softmax over all experts, of which the chosen keep theirs (Switch Transformer, Fedus et al. 2022). For k = 1.
    All,
    /// The logistic function of each logit, divided by its sum over the chosen experts (DeepSeek-V3). They sum to 1.
    Sigmoid,
}

/// The number of tokens that an expert takes at most.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::routing::{Capacity, Gate, Gating, Scores, Weighting};
/// let logits = Tensor::<2>::from_floats([[1.0, 0.0]; 8], &Device::flex()); // all prefer the first of two experts
/// let gating = Gating::new(Gate::TopK(Weighting::All), 1).with_eval_capacity(Capacity::Factor(1.25));
/// let routing = gating.evaluate(Scores::new(logits))?;
/// assert_eq!((routing.load, routing.dropped), (vec![5, 0], 3)); // 1.25 · 8 / 2
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Capacity {
    /// No limit: an expert takes every token that chooses it. Under expert choice, the same as a factor of 1.
    Unlimited,
    /// `⌈factor · T k / E⌉`, where T counts the tokens that are not padding: 1 fits an even load exactly.
    Factor(f64),
    /// This many, at least 1.
    Tokens(usize),
}

/// Who is dropped by an expert that more tokens choose than fit.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::routing::{Capacity, Gate, Gating, Priority, Scores, Weighting};
/// let logits = Tensor::<2>::from_floats([[1.0, 0.0], [2.0, 0.0]], &Device::flex());
/// let gating = Gating::new(Gate::TopK(Weighting::All), 1).with_eval_capacity(Capacity::Tokens(1));
/// let first = |gating: Gating| {
///     let routing = gating.evaluate(Scores::new(logits.clone()))?;
///     Ok::<_, gumbel::Error>(routing.tokens_of(0).to_vec())
/// };
/// assert_eq!(first(gating.clone())?, [0]);
/// assert_eq!(first(gating.with_priority(Priority::Weight))?, [1]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Priority {
    /// First choices go before second choices and so on; within them, tokens in their order (GShard, Switch).
    TokenOrder,
    /// The largest weights go first, whatever choice they are (after Riquelme et al. 2021); of equal ones, the first
    /// token.
    Weight,
}

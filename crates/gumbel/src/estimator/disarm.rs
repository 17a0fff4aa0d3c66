//! DisARM: the pairs of ARM, with the uniform noise averaged out given the pair.
//!
//! Dong, Mnih and Tucker 2020, section 3; the same as U2G (Yin, Ho, Yan, Qian and Zhou 2020).
//! ĝ = ½ (f(b) − f(b̃)) (b − b̃) σ(|ℓ|),   b = 1[u > 1 − p],   b̃ = 1[u < p],   p = σ(ℓ), coordinate by coordinate.
//! Unbiased. Cost: S evaluations of f (S / 2 pairs), none of ∇f. Sees: ℓ, f values.
//! Good for: the default for binary latents and a black box. Poor for: f dominated by a few of many latents (all
//! latents share one difference of f).
//! For a log-mean-exp of S samples each sample is replaced by its twin in turn (section 4), at 2S evaluations:
//! ĝ = ½ Σ_s (L(b) − L(b with b̃_s for b_s)) (b_s − b̃_s) σ(|ℓ|).
//! Choice: that is averaged with the same for the twins, which costs nothing more.

use super::arm::{PAIRED, pairs};
use super::parts::antithetic::{Pairs, halves};
use super::parts::binary;
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Reduction, Sample, Samples,
    Venue,
};
use crate::{Error, Noise};
use burn::tensor::{Tensor, activation};

pub(super) static INFO: Info = Info {
    name: "disarm",
    title: "antithetic pairs of bits",
    papers: &[DONG, YIN],
    place: "section 3",
    source: include_str!("disarm.rs"),
    serves: Latents::Binary,
    reductions: EITHER,
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[PAIRED],
    evaluations: Evaluations::SAMPLES,
    make: |given| Ok(Box::new(DisArm::new(given.read(&INFO, "samples")?)?)),
};

const DONG: Paper = Paper {
    key: "dong2020disarm",
    authors: "Zhe Dong and Andriy Mnih and George Tucker",
    title: "DisARM: An Antithetic Gradient Estimator for Binary Latent Variables",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2020,
};

const YIN: Paper = Paper {
    key: "yin2020probabilistic",
    authors: "Mingzhang Yin and Nhat Ho and Bowei Yan and Xiaoning Qian and Mingyuan Zhou",
    title: "Probabilistic Best Subset Selection via Gradient-Based Optimization",
    venue: Venue::Arxiv("2006.06448"),
    year: 2020,
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisArm {
    pairs: usize,
}

impl DisArm {
    /// With `samples` samples per row, in pairs.
    ///
    /// # Errors
    /// An odd number of samples, or none.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { pairs: pairs(&INFO, samples)? })
    }

    /// The estimate for logits `[B, D, 2]` from given uniform numbers, `[S / 2, B, D]`, or for a log-mean-exp
    /// `[S, B, D]`: a pure function of them.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_uniform(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        uniform: Tensor<3>,
    ) -> Result<Estimate, Error> {
        let log_odds = binary::log_odds(&INFO, &logits)?;
        let pairs = Pairs::new(log_odds.clone(), uniform);
        let losses = objective.losses(&Sample::hard(pairs.one_hot()));
        let [left, right] = halves(losses);
        let (loss, signal) = match objective.reduction() {
            Reduction::Mean => mean_signal(left, right),
            Reduction::LogMeanExp => bound_signal(objective, &pairs, left, right),
        };
        let direction = (pairs.bits - pairs.twins) * activation::sigmoid(log_odds.abs()).unsqueeze();
        let slope = (signal.unsqueeze_dim::<3>(2) * direction).sum_dim(0).squeeze_dim(0);
        Ok(Estimate::with_cotangent(loss, logits, binary::cotangent(slope)))
    }
}

/// The mean loss `[B]`, and what each pair's direction is weighted by, `[P, B]`.
fn mean_signal(left: Tensor<2>, right: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
    let signal = (left.clone() - right.clone()).detach() * (0.5 / left.dims()[0] as f64);
    (((left + right) * 0.5).mean_dim(0).squeeze_dim(0), signal)
}

/// The same for a log-mean-exp: of the bits with one twin among them, and of the twins with one bit.
fn bound_signal(
    objective: &Objective,
    pairs: &Pairs,
    left: Tensor<2>,
    right: Tensor<2>,
) -> (Tensor<1>, Tensor<2>) {
    let bound =
        |losses: Tensor<2>| objective.reduce(&Sample::hard(binary::one_hot(pairs.bits.clone())), losses);
    let [samples, rows] = left.dims();
    let swapped = |all: &Tensor<2>, other: &Tensor<2>| {
        let one =
            |s: usize| bound(all.clone().slice_assign([s..s + 1, 0..rows], other.clone().narrow(0, s, 1)));
        Tensor::stack::<2>((0..samples).map(one).collect(), 0)
    };
    let loss = (bound(left.clone()) + bound(right.clone())) * 0.5;
    let [left, right] = [left.detach(), right.detach()];
    let gain = bound(left.clone()).unsqueeze::<2>() - swapped(&left, &right);
    let twins = bound(right.clone()).unsqueeze::<2>() - swapped(&right, &left);
    (loss, (gain - twins) * 0.25)
}

impl Estimator for DisArm {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        let [rows, latents, _] = logits.dims();
        let count = match objective.reduction() {
            Reduction::Mean => self.pairs,
            Reduction::LogMeanExp => 2 * self.pairs,
        };
        let uniform = binary::uniform(noise, &logits, [count, rows, latents]);
        self.with_uniform(logits, objective, uniform)
    }
}

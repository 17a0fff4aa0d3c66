//! REBAR: REINFORCE, with f at a relaxed sample of the same noise as its control variate.
//!
//! Tucker, Mnih, Maddison, Lawson and Sohl-Dickstein 2017, section 3.
//! ĝ = (1/S) Σ_s [ (f(b) − c − η (f(y) − c)) ∇ log q(b) + η (∂f(y)/∂θ − ∂f(ỹ)/∂θ) ],
//! b = argmax(θ + g),   y = softmax((θ + g) / τ),   ỹ the same function of Gumbels given b,   c a moving average of f.
//! Unbiased for every η and τ. Cost: 2S evaluations of f, S of them with ∇f. Sees: θ, f values, ∇f at relaxed points.
//! Good for: f that is smooth inside the simplex, many latents, and S = 1. Poor for: f whose values there say nothing of
//! those at the vertices (η then stays near 0, and this is reinforce at twice the cost). Not for f that passes no
//! gradient to z: f(y) without its slope is no control variate but a bias.
//! Choice: the Gumbels given b are those of y, as in the authors' code, so ỹ = y and only its derivative differs; hence
//! 2S evaluations, not 3S. η is learned in closed form from earlier steps, and is 0 in the first. c takes the place of
//! the authors' baseline network. τ is given: its own slope needs a second derivative of f; the more latents, the lower
//! it may be. f sees y as if it were hard.

use super::double_cv::WEIGHT;
use super::parts::average::Average;
use super::parts::binary::like;
use super::parts::coefficient::{Coefficient, Weight};
use super::parts::inner;
use super::parts::tied::{self, Tied};
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, SAMPLES, Sample,
    Samples, TAU, Venue, at_least, check_state,
};
use crate::{Error, Noise, Schedule};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "rebar",
    title: "score function of what a relaxed sample leaves over",
    papers: &[TUCKER],
    place: "section 3",
    source: include_str!("rebar.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: true,
    parameters: &[SAMPLES, Parameter { default: "0.3", ..TAU }, WEIGHT],
    evaluations: Evaluations::TWICE,
    make: |given| {
        Ok(Box::new(Rebar::new(
            given.read(&INFO, "samples")?,
            given.read(&INFO, "tau")?,
            given.read(&INFO, "coefficient")?,
        )?))
    },
};

const TUCKER: Paper = Paper {
    key: "tucker2017rebar",
    authors: "George Tucker and Andriy Mnih and Chris J. Maddison and Dieterich Lawson and Jascha Sohl-Dickstein",
    title: "REBAR: Low-Variance, Unbiased Gradient Estimates for Discrete Latent Variable Models",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2017,
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rebar {
    samples: usize,
    tau: Schedule,
    weight: Weight,
    learned: Coefficient,
    average: Average,
}

impl Rebar {
    /// With `samples` samples per row, relaxed at temperature `tau`.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule, weight: Weight) -> Result<Self, Error> {
        let samples = at_least(&INFO, 1, samples)?;
        Ok(Self { samples, tau, weight, learned: Coefficient::default(), average: Average::default() })
    }

    /// η of the next estimate.
    pub fn coefficient(&self) -> f64 {
        self.weight.or(self.learned)
    }

    /// The estimate from given standard Gumbel noise `[S, B, D, K]`: a pure function of it.
    ///
    /// # Errors
    /// Another reduction than a mean; those of the sampler.
    pub fn with_gumbel(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        gumbel: Tensor<4>,
        step: u64,
    ) -> Result<Estimate, Error> {
        INFO.check_reduction(objective)?;
        let pair = Tied::new(&logits, gumbel, self.tau.at(step))?;
        let (relaxed, slope) = inner::gradient(objective, Sample::hard(pair.soft.clone()));
        let sample = Sample::hard(pair.hard.clone());
        let losses = objective.losses(&sample);
        let plain = pair.along_score(losses.clone().inner() - self.average.value());
        let control = pair.control(relaxed.inner() - self.average.value(), slope.inner());
        let gradients = plain.clone() + control.clone() * self.coefficient();
        let cotangent = like(gradients.mean_dim(0).squeeze_dim(0), &logits);
        let loss = objective.reduce(&sample, losses);
        let estimate = Estimate::with_cotangent(loss, logits, cotangent);
        Ok(estimate.teaching(Coefficient::lesson(plain, control)))
    }
}

impl Estimator for Rebar {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Estimate, Error> {
        let gumbel = tied::gumbel(&logits, self.samples, noise);
        self.with_gumbel(logits, objective, gumbel, step)
    }

    fn adapt(&mut self, last: &Estimate) {
        self.average.learn(last.value.clone().mean().into_scalar::<f64>());
        self.learned.learn(&last.lesson_numbers());
    }

    fn state(&self) -> Vec<f64> {
        self.average.state().into_iter().chain(self.learned.state()).collect()
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        check_state(&INFO, Average::LEN + Coefficient::LEN, state)?;
        let (average, learned) = state.split_at(Average::LEN);
        (self.average, self.learned) = (Average::from_state(average), Coefficient::from_state(learned));
        Ok(())
    }
}

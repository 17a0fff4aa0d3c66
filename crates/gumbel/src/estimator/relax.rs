//! RELAX: REBAR, with a network that learns what f at the relaxed sample leaves over.
//!
//! Grathwohl, Choi, Wu, Roeder and Duvenaud 2018, section 3.
//! ĝ = (1/S) Σ_s [ (f(b) − c − h(y)) ∇ log q(b) + ∂h(y)/∂θ − ∂h(ỹ)/∂θ ],   h(y) = η (f(y) − c) + r(y),
//! b = argmax(θ + g),   y = softmax((θ + g) / τ),   ỹ the same function of Gumbels given b,   c a moving average of f,
//! r a network that descends E‖ĝ‖².
//! Unbiased for every η, r and τ. Cost: 2S evaluations of f, S of them with ∇f. Sees: θ, f values, ∇f at relaxed points.
//! Good for: f that misleads inside the simplex, which the network unlearns, and S = 1. Poor for: short runs, in which it
//! learns nothing and this is rebar, as it nearly is for smooth f; f without a gradient (use relax-black-box).
//! Choice: with one hidden layer the network's slope in y is a formula, so E‖ĝ‖² itself is descended, without second
//! derivatives. It sees the probabilities of q too, which are independent of g. The Gumbels given b, η and τ are as in
//! rebar.

use super::double_cv::WEIGHT;
use super::parts::average::Average;
use super::parts::binary::like;
use super::parts::coefficient::{Coefficient, Weight};
use super::parts::inner;
use super::parts::network::{HIDDEN, Learner, RATE};
use super::parts::tied::{self, Learned, Tied};
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, SAMPLES, Sample,
    Samples, TAU, Venue, at_least,
};
use crate::{Error, Noise, Schedule};
use burn::tensor::{DType, Tensor};

pub(super) static INFO: Info = Info {
    name: "relax",
    title: "rebar with a network that learns what f leaves over",
    papers: &[GRATHWOHL],
    place: "section 3",
    source: include_str!("relax.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: true,
    parameters: &[SAMPLES, Parameter { default: "0.3", ..TAU }, WEIGHT, HIDDEN, RATE],
    evaluations: Evaluations::TWICE,
    make: |given| {
        Ok(Box::new(Relax::new(
            given.read(&INFO, "samples")?,
            given.read(&INFO, "tau")?,
            given.read(&INFO, "coefficient")?,
            given.read(&INFO, "hidden")?,
            given.read(&INFO, "rate")?,
        )?))
    },
};

pub(super) const GRATHWOHL: Paper = Paper {
    key: "grathwohl2018backpropagation",
    authors: "Will Grathwohl and Dami Choi and Yuhuai Wu and Geoffrey Roeder and David Duvenaud",
    title: "Backpropagation through the Void: Optimizing Control Variates for Black-Box Gradient Estimation",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2018,
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Debug, PartialEq)]
pub struct Relax {
    samples: usize,
    tau: Schedule,
    weight: Weight,
    learned: Coefficient,
    average: Average,
    network: Learner,
}

impl Relax {
    /// With `samples` samples per row, relaxed at temperature `tau`, and a network of `hidden` units that learns at
    /// `rate`.
    ///
    /// # Errors
    /// No samples; no hidden units; a rate that is not positive and finite.
    pub fn new(
        samples: usize,
        tau: Schedule,
        weight: Weight,
        hidden: usize,
        rate: f64,
    ) -> Result<Self, Error> {
        let (samples, network) = (at_least(&INFO, 1, samples)?, Learner::new(&INFO, hidden, rate)?);
        Ok(Self {
            samples,
            tau,
            weight,
            learned: Coefficient::default(),
            average: Average::default(),
            network,
        })
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
        let (relaxed, known) = inner::gradient(objective, Sample::hard(pair.soft.clone()));
        let sample = Sample::hard(pair.hard.clone());
        let losses = objective.losses(&sample);
        let signals = [&losses, &relaxed].map(|f| f.clone().inner() - self.average.value());
        let (gradients, lesson) = self.gradients(&pair, signals, known.inner());
        let cotangent = like(gradients.mean_dim(0).squeeze_dim(0), &logits);
        let loss = objective.reduce(&sample, losses);
        Ok(Estimate::with_cotangent(loss, logits, cotangent).teaching(lesson))
    }

    /// The estimate of every sample `[S, B, D, K]`, and the lesson, from `f − c` at b and at y `[S, B]` and ∇f at y.
    fn gradients(
        &self,
        pair: &Tied,
        [hard, soft]: [Tensor<2>; 2],
        known: Tensor<4>,
    ) -> (Tensor<4>, Tensor<1>) {
        let Learned { leaves, value, slope } = pair.learned(&self.network);
        let plain = pair.along_score(hard) + pair.control(value, slope);
        let control = pair.control(soft, known);
        let lesson = Coefficient::lesson(plain.clone(), control.clone()).cast(DType::F32);
        let gradients = plain + control * self.coefficient();
        let descent = leaves.lesson(tied::mean_square(gradients.clone()));
        (gradients.inner(), Tensor::cat(vec![lesson, descent], 0))
    }
}

impl Estimator for Relax {
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
        let lesson = last.lesson_numbers();
        let (coefficient, slopes) = lesson.split_at(Coefficient::LEN);
        self.learned.learn(coefficient);
        self.network.learn(slopes);
    }

    fn state(&self) -> Vec<f64> {
        self.average.state().into_iter().chain(self.learned.state()).chain(self.network.state()).collect()
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        let foreign =
            || Error::State { estimator: INFO.name, wanted: self.state().len(), found: state.len() };
        let (numbers, network) =
            state.split_at_checked(Average::LEN + Coefficient::LEN).ok_or_else(foreign)?;
        let (average, learned) = numbers.split_at(Average::LEN);
        self.network = self.network.in_state(network).ok_or_else(foreign)?;
        (self.average, self.learned) = (Average::from_state(average), Coefficient::from_state(learned));
        Ok(())
    }
}

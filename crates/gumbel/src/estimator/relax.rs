//! RELAX: REINFORCE, with a network of a relaxed sample as its control variate.
//!
//! Grathwohl, Choi, Wu, Roeder and Duvenaud 2018, section 3.
//! ĝ = (1/S) Σ_s [ (f(b) − c − r(y)) ∇ log q(b) + ∂r(y)/∂θ − ∂r(ỹ)/∂θ ],
//! b = argmax(θ + g),   y = softmax((θ + g) / τ),   ỹ the same function of Gumbels given b,   c a moving average of f,
//! r a network that descends E‖ĝ‖².
//! Unbiased for every r. Cost: S evaluations of f, none of ∇f. Sees: θ, f values.
//! Good for: f that cannot be differentiated, and S = 1. Poor for: short runs, in which the network learns nothing; f
//! that means something inside the simplex (use rebar: the network would have to learn what f itself says there).
//! Choice: the network alone, where the paper adds f(y) to it if f has a gradient. With one hidden layer its slope in y
//! is a formula, so E‖ĝ‖² itself is descended, without second derivatives. r sees the probabilities of q too, which are
//! independent of g. The Gumbels given b are those of y, as in rebar.

use super::parts::average::Average;
use super::parts::binary::like;
use super::parts::coupled::{self, Coupled};
use super::parts::network::{HIDDEN, Learner, RATE};
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, SAMPLES, Sample,
    Samples, TAU, Venue, at_least,
};
use crate::{Error, Noise, Schedule};
use burn::tensor::{DType, Tensor};

pub(super) static INFO: Info = Info {
    name: "relax",
    title: "score function with a learned control variate of a relaxed sample",
    papers: &[GRATHWOHL],
    place: "section 3",
    source: include_str!("relax.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    parameters: &[SAMPLES, Parameter { default: "0.3", ..TAU }, HIDDEN, RATE],
    evaluations: Evaluations::SAMPLES,
    make: |given| {
        Ok(Box::new(Relax::new(
            given.read(&INFO, "samples")?,
            given.read(&INFO, "tau")?,
            given.read(&INFO, "hidden")?,
            given.read(&INFO, "rate")?,
        )?))
    },
};

const GRATHWOHL: Paper = Paper {
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
    average: Average,
    network: Learner,
}

impl Relax {
    /// With `samples` samples per row, relaxed at temperature `tau`, and a network of `hidden` units that learns at
    /// `rate`.
    ///
    /// # Errors
    /// No samples; no hidden units; a rate that is not positive and finite.
    pub fn new(samples: usize, tau: Schedule, hidden: usize, rate: f64) -> Result<Self, Error> {
        let network = Learner::new(&INFO, hidden, rate)?;
        Ok(Self { samples: at_least(&INFO, 1, samples)?, tau, average: Average::default(), network })
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
        let pair = Coupled::new(&logits, gumbel, self.tau.at(step))?;
        let sample = Sample::hard(pair.hard.clone());
        let losses = objective.losses(&sample);
        let (gradients, lesson) = self.gradients(&pair, losses.clone().inner());
        let cotangent = like(gradients.mean_dim(0).squeeze_dim(0), &logits);
        let loss = objective.reduce(&sample, losses);
        Ok(Estimate::with_cotangent(loss, logits, cotangent).teaching(lesson))
    }

    /// The estimate of every sample, `[S, B, D, K]`, and the gradient of their mean square in the network's parameters.
    fn gradients(&self, pair: &Coupled, losses: Tensor<2>) -> (Tensor<4>, Tensor<1>) {
        let dtype = pair.point.dtype();
        let [samples, rows, latents, categories] = pair.point.dims();
        let inputs = latents * categories;
        let features = Tensor::cat(vec![pair.point.clone(), pair.mass.clone().expand(pair.point.shape())], 2);
        let leaves = self.network.at(2 * inputs).leaves(&losses.device());
        let features = features.reshape([samples * rows, 2 * inputs]).cast(DType::F32);
        let (value, slope) = leaves.forward_with_slope(features);
        let slope = slope.narrow(1, 0, inputs).reshape([samples, rows, latents, categories]);
        let rest =
            value.reshape([samples, rows]).cast(dtype).neg() + losses.cast(dtype) - self.average.value();
        let score = pair.hard.clone().inner().cast(dtype) - pair.mass.clone();
        let each = rest.unsqueeze_dims::<4>(&[2, 3]) * score + pair.correction(slope);
        let lesson = leaves.lesson(each.clone().square().sum() / (samples * rows) as f64);
        (each.inner(), lesson.cast(DType::F32))
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
        let gumbel = coupled::gumbel(&logits, self.samples, noise);
        self.with_gumbel(logits, objective, gumbel, step)
    }

    fn adapt(&mut self, last: &Estimate) {
        self.average.learn(last.value.clone().mean().into_scalar::<f64>());
        self.network.learn(&last.lesson_numbers());
    }

    fn state(&self) -> Vec<f64> {
        self.average.state().into_iter().chain(self.network.state()).collect()
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        let foreign =
            || Error::State { estimator: INFO.name, wanted: self.state().len(), found: state.len() };
        let (average, network) = state.split_at_checked(Average::LEN).ok_or_else(foreign)?;
        self.network = self.network.in_state(network).ok_or_else(foreign)?;
        self.average = Average::from_state(average);
        Ok(())
    }
}

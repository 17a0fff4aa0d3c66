//! RELAX for a black box: REINFORCE, with a network of a relaxed sample as its control variate.
//!
//! Grathwohl, Choi, Wu, Roeder and Duvenaud 2018, section 3.
//! ĝ = (1/S) Σ_s [ (f(b) − c − r(y)) ∇ log q(b) + ∂r(y)/∂θ − ∂r(ỹ)/∂θ ],
//! b = argmax(θ + g),   y = softmax((θ + g) / τ),   ỹ the same function of Gumbels given b,   c a moving average of f,
//! r a network that descends E‖ĝ‖².
//! Unbiased for every r. Cost: S evaluations of f, none of ∇f. Sees: θ, f values.
//! Good for: f that cannot be differentiated, and S = 1. Poor for: short runs, in which the network learns nothing; f
//! that means something inside the simplex (use relax: the network would have to learn what f itself says there).
//! Choice: with one hidden layer the network's slope in y is a formula, so E‖ĝ‖² itself is descended, without second
//! derivatives. It sees the probabilities of q too, which are independent of g. The Gumbels given b are those of y, as
//! in rebar.

use super::parts::average::Average;
use super::parts::binary::like;
use super::parts::network::{HIDDEN, Learner, RATE};
use super::parts::tied::{self, Learned, Tied};
use super::relax::GRATHWOHL;
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Parameter, Reduction, SAMPLES, Sample,
    Samples, TAU, at_least,
};
use crate::{Error, Noise, Schedule};
use burn::tensor::Tensor;

pub(super) static INFO: Info = Info {
    name: "relax-black-box",
    title: "score function with a network of a relaxed sample as control variate",
    papers: &[GRATHWOHL],
    place: "section 3",
    source: include_str!("relax_black_box.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[SAMPLES, Parameter { default: "0.3", ..TAU }, HIDDEN, RATE],
    evaluations: Evaluations::SAMPLES,
    make: |given| {
        Ok(Box::new(RelaxBlackBox::new(
            given.read(&INFO, "samples")?,
            given.read(&INFO, "tau")?,
            given.read(&INFO, "hidden")?,
            given.read(&INFO, "rate")?,
        )?))
    },
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Debug, PartialEq)]
pub struct RelaxBlackBox {
    samples: usize,
    tau: Schedule,
    average: Average,
    network: Learner,
}

impl RelaxBlackBox {
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
        let pair = Tied::new(&logits, gumbel, self.tau.at(step))?;
        let sample = Sample::hard(pair.hard.clone());
        let losses = objective.losses(&sample);
        let Learned { leaves, value, slope } = pair.learned(&self.network);
        let plain = pair.along_score(losses.clone().inner() - self.average.value());
        let gradients = plain + pair.control(value, slope);
        let lesson = leaves.lesson(tied::mean_square(gradients.clone()));
        let cotangent = like(gradients.inner().mean_dim(0).squeeze_dim(0), &logits);
        let loss = objective.reduce(&sample, losses);
        Ok(Estimate::with_cotangent(loss, logits, cotangent).teaching(lesson))
    }
}

impl Estimator for RelaxBlackBox {
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

//! NVIL: REINFORCE with a learned baseline that depends on the input.
//!
//! Mnih and Gregor 2014, section 2.3.
//! ĝ = (1/S) Σ_s (f(z_s) − c − C_ψ(x)) / max(1, σ) ∇ log q(z_s),   c the moving average of f, C_ψ a network fitted to
//! f − c by least squares, σ the moving standard deviation of what is left.
//! Unbiased (up to the scale max(1, σ) with `normalise=true`). Cost: S evaluations of f, none of ∇f. Sees: θ, f values.
//! Good for: losses that differ from input to input, and S = 1. Poor for: S > 1, where rloo needs no network.
//! Choice: the network sees the probabilities of q(z|x), not x, which an estimator does not know; any function of
//! them is independent of z. The scale is off by default: it is a learning rate, and Adam undoes it. Everything is
//! learned from earlier steps.

use super::parts::network::{HIDDEN, Learner, RATE};
use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, SAMPLES,
    Sample, Samples, Venue, at_least, repeat, score_cotangent,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{DType, Tensor, activation};

pub(super) static INFO: Info = Info {
    name: "nvil",
    title: "score function with a learned, input-dependent baseline",
    papers: &[MNIH],
    place: "section 2.3",
    source: include_str!("nvil.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[
        SAMPLES,
        HIDDEN,
        RATE,
        Parameter { name: "normalise", default: "false", meaning: "true or false" },
    ],
    evaluations: Evaluations::SAMPLES,
    make: |given| {
        Ok(Box::new(Nvil::new(
            given.read(&INFO, "samples")?,
            given.read(&INFO, "hidden")?,
            given.read(&INFO, "rate")?,
            given.read(&INFO, "normalise")?,
        )?))
    },
};

const MNIH: Paper = Paper {
    key: "mnih2014neural",
    authors: "Andriy Mnih and Karol Gregor",
    title: "Neural Variational Inference and Learning in Belief Networks",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2014,
};

/// Memory of the moving moments: about 100 steps.
const DECAY: f64 = 0.99;
/// Decayed weight, sum of f, and sum of squares of what is left.
const MOMENTS: usize = 3;

/// See the head of its file for formula, cost and use.
#[derive(Clone, Debug, PartialEq)]
pub struct Nvil {
    samples: usize,
    normalise: bool,
    moments: [f64; MOMENTS],
    network: Learner,
}

impl Nvil {
    /// With `samples` samples per row and a network of `hidden` units that learns at `rate`.
    ///
    /// # Errors
    /// No samples; no hidden units; a rate that is not positive and finite.
    pub fn new(samples: usize, hidden: usize, rate: f64, normalise: bool) -> Result<Self, Error> {
        let network = Learner::new(&INFO, hidden, rate)?;
        Ok(Self { samples: at_least(&INFO, 1, samples)?, normalise, moments: [0.0; MOMENTS], network })
    }

    /// c.
    fn average(&self) -> f64 {
        let [weight, sum, _] = self.moments;
        if weight > 0.0 { sum / weight } else { 0.0 }
    }

    /// What the signal is divided by.
    fn scale(&self) -> f64 {
        let [weight, _, squares] = self.moments;
        if self.normalise && weight > 0.0 { (squares / weight).sqrt().max(1.0) } else { 1.0 }
    }
}

impl Estimator for Nvil {
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
        let theta = logits.clone().detach();
        let sample = Sample::hard(sample_one_hot(repeat(theta.clone(), self.samples), noise)?);
        let losses = objective.losses(&sample);
        let loss = objective.reduce(&sample, losses.clone());
        let [rows, latents, categories] = theta.dims();
        let inputs = latents * categories;
        let features = activation::softmax(theta, 2).reshape([rows, inputs]).inner().autodiff();
        let leaves = self.network.at(inputs).leaves(&logits.device());
        let predicted = leaves.forward(features.cast(DType::F32));
        let value = loss.clone().detach().inner();
        let rest = value.clone().cast(DType::F32).autodiff() - self.average() - predicted.clone();
        let moments =
            Tensor::cat(vec![value.mean().cast(DType::F32), rest.clone().inner().square().mean()], 0);
        let lesson = Tensor::cat(vec![moments.autodiff(), leaves.lesson(rest.square().mean())], 0);
        let predicted = predicted.inner().cast(losses.dtype());
        let predicted = if losses.is_autodiff() { predicted.autodiff() } else { predicted };
        let each = match objective.reduction() {
            Reduction::Mean => losses.detach() / self.samples as f64,
            Reduction::LogMeanExp => loss.clone().detach().unsqueeze::<2>().repeat_dim(0, self.samples),
        };
        let share = if objective.reduction() == Reduction::Mean { 1.0 / self.samples as f64 } else { 1.0 };
        let baseline = (predicted + self.average()) * share;
        let signal = (each - baseline.unsqueeze::<2>()) / self.scale();
        let cotangent = score_cotangent(logits.clone(), sample.z, signal);
        Ok(Estimate::with_cotangent(loss, logits, cotangent).teaching(lesson))
    }

    fn adapt(&mut self, last: &Estimate) {
        let lesson = last.lesson_numbers();
        let [mean, square, slopes @ ..] = &lesson[..] else { return };
        if !(mean.is_finite() && square.is_finite()) {
            return;
        }
        for (moment, new) in self.moments.iter_mut().zip([1.0, *mean, *square]) {
            *moment = DECAY * *moment + (1.0 - DECAY) * new;
        }
        self.network.learn(slopes);
    }

    fn state(&self) -> Vec<f64> {
        self.moments.into_iter().chain(self.network.state()).collect()
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        let foreign =
            || Error::State { estimator: INFO.name, wanted: self.state().len(), found: state.len() };
        let (moments, network) = state.split_at_checked(MOMENTS).ok_or_else(foreign)?;
        self.network = self.network.in_state(network).ok_or_else(foreign)?;
        self.moments.copy_from_slice(moments);
        Ok(())
    }
}

use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Evaluations, Objective, Parameter, Properties, Sample, State,
    boxed, prepared,
};
use super::gumbel_softmax::JANG;
use super::parts::average::Average;
use super::parts::binary::like;
use super::parts::inner;
use super::parts::memory::{Memory, beside};
use super::parts::tied;
use crate::checked::at_least_one;
use crate::tensor::{centred, one_hot_argmax};
use crate::{Error, Noise, ops};
use burn::tensor::{Tensor, activation};

/// The temperatures to choose from are 2^(−4), 2^(−3.5) and so on.
const TEMPERATURES: usize = 13;
/// The index of ½, the temperature until something has been learned.
const FIRST: usize = 6;
/// A memory of about 100 steps.
const DECAY: f64 = 0.99;
/// Its tensor in a state.
const ERRORS: &str = "errors";

fn temperature(index: usize) -> f64 {
    2f64.powf((index as f64 - 8.0) / 2.0)
}

/// Straight-through Gumbel-Softmax at the temperature of least error, learned from earlier steps.
///
/// ```text
/// ĝ = (1/S) Σ_s ĝ_s(τ),   ĝ_s(τ) = (∂y_s/∂θ)ᵀ ∇f(b_s),   b = one-hot(argmax(θ + g)),   y = softmax((θ + g) / τ),
/// τ the one of 2^(−4), 2^(−3.5) .. 2^2 that minimises a moving average of
///     (1/n) ĝ_s·ĝ_s + (1 − 1/n) ĝ_s·ĝ_r − 2 ĝ_s·u_r,   s ≠ r,   u = (f(b) − c) ∇ log q(b),   c a moving average of f
/// ```
///
/// - **Bias**: biased, as straight-through-gumbel at the learned τ.
/// - **Cost**: 2S evaluations of f and of ∇f.
/// - **Uses**: logits, values of f, ∇f at hard samples.
/// - **Good for**: a problem whose best temperature is unknown, or changes in training.
/// - **Avoid when**: a good temperature is known (straight-through-gumbel at half the evaluations); zgr will do; or there are
///   so many latents that the score function u is all noise. Where no temperature gives a good estimate, the least error is
///   that of a high one, whose gradients are short.
/// - **Choices**: the mean of what is minimised is the mean square error of n averaged estimates, but for a constant: the
///   score function of one sample stands for the true gradient along another, without bias, so no reference and no second
///   derivative of f is needed. `averaged`, n, says how much of the variance the optimiser will average away, in batches or
///   over steps; the larger it is, the more the bias counts and the lower τ is. τ is chosen from a table and not by descent,
///   so there is no learning rate. It is ½ in the first step.
/// - **Source**: Jang, Gu and Poole 2017, section 2.2, for the estimator; what its temperature minimises is this library's.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::estimator::{Estimator, Objective, StraightThroughLearned};
/// // Of single estimates, the one of least error is that of a warm softmax: biased, but with little variance.
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let logits = Tensor::<3>::zeros([1000, 1, 2], &Device::flex());
/// let mut estimator = StraightThroughLearned::new(2, 1)?;
/// assert_eq!(estimator.tau(), 0.5);
/// for step in 0..20 {
///     let estimate = estimator.estimate(logits.clone(), &bit, &mut Noise::from_seed(step), step)?;
///     estimator.adapt(&estimate);
/// }
/// assert!(estimator.tau() > 0.6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StraightThroughLearned {
    samples: usize,
    averaged: usize,
    errors: Memory,
    average: Average,
}

impl StraightThroughLearned {
    /// With `samples` samples per row, at the temperature that is best if `averaged` estimates are averaged, n.
    ///
    /// # Errors
    /// Less than two samples; nothing averaged.
    pub fn new(samples: usize, averaged: usize) -> Result<Self, Error> {
        let averaged = at_least_one(ENTRY.name(), "averaged", averaged)?;
        let samples = ENTRY.properties.at_least(2, samples)?;
        // So little that whatever is learned outweighs it.
        let errors = (0..TEMPERATURES).map(|index| if index == FIRST { -1e-30 } else { 0.0 }).collect();
        Ok(Self { samples, averaged, errors: Memory::new(errors), average: Average::default() })
    }

    /// τ of the next estimate. Waits for the device that it is on.
    pub fn tau(&self) -> f64 {
        let errors = self.errors.numbers();
        let best = (0..TEMPERATURES).min_by(|&a, &b| errors[a].total_cmp(&errors[b]));
        temperature(best.expect("several temperatures"))
    }

    /// The estimate from given standard Gumbel noise `[S, B, D, K]`: a pure function of it.
    ///
    /// # Errors
    /// A reduction other than a mean; those of the sampler.
    pub fn with_gumbel(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        gumbel: Tensor<4>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        ops::check_logits(&logits)?;
        let theta = centred(logits.clone().inner()).unsqueeze::<4>();
        let keys = theta.clone() + gumbel.inner().cast(theta.dtype());
        let hard = one_hot_argmax(keys.clone());
        let sample = Sample::hard(like(hard.clone(), &logits));
        let (_, slopes) = inner::gradient(objective, sample.clone());
        let evaluation = Evaluation::at(sample, objective);
        let paths =
            Paths { gaps: keys.clone() - keys.max_dim(3), slopes: slopes.inner().cast(theta.dtype()) };
        let losses = evaluation.losses.clone().inner();
        let signal = (losses.clone() - self.average.beside(&losses)).cast(theta.dtype());
        let target = (hard - activation::softmax(theta, 3)) * signal.unsqueeze_dims::<4>(&[2, 3]);
        let gradient = paths.at(self.chosen(&target)).mean_dim(0).squeeze_dim(0);
        let cotangent = like(gradient, &logits);
        Ok(evaluation.estimate(logits, cotangent).with_statistics(self.statistics(&paths, &target)))
    }

    /// The learned temperature as a tensor beside `like`.
    fn chosen(&self, like: &Tensor<4>) -> Tensor<4> {
        let errors = self.errors.on(&like.device());
        let table: Vec<f64> = (0..TEMPERATURES).map(temperature).collect();
        let table = Tensor::<1>::from_data(table.as_slice(), (&errors.device(), errors.dtype()));
        beside(table.gather(0, errors.argmin(0)), like)
    }

    /// What is minimised at each temperature, summed over rows.
    fn statistics(&self, paths: &Paths, target: &Tensor<4>) -> Tensor<1> {
        let (samples, share) = (self.samples as f64, 1.0 / self.averaged as f64);
        let pairs = samples * (samples - 1.0);
        let error = |index: usize| {
            let tau = Tensor::full([1; 4], temperature(index), (&target.device(), target.dtype()));
            let gradients = paths.at(tau);
            let (total, own) = (gradients.clone().sum_dim(0), gradients.clone().square().sum());
            let cross = (total.clone().square().sum() - own.clone()) / pairs;
            let along = (total * target.clone().sum_dim(0)).sum() - (gradients * target.clone()).sum();
            own * (share / samples) + cross * (1.0 - share) - along * (2.0 / pairs)
        };
        Tensor::cat((0..TEMPERATURES).map(error).collect(), 0)
    }
}

/// Straight-through gradients as a function of the temperature; everything is detached.
struct Paths {
    /// `θ + g`, less the largest of the row, `[S, B, D, K]`.
    gaps: Tensor<4>,
    /// `∇f(b)` `[S, B, D, K]`.
    slopes: Tensor<4>,
}

impl Paths {
    /// `ĝ_s` `[S, B, D, K]`.
    fn at(&self, tau: Tensor<4>) -> Tensor<4> {
        let y = activation::softmax(self.gaps.clone() / tau.clone(), 3);
        let mean = (self.slopes.clone() * y.clone()).sum_dim(3);
        (self.slopes.clone() - mean) * y / tau
    }
}

impl Estimator for StraightThroughLearned {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(self.samples)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            let gumbel = tied::gumbel(&logits, self.samples, noise);
            self.with_gumbel(logits, objective, gumbel)
        })
    }

    fn join(&self, parts: &[Estimate]) -> Result<Estimate, Error> {
        Ok(Estimate::joined(parts, TEMPERATURES))
    }

    fn adapt(&mut self, last: &Estimate) {
        self.average.learn(last.mean());
        last.statistics.iter().for_each(|errors| self.errors.decay(DECAY, errors.clone()));
    }

    fn state(&self) -> State {
        self.average.save(State::new()).with(ERRORS, self.errors.numbers())
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[Average::NAME, ERRORS])?;
        (self.average, self.errors) = (Average::load(state)?, Memory::load(state, ERRORS, TEMPERATURES)?);
        Ok(())
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("straight-through-learned")
        .biased()
        .differentiating_inside()
        .evaluating(Evaluations::TWICE),
    title: "straight-through Gumbel at a learned temperature",
    papers: &[JANG],
    place: "section 2.2",
    parameters: &[
        Parameter::SEVERAL,
        Parameter { name: "averaged", default: "100", range: "a number of averaged estimates n, at least 1" },
    ],
    source: include_str!("straight_through_learned.rs"),
    make: |given| boxed(StraightThroughLearned::new(given.read("samples")?, given.read("averaged")?)),
};

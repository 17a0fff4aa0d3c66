use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Evaluations, Objective, Paper, Parameter, Properties, Sample,
    State, Venue, boxed, prepared,
};
use super::parts::average::Average;
use super::parts::binary::like;
use super::parts::coefficient::{Coefficient, ControlCoefficient};
use super::parts::inner;
use super::parts::tied::{self, Tied};
use crate::{Error, Noise, Schedule};
use burn::tensor::Tensor;

/// REBAR: REINFORCE with f at a relaxed sample of the same noise as its control variate.
///
/// ```text
/// ĝ = (1/S) Σ_s [ (f(b) − c − η (f(y) − c)) ∇ log q(b) + η (∂f(y)/∂θ − ∂f(ỹ)/∂θ) ],
/// b = argmax(θ + g),   y = softmax((θ + g) / τ),   ỹ the same function of Gumbels given b,
/// c a moving average of f
/// ```
///
/// - **Bias**: none, for every η and τ.
/// - **Cost**: 2S evaluations of f, S of them with ∇f.
/// - **Uses**: logits, values of f, ∇f at relaxed points.
/// - **Good for**: an f that is smooth inside the simplex, many latents, and S = 1.
/// - **Avoid when**: values of f inside the simplex say nothing about those at the vertices (η then stays near 0, and
///   this is reinforce at twice the cost), or f passes no gradient to z: f(y) without its slope is a bias, not a control
///   variate.
/// - **Choices**: the Gumbels given b are those of y, as in the authors' code, so ỹ = y and only its derivative differs;
///   hence 2S evaluations, not 3S. η is learned in closed form from earlier steps, and is 0 in the first. c replaces the
///   authors' baseline network. τ is given: its own slope needs a second derivative of f; the more latents, the lower it
///   may be. f sees y as if it were hard.
/// - **Source**: Tucker, Mnih, Maddison, Lawson and Sohl-Dickstein 2017, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{ControlCoefficient, Objective, Rebar};
/// use gumbel::{Noise, Schedule, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = Rebar::new(1, Schedule::Constant(0.3), ControlCoefficient::Learned)?;
/// let logits = Tensor::<2>::from_floats([[0.0, 1.0]], &Device::flex());
/// let measured = measure(&mut estimator, logits, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 0.1966).abs() < 0.01); // p (1 − p)
/// assert!(measured.bias.expect("enumerable").z().abs() < 4.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rebar {
    samples: usize,
    tau: Schedule,
    coefficient: ControlCoefficient,
    learned: Coefficient,
    average: Average,
}

impl Rebar {
    /// With `samples` samples per row, relaxed at temperature `tau`; `coefficient` is η.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, tau: Schedule, coefficient: ControlCoefficient) -> Result<Self, Error> {
        let samples = ENTRY.properties.at_least(1, samples)?;
        Ok(Self { samples, tau, coefficient, learned: Coefficient::default(), average: Average::default() })
    }

    /// η of the next estimate. Waits for the device that it is on.
    pub fn coefficient(&self) -> f64 {
        self.coefficient.or(&self.learned)
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
        step: u64,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let pair = Tied::new(&logits, gumbel, self.tau.at(step))?;
        let (relaxed, slope) = inner::gradient(objective, Sample::hard(pair.soft.clone()));
        let evaluation = Evaluation::at(Sample::hard(pair.hard.clone()), objective);
        let (losses, relaxed) = (evaluation.losses.clone().inner(), relaxed.inner());
        let average = self.average.beside(&losses);
        let plain = pair.along_score(losses - average.clone());
        let control = pair.control(relaxed - average, slope.inner());
        let gradients = plain.clone() + self.coefficient.times(&self.learned, control.clone());
        let cotangent = like(gradients.mean_dim(0).squeeze_dim(0), &logits);
        let estimate = evaluation.estimate(logits, cotangent);
        Ok(estimate.with_statistics(Coefficient::statistics(plain, control)))
    }
}

impl Estimator for Rebar {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(self.samples)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            let gumbel = tied::gumbel(&logits, self.samples, noise);
            self.with_gumbel(logits, objective, gumbel, step)
        })
    }

    fn join(&self, parts: &[Estimate]) -> Result<Estimate, Error> {
        Ok(Estimate::joined(parts, Coefficient::LEN))
    }

    fn adapt(&mut self, last: &Estimate) {
        self.average.learn(last.mean());
        last.statistics.iter().for_each(|statistics| self.learned.learn(statistics.clone()));
    }

    fn state(&self) -> State {
        self.learned.save(self.average.save(State::new()))
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[Average::NAME, Coefficient::NAME])?;
        (self.average, self.learned) = (Average::load(state)?, Coefficient::load(state)?);
        Ok(())
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("rebar").differentiating_inside().evaluating(Evaluations::TWICE),
    title: "score function with a relaxed-sample control variate",
    papers: &[TUCKER],
    place: "section 3",
    parameters: &[Parameter::SAMPLES, Parameter { default: "0.3", ..Parameter::TAU }, Parameter::COEFFICIENT],
    source: include_str!("rebar.rs"),
    make: |given| boxed(Rebar::new(given.read("samples")?, given.read("tau")?, given.read("coefficient")?)),
};

const TUCKER: Paper = Paper {
    key: "tucker2017rebar",
    authors: "George Tucker and Andriy Mnih and Chris J. Maddison and Dieterich Lawson and Jascha Sohl-Dickstein",
    title: "REBAR: Low-Variance, Unbiased Gradient Estimates for Discrete Latent Variable Models",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2017,
};

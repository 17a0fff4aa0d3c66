use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Evaluations, Objective, Paper, Parameter, Properties, Sample,
    State, Venue, boxed, prepared,
};
use super::parts::average::Average;
use super::parts::binary::like;
use super::parts::coefficient::{Coefficient, ControlCoefficient};
use super::parts::inner;
use super::parts::network::{self, Learner};
use super::parts::tied::{self, Learned, Tied};
use crate::{Error, Noise, Schedule};
use burn::tensor::{DType, Tensor};

/// RELAX: REBAR with a network added to its control variate.
///
/// ```text
/// ĝ = (1/S) Σ_s [ (f(b) − c − h(y)) ∇ log q(b) + ∂h(y)/∂θ − ∂h(ỹ)/∂θ ],   h(y) = η (f(y) − c) + r(y),
/// b = argmax(θ + g),   y = softmax((θ + g) / τ),   ỹ the same function of Gumbels given b,
/// c a moving average of f,   r a network that minimises E‖ĝ‖²
/// ```
///
/// - **Bias**: none, for every η, r and τ.
/// - **Cost**: 2S evaluations of f, S of them with ∇f.
/// - **Uses**: logits, values of f, ∇f at relaxed points.
/// - **Good for**: an f that misleads inside the simplex, which the network corrects, and S = 1.
/// - **Avoid when**: the run is short: the network then learns nothing and this is rebar, as it nearly is for a smooth f;
///   or f has no gradient (use relax-black-box).
/// - **Choices**: with one hidden layer the network's slope in y is a formula, so E‖ĝ‖² itself is minimised, without
///   second derivatives. The network sees the probabilities of q too, which are independent of g. The Gumbels given b, η
///   and τ are as in rebar.
/// - **Source**: Grathwohl, Choi, Wu, Roeder and Duvenaud 2018, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{ControlCoefficient, Objective, Relax};
/// use gumbel::{Noise, Schedule, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = Relax::new(1, Schedule::Constant(0.3), ControlCoefficient::Learned, 10, 0.001)?;
/// let logits = Tensor::<2>::from_floats([[0.0, 1.0]], &Device::flex());
/// let measured = measure(&mut estimator, logits, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 0.1966).abs() < 0.01); // p (1 − p)
/// assert!(measured.bias.expect("enumerable").z().abs() < 4.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "LAX")]
#[derive(Clone, Debug, PartialEq)]
pub struct Relax {
    samples: usize,
    tau: Schedule,
    coefficient: ControlCoefficient,
    learned: Coefficient,
    average: Average,
    network: Learner,
}

impl Relax {
    /// With `samples` samples per row, relaxed at temperature `tau`, and a network of `hidden` units that learns at
    /// `rate`; `coefficient` is η.
    ///
    /// # Errors
    /// No samples; no hidden units; a rate that is not positive and finite.
    pub fn new(
        samples: usize,
        tau: Schedule,
        coefficient: ControlCoefficient,
        hidden: usize,
        rate: f64,
    ) -> Result<Self, Error> {
        let samples = ENTRY.properties.at_least(1, samples)?;
        let network = Learner::new(ENTRY.name(), hidden, rate)?;
        let (learned, average) = (Coefficient::default(), Average::default());
        Ok(Self { samples, tau, coefficient, learned, average, network })
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
        let (relaxed, known) = inner::gradient(objective, Sample::hard(pair.soft.clone()));
        let evaluation = Evaluation::at(Sample::hard(pair.hard.clone()), objective);
        let average = self.average.beside(&evaluation.losses.clone().inner());
        let signals = [&evaluation.losses, &relaxed].map(|f| f.clone().inner() - average.clone());
        let (gradients, statistics) = self.gradients(&pair, signals, known.inner());
        let cotangent = like(gradients.mean_dim(0).squeeze_dim(0), &logits);
        Ok(evaluation.estimate(logits, cotangent).with_statistics(statistics))
    }

    /// The estimate of every sample `[S, B, D, K]`, and the statistics, from `f − c` at b and at y `[S, B]` and ∇f at y.
    fn gradients(
        &self,
        pair: &Tied,
        [hard, soft]: [Tensor<2>; 2],
        known: Tensor<4>,
    ) -> (Tensor<4>, Tensor<1>) {
        let Learned { leaves, value, slope } = pair.learned(&self.network);
        let plain = pair.along_score(hard) + pair.control(value, slope);
        let control = pair.control(soft, known);
        let statistics = Coefficient::statistics(plain.clone(), control.clone()).cast(DType::F32);
        let gradients = plain + self.coefficient.times(&self.learned, control);
        let descent = leaves.gradient(tied::mean_square(gradients.clone()));
        (gradients.inner(), Tensor::cat(vec![statistics, descent], 0))
    }
}

impl Estimator for Relax {
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
        let Some(statistics) = last.statistics.clone() else { return };
        let slopes = statistics.dims()[0] - Coefficient::LEN;
        self.learned.learn(statistics.clone().narrow(0, 0, Coefficient::LEN));
        self.network.learn(statistics.narrow(0, Coefficient::LEN, slopes));
    }

    fn state(&self) -> State {
        self.network.save(self.learned.save(self.average.save(State::new())))
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[&[Average::NAME, Coefficient::NAME], network::NAMES.as_slice()].concat())?;
        (self.average, self.learned, self.network) =
            (Average::load(state)?, Coefficient::load(state)?, self.network.load(state)?);
        Ok(())
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("relax").differentiating_inside().evaluating(Evaluations::TWICE),
    title: "rebar with a network added to its control variate",
    papers: &[GRATHWOHL],
    place: "section 3",
    parameters: &[
        Parameter::SAMPLES,
        Parameter { default: "0.3", ..Parameter::TAU },
        Parameter::COEFFICIENT,
        Parameter::HIDDEN,
        Parameter::RATE,
    ],
    source: include_str!("relax.rs"),
    make: |given| {
        boxed(Relax::new(
            given.read("samples")?,
            given.read("tau")?,
            given.read("coefficient")?,
            given.read("hidden")?,
            given.read("rate")?,
        ))
    },
};

pub(super) const GRATHWOHL: Paper = Paper {
    key: "grathwohl2018backpropagation",
    authors: "Will Grathwohl and Dami Choi and Yuhuai Wu and Geoffrey Roeder and David Duvenaud",
    title: "Backpropagation through the Void: Optimizing Control Variates for Black-Box Gradient Estimation",
    venue: Venue::Conference("International Conference on Learning Representations"),
    year: 2018,
};

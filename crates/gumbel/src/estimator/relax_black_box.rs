use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Parameter, Properties, Sample, State, boxed, prepared,
};
use super::parts::average::Average;
use super::parts::binary::like;
use super::parts::network::{self, Learner};
use super::parts::tied::{self, Learned, Tied};
use super::relax::GRATHWOHL;
use crate::{Error, Noise, Schedule};
use burn::tensor::Tensor;

/// RELAX for a black box: REINFORCE with a network of a relaxed sample as its control variate.
///
/// ```text
/// ĝ = (1/S) Σ_s [ (f(b) − c − r(y)) ∇ log q(b) + ∂r(y)/∂θ − ∂r(ỹ)/∂θ ],
/// b = argmax(θ + g),   y = softmax((θ + g) / τ),   ỹ the same function of Gumbels given b,
/// c a moving average of f,   r a network that minimises E‖ĝ‖²
/// ```
///
/// - **Bias**: none, for every r.
/// - **Cost**: S evaluations of f; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: an f that cannot be differentiated, and S = 1.
/// - **Avoid when**: the run is short, in which the network learns nothing; or f has a meaning inside the simplex (use
///   relax: the network would have to learn what f itself says there).
/// - **Choices**: with one hidden layer the network's slope in y is a formula, so E‖ĝ‖² itself is minimised, without
///   second derivatives. The network sees the probabilities of q too, which are independent of g. The Gumbels given b
///   are those of y, as in rebar.
/// - **Source**: Grathwohl, Choi, Wu, Roeder and Duvenaud 2018, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, RelaxBlackBox};
/// use gumbel::{Noise, Schedule, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = RelaxBlackBox::new(1, Schedule::Constant(0.3), 10, 0.001)?;
/// let logits = Tensor::<2>::from_floats([[0.0, 1.0]], &Device::flex());
/// let measured = measure(&mut estimator, logits, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 0.1966).abs() < 0.01); // p (1 − p)
/// assert!(measured.bias.expect("enumerable").z().abs() < 4.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
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
        let network = Learner::new(ENTRY.name(), hidden, rate)?;
        let samples = ENTRY.properties.at_least(1, samples)?;
        Ok(Self { samples, tau, average: Average::default(), network })
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
        let evaluation = Evaluation::at(Sample::hard(pair.hard.clone()), objective);
        let Learned { leaves, value, slope } = pair.learned(&self.network);
        let losses = evaluation.losses.clone().inner();
        let plain = pair.along_score(losses.clone() - self.average.beside(&losses));
        let gradients = plain + pair.control(value, slope);
        let statistics = leaves.gradient(tied::mean_square(gradients.clone()));
        let cotangent = like(gradients.inner().mean_dim(0).squeeze_dim(0), &logits);
        Ok(evaluation.estimate(logits, cotangent).with_statistics(statistics))
    }
}

impl Estimator for RelaxBlackBox {
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
        Ok(Estimate::joined(parts, 0))
    }

    fn adapt(&mut self, last: &Estimate) {
        self.average.learn(last.mean());
        last.statistics.iter().for_each(|slopes| self.network.learn(slopes.clone()));
    }

    fn state(&self) -> State {
        self.network.save(self.average.save(State::new()))
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[&[Average::NAME], network::NAMES.as_slice()].concat())?;
        (self.average, self.network) = (Average::load(state)?, self.network.load(state)?);
        Ok(())
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("relax-black-box"),
    title: "score function with a network of a relaxed sample as control variate",
    papers: &[GRATHWOHL],
    place: "section 3",
    parameters: &[
        Parameter::SAMPLES,
        Parameter { default: "0.3", ..Parameter::TAU },
        Parameter::HIDDEN,
        Parameter::RATE,
    ],
    source: include_str!("relax_black_box.rs"),
    make: |given| {
        boxed(RelaxBlackBox::new(
            given.read("samples")?,
            given.read("tau")?,
            given.read("hidden")?,
            given.read("rate")?,
        ))
    },
};

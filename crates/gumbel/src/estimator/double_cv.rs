use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Evaluations, Objective, Paper, Parameter, Properties, Sample,
    State, Venue, boxed, prepared, repeat, score_cotangent,
};
use super::parts::coefficient::{Coefficient, ControlCoefficient};
use super::parts::inner;
use super::parts::pairwise::mean_of_others;
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Tensor, activation};

/// Double control variates: RLOO with the gradients of f at the other samples as a second control variate.
///
/// ```text
/// ĝ = (1/S) Σ_s (h_s − mean_{j≠s} h_j) (z_s − p) − α (1/S) Σ_s J_p g_s,
/// h_s = f_s + α (z_s − p)ᵀ mean_{j≠s} g_j,   g_s = ∇f(z_s),   J_p v = p∘v − p (pᵀv)
/// ```
///
/// - **Bias**: none, for every α.
/// - **Cost**: 2S evaluations of f, S of them with ∇f.
/// - **Uses**: logits, values of f, ∇f at hard samples.
/// - **Good for**: a smooth f of many latents.
/// - **Avoid when**: the gradient of f at vertices says nothing about its differences (α then stays near 0, and this is
///   rloo at twice the cost).
/// - **Choices**: α is learned in closed form from earlier steps, not by gradient descent; a fixed one can raise the
///   variance manyfold. The paper's binary latents become categorical with J_p in place of p (1 − p). f is evaluated
///   twice because a graph can be differentiated only once.
/// - **Source**: Titsias and Shi 2022, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{ControlCoefficient, DoubleCv, Objective};
/// use gumbel::{Noise, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = DoubleCv::new(2, ControlCoefficient::Learned)?;
/// let logits = Tensor::<2>::from_floats([[0.0, 1.0]], &Device::flex());
/// let measured = measure(&mut estimator, logits, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 0.1966).abs() < 0.01); // p (1 − p)
/// assert!(measured.bias.expect("enumerable").z().abs() < 4.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DoubleCv {
    samples: usize,
    coefficient: ControlCoefficient,
    learned: Coefficient,
}

impl DoubleCv {
    /// With `samples` samples per row; `coefficient` is α.
    ///
    /// # Errors
    /// Fewer than two samples: there is no other to take a gradient at.
    pub fn new(samples: usize, coefficient: ControlCoefficient) -> Result<Self, Error> {
        let samples = ENTRY.properties.at_least(2, samples)?;
        Ok(Self { samples, coefficient, learned: Coefficient::default() })
    }

    /// α of the next estimate. Waits for the device that it is on.
    pub fn coefficient(&self) -> f64 {
        self.coefficient.or(&self.learned)
    }

    /// The estimate from given hard samples `[S, B, D, K]`: a pure function of them.
    ///
    /// # Errors
    /// A reduction other than a mean.
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        z: Tensor<4>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let sample = Sample::hard(z.clone());
        let (values, slopes) = inner::gradient(objective, sample.clone());
        let evaluation = Evaluation::at(sample, objective);
        let plain = leave_one_out(&logits, z.clone(), values);
        let control = control(&logits, z, slopes);
        let cotangent = plain.clone() + self.coefficient.times(&self.learned, control.clone());
        let estimate = evaluation.estimate(logits, cotangent);
        Ok(estimate.with_statistics(Coefficient::statistics(plain, control)))
    }
}

/// `(1/S) Σ_s (v_s − mean_{j≠s} v_j) (z_s − p)` of values `[S, B]`: a cotangent `[B, D, K]`.
fn leave_one_out(logits: &Tensor<3>, z: Tensor<4>, values: Tensor<2>) -> Tensor<3> {
    let others = values.dims()[0] - 1;
    let signal = (values.clone() - values.mean_dim(0)) / others as f64;
    score_cotangent(logits.clone(), z, signal)
}

/// The control variate that α multiplies; its mean is zero.
fn control(logits: &Tensor<3>, z: Tensor<4>, slopes: Tensor<4>) -> Tensor<3> {
    let p = activation::softmax(logits.clone().detach(), 2).unsqueeze::<4>();
    let linear = ((z.clone() - p.clone()) * mean_of_others(slopes.clone())).sum_dim(3).sum_dim(2);
    let plain = leave_one_out(logits, z, linear.squeeze_dims::<2>(&[2, 3]));
    let slope = slopes.mean_dim(0);
    let mean = (p.clone() * slope.clone()).sum_dim(3);
    plain - (p * (slope - mean)).squeeze_dim::<3>(0)
}

impl Estimator for DoubleCv {
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
            ENTRY.properties.check(objective)?;
            let z = sample_one_hot(repeat(logits.clone().detach(), self.samples), noise)?;
            self.with_samples(logits, objective, z)
        })
    }

    fn join(&self, parts: &[Estimate]) -> Result<Estimate, Error> {
        Ok(Estimate::joined(parts, Coefficient::LEN))
    }

    fn adapt(&mut self, last: &Estimate) {
        last.statistics.iter().for_each(|statistics| self.learned.learn(statistics.clone()));
    }

    fn state(&self) -> State {
        self.learned.save(State::new())
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[Coefficient::NAME])?;
        self.learned = Coefficient::load(state)?;
        Ok(())
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("double-cv")
        .differentiating_inside()
        .evaluating(Evaluations::TWICE),
    title: "leave-one-out with gradients at the other samples as control variate",
    papers: &[TITSIAS],
    place: "section 3",
    parameters: &[Parameter::SEVERAL, Parameter::COEFFICIENT],
    source: include_str!("double_cv.rs"),
    make: |given| boxed(DoubleCv::new(given.read("samples")?, given.read("coefficient")?)),
};

const TITSIAS: Paper = Paper {
    key: "titsias2022double",
    authors: "Michalis K. Titsias and Jiaxin Shi",
    title: "Double Control Variates for Gradient Estimation in Discrete Latent Variable Models",
    venue: Venue::Conference("International Conference on Artificial Intelligence and Statistics"),
    year: 2022,
};

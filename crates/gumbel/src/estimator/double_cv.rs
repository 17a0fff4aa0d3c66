//! Double control variates: RLOO, with the gradient of f at the other samples as a second control variate.
//!
//! Titsias and Shi 2022, section 3.
//! ĝ = (1/S) Σ_s (h_s − mean_{j≠s} h_j) (z_s − p) − α (1/S) Σ_s J_p g_s,   h_s = f_s + α (z_s − p)ᵀ mean_{j≠s} g_j,
//! g_s = ∇f(z_s),   J_p v = p∘v − p (pᵀv).
//! Unbiased for every α. Cost: 2S evaluations of f, S of them with ∇f. Sees: θ, f values, ∇f at hard samples.
//! Good for: smooth f of many latents. Poor for: f whose gradient at vertices says nothing about its differences
//! (α then stays near 0, and this is rloo at twice the cost).
//! Choice: α is learned in closed form from earlier steps, not by gradient descent; a fixed one can raise the variance
//! manyfold. The paper's binary latents become categorical ones by J_p for p (1 − p). f is evaluated twice because a
//! graph can be differentiated only once.

use super::parts::coefficient::{Coefficient, Weight};
use super::parts::inner;
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Parameter, Reduction, Sample, Samples,
    Venue, at_least, check_state, repeat, score_cotangent,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Tensor, activation};

pub(super) static INFO: Info = Info {
    name: "double-cv",
    title: "leave-one-out with the gradient at the other samples",
    papers: &[TITSIAS],
    place: "section 3",
    source: include_str!("double_cv.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: true,
    parameters: &[SEVERAL, WEIGHT],
    evaluations: Evaluations::TWICE,
    make: |given| {
        Ok(Box::new(DoubleCv::new(given.read(&INFO, "samples")?, given.read(&INFO, "coefficient")?)?))
    },
};

pub(super) const SEVERAL: Parameter =
    Parameter { name: "samples", default: "2", meaning: "a number of samples S, at least 2" };
pub(super) const WEIGHT: Parameter =
    Parameter { name: "coefficient", default: "learned", meaning: "learned, or a finite number" };

const TITSIAS: Paper = Paper {
    key: "titsias2022double",
    authors: "Michalis K. Titsias and Jiaxin Shi",
    title: "Double Control Variates for Gradient Estimation in Discrete Latent Variable Models",
    venue: Venue::Conference("International Conference on Artificial Intelligence and Statistics"),
    year: 2022,
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoubleCv {
    samples: usize,
    weight: Weight,
    learned: Coefficient,
}

impl DoubleCv {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// Fewer than two samples: there is no other to take a gradient at.
    pub fn new(samples: usize, weight: Weight) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 2, samples)?, weight, learned: Coefficient::default() })
    }

    /// α of the next estimate.
    pub fn coefficient(&self) -> f64 {
        self.weight.or(self.learned)
    }

    /// The estimate from given hard samples `[S, B, D, K]`: a pure function of them.
    ///
    /// # Errors
    /// Another reduction than a mean.
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        z: Tensor<4>,
    ) -> Result<Estimate, Error> {
        INFO.check_reduction(objective)?;
        let sample = Sample::hard(z);
        let (values, slopes) = inner::gradient(objective, sample.clone());
        let loss = objective.reduce(&sample, objective.losses(&sample));
        let plain = leave_one_out(&logits, sample.z.clone(), values);
        let control = control(&logits, sample.z, slopes);
        let cotangent = plain.clone() + control.clone() * self.coefficient();
        let estimate = Estimate::with_cotangent(loss, logits, cotangent);
        Ok(estimate.teaching(Coefficient::lesson(plain, control)))
    }
}

/// `(1/S) Σ_s (v_s − mean_{j≠s} v_j) (z_s − p)` of values `[S, B]`: a cotangent `[B, D, K]`.
fn leave_one_out(logits: &Tensor<3>, z: Tensor<4>, values: Tensor<2>) -> Tensor<3> {
    let others = values.dims()[0] - 1;
    let signal = (values.clone() - values.mean_dim(0)) / others as f64;
    score_cotangent(logits.clone(), z, signal)
}

/// What α multiplies; its mean is zero.
fn control(logits: &Tensor<3>, z: Tensor<4>, slopes: Tensor<4>) -> Tensor<3> {
    let p = activation::softmax(logits.clone().detach(), 2).unsqueeze::<4>();
    let linear = ((z.clone() - p.clone()) * mean_of_others(slopes.clone())).sum_dim(3).sum_dim(2);
    let plain = leave_one_out(logits, z, linear.squeeze_dims::<2>(&[2, 3]));
    let slope = slopes.mean_dim(0);
    let mean = (p.clone() * slope.clone()).sum_dim(3);
    plain - (p * (slope - mean)).squeeze_dim::<3>(0)
}

/// The mean over all samples but one's own, `[S, …]`.
pub(super) fn mean_of_others<const D: usize>(values: Tensor<D>) -> Tensor<D> {
    let others = values.dims()[0] - 1;
    (values.clone().sum_dim(0) - values) / others as f64
}

impl Estimator for DoubleCv {
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
        INFO.check_reduction(objective)?;
        let z = sample_one_hot(repeat(logits.clone().detach(), self.samples), noise)?;
        self.with_samples(logits, objective, z)
    }

    fn adapt(&mut self, last: &Estimate) {
        self.learned.learn(&last.lesson_numbers());
    }

    fn state(&self) -> Vec<f64> {
        self.learned.state().to_vec()
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        check_state(&INFO, Coefficient::LEN, state)?;
        self.learned = Coefficient::from_state(state);
        Ok(())
    }
}

//! RODEO: RLOO with two control variates from a discrete Stein operator.
//!
//! Shi, Zhou, Hwang, Titsias and Mackey 2022, sections 3 and 4.
//! ĝ = (1/S) Σ_s [ (f_s − mean_{j≠s} (f_j + α (A h_j)(b_j))) (b_s − p) + β (A (h_s · (· − p)))(b_s) ],
//! (A h)(b) = (1/D) Σ_i q(bᵢ flipped | b) (h(b with bit i flipped) − h(b)),   E (A h)(b) = 0 for every h,
//! h_s(b) = mean_{j≠s} (f_j + ∇f(b_j)ᵀ (b − b_j)), a line through the other samples.
//! Unbiased for every α and β. Cost: 2S evaluations of f, S of them with ∇f. Sees: ℓ, f values, ∇f at hard samples.
//! Good for: binary latents and smooth f. Poor for: f whose gradient at vertices says nothing about its differences.
//! Choice: h is that line itself, where the authors put a small network on top of it. It makes the flips a product
//! (h is linear, so all D of them cost one), and α and β the solution of two linear equations, learned from
//! earlier steps.

use super::double_cv::{SEVERAL, mean_of_others};
use super::parts::{binary, inner};
use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Reduction, Sample, Samples, Venue,
    at_least, check_state, repeat,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Tensor, activation};

pub(super) static INFO: Info = Info {
    name: "rodeo",
    title: "leave-one-out with discrete Stein control variates",
    papers: &[SHI],
    place: "section 4",
    source: include_str!("rodeo.rs"),
    serves: Latents::Binary,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: true,
    differentiates_inside: true,
    parameters: &[SEVERAL],
    evaluations: Evaluations::TWICE,
    make: |given| Ok(Box::new(Rodeo::new(given.read(&INFO, "samples")?)?)),
};

const SHI: Paper = Paper {
    key: "shi2022gradient",
    authors: "Jiaxin Shi and Yuhao Zhou and Jessica Hwang and Michalis K. Titsias and Lester Mackey",
    title: "Gradient Estimation with Discrete Stein Operators",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2022,
};

/// A memory of about 100 steps.
const DECAY: f64 = 0.99;
/// Sums of products, of the plain estimate a and the two control variates b and c: ab, ac, bb, bc, cc.
const PRODUCTS: usize = 5;

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rodeo {
    samples: usize,
    products: [f64; PRODUCTS],
    fixed: Option<[f64; 2]>,
}

impl Rodeo {
    /// With `samples` samples per row, and learned coefficients.
    ///
    /// # Errors
    /// Fewer than two samples: there is no other to take a gradient at.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 2, samples)?, products: [0.0; PRODUCTS], fixed: None })
    }

    /// The same with α and β that are not learned.
    #[must_use]
    pub fn with_coefficients(self, coefficients: [f64; 2]) -> Self {
        Self { fixed: Some(coefficients), ..self }
    }

    /// α and β of the next estimate; 0 until something has been learned.
    pub fn coefficients(&self) -> [f64; 2] {
        let [ab, ac, bb, bc, cc] = self.products;
        let determinant = bb * cc - bc * bc;
        match self.fixed {
            Some(fixed) => fixed,
            // The two may be parallel, as far as rounding tells: then the first alone.
            None if determinant > 1e-6 * bb * cc => {
                [(bc * ac - cc * ab) / determinant, (bc * ab - bb * ac) / determinant]
            }
            None if bb > 0.0 => [-ab / bb, 0.0],
            None => [0.0; 2],
        }
    }

    /// The estimate from given bits `[S, B, D]`: a pure function of them.
    ///
    /// # Errors
    /// Another reduction than a mean; more than two categories.
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        bits: Tensor<3>,
    ) -> Result<Estimate, Error> {
        INFO.check_reduction(objective)?;
        let p = activation::sigmoid(binary::log_odds(&INFO, &logits)?).unsqueeze::<3>();
        let sample = Sample::hard(binary::one_hot(bits.clone()));
        let (values, slopes) = inner::gradient(objective, sample.clone());
        // Along a bit: from the first category to the second.
        let slopes = (slopes.clone().narrow(3, 1, 1) - slopes.narrow(3, 0, 1)).squeeze_dim::<3>(3);
        let [plain, scalar, vector] = terms(bits, p, values, slopes);
        let [alpha, beta] = self.coefficients();
        let slope = plain.clone() + scalar.clone() * alpha + vector.clone() * beta;
        let loss = objective.reduce(&sample, objective.losses(&sample));
        let lesson = [
            (&plain, &scalar),
            (&plain, &vector),
            (&scalar, &scalar),
            (&scalar, &vector),
            (&vector, &vector),
        ]
        .map(|(left, right)| (left.clone() * right.clone()).sum());
        let estimate = Estimate::with_cotangent(loss, logits, binary::cotangent(slope));
        Ok(estimate.teaching(Tensor::cat(lesson.to_vec(), 0)))
    }
}

/// The plain leave-one-out estimate and what α and β multiply, `[B, D]` each, from bits `[S, B, D]`, their
/// probabilities `[1, B, D]`, the losses `[S, B]` and their slopes `[S, B, D]`.
fn terms(bits: Tensor<3>, p: Tensor<3>, values: Tensor<2>, slopes: Tensor<3>) -> [Tensor<2>; 3] {
    let latents = bits.dims()[2] as f64;
    let score = bits.clone() - p;
    let slope = mean_of_others(slopes.clone());
    // Flipping bit i moves a line by its slope, and q(flipped) (1 − 2 bᵢ) is −(bᵢ − pᵢ).
    let stein = (score.clone() * slope.clone()).sum_dim(2).neg() / latents;
    let along = |weights: Tensor<3>| (weights * score.clone()).mean_dim(0).squeeze_dim::<2>(0);
    let values = values.unsqueeze_dim::<3>(2);
    let plain = along(values.clone() - mean_of_others(values.clone()));
    let scalar = along(mean_of_others(stein.clone())).neg();
    // The line of the others at one's own bits, and with one of them flipped.
    let intercept = values - (slopes * bits.clone()).sum_dim(2);
    let line = mean_of_others(intercept) + (slope.clone() * bits.clone()).sum_dim(2);
    let flipped = line + slope * (bits * -2.0 + 1.0);
    let vector = along(stein.expand(flipped.shape()) - flipped / latents);
    [plain, scalar, vector]
}

impl Estimator for Rodeo {
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
        binary::log_odds(&INFO, &logits)?;
        let z = sample_one_hot(repeat(logits.clone().detach(), self.samples), noise)?;
        self.with_samples(logits, objective, z.narrow(3, 1, 1).squeeze_dim(3))
    }

    fn adapt(&mut self, last: &Estimate) {
        let lesson = last.lesson_numbers();
        // Numbers that overflowed teach nothing.
        if lesson.iter().all(|number| number.is_finite()) {
            for (product, new) in self.products.iter_mut().zip(lesson) {
                *product = DECAY * *product + (1.0 - DECAY) * new;
            }
        }
    }

    fn state(&self) -> Vec<f64> {
        self.products.to_vec()
    }

    fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        check_state(&INFO, PRODUCTS, state)?;
        self.products.copy_from_slice(state);
        Ok(())
    }
}

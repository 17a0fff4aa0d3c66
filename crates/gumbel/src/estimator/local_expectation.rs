//! Local expectation gradients: each latent summed out in turn, the others held at a sample.
//!
//! Titsias and Lázaro-Gredilla 2015, section 3.
//! ĝ_d = (1/S) Σ_s Σ_k f(z_s with latent d in category k) p_dk (e_k − p_d).
//! Unbiased, without variance if D = 1. Cost: (D (K − 1) + 1) S evaluations of f, none of ∇f. Sees: θ, f values.
//! Good for: an oracle where enumeration is impossible, or a cheap f of few latents. Poor for: many latents.
//! Choice: the parameters inside f get the gradient at the sample itself only.

use super::{
    Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Reduction, SAMPLES, Sample, Samples,
    Venue, at_least, repeat,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Tensor, activation};

pub(super) static INFO: Info = Info {
    name: "local-expectation",
    title: "each latent summed out in turn",
    papers: &[TITSIAS],
    place: "section 3",
    source: include_str!("local_expectation.rs"),
    serves: Latents::Categorical,
    reductions: &[Reduction::Mean],
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[SAMPLES],
    evaluations: Evaluations {
        formula: "S(D(K-1)+1)",
        count: |samples, latents, categories| {
            latents.checked_mul(categories.checked_sub(1)?)?.checked_add(1)?.checked_mul(samples)
        },
    },
    make: |given| Ok(Box::new(LocalExpectation::new(given.read(&INFO, "samples")?)?)),
};

const TITSIAS: Paper = Paper {
    key: "titsias2015local",
    authors: "Michalis K. Titsias and Miguel Lázaro-Gredilla",
    title: "Local Expectation Gradients for Black Box Variational Inference",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2015,
};

/// See the head of its file for formula, cost and use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalExpectation {
    samples: usize,
}

impl LocalExpectation {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)? })
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
        let losses = objective.losses(&Sample::hard(neighbours(&z)));
        let samples = z.dims()[0];
        let here = losses.clone().narrow(0, 0, samples);
        let p = activation::softmax(logits.clone().detach(), 2).unsqueeze::<4>();
        let values = by_category(&z, losses.detach());
        // What is never sampled does not count, whatever f says of it.
        let values = values.clone().mask_fill(p.clone().expand(values.shape()).equal_elem(0.0), 0.0);
        let mean = (p.clone() * values.clone()).sum_dim(3);
        let cotangent = (p * (values - mean)).mean_dim(0).squeeze_dim::<3>(0);
        let loss = objective.reduce(&Sample::hard(z), here);
        Ok(Estimate::with_cotangent(loss, logits, cotangent))
    }
}

/// The samples, and then for each latent and each rotation of its category by 1 to K − 1 the samples with that:
/// `[S (D (K − 1) + 1), B, D, K]`.
fn neighbours(z: &Tensor<4>) -> Tensor<4> {
    let [samples, rows, latents, categories] = z.dims();
    let one = |latent: usize, by: usize| {
        let place = [0..samples, 0..rows, latent..latent + 1, 0..categories];
        z.clone().slice_assign(place.clone(), z.clone().slice(place).roll_dim(by as i64, 3))
    };
    let moved = (0..latents).flat_map(|latent| (1..categories).map(move |by| (latent, by)));
    Tensor::cat(std::iter::once(z.clone()).chain(moved.map(|(latent, by)| one(latent, by))).collect(), 0)
}

/// The loss of each sample with latent d in category k, `[S, B, D, K]`, from those of the neighbours.
fn by_category(z: &Tensor<4>, losses: Tensor<2>) -> Tensor<4> {
    let [samples, _, latents, categories] = z.dims();
    let at = |place: usize| losses.clone().narrow(0, place * samples, samples).unsqueeze_dims::<4>(&[2, 3]);
    let latent = |latent: usize| {
        let here = z.clone().narrow(2, latent, 1);
        let first = 1 + latent * (categories - 1);
        (1..categories).fold(at(0) * here.clone(), |all, by| {
            all + at(first + by - 1) * here.clone().roll_dim(by as i64, 3)
        })
    };
    Tensor::cat((0..latents).map(latent).collect(), 2)
}

impl Estimator for LocalExpectation {
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
}

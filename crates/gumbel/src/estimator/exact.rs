//! Exact enumeration: the oracle that every other estimator is measured against.
//!
//! ĝ = ∇ Σ_z q(z) f(z), the sum over all K^D states z of a row's D latents.
//! As marginalisation of a latent class: Kingma et al. 2014, eq. 9; Jang, Gu and Poole 2017, section 4.3.
//! Unbiased, without variance. Cost: K^D evaluations of f. Sees: θ, f values.
//! Good for: K^D up to 2^16. Poor for: anything larger.

use super::{
    EITHER, Estimate, Estimator, Evaluations, Info, Latents, Objective, Paper, Reduction, SAMPLES, Sample,
    Samples, Venue, at_least,
};
use crate::{Error, Noise, categorical};
use burn::tensor::{Int, Tensor};

pub(super) static INFO: Info = Info {
    name: "exact",
    title: "exact enumeration of all states",
    papers: &[KINGMA],
    place: "eq. 9, the sum over classes",
    source: include_str!("exact.rs"),
    serves: Latents::Categorical,
    reductions: EITHER,
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    differentiates_inside: false,
    parameters: &[SAMPLES],
    evaluations: STATES,
    make: |given| Ok(Box::new(Exact::new(given.read(&INFO, "samples")?)?)),
};

const KINGMA: Paper = Paper {
    key: "kingma2014semi",
    authors: "Diederik P. Kingma and Danilo J. Rezende and Shakir Mohamed and Max Welling",
    title: "Semi-supervised Learning with Deep Generative Models",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2014,
};

const STATES: Evaluations = Evaluations {
    formula: "K^D",
    count: |_, latents, categories| categories.checked_pow(u32::try_from(latents).ok()?),
};

/// The largest number of states that is enumerated.
const LARGEST: u64 = 1 << 16;

/// See the head of its file for formula and cost. It uses no noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact {
    samples: usize,
}

impl Exact {
    /// The exact expectation of a loss of `samples` samples: one, unless the reduction is a mean.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: at_least(&INFO, 1, samples)? })
    }
}

impl Estimator for Exact {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        _noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        if objective.reduction() == Reduction::LogMeanExp && self.samples > 1 {
            let what = format!("a log-mean-exp over {} samples, which has (K^D)^S states", self.samples);
            return Err(INFO.unserved(what, "use one sample, or reinforce"));
        }
        let z = all_states(&logits)?;
        let log_mass = categorical::log_prob(logits.unsqueeze(), z.clone()).sum_dim(2);
        let mass = log_mass.squeeze_dims::<2>(&[2, 3]).exp();
        let losses = objective.losses(&Sample { z, relaxed: None, weights: Some(mass.clone().detach()) });
        let loss = (mass * losses).sum_dim(0).squeeze_dim::<1>(0);
        Ok(Estimate::of(loss))
    }
}

/// `[K^D, B, D, K]`: state `s` has latent `d` in category `⌊s / K^d⌋ mod K`.
fn all_states(logits: &Tensor<3>) -> Result<Tensor<4>, Error> {
    let [rows, latents, categories] = logits.dims();
    let states = (STATES.count)(1, latents as u64, categories as u64);
    let Some(states) = states.filter(|&states| states <= LARGEST) else {
        let what = format!("{categories}^{latents} states (at most {LARGEST} are enumerated)");
        return Err(INFO.unserved(what, "use rloo or gumbel-softmax"));
    };
    let digit =
        |state: u64, latent: usize| (state / (categories as u64).pow(latent as u32)) % categories as u64;
    let digits: Vec<i64> =
        (0..states).flat_map(|state| (0..latents).map(move |latent| digit(state, latent) as i64)).collect();
    let index = Tensor::<1, Int>::from_ints(digits.as_slice(), &logits.device());
    let one_hot = index.reshape([states as usize, 1, latents]).one_hot::<4>(categories).float();
    Ok(one_hot.cast(logits.dtype()).repeat_dim(1, rows))
}

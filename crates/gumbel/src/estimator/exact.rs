//! Exact enumeration: the oracle that every other estimator is measured against.
//!
//! ∇ Σ_z q(z) f(z), the sum over all K^D states z of a row's D latents.
//! Unbiased, without variance. Cost: K^D evaluations of f. Sees: θ, f values.
//! Good for: K^D up to 2^16. Poor for: anything larger.

use super::{Estimate, Estimator, Info, Objective, Parameters, Sample, Samples};
use crate::{Error, Noise, categorical};
use burn::tensor::{Int, Tensor};

pub(super) static INFO: Info = Info {
    name: "exact",
    title: "exact enumeration of all states",
    paper: "the definition; named as a baseline by Jang, Gu and Poole 2017, section 4.3 (marginalisation)",
    unbiased: true,
    samples: Samples::Hard,
    needs_gradient: false,
    evaluations: "K^D",
    build: |_: &Parameters| Ok(Box::new(Exact)),
};

/// The largest number of states that is enumerated.
const LARGEST: u64 = 1 << 16;

/// See the head of its file for formula and cost. It uses no noise.
#[derive(Clone, Copy, Debug)]
pub struct Exact;

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
        let z = all_states(&logits)?;
        let mass = categorical::log_prob(logits.unsqueeze(), z.clone()).sum_dim(3).squeeze_dim::<3>(3);
        let mass = mass.sum_dim(2).squeeze_dim::<2>(2).exp();
        let f = objective(&Sample { z, relaxed: None });
        let surrogate = (mass * f).sum_dim(0).squeeze_dim::<1>(0);
        Ok(Estimate { value: surrogate.clone().detach(), surrogate })
    }
}

/// `[K^D, B, D, K]`: state `s` has latent `d` in category `⌊s / K^d⌋ mod K`.
fn all_states(logits: &Tensor<3>) -> Result<Tensor<4>, Error> {
    let [rows, latents, categories] = logits.dims();
    let states = (categories as u64).checked_pow(latents as u32).filter(|&states| states <= LARGEST);
    let Some(states) = states else {
        return Err(Error::Parameter {
            estimator: INFO.name,
            reason: format!(
                "{categories}^{latents} states are too many to enumerate (at most {LARGEST}); use reinforce"
            ),
        });
    };
    let digit =
        |state: u64, latent: usize| (state / (categories as u64).pow(latent as u32)) % categories as u64;
    let digits: Vec<i64> =
        (0..states).flat_map(|state| (0..latents).map(move |latent| digit(state, latent) as i64)).collect();
    let index = Tensor::<1, Int>::from_ints(digits.as_slice(), &logits.device());
    let one_hot = index.reshape([states as usize, 1, latents]).one_hot::<4>(categories).float();
    Ok(one_hot.repeat_dim(1, rows))
}

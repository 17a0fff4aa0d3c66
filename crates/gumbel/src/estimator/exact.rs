use super::contract::{
    Entry, Estimate, Estimator, Evaluations, Objective, Paper, Parameter, Properties, Reduction, Sample,
    Venue, boxed, prepared,
};
use crate::{Error, Noise, Unsupported, categorical};
use burn::tensor::{Int, Tensor};

const STATES: Evaluations = Evaluations {
    formula: "K^D",
    count: |_, latents, categories| categories.checked_pow(u32::try_from(latents).ok()?),
};

/// The largest number of states that is enumerated.
const LIMIT: u64 = 1 << 16;

/// Exact enumeration: the gradient that every other estimator is compared with.
///
/// ```text
/// ĝ = ∇ Σ_z q(z) f(z),   the sum over all K^D states z of a row's D latents
/// ```
///
/// - **Bias**: none, and no variance.
/// - **Cost**: K^D evaluations of f; no gradient of f.
/// - **Uses**: logits, values of f; no noise.
/// - **Good for**: K^D up to 2^16, such as marginalising a latent class.
/// - **Avoid when**: there are more states.
/// - **Source**: Kingma, Rezende, Mohamed and Welling 2014, eq. 9, for a latent class; Jang, Gu and Poole 2017, section
///   4.3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Exact, Objective};
/// // f(z) = 1 if both of two latents with three categories are in category 0.
/// let logits = Tensor::<3>::zeros([1, 2, 3], &Device::flex().autodiff()).require_grad();
/// let both = Objective::mean(|sample| {
///     sample.z.clone().narrow(3, 0, 1).squeeze_dim::<3>(3).prod_dim(2).squeeze_dim(2)
/// });
/// let estimate = Exact::new(1)?.estimate(logits.clone(), &both, &mut gumbel::Noise::from_seed(1), 0)?;
/// assert!((estimate.loss.clone().into_scalar::<f32>() - 1.0 / 9.0).abs() < 1e-6);
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient");
/// assert!((gradient.slice([0..1, 0..1, 0..1]).into_scalar::<f32>() - 2.0 / 27.0).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "marginalization")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact {
    samples: usize,
}

impl Exact {
    /// The exact expectation of an objective over `samples` samples: one, unless the reduction is a mean.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: ENTRY.properties.at_least(1, samples)? })
    }
}

impl Estimator for Exact {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(self.samples)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        _noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            if objective.reduction() == Reduction::LogMeanExp && self.samples > 1 {
                let problem = Unsupported::LogMeanExpOf(self.samples);
                return Err(ENTRY.properties.unsupported(problem, "use one sample, or reinforce"));
            }
            let z = all_states(&logits)?;
            let log_q = categorical::log_mass(logits.unsqueeze(), z.clone()).sum_dim(2);
            let q = log_q.squeeze_dims::<2>(&[2, 3]).exp();
            let losses = objective.losses(&Sample { z, relaxed: None, weights: Some(q.clone().detach()) });
            Ok(Estimate::new((q * losses).sum_dim(0).squeeze_dim(0)))
        })
    }
}

/// `[K^D, B, D, K]`: state `s` has latent `d` in category `⌊s / K^d⌋ mod K`.
fn all_states(logits: &Tensor<3>) -> Result<Tensor<4>, Error> {
    let [rows, latents, categories] = logits.dims();
    let states = (STATES.count)(1, latents as u64, categories as u64);
    let Some(states) = states.filter(|&states| states <= LIMIT) else {
        let problem = Unsupported::States { categories, latents, limit: LIMIT };
        return Err(ENTRY.properties.unsupported(problem, "use rloo or gumbel-softmax"));
    };
    let digit =
        |state: u64, latent: usize| (state / (categories as u64).pow(latent as u32)) % categories as u64;
    let digits: Vec<i64> =
        (0..states).flat_map(|state| (0..latents).map(move |latent| digit(state, latent) as i64)).collect();
    let index = Tensor::<1, Int>::from_ints(digits.as_slice(), &logits.device());
    let one_hot = index.reshape([states as usize, 1, latents]).one_hot::<4>(categories).float();
    Ok(one_hot.cast(logits.dtype()).repeat_dim(1, rows))
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("exact").reducing(Reduction::ALL).evaluating(STATES).enumerating(),
    title: "exact enumeration of all states",
    papers: &[KINGMA],
    place: "eq. 9, the sum over classes",
    parameters: &[Parameter::SAMPLES],
    source: include_str!("exact.rs"),
    make: |given| boxed(Exact::new(given.read("samples")?)),
};

const KINGMA: Paper = Paper {
    key: "kingma2014semi",
    authors: "Diederik P. Kingma and Danilo J. Rezende and Shakir Mohamed and Max Welling",
    title: "Semi-supervised Learning with Deep Generative Models",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2014,
};

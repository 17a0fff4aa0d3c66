use super::contract::{
    Entry, Estimate, Estimator, Evaluations, Objective, Paper, Parameter, Properties, Sample, Venue, boxed,
    prepared, repeat,
};
use crate::named::named;
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Tensor, activation};

const STATES: Evaluations = Evaluations {
    formula: "SDK",
    count: |samples, latents, categories| latents.checked_mul(categories)?.checked_mul(samples),
};

/// IndeCateR: a sum over the categories of each latent, the other latents at samples of that latent's own.
///
/// ```text
/// ĝ_d = (1/S) Σ_s Σ_k f(z_sd with latent d in category k) p_dk (e_k − p_d),   z_sd ~ q for each s and d
/// ```
///
/// - **Bias**: none, and no variance if D = 1, where this is exact enumeration.
/// - **Cost**: S D K evaluations of f; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: a cheap f of few latents whose evaluations run in parallel.
/// - **Avoid when**: there are many latents.
/// - **Choices**: with one set of samples for all latents, as in the authors' shorter form, this is local-expectation
///   sample by sample, with as much variance in each coordinate; samples of their own make the estimates of different
///   latents independent, and the loss a mean over D times as many. `fresh=category` draws them for each category
///   too, as a third form of the authors' does: that loses what the categories have in common, and mostly adds variance.
///   The loss is Σ_k p_dk f, a mean over latents and samples, and its gradient in parameters inside f likewise.
/// - **Source**: De Smet, Sansone and Zuidberg Dos Martires 2023, section 4, and the authors' code.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, FreshSamples, IndeCateR, Objective};
/// let logits = Tensor::<3>::zeros([1, 1, 3], &Device::flex().autodiff()).require_grad();
/// let last = Objective::mean(|sample| sample.z.clone().narrow(3, 2, 1).squeeze_dims(&[2, 3]));
/// let estimator = IndeCateR::new(1, FreshSamples::Latent)?;
/// let estimate = estimator.estimate(logits.clone(), &last, &mut gumbel::Noise::from_seed(1), 0)?;
/// assert!((estimate.loss.clone().into_scalar::<f32>() - 1.0 / 3.0).abs() < 1e-6);
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 2..3]);
/// assert!((gradient.into_scalar::<f32>() - 2.0 / 9.0).abs() < 1e-6); // one latent: exact, whatever the sample
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "CatLog")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndeCateR {
    samples: usize,
    fresh: FreshSamples,
}

/// What has samples of its own in [`IndeCateR`].
///
/// ```
/// use gumbel::estimator::FreshSamples;
/// assert_eq!("category".parse::<FreshSamples>()?, FreshSamples::Category);
/// assert_eq!(FreshSamples::ALL.len(), 2);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FreshSamples {
    /// Each latent; all of its categories are compared at the same samples.
    #[default]
    Latent,
    /// Each category of each latent.
    Category,
}

impl FreshSamples {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Latent, Self::Category];
}

named!(FreshSamples, "owner of samples", Latent => "latent", Category => "category");

impl IndeCateR {
    /// With `samples` samples per row for each latent, or for each category of each.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, fresh: FreshSamples) -> Result<Self, Error> {
        Ok(Self { samples: ENTRY.properties.at_least(1, samples)?, fresh })
    }

    /// Hard samples per row that an estimate for D latents of K categories is made of.
    fn drawn(&self, latents: usize, categories: usize) -> usize {
        let owners = match self.fresh {
            FreshSamples::Latent => latents,
            FreshSamples::Category => latents * categories,
        };
        self.samples * owners
    }

    /// The estimate from given hard samples `[S D, B, D, K]`, those of the first sample s of all latents first, or for
    /// [`FreshSamples::Category`] `[S D K, B, D, K]`: a pure function of them.
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
        let [rows, latents, categories] = logits.dims();
        let p = activation::softmax(logits.clone().detach(), 2);
        // [S D K, B], summing to one.
        let weights = p.clone().permute([1, 2, 0]).reshape([latents * categories, rows]);
        let weights = weights.repeat_dim(0, self.samples) / (self.samples * latents) as f64;
        let z = self.states(z, categories);
        let sample = Sample { z, relaxed: None, weights: Some(weights.clone()) };
        // A masked category has no effect, whatever f is there.
        let losses = objective.losses(&sample).mask_fill(weights.equal_elem(0.0), 0.0);
        let values = losses.clone().detach().reshape([self.samples, latents, categories, rows]).mean_dim(0);
        let values = values.squeeze_dim::<3>(0).permute([2, 0, 1]);
        let mean = (p.clone() * values.clone()).sum_dim(2);
        Ok(Estimate::with_cotangent(sample.mean(losses), logits, p * (values - mean)))
    }

    /// Every latent of its samples in every category: `[S D K, B, D, K]`.
    fn states(&self, z: Tensor<4>, categories: usize) -> Tensor<4> {
        let [count, rows, latents, _] = z.dims();
        let own = match self.fresh {
            FreshSamples::Latent => z.unsqueeze_dim::<5>(1).repeat_dim(1, categories),
            FreshSamples::Category => z.reshape([count / categories, categories, rows, latents, categories]),
        };
        let own = own.reshape([self.samples * latents * categories, rows, latents, categories]);
        let one = Tensor::<2>::eye(latents * categories, &own.device()).cast(own.dtype());
        let one = one.reshape([latents * categories, 1, latents, categories]).repeat_dim(0, self.samples);
        own * (one.clone().sum_dim(3).neg() + 1.0) + one
    }
}

impl Estimator for IndeCateR {
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
            let [_, latents, categories] = logits.dims();
            let drawn = repeat(logits.clone().detach(), self.drawn(latents, categories));
            self.with_samples(logits, objective, sample_one_hot(drawn, noise)?)
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("indecater").evaluating(STATES).weighting().enumerating(),
    title: "sum over each latent, at samples of its own",
    papers: &[DE_SMET],
    place: "section 4",
    parameters: &[
        Parameter::SAMPLES,
        Parameter { name: "fresh", default: "latent", range: "latent or category" },
    ],
    source: include_str!("indecater.rs"),
    make: |given| boxed(IndeCateR::new(given.read("samples")?, given.read("fresh")?)),
};

const DE_SMET: Paper = Paper {
    key: "desmet2023differentiable",
    authors: "Lennert {De Smet} and Emanuele Sansone and Pedro {Zuidberg Dos Martires}",
    title: "Differentiable Sampling of Categorical Distributions Using the CatLog-Derivative Trick",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2023,
};

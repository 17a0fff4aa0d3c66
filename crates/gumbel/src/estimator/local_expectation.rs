use super::contract::{
    Entry, Estimate, Estimator, Evaluations, Objective, Paper, Parameter, Properties, Sample, Venue, boxed,
    prepared, repeat,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::{Tensor, activation};

const NEIGHBOURS: Evaluations = Evaluations {
    formula: "S(D(K-1)+1)",
    count: |samples, latents, categories| {
        latents.checked_mul(categories.checked_sub(1)?)?.checked_add(1)?.checked_mul(samples)
    },
};

/// Local expectation gradients: a sum over the categories of each latent in turn, the other latents held at a sample.
///
/// ```text
/// ĝ_d = (1/S) Σ_s Σ_k f(z_s with latent d in category k) p_dk (e_k − p_d)
/// ```
///
/// - **Bias**: none, and no variance if D = 1.
/// - **Cost**: (D (K − 1) + 1) S evaluations of f; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: a reference where enumeration is impossible, or a cheap f of few latents.
/// - **Avoid when**: there are many latents.
/// - **Choices**: the parameters inside f get their gradient at the sample itself only.
/// - **Source**: Titsias and Lázaro-Gredilla 2015, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, LocalExpectation, Objective};
/// let logits = Tensor::<3>::zeros([1, 1, 3], &Device::flex().autodiff()).require_grad();
/// let last = Objective::mean(|sample| sample.z.clone().narrow(3, 2, 1).squeeze_dims(&[2, 3]));
/// let estimator = LocalExpectation::new(1)?;
/// let estimate = estimator.estimate(logits.clone(), &last, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 2..3]);
/// assert!((gradient.into_scalar::<f32>() - 2.0 / 9.0).abs() < 1e-6); // one latent: exact, whatever the sample
/// # Ok::<(), gumbel::Error>(())
/// ```
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
        Ok(Self { samples: ENTRY.properties.at_least(1, samples)? })
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
        let losses = objective.losses(&Sample::hard(neighbours(&z)));
        let samples = z.dims()[0];
        let here = losses.clone().narrow(0, 0, samples);
        let p = activation::softmax(logits.clone().detach(), 2).unsqueeze::<4>();
        let values = by_category(&z, losses.detach());
        // A masked category has no effect, whatever f is there.
        let values = values.clone().mask_fill(p.clone().expand(values.shape()).equal_elem(0.0), 0.0);
        let mean = (p.clone() * values.clone()).sum_dim(3);
        let cotangent = (p * (values - mean)).mean_dim(0).squeeze_dim::<3>(0);
        let loss = objective.reduce(&Sample::hard(z), here);
        Ok(Estimate::with_cotangent(loss, logits, cotangent))
    }
}

/// The samples, followed, for each latent and each rotation of its category by 1 to K − 1, by the samples so rotated:
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
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("local-expectation").evaluating(NEIGHBOURS).enumerating(),
    title: "sum over each latent in turn",
    papers: &[TITSIAS],
    place: "section 3",
    parameters: &[Parameter::SAMPLES],
    source: include_str!("local_expectation.rs"),
    make: |given| boxed(LocalExpectation::new(given.read("samples")?)),
};

const TITSIAS: Paper = Paper {
    key: "titsias2015local",
    authors: "Michalis K. Titsias and Miguel Lázaro-Gredilla",
    title: "Local Expectation Gradients for Black Box Variational Inference",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2015,
};

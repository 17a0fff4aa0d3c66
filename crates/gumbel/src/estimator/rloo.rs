use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Venue, boxed, prepared,
};
use crate::{Error, Noise};
use burn::tensor::Tensor;

/// RLOO: REINFORCE with the mean loss of the row's other samples as the baseline of each.
///
/// ```text
/// ĝ = (1/S) Σ_s (f_s − mean_{j≠s} f_j) ∇ log q(z_s) = 1/(S−1) Σ_s (f_s − f̄) ∇ log q(z_s)
/// ```
///
/// - **Bias**: none; exactly zero for a constant f.
/// - **Cost**: S ≥ 2 evaluations of f; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: any black-box f: the default there, with nothing to tune.
/// - **Avoid when**: f is so expensive that only one sample is affordable.
/// - **Source**: Kool, van Hoof and Welling 2019, section 2; the same as VarGrad (Richter et al. 2020) for an ELBO.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, Rloo};
/// use gumbel::{Noise, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let measured = measure(&mut Rloo::new(2)?, fair, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 0.25).abs() < 0.01); // p (1 − p)
/// assert!(measured.bias.expect("enumerable").z().abs() < 4.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "leave-one-out")]
#[doc(alias = "VarGrad")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rloo {
    samples: usize,
}

impl Rloo {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// Fewer than two samples: there is no other to compare with.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: ENTRY.properties.at_least(2, samples)? })
    }
}

impl Estimator for Rloo {
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
            let drawn = Evaluation::draw(&logits, self.samples, objective, noise)?;
            let losses = drawn.losses.clone();
            let signal = (losses.clone() - losses.mean_dim(0)) / (self.samples - 1) as f64;
            Ok(drawn.score(logits, signal))
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("rloo"),
    title: "score function with a leave-one-out baseline",
    papers: &[KOOL, RICHTER],
    place: "section 2",
    parameters: &[Parameter::SEVERAL],
    source: include_str!("rloo.rs"),
    make: |given| boxed(Rloo::new(given.read("samples")?)),
};

const KOOL: Paper = Paper {
    key: "kool2019buy",
    authors: "Wouter Kool and Herke van Hoof and Max Welling",
    title: "Buy 4 REINFORCE Samples, Get a Baseline for Free!",
    venue: Venue::Conference("ICLR Workshop on Deep Reinforcement Learning Meets Structured Prediction"),
    year: 2019,
};

const RICHTER: Paper = Paper {
    key: "richter2020vargrad",
    authors: "Lorenz Richter and Ayman Boustati and Nikolas Nüsken and Francisco J. R. Ruiz and Ömer Deniz Akyildiz",
    title: "VarGrad: A Low-Variance Gradient Estimator for Variational Inference",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2020,
};

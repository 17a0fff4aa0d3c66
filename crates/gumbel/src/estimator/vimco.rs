use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Reduction, Sample,
    Venue, boxed, log_mean_exp, plain_mean, prepared, repeat,
};
use crate::{Error, Noise, sample_one_hot};
use burn::tensor::Tensor;

/// VIMCO: the score function for a log-mean-exp over samples, with the other samples as the baseline of each.
///
/// ```text
/// ĝ = Σ_s (L − L₋ₛ) ∇ log q(z_s) + ∇ L along f,   L = −ln (1/S) Σ_s exp(−f_s),
/// L₋ₛ the same with f_s replaced by the mean of the other losses
/// ```
///
/// - **Bias**: none, for the bound of S samples.
/// - **Cost**: S ≥ 2 evaluations of f; no gradient of f in z.
/// - **Uses**: logits, values of f.
/// - **Good for**: importance-weighted bounds with a black-box f.
/// - **Avoid when**: the objective is a mean over samples (use rloo).
/// - **Choices**: the mean of the other f is the paper's geometric mean of their weights. Everything is in log space.
/// - **Source**: Mnih and Rezende 2016, eq. 8 to 10.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Vimco};
/// let losses = Tensor::<2>::from_floats([[1.0], [3.0]], &Device::flex());
/// let signal = Vimco::new(2)?.bound_signal(losses)?.into_data().try_to_vec::<f32>().unwrap();
/// // −ln ½ (e⁻¹ + e⁻³), less 3 or 1: what it would be with the other loss twice.
/// assert!((signal[0] + 1.433781).abs() < 1e-5 && (signal[1] - 0.566219).abs() < 1e-5);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "IWAE")]
#[doc(alias = "importance weighted")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vimco {
    samples: usize,
}

impl Vimco {
    /// For the bound of `samples` samples.
    ///
    /// # Errors
    /// Fewer than two samples: there is no other to compare with.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: ENTRY.properties.at_least(2, samples)? })
    }

    /// The estimate from given hard samples `[S, B, D, K]`: a pure function of them.
    ///
    /// # Errors
    /// A mean over samples.
    pub fn with_samples(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        z: Tensor<4>,
    ) -> Result<Estimate, Error> {
        ENTRY.properties.check(objective)?;
        let evaluation = Evaluation::at(Sample::hard(z), objective);
        let signal = signal(evaluation.losses.clone().detach());
        Ok(evaluation.score(logits, signal))
    }
}

/// `L − L₋ₛ` of losses `[S, B]`, for each sample.
fn signal(losses: Tensor<2>) -> Tensor<2> {
    let [samples, rows] = losses.dims();
    let others = (losses.clone().sum_dim(0) - losses.clone()) / (samples - 1) as f64;
    let without = |s: usize| {
        let replaced = losses.clone().slice_assign([s..s + 1, 0..rows], others.clone().narrow(0, s, 1));
        log_mean_exp(replaced, plain_mean)
    };
    let baseline = Tensor::stack::<2>((0..samples).map(without).collect(), 0);
    log_mean_exp(losses, plain_mean).unsqueeze::<2>() - baseline
}

impl Estimator for Vimco {
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

    fn bound_signal(&self, losses: Tensor<2>) -> Result<Tensor<2>, Error> {
        ENTRY.properties.at_least(2, losses.dims()[0])?;
        Ok(signal(losses.detach()))
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("vimco").reducing(&[Reduction::LogMeanExp]),
    title: "score function of a log-mean-exp with leave-one-out baselines",
    papers: &[MNIH],
    place: "eq. 8 to 10",
    parameters: &[Parameter::SEVERAL],
    source: include_str!("vimco.rs"),
    make: |given| boxed(Vimco::new(given.read("samples")?)),
};

const MNIH: Paper = Paper {
    key: "mnih2016variational",
    authors: "Andriy Mnih and Danilo J. Rezende",
    title: "Variational Inference for Monte Carlo Objectives",
    venue: Venue::Conference("International Conference on Machine Learning"),
    year: 2016,
};

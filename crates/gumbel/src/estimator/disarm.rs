use super::contract::{
    Entry, Estimate, Estimator, Objective, Paper, Parameter, Properties, Reduction, Sample, Venue, boxed,
    prepared,
};
use super::parts::antithetic::{Pairs, halves, pairs};
use super::parts::binary;
use crate::{Error, Noise};
use burn::tensor::{Tensor, activation};

/// DisARM: the pairs of ARM, with the uniform noise averaged out given the pair.
///
/// ```text
/// ĝ = ½ (f(b) − f(b̃)) (b − b̃) σ(|ℓ|),   b = 1[u > 1 − p],   b̃ = 1[u < p],   p = σ(ℓ), coordinate by coordinate
/// ```
///
/// For a log-mean-exp of S samples each sample is replaced by its twin in turn, at 2S evaluations:
///
/// ```text
/// ĝ = ½ Σ_s (L(b) − L(b with b̃_s for b_s)) (b_s − b̃_s) σ(|ℓ|)
/// ```
///
/// - **Bias**: none.
/// - **Cost**: S evaluations of f (S / 2 pairs); no gradient of f.
/// - **Uses**: log-odds, values of f.
/// - **Good for**: binary latents and a black-box f: the default there.
/// - **Avoid when**: f is dominated by a few of many latents (all latents share one difference of f).
/// - **Choices**: the estimate of a log-mean-exp is averaged with the same for the twins, at no further cost.
/// - **Source**: Dong, Mnih and Tucker 2020, section 3, and section 4 for a log-mean-exp; the same as U2G (Yin, Ho, Yan,
///   Qian and Zhou 2020).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{DisArm, Objective};
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<3>::zeros([1, 1, 2], &device).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let uniform = Tensor::<3>::from_floats([[[0.9]]], &device);
/// let estimate = DisArm::new(2)?.with_uniform(logits.clone(), &bit, uniform)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient").slice([0..1, 0..1, 1..2]);
/// assert_eq!(gradient.into_scalar::<f32>(), 0.25); // ½ (1 − 0) σ(0)
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "U2G")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisArm {
    pairs: usize,
}

impl DisArm {
    /// With `samples` samples per row, in pairs.
    ///
    /// # Errors
    /// An odd number of samples, or none.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { pairs: pairs(&ENTRY.properties, samples)? })
    }

    /// The estimate for logits `[B, D, 2]` from given uniform numbers, `[S / 2, B, D]`, or for a log-mean-exp
    /// `[S, B, D]`: a pure function of them.
    ///
    /// # Errors
    /// Those of [`estimate`](Estimator::estimate).
    pub fn with_uniform(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        uniform: Tensor<3>,
    ) -> Result<Estimate, Error> {
        let log_odds = binary::log_odds(&ENTRY.properties, &logits)?;
        let pairs = Pairs::new(log_odds.clone(), uniform);
        let losses = objective.losses(&Sample::hard(pairs.one_hot()));
        let [left, right] = halves(losses);
        let (loss, signal) = match objective.reduction() {
            Reduction::Mean => mean_signal(left, right),
            Reduction::LogMeanExp => bound_signal(objective, &pairs, left, right),
        };
        let direction = (pairs.bits - pairs.twins) * activation::sigmoid(log_odds.abs()).unsqueeze();
        let slope = (signal.unsqueeze_dim::<3>(2) * direction).sum_dim(0).squeeze_dim(0);
        Ok(Estimate::with_cotangent(loss, logits, binary::cotangent(slope)))
    }
}

/// The mean loss `[B]`, and the weight of each pair's direction, `[P, B]`.
fn mean_signal(left: Tensor<2>, right: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
    let signal = (left.clone() - right.clone()).detach() * (0.5 / left.dims()[0] as f64);
    (((left + right) * 0.5).mean_dim(0).squeeze_dim(0), signal)
}

/// The same for a log-mean-exp: from the bits with one twin among them, and from the twins with one bit.
fn bound_signal(
    objective: &Objective,
    pairs: &Pairs,
    left: Tensor<2>,
    right: Tensor<2>,
) -> (Tensor<1>, Tensor<2>) {
    let bound =
        |losses: Tensor<2>| objective.reduce(&Sample::hard(binary::one_hot(pairs.bits.clone())), losses);
    let [samples, rows] = left.dims();
    let swapped = |all: &Tensor<2>, other: &Tensor<2>| {
        let one =
            |s: usize| bound(all.clone().slice_assign([s..s + 1, 0..rows], other.clone().narrow(0, s, 1)));
        Tensor::stack::<2>((0..samples).map(one).collect(), 0)
    };
    let loss = (bound(left.clone()) + bound(right.clone())) * 0.5;
    let [left, right] = [left.detach(), right.detach()];
    let gain = bound(left.clone()).unsqueeze::<2>() - swapped(&left, &right);
    let twins = bound(right.clone()).unsqueeze::<2>() - swapped(&right, &left);
    (loss, (gain - twins) * 0.25)
}

impl Estimator for DisArm {
    fn properties(&self) -> Properties {
        ENTRY.properties.with_samples(2 * self.pairs)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        prepared(logits, objective, |logits, objective| {
            let [rows, latents, _] = logits.dims();
            let count = match objective.reduction() {
                Reduction::Mean => self.pairs,
                Reduction::LogMeanExp => 2 * self.pairs,
            };
            let uniform = binary::uniform(noise, &logits, [count, rows, latents]);
            self.with_uniform(logits, objective, uniform)
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("disarm").binary().reducing(Reduction::ALL),
    title: "antithetic pairs of bits",
    papers: &[DONG, YIN],
    place: "section 3",
    parameters: &[Parameter::PAIRED],
    source: include_str!("disarm.rs"),
    make: |given| boxed(DisArm::new(given.read("samples")?)),
};

const DONG: Paper = Paper {
    key: "dong2020disarm",
    authors: "Zhe Dong and Andriy Mnih and George Tucker",
    title: "DisARM: An Antithetic Gradient Estimator for Binary Latent Variables",
    venue: Venue::Conference("Advances in Neural Information Processing Systems"),
    year: 2020,
};

const YIN: Paper = Paper {
    key: "yin2020probabilistic",
    authors: "Mingzhang Yin and Nhat Ho and Bowei Yan and Xiaoning Qian and Mingyuan Zhou",
    title: "Probabilistic Best Subset Selection via Gradient-Based Optimization",
    venue: Venue::Arxiv("2006.06448"),
    year: 2020,
};

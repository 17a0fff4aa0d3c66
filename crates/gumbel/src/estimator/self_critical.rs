use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Evaluations, Objective, Paper, Parameter, Properties, Sample,
    Venue, boxed, prepared,
};
use crate::tensor::one_hot_argmax;
use crate::{Error, Noise};
use burn::tensor::Tensor;

/// Self-critical: REINFORCE with the loss at the mode of q as its baseline.
///
/// ```text
/// ĝ = (1/S) Σ_s (f(z_s) − f(z*)) ∇ log q(z_s),   z*_d the largest logit of latent d (the first of several)
/// ```
///
/// - **Bias**: none; exactly zero for a constant f.
/// - **Cost**: S + 1 evaluations of f; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: a model that is used at its mode, such as greedy decoding.
/// - **Avoid when**: f at the mode says little about its mean (rloo with one sample more costs the same).
/// - **Choices**: the parameters inside f get their gradient from the samples alone.
/// - **Source**: Rennie, Marcheret, Mroueh, Ross and Goel 2017, section 3.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Estimator, Objective, SelfCritical};
/// let logits = Tensor::<3>::from_floats([[[0.0, 9.0]]], &Device::flex().autodiff()).require_grad();
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let estimate = SelfCritical::new(1)?.estimate(logits.clone(), &bit, &mut gumbel::Noise::from_seed(1), 0)?;
/// let gradient = logits.grad(&estimate.loss.backward()).expect("a gradient");
/// // The sample is the mode, so its loss is the baseline.
/// assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "SCST")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfCritical {
    samples: usize,
}

impl SelfCritical {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize) -> Result<Self, Error> {
        Ok(Self { samples: ENTRY.properties.at_least(1, samples)? })
    }
}

impl Estimator for SelfCritical {
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
            let mode = Sample::hard(one_hot_argmax(logits.clone()).unsqueeze::<4>());
            let baseline = objective.losses(&mode).detach();
            let drawn = Evaluation::draw(&logits, self.samples, objective, noise)?;
            let signal = (drawn.losses.clone().detach() - baseline) / self.samples as f64;
            Ok(drawn.score(logits, signal))
        })
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("self-critical").evaluating(Evaluations::ONE_MORE),
    title: "score function with the loss at the mode as baseline",
    papers: &[RENNIE],
    place: "section 3",
    parameters: &[Parameter::SAMPLES],
    source: include_str!("self_critical.rs"),
    make: |given| boxed(SelfCritical::new(given.read("samples")?)),
};

const RENNIE: Paper = Paper {
    key: "rennie2017self",
    authors: "Steven J. Rennie and Etienne Marcheret and Youssef Mroueh and Jerret Ross and Vaibhava Goel",
    title: "Self-Critical Sequence Training for Image Captioning",
    venue: Venue::Conference("IEEE Conference on Computer Vision and Pattern Recognition"),
    year: 2017,
};

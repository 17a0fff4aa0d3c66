use super::contract::{
    Entry, Estimate, Estimator, Evaluation, Objective, Paper, Parameter, Properties, Reduction, State, Venue,
    boxed, log_mean_exp, plain_mean, prepared,
};
use super::parts::average::Average;
use crate::named::named;
use crate::{Error, Noise};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// REINFORCE: the score-function, or likelihood-ratio, estimator.
///
/// ```text
/// ĝ = (f(z) − c) ∇ log q(z),   z ~ q,   c ← β c + (1 − β) mean f   after the step
/// ```
///
/// - **Bias**: none.
/// - **Cost**: S evaluations of f; no gradient of f.
/// - **Uses**: logits, values of f.
/// - **Good for**: an f that cannot be differentiated.
/// - **Avoid when**: there are many latents, since all of f's variation enters the gradient of each.
/// - **Choices**: c comes from earlier batches only (a mean that includes the current one is biased by O(1/B)),
///   and is corrected for its start at zero, as Adam's moments are. For a log-mean-exp over S, every sample's
///   score is weighted by the loss of the row.
/// - **Source**: Williams 1992, eq. 4; baseline c as in its section 4.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, Reinforce, ReinforceBaseline};
/// use gumbel::{Noise, measure::measure};
/// let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// let mut estimator = Reinforce::new(1, ReinforceBaseline::MovingAverage)?;
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let measured = measure(&mut estimator, fair, &bit, 10_000, &Noise::from_seed(1))?;
/// assert!((measured.mean[1] - 0.25).abs() < 0.001); // p (1 − p)
/// assert!((estimator.baseline() - 0.5).abs() < 0.02); // learned in the warm-up
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "score function")]
#[doc(alias = "policy gradient")]
#[doc(alias = "likelihood ratio")]
#[derive(Clone, Debug, PartialEq)]
pub struct Reinforce {
    samples: usize,
    kind: ReinforceBaseline,
    average: Average,
}

/// What [`Reinforce`] subtracts from the loss.
///
/// ```
/// use gumbel::estimator::ReinforceBaseline;
/// assert_eq!("none".parse::<ReinforceBaseline>()?, ReinforceBaseline::None);
/// assert_eq!(ReinforceBaseline::ALL.len(), 2);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReinforceBaseline {
    /// Nothing.
    None,
    /// The mean loss of earlier batches, with a memory of about 100.
    #[default]
    MovingAverage,
}

impl ReinforceBaseline {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::None, Self::MovingAverage];
}

named!(ReinforceBaseline, "baseline", None => "none", MovingAverage => "moving-average");

impl Reinforce {
    /// With `samples` samples per row.
    ///
    /// # Errors
    /// No samples.
    pub fn new(samples: usize, baseline: ReinforceBaseline) -> Result<Self, Error> {
        let samples = ENTRY.properties.at_least(1, samples)?;
        Ok(Self { samples, kind: baseline, average: Average::default() })
    }

    /// The baseline c of the next estimate: zero until it has adapted. Waits for the device that it is on.
    pub fn baseline(&self) -> f64 {
        self.average.value()
    }

    /// The signal of each of a row's samples that share one loss `[B]`, `[S, B]`.
    fn shared(&self, loss: Tensor<1>, samples: usize) -> Tensor<2> {
        let baseline = self.average.beside(&loss);
        (loss - baseline).unsqueeze::<2>().repeat_dim(0, samples)
    }
}

impl Estimator for Reinforce {
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
            let drawn = Evaluation::draw(&logits, self.samples, objective, noise)?;
            let signal = match objective.reduction() {
                Reduction::Mean => {
                    (drawn.losses.clone() - self.average.beside(&drawn.losses)) / self.samples as f64
                }
                Reduction::LogMeanExp => self.shared(drawn.loss.clone(), self.samples),
            };
            Ok(drawn.score(logits, signal))
        })
    }

    fn bound_signal(&self, losses: Tensor<2>) -> Result<Tensor<2>, Error> {
        let samples = losses.dims()[0];
        Ok(self.shared(log_mean_exp(losses.detach(), plain_mean), samples))
    }

    fn adapt(&mut self, last: &Estimate) {
        if self.kind == ReinforceBaseline::MovingAverage {
            self.average.learn(last.mean());
        }
    }

    fn state(&self) -> State {
        self.average.save(State::new())
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&[Average::NAME])?;
        self.average = Average::load(state)?;
        Ok(())
    }
}

pub(super) static ENTRY: Entry = Entry {
    properties: Properties::score_function("reinforce").reducing(Reduction::ALL),
    title: "score function, with or without a moving-average baseline",
    papers: &[WILLIAMS],
    place: "eq. 4",
    parameters: &[
        Parameter::SAMPLES,
        Parameter { name: "baseline", default: "moving-average", range: "none or moving-average" },
    ],
    source: include_str!("reinforce.rs"),
    make: |given| boxed(Reinforce::new(given.read("samples")?, given.read("baseline")?)),
};

const WILLIAMS: Paper = Paper {
    key: "williams1992simple",
    authors: "Ronald J. Williams",
    title: "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning",
    venue: Venue::Journal("Machine Learning"),
    year: 1992,
};

//! Gradient estimators of `E[f(z)]`, `z ~ q`: one trait, one file each, one table that lists them all.
//!
//! The contract: [`Estimator::estimate`] returns an [`Estimate`] whose `surrogate`, summed over the batch
//! and differentiated, is the estimated gradient with respect to **everything** it was computed from: the
//! logits, and the parameters inside the objective. Nothing else happens; measuring never changes state.
//!
//! What an estimator adds to the gradient that automatic differentiation of `f` gives is one tensor, the
//! cotangent of the logits. So one backward pass serves all, and no derivative of a derivative is needed.

mod arm;
mod arms;
mod arsm;
mod carms;
mod coupled;
mod darn;
mod decoupled;
mod disarm;
mod double_cv;
mod exact;
mod gapped;
mod gumbel_rao;
mod gumbel_softmax;
mod local_expectation;
mod muprop;
mod nvil;
pub(crate) mod objective;
mod paper;
mod parameters;
mod parts;
mod rebar;
mod reinforce;
mod reinmax;
mod relax;
mod relax_black_box;
mod rloo;
mod rodeo;
mod self_critical;
mod straight_through;
mod straight_through_gumbel;
mod sum_and_sample;
mod unordered_set;
mod vimco;
mod zgr;

use crate::{Error, Noise};
use burn::tensor::Tensor;
use std::fmt;

pub use arm::Arm;
pub use arms::Arms;
pub use arsm::Arsm;
pub use carms::Carms;
pub use coupled::{Coupled, Order};
pub use darn::Darn;
pub use decoupled::Decoupled;
pub use disarm::DisArm;
pub use double_cv::DoubleCv;
pub use exact::Exact;
pub use gapped::{Gap, Gapped};
pub use gumbel_rao::GumbelRao;
pub use gumbel_softmax::GumbelSoftmax;
pub use local_expectation::LocalExpectation;
pub use muprop::MuProp;
pub use nvil::Nvil;
pub use objective::{Objective, Reduction, Relaxed, Sample};
pub use paper::{Paper, Venue};
pub use parameters::{Choice, Parameter, Parameters};
pub use parts::coefficient::Weight;
pub use rebar::Rebar;
pub use reinforce::{Baseline, Reinforce};
pub use reinmax::ReinMax;
pub use relax::Relax;
pub use relax_black_box::RelaxBlackBox;
pub use rloo::Rloo;
pub use rodeo::Rodeo;
pub use self_critical::SelfCritical;
pub use straight_through::{Backward, StraightThrough};
pub use straight_through_gumbel::StraightThroughGumbel;
pub use sum_and_sample::SumAndSample;
pub use unordered_set::UnorderedSet;
pub use vimco::Vimco;
pub use zgr::Zgr;

/// Every estimator there is, in the order of the documentation.
pub static ALL: &[&Info] = &[
    &exact::INFO,
    &local_expectation::INFO,
    &sum_and_sample::INFO,
    &reinforce::INFO,
    &nvil::INFO,
    &self_critical::INFO,
    &rloo::INFO,
    &unordered_set::INFO,
    &vimco::INFO,
    &muprop::INFO,
    &darn::INFO,
    &rebar::INFO,
    &relax::INFO,
    &relax_black_box::INFO,
    &double_cv::INFO,
    &rodeo::INFO,
    &arm::INFO,
    &disarm::INFO,
    &arms::INFO,
    &arsm::INFO,
    &coupled::INFO,
    &carms::INFO,
    &straight_through::INFO,
    &straight_through_gumbel::INFO,
    &decoupled::INFO,
    &gapped::INFO,
    &gumbel_rao::INFO,
    &reinmax::INFO,
    &zgr::INFO,
    &gumbel_softmax::INFO,
];

/// Hard samples with a gradient, as pure functions of the logits and the sample.
///
/// Each returns `hard`, bit for bit, as a differentiable function of the logits: sample with
/// [`one_hot`](crate::one_hot), attach a gradient, and go on. See the estimator of the same name.
pub mod path {
    pub use super::darn::darn;
    pub use super::gapped::gapped;
    pub use super::gumbel_rao::gumbel_rao;
    pub use super::reinmax::reinmax;
    pub use super::straight_through::{identity, probabilities};
    pub use super::zgr::zgr;
}

/// What an estimator returns.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// `[B]`, detached: the estimate of the expected loss (of the relaxed one if the samples are relaxed).
    pub value: Tensor<1>,
    /// `[B]`: its gradient is the estimate of the gradient of the expected loss. Its value means nothing.
    pub surrogate: Tensor<1>,
    /// What [`Estimator::adapt`] learns from, detached; the layout is the estimator's own.
    pub lesson: Option<Tensor<1>>,
}

impl Estimate {
    /// Whatever differentiating the loss `[B]` gives, and nothing besides.
    pub fn of(loss: Tensor<1>) -> Self {
        Self { value: loss.clone().detach(), surrogate: loss, lesson: None }
    }

    /// The gradient of the loss `[B]` and, for the logits, `cotangent` `[B, D, K]` besides.
    pub fn with_cotangent(loss: Tensor<1>, logits: Tensor<3>, cotangent: Tensor<3>) -> Self {
        // Masked logits are infinite; their cotangent is zero.
        let masked = logits.clone().equal_elem(f32::NEG_INFINITY);
        let product = logits.mask_fill(masked, 0.0) * cotangent.detach();
        let added = product.sum_dim(2).sum_dim(1).squeeze_dims::<1>(&[1, 2]);
        Self { value: loss.clone().detach(), surrogate: loss + added, lesson: None }
    }

    /// The same, with something to learn from.
    #[must_use]
    pub fn teaching(self, lesson: Tensor<1>) -> Self {
        Self { lesson: Some(lesson.detach()), ..self }
    }

    /// `[B]`: the value, with the gradient of the surrogate. As part of another objective it makes estimators of
    /// several stochastic layers compose.
    pub fn loss(&self) -> Tensor<1> {
        // The bracket is exactly zero.
        self.value.clone() + (self.surrogate.clone() - self.surrogate.clone().detach())
    }

    /// The numbers of the lesson; none if there is none.
    fn lesson_numbers(&self) -> Vec<f64> {
        let numbers =
            |lesson: Tensor<1>| lesson.into_data().convert::<f64>().try_to_vec().expect("converted");
        self.lesson.clone().map_or(Vec::new(), numbers)
    }
}

/// A gradient estimator.
pub trait Estimator: fmt::Debug + Send {
    /// Its row in the table.
    fn info(&self) -> &'static Info;

    /// Estimates the expected loss and its gradient for `logits` `[B, D, K]`; `step` places schedules in
    /// time.
    ///
    /// Pure: the same arguments give the same answer.
    ///
    /// # Errors
    /// Those of the sampler: NaN or `+inf` among the logits, a row with every category masked; and what the
    /// estimator itself cannot serve.
    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Estimate, Error>;

    /// What it weighs the score of each sample by in a log-mean-exp, `[S, B]`, given the losses of all, `[S, B]`. A
    /// sample of several layers is one sample: all their scores get this signal
    /// ([`Layers::estimate_bound`](crate::layers::Layers::estimate_bound)).
    ///
    /// # Errors
    /// An estimator that has no score, or one that takes more than the losses; too few samples for it.
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
    fn bound_signal(&self, _losses: Tensor<2>) -> Result<Tensor<2>, Error> {
        Err(self.info().unserved("a log-mean-exp over chains of layers", OF_BOUNDS))
    }

    /// Learns from the last estimate (a baseline, say): the only mutation there is.
    fn adapt(&mut self, _last: &Estimate) {}

    /// What [`adapt`](Self::adapt) has learned, to be saved with a run.
    fn state(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Restores a saved [`state`](Self::state).
    ///
    /// # Errors
    /// [`Error::State`] if it is not this estimator's.
    fn restore(&mut self, state: &[f64]) -> Result<(), Error> {
        check_state(self.info(), 0, state)
    }
}

fn check_state(info: &Info, wanted: usize, state: &[f64]) -> Result<(), Error> {
    match state.len() == wanted {
        true => Ok(()),
        false => Err(Error::State { estimator: info.name, wanted, found: state.len() }),
    }
}

/// What the objective sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Samples {
    /// One-hot samples: `value` estimates the discrete objective.
    Hard,
    /// Points inside the simplex: `value` estimates the relaxed objective.
    Relaxed,
}

/// Which latents an estimator serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latents {
    /// Any number of categories.
    Categorical,
    /// Two categories.
    Binary,
}

impl fmt::Display for Latents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Categorical => "categorical",
            Self::Binary => "binary",
        })
    }
}

/// How often an estimator evaluates the objective for a row, in S samples, D latents and K categories.
#[derive(Clone, Copy)]
pub struct Evaluations {
    /// The formula.
    pub formula: &'static str,
    /// The number, or `None` above 2^64.
    pub count: fn(samples: u64, latents: u64, categories: u64) -> Option<u64>,
}

impl Evaluations {
    /// Once for each sample.
    pub const SAMPLES: Self = Self { formula: "S", count: |samples, _, _| Some(samples) };
    /// Twice for each sample: once for the gradient inside the estimate.
    pub const TWICE: Self = Self { formula: "2S", count: |samples, _, _| samples.checked_mul(2) };
}

impl fmt::Debug for Evaluations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.formula)
    }
}

impl fmt::Display for Evaluations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.formula)
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Info {
    /// The name for [`find`] and the command line.
    pub name: &'static str,
    /// A few words.
    pub title: &'static str,
    /// Its sources, the first the one that its formula is from.
    pub papers: &'static [Paper],
    /// Where in that paper.
    pub place: &'static str,
    /// The source text of its file, which begins with a [`header`](Self::header).
    pub source: &'static str,
    /// Which latents it serves.
    pub serves: Latents,
    /// How losses may combine over samples.
    pub reductions: &'static [Reduction],
    /// Whether its mean is the gradient of the discrete objective.
    pub unbiased: bool,
    /// What it evaluates the objective at; what its `value` estimates.
    pub samples: Samples,
    /// Whether it differentiates the objective with respect to `z`.
    pub needs_gradient: bool,
    /// Whether it does so by a backward pass of its own inside the estimate. That pass ends at the samples and at
    /// parameters: whatever else the objective is computed from must have no graph, since Burn differentiates a graph
    /// once.
    pub differentiates_inside: bool,
    /// What it takes, with defaults.
    pub parameters: &'static [Parameter],
    /// Evaluations of the objective.
    pub evaluations: Evaluations,
    /// Makes one from parameters that it takes; [`build`](Self::build) checks that.
    pub make: fn(&Parameters) -> Result<Box<dyn Estimator>, Error>,
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// Samples per row, with the default of most estimators.
const SAMPLES: Parameter =
    Parameter { name: "samples", default: "1", meaning: "a number of samples S, at least 1" };
/// The temperature of a relaxation.
const TAU: Parameter = Parameter {
    name: "tau",
    default: "1",
    meaning: "a temperature, positive: a number or a schedule such as exp:1:1e-4:0.5:500",
};
/// What serves a log-mean-exp.
pub(crate) const OF_BOUNDS: &str = "use vimco, reinforce or gumbel-softmax";
/// Both.
const EITHER: &[Reduction] = &[Reduction::Mean, Reduction::LogMeanExp];

impl Info {
    /// What its file says of it: formula, bias, cost, when it is good and when poor, and our choices.
    ///
    /// ```
    /// let header = gumbel::estimator::find("rloo")?.header();
    /// assert!(header.contains("Unbiased") && header.contains("Cost:"));
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn header(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        lines.fold(String::new(), |text, line| text + line.strip_prefix(' ').unwrap_or(line) + "\n")
    }

    /// Whether it has a temperature.
    pub fn tempered(&self) -> bool {
        self.takes("tau")
    }

    pub(crate) fn unserved(&self, what: impl Into<String>, instead: &'static str) -> Error {
        Error::Unserved { estimator: self.name, what: what.into(), instead }
    }

    /// Refuses an objective whose reduction it does not serve.
    fn check_reduction(&self, objective: &Objective) -> Result<(), Error> {
        match (self.reductions.contains(&objective.reduction()), objective.reduction()) {
            (true, _) => Ok(()),
            (false, Reduction::LogMeanExp) => Err(self.unserved("a log-mean-exp over samples", OF_BOUNDS)),
            (false, Reduction::Mean) => Err(self.unserved("a mean over samples", "use rloo")),
        }
    }
}

/// The estimator called `name`.
///
/// ```
/// let info = gumbel::estimator::find("reinforce")?;
/// assert!(info.unbiased && !info.needs_gradient);
/// let error = gumbel::estimator::find("gumbel-sotfmax").unwrap_err().to_string();
/// assert!(error.contains("did you mean gumbel-softmax?"));
/// # Ok::<(), gumbel::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unknown`], with the nearest name.
pub fn find(name: &str) -> Result<&'static Info, Error> {
    Error::named("estimator", name, ALL)
}

/// Passes a number of samples that is at least `least`.
fn at_least(info: &Info, least: usize, samples: usize) -> Result<usize, Error> {
    match samples >= least {
        true => Ok(samples),
        false => Err(Error::Parameter {
            estimator: info.name,
            reason: format!("the number of samples must be at least {least}, got {samples}"),
        }),
    }
}

/// `S` copies of the logits: `[B, D, K]` to `[S, B, D, K]`.
fn repeat(logits: Tensor<3>, samples: usize) -> Tensor<4> {
    let logits = logits.unsqueeze::<4>();
    if samples == 1 { logits } else { logits.repeat_dim(0, samples) }
}

/// The score `∂ log q(z) / ∂θ = z − softmax(θ)` of every sample, weighted by its signal `[S, B]` and summed:
/// a cotangent of the logits, `[B, D, K]`. Exactly zero at masked categories.
fn score_cotangent(logits: Tensor<3>, z: Tensor<4>, signal: Tensor<2>) -> Tensor<3> {
    let mass = burn::tensor::activation::softmax(logits.detach(), 2).unsqueeze::<4>();
    let signal = signal.detach().unsqueeze_dims::<4>(&[2, 3]);
    ((z - mass) * signal).sum_dim(0).squeeze_dim(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_every_row_cites_its_paper() {
        let names: BTreeSet<_> = ALL.iter().map(|info| info.name).collect();
        assert_eq!(names.len(), ALL.len());
        for info in ALL {
            assert!(!info.papers.is_empty() && !info.place.is_empty(), "{} cites nothing", info.name);
            for paper in info.papers {
                assert!((1950..2030).contains(&paper.year), "{}: {paper:?}", info.name);
            }
        }
    }

    #[test]
    fn every_header_says_what_a_user_must_know() {
        for info in ALL {
            let header = info.header();
            for part in ["ĝ", "iased", "Cost:", "Sees:", "Good for:", "Poor for:"] {
                assert!(header.contains(part), "{}: its header has no '{part}'", info.name);
            }
            let biased = header.contains("Biased");
            assert_ne!(biased, info.unbiased, "{}: header and table disagree on the bias", info.name);
            let first = header.lines().take(4).collect::<String>();
            let surname = info.papers[0].to_string();
            let surname = surname.split([' ', ',']).next().expect("a name");
            assert!(header.contains(surname), "{}: {surname} is not named in {first}", info.name);
        }
    }

    #[test]
    fn the_readme_has_every_row() {
        let yes = |claim: bool| if claim { "yes" } else { "no" };
        for Info { name, title, serves, unbiased, evaluations, needs_gradient, .. } in ALL {
            let (unbiased, gradient) = (yes(*unbiased), yes(*needs_gradient));
            let row = format!("| `{name}` | {title} | {serves} | {unbiased} | {evaluations} | {gradient} |");
            assert!(include_str!("../../README.md").contains(&row), "README.md misses {row}");
        }
    }

    #[test]
    fn an_unknown_name_meets_the_nearest_only_if_one_is_near() {
        let message = |name: &str| find(name).unwrap_err().to_string();
        assert!(message("gumble-softmax").contains("did you mean gumbel-softmax?"));
        assert!(!message("xyz").contains("did you mean") && message("xyz").contains("rloo"));
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/estimator");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the source folder")
            .map(|entry| entry.expect("a file").path())
            .map(|path| path.file_stem().expect("a name").to_string_lossy().replace('_', "-"))
            .filter(|name| !["mod", "objective", "paper", "parameters", "parts"].contains(&name.as_str()))
            .collect();
        assert_eq!(files, ALL.iter().map(|info| info.name.to_string()).collect());
    }
}

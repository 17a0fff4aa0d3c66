//! Gradient estimators of `E[f(z)]`, `z ~ q`: one trait, one file each, one table that lists them all.
//!
//! The contract: [`Estimator::estimate`] returns an [`Estimate`] whose `surrogate`, summed over the batch
//! and differentiated, is the estimated gradient with respect to **everything** it was computed from: the
//! logits, and the parameters inside the objective. Nothing else happens; measuring never changes state.
//!
//! What an estimator adds to the gradient that automatic differentiation of `f` gives is one tensor, the
//! cotangent of the logits. So one backward pass serves all, and no derivative of a derivative is needed.

mod exact;
mod gumbel_softmax;
mod objective;
mod reinforce;
mod rloo;
mod straight_through_gumbel;

use crate::{Error, Noise, Schedule};
use burn::tensor::Tensor;
use std::fmt;

pub use exact::Exact;
pub use gumbel_softmax::GumbelSoftmax;
pub use objective::{Objective, Reduction, Relaxed, Sample};
pub use reinforce::{Baseline, Reinforce};
pub use rloo::Rloo;
pub use straight_through_gumbel::StraightThroughGumbel;

/// Every estimator there is, in the order of the documentation.
pub static ALL: &[&Info] =
    &[&exact::INFO, &reinforce::INFO, &rloo::INFO, &gumbel_softmax::INFO, &straight_through_gumbel::INFO];

/// What an estimator returns.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// `[B]`, detached: the estimate of the expected loss (of the relaxed one if the samples are relaxed).
    pub value: Tensor<1>,
    /// `[B]`: its gradient is the estimate of the gradient of the expected loss. Its value means nothing.
    pub surrogate: Tensor<1>,
}

impl Estimate {
    /// Whatever differentiating the loss `[B]` gives, and nothing besides.
    fn of(loss: Tensor<1>) -> Self {
        Self { value: loss.clone().detach(), surrogate: loss }
    }

    /// The gradient of the loss `[B]` and, for the logits, `cotangent` `[B, D, K]` besides.
    fn with_cotangent(loss: Tensor<1>, logits: Tensor<3>, cotangent: Tensor<3>) -> Self {
        // Masked logits are infinite; their cotangent is zero.
        let masked = logits.clone().equal_elem(f32::NEG_INFINITY);
        let product = logits.mask_fill(masked, 0.0) * cotangent.detach();
        let added = product.sum_dim(2).sum_dim(1).squeeze_dims::<1>(&[1, 2]);
        Self { value: loss.clone().detach(), surrogate: loss + added }
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

/// How often an estimator evaluates the objective for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluations {
    /// Once for each of S samples.
    Samples,
    /// Once for each of the K^D states.
    States,
}

impl Evaluations {
    /// The number, or `None` above 2^64.
    pub fn count(self, samples: u64, latents: u32, categories: u64) -> Option<u64> {
        match self {
            Self::Samples => Some(samples),
            Self::States => categories.checked_pow(latents),
        }
    }
}

impl fmt::Display for Evaluations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Samples => "S",
            Self::States => "K^D",
        })
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Info {
    /// The name for [`find`] and the command line.
    pub name: &'static str,
    /// A few words.
    pub title: &'static str,
    /// Authors, year, title, and where in it.
    pub paper: &'static str,
    /// Whether its mean is the gradient of the discrete objective.
    pub unbiased: bool,
    /// What it evaluates the objective at.
    pub samples: Samples,
    /// Whether it differentiates the objective with respect to `z`.
    pub needs_gradient: bool,
    /// Whether it has a temperature.
    pub tempered: bool,
    /// Evaluations of the objective.
    pub evaluations: Evaluations,
    /// Makes one.
    pub build: fn(&Parameters) -> Result<Box<dyn Estimator>, Error>,
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl Info {
    fn unserved(&self, what: impl Into<String>, instead: &'static str) -> Error {
        Error::Unserved { estimator: self.name, what: what.into(), instead }
    }
}

/// The parameters that estimators choose from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Samples `S` per row.
    pub samples: usize,
    /// Temperature of the relaxed ones.
    pub tau: Schedule,
    /// Baseline of `reinforce`.
    pub baseline: Baseline,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { samples: 1, tau: Schedule::Constant(1.0), baseline: Baseline::default() }
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
            let has_year = info.paper.split(|c: char| !c.is_ascii_digit()).any(|word| word.len() == 4);
            assert!(has_year, "{}: '{}' names no year", info.name, info.paper);
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
            .filter(|name| !["mod", "objective"].contains(&name.as_str()))
            .collect();
        assert_eq!(files, ALL.iter().map(|info| info.name.to_string()).collect());
    }
}

//! Gradient estimators of `E_{z~q}[f(z)]`: one trait, one file each, one table that lists them all.
//!
//! The contract: [`Estimator::estimate`] returns an [`Estimate`] whose `surrogate`, summed over the batch
//! and differentiated, is the estimated gradient with respect to **everything** it was computed from: the
//! logits, and the parameters inside the objective. Nothing else happens; measuring never changes state.

mod exact;
mod gumbel_softmax;
mod reinforce;
mod straight_through_gumbel;

use crate::{Error, Noise, Schedule};
use burn::tensor::Tensor;

pub use exact::Exact;
pub use gumbel_softmax::GumbelSoftmax;
pub use reinforce::Reinforce;
pub use straight_through_gumbel::StraightThroughGumbel;

/// Every estimator there is, in the order of the documentation.
pub static ALL: &[&Info] =
    &[&exact::INFO, &reinforce::INFO, &gumbel_softmax::INFO, &straight_through_gumbel::INFO];

/// What an objective is evaluated at: `S` samples for each of `B` rows of `D` latents with `K` categories.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `[S, B, D, K]`: one-hot rows, or points of the simplex if `relaxed` says so.
    pub z: Tensor<4>,
    /// Set if `z` is a relaxed sample; what its density needs.
    pub relaxed: Option<Relaxed>,
}

/// The log-space side of a relaxed sample.
#[derive(Clone, Debug)]
pub struct Relaxed {
    /// `ln z`, `[S, B, D, K]`, exact where `z` has rounded to 0 or 1.
    pub log_z: Tensor<4>,
    /// The temperature it was drawn at.
    pub tau: f64,
}

/// `f`: one number for each sample and row, `[S, B]`. Lower is better wherever this library minimises.
pub type Objective<'a> = dyn Fn(&Sample) -> Tensor<2> + 'a;

/// What an estimator returns.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// `[B]`, detached: the estimate of `E f` (of the relaxed `f` if the samples are relaxed). For reports.
    pub value: Tensor<1>,
    /// `[B]`: its gradient is the estimate of the gradient of `E f`. Its value means nothing.
    pub surrogate: Tensor<1>,
}

/// A gradient estimator.
pub trait Estimator: Send {
    /// Its row in the table.
    fn info(&self) -> &'static Info;

    /// Estimates `E f` and its gradient for `logits` `[B, D, K]`; `step` places schedules in time.
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
    /// Evaluations of the objective, in words of `S` (samples), `D` and `K`.
    pub evaluations: &'static str,
    /// Makes one.
    pub build: fn(&Parameters) -> Result<Box<dyn Estimator>, Error>,
}

/// The parameters that estimators choose from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Samples `S` per row, at least 1.
    pub samples: usize,
    /// Temperature of the relaxed ones.
    pub tau: Schedule,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { samples: 1, tau: Schedule::Constant(1.0) }
    }
}

impl Parameters {
    fn checked_samples(&self, info: &Info) -> Result<usize, Error> {
        match self.samples {
            0 => Err(Error::Parameter {
                estimator: info.name,
                reason: "the number of samples must be at least 1, got 0".into(),
            }),
            samples => Ok(samples),
        }
    }
}

/// The estimator called `name`.
///
/// ```
/// let info = gumbel::estimator::find("reinforce")?;
/// assert!(info.unbiased && !info.needs_gradient);
/// let error = gumbel::estimator::find("gumbel-sotfmax").unwrap_err().to_string();
/// assert!(error.contains("did you mean gumbel-softmax"));
/// # Ok::<(), gumbel::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownEstimator`], with the nearest names.
pub fn find(name: &str) -> Result<&'static Info, Error> {
    ALL.iter().copied().find(|info| info.name == name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let mut names: Vec<&str> = ALL.iter().map(|info| info.name).collect();
    let all = names.join(", ");
    names.sort_by_key(|known| strsim::damerau_levenshtein(known, name));
    Error::UnknownEstimator { name: name.into(), nearest: names[0].into(), all }
}

/// `S` copies of the logits: `[B, D, K]` to `[S, B, D, K]`.
fn repeat(logits: Tensor<3>, samples: usize) -> Tensor<4> {
    let logits = logits.unsqueeze::<4>();
    if samples == 1 { logits } else { logits.repeat_dim(0, samples) }
}

/// The mean over samples, `[S, B]` to `[B]`.
fn over_samples(f: Tensor<2>) -> Tensor<1> {
    f.mean_dim(0).squeeze_dim(0)
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
    fn every_file_of_the_folder_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/estimator");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the source folder")
            .map(|entry| entry.expect("a file").path())
            .map(|path| path.file_stem().expect("a name").to_string_lossy().replace('_', "-"))
            .filter(|name| name != "mod")
            .collect();
        assert_eq!(files, ALL.iter().map(|info| info.name.to_string()).collect());
    }
}

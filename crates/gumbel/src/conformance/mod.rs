//! A suite that tests any estimator against exact enumeration, for this crate's estimators and for those of others.
//!
//! Rows are replicates: a row of logits is repeated, one call gives that many independent estimates, and they are
//! compared in standard errors. A sound unbiased estimator fails a comparison of one coordinate by chance once in
//! 16 000 seeds (a threshold of 4 standard errors), and the suite makes about 30 of them; the seeds are fixed, so a
//! result does not change from run to run. A biased estimator must show its bias by more than 8 standard errors: a
//! suite that cannot see a bias tests nothing.
//!
//! The problem has six logits, as two latents of three categories or three of two, and a loss
//! `f(z; φ) = exp(φ Σ w·z)`: nonlinear enough that the bias of every biased estimator is detected, and with a parameter inside.
//!
//! ```
//! use gumbel::conformance::{self, Check};
//! use gumbel::estimator::Rloo;
//! conformance::check(&|| Ok(Box::new(Rloo::new(2)?)))?;
//!
//! // One check alone, of an estimator whose properties claim too much.
//! # use burn::tensor::Tensor;
//! # use gumbel::{Error, Noise};
//! # use gumbel::estimator::{Pathwise, Properties, Sample, Zgr};
//! # #[derive(Debug)]
//! # struct Claims(Zgr);
//! # impl Pathwise for Claims {
//! #     const PROPERTIES: Properties =
//! #         Properties::score_function("claims").reducing(gumbel::estimator::Reduction::ALL);
//! #     fn samples(&self) -> usize { 1 }
//! #     fn sample(&self, logits: Tensor<4>, noise: &mut Noise, step: u64) -> Result<Sample, Error> {
//! #         self.0.sample(logits, noise, step)
//! #     }
//! # }
//! let failure = Check::Bias.run(&|| Ok(Box::new(Claims(Zgr::new(1)?)))).unwrap_err();
//! assert_eq!(failure.check, Check::Bias);
//! assert!(failure.to_string().contains("standard errors from the exact gradient"));
//! # Ok::<(), conformance::Failure>(())
//! ```

mod checks;
mod problem;

pub use problem::Build;

use problem::Problem;
use std::fmt;

/// Runs every [`Check`] on an estimator. With one sample per row, or a few: exact enumeration of a log-mean-exp takes
/// time exponential in the number of samples.
///
/// # Errors
/// The first failure.
///
/// ```
/// use gumbel::{Schedule, conformance, estimator::GumbelSoftmax};
/// conformance::check(&|| Ok(Box::new(GumbelSoftmax::new(2, Schedule::Constant(0.7))?)))?;
/// # Ok::<(), conformance::Failure>(())
/// ```
pub fn check(build: &Build) -> Result<(), Failure> {
    Check::ALL.into_iter().try_for_each(|check| check.run(build))
}

/// A property that every estimator must have.
///
/// ```
/// use gumbel::conformance::Check;
/// use gumbel::estimator::Exact;
/// assert_eq!(Check::ALL.len(), 12);
/// Check::Evaluations.run(&|| Ok(Box::new(Exact::new(1)?)))?; // K^D
/// # Ok::<(), gumbel::conformance::Failure>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// The mean gradient is the exact one, or for an estimator that is declared biased, differs from it.
    Bias,
    /// At hard samples the mean loss is the exact expectation.
    Loss,
    /// At hard samples the mean gradient with respect to a parameter inside the objective is the exact one.
    ObjectiveParameters,
    /// The gradient of a constant objective has mean zero.
    Constant,
    /// Equal noise gives equal bits, and estimating changes no state.
    Pure,
    /// A restored estimator continues identically, and another estimator's state is an error.
    State,
    /// Extreme and masked logits give finite gradients, and exactly zero at masks.
    Finite,
    /// A constant added to the logits of a latent changes nothing, and each latent's gradient sums to zero.
    Shift,
    /// Permuted categories permute the gradient in distribution.
    Permutation,
    /// The objective is evaluated as often as declared.
    Evaluations,
    /// Unsupported reductions and latents are typed errors.
    Unsupported,
    /// For a log-mean-exp over samples, the mean gradient and loss are the exact ones.
    LogMeanExp,
}

impl Check {
    /// Every check, the fastest first.
    pub const ALL: [Self; 12] = [
        Self::Unsupported,
        Self::Evaluations,
        Self::Pure,
        Self::State,
        Self::Finite,
        Self::Shift,
        Self::Bias,
        Self::Loss,
        Self::LogMeanExp,
        Self::ObjectiveParameters,
        Self::Constant,
        Self::Permutation,
    ];

    /// Runs this check alone.
    ///
    /// # Errors
    /// The failure, if there is one.
    pub fn run(self, build: &Build) -> Result<(), Failure> {
        let fail = |estimator, message| Failure { estimator, check: self, message };
        let built = build().map_err(|error| fail("estimator", error.to_string()))?;
        let problem = Problem::new(build, built.properties());
        let check = match self {
            Self::Bias => checks::bias,
            Self::Loss => checks::loss,
            Self::ObjectiveParameters => checks::objective_parameters,
            Self::Constant => checks::constant,
            Self::Pure => checks::pure,
            Self::State => checks::state,
            Self::Finite => checks::finite,
            Self::Shift => checks::shift,
            Self::Permutation => checks::permutation,
            Self::Evaluations => checks::evaluations,
            Self::Unsupported => checks::unsupported,
            Self::LogMeanExp => checks::log_mean_exp,
        };
        check(&problem).map_err(|fault| fail(problem.properties.name, fault.0))
    }
}

/// A check that an estimator failed.
///
/// ```
/// use gumbel::{Error, conformance::{Check, Failure}};
/// let result: Result<(), Failure> = Check::Pure.run(&|| Err(Error::NoScore));
/// assert!(result.unwrap_err().to_string().starts_with("estimator fails Pure: soft argmax requires"));
/// assert_eq!(Check::ALL[2], Check::Pure);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The name of the estimator.
    pub estimator: &'static str,
    /// The check.
    pub check: Check,
    /// What was found, and what was expected.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fails {:?}: {}", self.estimator, self.check, self.message)
    }
}

impl std::error::Error for Failure {}

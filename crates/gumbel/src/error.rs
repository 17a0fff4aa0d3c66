//! What a caller can get wrong.

/// The error of every fallible function of this crate: it names the value and the remedy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A temperature, logit or count that the numbers cannot be computed for.
    #[error(transparent)]
    Numbers(#[from] gumbel_kernels::Error),
    /// A schedule that cannot be read, or whose parameters are out of range.
    #[error(
        "schedule '{text}': {reason}; write a number, exp:START:RATE:FLOOR[:EVERY], linear:START:END:STEPS or cosine:START:END:STEPS"
    )]
    Schedule {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that is not in the table of estimators.
    #[error("no estimator is called '{name}'; did you mean {nearest}? There are: {all}")]
    UnknownEstimator {
        /// What was asked for.
        name: String,
        /// The names most like it.
        nearest: String,
        /// Every name.
        all: String,
    },
    /// An estimator parameter out of its range.
    #[error("{estimator}: {reason}")]
    Parameter {
        /// The estimator.
        estimator: &'static str,
        /// The value, its range, and the remedy.
        reason: String,
    },
    /// Saved state that does not belong to the estimator it is given to.
    #[error(
        "{estimator}: the saved state has {found} numbers, {wanted} were expected; it belongs to another estimator"
    )]
    State {
        /// The estimator.
        estimator: &'static str,
        /// Numbers it keeps.
        wanted: usize,
        /// Numbers it was given.
        found: usize,
    },
}

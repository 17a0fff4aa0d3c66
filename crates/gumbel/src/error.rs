//! What a caller can get wrong.

use std::fmt::Display;

/// The error of every fallible function of this crate: it names the value and the remedy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A temperature, logit or count that the numbers cannot be computed for.
    #[error(transparent)]
    Numbers(#[from] gumbel_kernels::Error),
    /// A score that cannot be sorted.
    #[error("the score at row {row}, column {column} is {value}: it must be finite")]
    Score {
        /// Its row, over the last axis.
        row: usize,
        /// Its place in the row.
        column: usize,
        /// What it is.
        value: f64,
    },
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
    /// A name that is in no table.
    #[error("no {kind} is called '{name}'{}; there are {all}", meant(nearest))]
    Unknown {
        /// What it should name: an estimator, say.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The name most like it, if one is like it at all.
        nearest: Option<String>,
        /// Every name.
        all: String,
    },
    /// What an estimator cannot do at all.
    #[error("{estimator} does not serve {what}; {instead}")]
    Unserved {
        /// The estimator.
        estimator: &'static str,
        /// The problem.
        what: String,
        /// What would serve.
        instead: &'static str,
    },
    /// An estimator parameter out of its range.
    #[error("{estimator}: {reason}")]
    Parameter {
        /// The estimator.
        estimator: &'static str,
        /// The value, its range, and the remedy.
        reason: String,
    },
    /// A count, size or law that a relaxation cannot work with.
    #[error("{relaxation}: {reason}")]
    Relaxation {
        /// The relaxation.
        relaxation: &'static str,
        /// The value, its range, and the remedy.
        reason: String,
    },
    /// A distribution that cannot be made of what was given, or that has not what was asked for.
    #[error("{distribution}: {reason}")]
    Distribution {
        /// The distribution.
        distribution: &'static str,
        /// The value, its range, and the remedy.
        reason: String,
    },
    /// A measurement that cannot be made.
    #[error("{0}")]
    Measure(String),
    /// A problem that cannot have the shape asked for.
    #[error("{problem}: {reason}")]
    Problem {
        /// The problem.
        problem: &'static str,
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

impl Error {
    /// The one of `all` that is displayed as `name`.
    pub(crate) fn named<T: Copy + Display>(kind: &'static str, name: &str, all: &[T]) -> Result<T, Self> {
        let names: Vec<String> = all.iter().map(T::to_string).collect();
        match names.iter().position(|known| known == name) {
            Some(index) => Ok(all[index]),
            None => Err(Self::unknown(kind, name, &names)),
        }
    }

    fn unknown(kind: &'static str, name: &str, names: &[String]) -> Self {
        let likeness = |known: &&String| strsim::jaro_winkler(known, name);
        let nearest = names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.filter(|known| likeness(known) > 0.7).cloned();
        Self::Unknown { kind, name: name.into(), nearest, all: names.join(", ") }
    }
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |nearest| format!(" (did you mean {nearest}?)"))
}

//! What an estimator supports and what it costs.

use super::{Objective, Reduction};
use crate::{Error, Unsupported};
use std::fmt;

/// What an estimator evaluates the objective at.
///
/// ```
/// use gumbel::estimator::{SampleKind, find};
/// assert_eq!(find("gumbel-softmax")?.properties.sample_kind, SampleKind::Relaxed);
/// assert_eq!(find("rloo")?.properties.sample_kind, SampleKind::Hard); // 35 of 36 are
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleKind {
    /// One-hot samples: the loss estimates the discrete objective.
    Hard,
    /// Points inside the simplex: the loss estimates the relaxed objective.
    Relaxed,
}

/// The latents that an estimator supports.
///
/// ```
/// use gumbel::estimator::{Latents, find};
/// assert_eq!(find("disarm")?.properties.latents, Latents::Binary);
/// assert_eq!(format!("{:>12}", Latents::Categorical), " categorical");
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

/// Where an estimator computes for logits on a device other than the processor.
///
/// ```
/// use gumbel::estimator::{ALL, Computes, find};
/// assert_eq!(find("rebar")?.properties.device, Computes::OnDevice); // its moving averages are kept there
/// assert_eq!(ALL.iter().filter(|entry| entry.properties.device == Computes::OnHost).count(), 4); // of 36
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Computes {
    /// On the device of the logits. Nothing that is learned is read back, but when it is saved or asked for.
    OnDevice,
    /// On the host, in double precision: every estimate waits for the logits, or for samples of theirs, and uploads its
    /// results.
    OnHost,
}

impl fmt::Display for Computes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OnDevice => "device",
            Self::OnHost => "host",
        })
    }
}

/// The number of evaluations of the objective per row, as a function of S samples, D latents and K categories.
///
/// ```
/// use gumbel::estimator::Evaluations;
/// assert_eq!((Evaluations::TWICE.count)(4, 1, 2), Some(8));
/// assert_eq!(Evaluations::TWICE.to_string(), "2S");
/// ```
#[derive(Clone, Copy)]
pub struct Evaluations {
    /// The formula, in S, D and K.
    pub formula: &'static str,
    /// The number, or `None` above 2^64.
    pub count: fn(samples: u64, latents: u64, categories: u64) -> Option<u64>,
}

impl Evaluations {
    /// Once per sample.
    pub const SAMPLES: Self = Self { formula: "S", count: |samples, _, _| Some(samples) };
    /// Twice per sample: once for the gradient inside the estimate.
    pub const TWICE: Self = Self { formula: "2S", count: |samples, _, _| samples.checked_mul(2) };
    /// Once per sample, and once at another point.
    pub const ONE_MORE: Self = Self { formula: "S+1", count: |samples, _, _| samples.checked_add(1) };
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

/// What an estimator supports and what it costs. Starts from [`score_function`](Self::score_function) or
/// [`pathwise`](Self::pathwise); the other methods change one property each.
///
/// ```
/// use gumbel::estimator::{Evaluations, Properties};
/// const REBAR_LIKE: Properties =
///     Properties::score_function("rebar-like").differentiating_inside().evaluating(Evaluations::TWICE);
/// assert_eq!(REBAR_LIKE.with_samples(3).evaluations(1, 2), Some(6));
/// assert!(REBAR_LIKE.unbiased && REBAR_LIKE.needs_gradient && !REBAR_LIKE.single_evaluation);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Properties {
    /// The name, in kebab case: for errors, reports and the command line.
    pub name: &'static str,
    /// S, the number of samples per row.
    pub samples: usize,
    /// The latents that it supports.
    pub latents: Latents,
    /// The ways in which losses may be combined over samples.
    pub reductions: &'static [Reduction],
    /// Whether the expected estimate is the gradient of the discrete objective.
    pub unbiased: bool,
    /// What it evaluates the objective at; what its loss estimates.
    pub sample_kind: SampleKind,
    /// Whether it differentiates the objective with respect to `z`.
    pub needs_gradient: bool,
    /// Whether it does so by a backward pass of its own inside the estimate. That pass ends at the samples and at
    /// parameters: nothing else that the objective is computed from may have a graph, since Burn differentiates a graph
    /// once.
    pub differentiates_inside: bool,
    /// Whether it evaluates the objective once, at equally weighted samples, as a chain of layers requires.
    pub single_evaluation: bool,
    /// Whether it sums over the categories of a latent instead of sampling them.
    pub enumerates: bool,
    /// The formula for its evaluations of the objective.
    pub cost: Evaluations,
    /// Where it computes for logits on a device other than the processor.
    pub device: Computes,
}

impl Properties {
    /// What to use instead of an estimator that does not support a log-mean-exp.
    pub(crate) const FOR_BOUNDS: &'static str = "use vimco, reinforce or gumbel-softmax";

    /// An unbiased estimator at hard samples that needs only values of the objective, a mean over samples.
    pub const fn score_function(name: &'static str) -> Self {
        Self {
            name,
            samples: 1,
            latents: Latents::Categorical,
            reductions: &[Reduction::Mean],
            unbiased: true,
            sample_kind: SampleKind::Hard,
            needs_gradient: false,
            differentiates_inside: false,
            single_evaluation: true,
            enumerates: false,
            cost: Evaluations::SAMPLES,
            device: Computes::OnDevice,
        }
    }

    /// A biased estimator that differentiates the objective along its hard samples, for either reduction.
    pub const fn pathwise(name: &'static str) -> Self {
        Self { unbiased: false, needs_gradient: true, ..Self::score_function(name).reducing(Reduction::ALL) }
    }

    /// With S samples per row.
    #[must_use]
    pub const fn with_samples(self, samples: usize) -> Self {
        Self { samples, ..self }
    }

    /// For binary latents only.
    #[must_use]
    pub const fn binary(self) -> Self {
        Self { latents: Latents::Binary, ..self }
    }

    /// For objectives with one of these reductions.
    #[must_use]
    pub const fn reducing(self, reductions: &'static [Reduction]) -> Self {
        Self { reductions, ..self }
    }

    /// Biased.
    #[must_use]
    pub const fn biased(self) -> Self {
        Self { unbiased: false, ..self }
    }

    /// At relaxed samples.
    #[must_use]
    pub const fn relaxed(self) -> Self {
        Self { sample_kind: SampleKind::Relaxed, ..self }
    }

    /// With a backward pass of the objective inside the estimate.
    #[must_use]
    pub const fn differentiating_inside(self) -> Self {
        Self { needs_gradient: true, differentiates_inside: true, single_evaluation: false, ..self }
    }

    /// With this number of evaluations instead of S.
    #[must_use]
    pub const fn evaluating(self, cost: Evaluations) -> Self {
        Self { cost, single_evaluation: false, ..self }
    }

    /// With unequally weighted samples.
    #[must_use]
    pub const fn weighting(self) -> Self {
        Self { single_evaluation: false, ..self }
    }

    /// Computing on the host, wherever the logits are.
    #[must_use]
    pub const fn on_host(self) -> Self {
        Self { device: Computes::OnHost, ..self }
    }

    /// Summing over the categories of a latent.
    #[must_use]
    pub const fn enumerating(self) -> Self {
        Self { enumerates: true, ..self }
    }

    /// The number of evaluations of the objective per row of `latents` latents with `categories` categories, or `None`
    /// above 2^64.
    pub fn evaluations(&self, latents: u64, categories: u64) -> Option<u64> {
        (self.cost.count)(self.samples as u64, latents, categories)
    }

    /// Whether it supports objectives with this reduction.
    pub fn supports(&self, reduction: Reduction) -> bool {
        self.reductions.contains(&reduction)
    }

    /// Returns an error for an objective whose reduction it does not support.
    ///
    /// # Errors
    /// [`Error::Unsupported`].
    pub fn check(&self, objective: &Objective) -> Result<(), Error> {
        match (self.supports(objective.reduction()), objective.reduction()) {
            (true, _) => Ok(()),
            (false, Reduction::LogMeanExp) => {
                Err(self.unsupported(Unsupported::LogMeanExp, Self::FOR_BOUNDS))
            }
            (false, Reduction::Mean) => Err(self.unsupported(Unsupported::Mean, "use rloo")),
        }
    }

    pub(crate) fn unsupported(&self, problem: Unsupported, remedy: &'static str) -> Error {
        Error::Unsupported { estimator: self.name, problem, remedy }
    }

    /// Returns a number of samples that is at least `least`.
    pub(crate) fn at_least(&self, least: usize, samples: usize) -> Result<usize, Error> {
        match samples >= least {
            true => Ok(samples),
            false => Err(Error::parameter(self.name, "samples", format!("at least {least}"), samples)),
        }
    }
}

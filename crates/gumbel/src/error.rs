//! Errors for what a caller can get wrong.

use crate::excerpt::excerpt;
use std::borrow::Cow;
use std::fmt::{self, Display};

/// The error of every fallible function of this crate. It names the problem, the value and what was expected.
///
/// ```
/// use gumbel::{Error, estimator::Rloo};
/// let error = Rloo::new(1).unwrap_err();
/// assert_eq!(error.to_string(), "rloo: samples must be at least 2, got 1");
/// assert!(matches!(error, Error::Parameter { parameter: "samples", .. }));
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A temperature, logit or count that the kernels cannot compute with.
    #[error(transparent)]
    Kernel(#[from] gumbel_kernels::Error),
    /// A row that an operation cannot compute with, noted by a device while nobody waited for it.
    #[error("{operation}: {}", fault.of_row(*row))]
    Unfit {
        /// What was called, if it was among the latest calls.
        operation: &'static str,
        /// The first such row of its argument.
        row: usize,
        /// What is wrong with it.
        fault: RowFault,
    },
    /// Logits of the next token that cannot be normalised.
    #[error("the next token of row {row} after {}: {}", after_tokens(prefix), fault.of_next_token())]
    NextToken {
        /// The row of the sequence.
        row: usize,
        /// The tokens before.
        prefix: Vec<usize>,
        /// What is wrong with the logits.
        fault: RowFault,
    },
    /// A device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// A score that cannot be sorted.
    #[error("scores must be finite (sorts take -inf as padding), got {value} at row {row}, column {column}")]
    Score {
        /// Its row, over the last axis.
        row: usize,
        /// Its place in the row.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// A row to sort that is padding throughout.
    #[error("every score of row {row} is -inf; expected at least one that is finite: leave the row out")]
    OnlyPadding {
        /// The row, over the last axis.
        row: usize,
    },
    /// A schedule that cannot be parsed, or whose parameters are out of range.
    #[error(
        "invalid schedule '{}': {fault}; expected a number, exp:START:RATE:FLOOR[:EVERY], linear:START:END:STEPS or \
         cosine:START:END:STEPS",
        excerpt(text)
    )]
    Schedule {
        /// The text of the schedule.
        text: String,
        /// What is wrong with it.
        fault: ScheduleFault,
    },
    /// A name that is in no table.
    #[error("unknown {kind} '{}'; {}", excerpt(name), remedy(nearest, known))]
    Unknown {
        /// What it should name, such as an estimator.
        kind: &'static str,
        /// The unknown name.
        name: String,
        /// The most similar known name, if one is similar enough.
        nearest: Option<String>,
        /// Every known name.
        known: Vec<String>,
    },
    /// A problem that an estimator does not support.
    #[error("{estimator} does not support {problem}; {remedy}")]
    Unsupported {
        /// The estimator.
        estimator: &'static str,
        /// The problem.
        problem: Unsupported,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A parameter out of its range.
    #[error("{owner}: {parameter} must be {expected}, got {}{}", excerpt(got), after_semicolon(remedy))]
    Parameter {
        /// The estimator, relaxation, distribution or measurement.
        owner: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// Its range.
        expected: Cow<'static, str>,
        /// Its value.
        got: String,
        /// What to do, where the range does not say it.
        remedy: Option<&'static str>,
    },
    /// An element of a tensor out of its range.
    #[error("{owner}: the {parameter} must be {expected}, got {value} at index {index}")]
    Element {
        /// The distribution.
        owner: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// The range of its elements.
        expected: &'static str,
        /// The index in the flat, row-major tensor.
        index: usize,
        /// The value there.
        value: f64,
    },
    /// A parameter that an estimator does not have.
    #[error("{estimator}: unknown parameter '{}'; {}", excerpt(name), expected_parameters(known))]
    UnknownParameter {
        /// The estimator.
        estimator: &'static str,
        /// The unknown parameter.
        name: String,
        /// Its parameters.
        known: Vec<&'static str>,
    },
    /// Text that assigns no parameter.
    #[error("{estimator}: expected PARAMETER=VALUE, got '{}'", excerpt(text))]
    Assignment {
        /// The estimator.
        estimator: &'static str,
        /// The text.
        text: String,
    },
    /// Saved state that does not belong to the estimator that restores it.
    #[error("cannot restore the estimator: the tensor '{}' of its state {fault}", excerpt(tensor))]
    State {
        /// The name of the tensor.
        tensor: String,
        /// What is wrong with it.
        fault: StateFault,
    },
    /// An order of categories that no row of perturbed logits can have.
    #[error("conditioned Gumbels: index {index} in row {row} of the order {fault}")]
    Order {
        /// The row.
        row: usize,
        /// The index in the order.
        index: i64,
        /// What is wrong with it.
        fault: OrderFault,
    },
    /// A divergence without a closed form, between distributions at different temperatures.
    #[error(
        "{distribution}: no closed-form KL between temperatures {tau} and {other}; use monte_carlo_kl, or equal \
         temperatures"
    )]
    NoClosedForm {
        /// The distribution.
        distribution: &'static str,
        /// The temperature of the first.
        tau: f64,
        /// The temperature of the second.
        other: f64,
    },
    /// Noise without a density in closed form, where its score is needed.
    #[error(
        "soft argmax requires noise with a known score, and sum-of-gamma noise has none; use normal or Gumbel noise, a \
         hard argmax or a Fenchel-Young loss"
    )]
    NoScore,
    /// An objective or gradient that is NaN or infinite.
    #[error(
        "{estimator}: the objective or its gradient is not finite; check the objective at one-hot z and inside the \
         simplex"
    )]
    NotFinite {
        /// The estimator.
        estimator: &'static str,
    },
}

/// What is wrong with a row that a device noted.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Error, RowFault, check_device, gumbel_max};
/// let device = Device::flex(); // or a GPU
/// let logits = Tensor::<1>::from_floats([f32::NAN, 0.0], &device);
/// let error = gumbel_max(logits, &mut gumbel::Noise::from_seed(1)).err().or(check_device(&device).err()).unwrap();
/// assert!(matches!(error, Error::Kernel(_) | Error::Unfit { row: 0, fault: RowFault::Logit, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowFault {
    /// A logit is NaN or `+inf`.
    Logit,
    /// Every logit is `-inf`.
    AllMasked,
    /// Fewer categories are unmasked than are drawn without replacement.
    TooFew,
    /// A point, the argument of a density, has a coordinate that is NaN or `+inf`, or nothing but `-inf`.
    Point,
}

impl RowFault {
    /// The problem, what was expected, and the remedy.
    fn of_row(self, row: usize) -> String {
        match self {
            Self::Logit => format!(
                "a logit of row {row} is NaN or +inf; expected finite numbers, or -inf to mask the category"
            ),
            Self::AllMasked => {
                format!("every logit of row {row} is -inf; leave at least one category unmasked")
            }
            Self::TooFew => format!(
                "row {row} of the logits has fewer unmasked categories than are drawn; request fewer or unmask more"
            ),
            Self::Point => format!(
                "row {row} of the points is not in the support: it has NaN or +inf, or nothing but -inf; expected \
                 finite numbers at unmasked categories"
            ),
        }
    }
}

impl RowFault {
    /// The same of the logits of a next token.
    fn of_next_token(self) -> &'static str {
        match self {
            Self::AllMasked => {
                "every logit is -inf; leave at least one token unmasked, or end the sequence before"
            }
            _ => "a logit is NaN or +inf; expected finite numbers, or -inf to mask a token",
        }
    }
}

/// A problem that an estimator does not support.
///
/// ```
/// use gumbel::{Error, Noise, Unsupported};
/// use gumbel::estimator::{DisArm, Estimator, Objective};
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<3>::zeros([1, 2, 3], &Device::flex());
/// let objective = Objective::mean(|sample| sample.z.clone().mean_dim(3).mean_dim(2).squeeze_dims(&[2, 3]));
/// let error = DisArm::new(2)?.estimate(logits, &objective, &mut Noise::from_seed(1), 0).unwrap_err();
/// assert!(matches!(error, Error::Unsupported { problem: Unsupported::Categories(3), .. }));
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsupported {
    /// An objective that is a mean over samples.
    Mean,
    /// An objective that is a log-mean-exp over samples.
    LogMeanExp,
    /// A log-mean-exp over this many samples: its states cannot be enumerated.
    LogMeanExpOf(usize),
    /// A log-mean-exp over chains of layers.
    LogMeanExpOfChains,
    /// Latents with this many categories, where only binary latents are supported.
    Categories(usize),
    /// More states than are enumerated.
    States {
        /// K.
        categories: usize,
        /// D.
        latents: usize,
        /// The largest number of states that is enumerated.
        limit: u64,
    },
    /// A chain of layers, which requires S evaluations of the objective at equally weighted samples.
    Chain,
    /// Several samples of one layer of a chain.
    ChainSamples(usize),
    /// The exact gradient of a log-mean-exp: its expectation depends on the number of samples.
    LogMeanExpReference,
    /// A batch that is estimated in parts: what it learns from is known of the whole only.
    Parts,
}

impl Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("a mean over samples"),
            Self::LogMeanExp => f.write_str("a log-mean-exp over samples"),
            Self::LogMeanExpOf(samples) => {
                write!(f, "a log-mean-exp over {samples} samples, which has (K^D)^S states")
            }
            Self::LogMeanExpOfChains => f.write_str("a log-mean-exp over chains of layers"),
            Self::Categories(categories) => {
                write!(f, "latents with {categories} categories, only binary latents")
            }
            Self::States { categories, latents, limit } => {
                write!(f, "{categories}^{latents} states (the limit is {limit})")
            }
            Self::Chain => {
                f.write_str("a chain of layers, which requires S evaluations at equally weighted samples")
            }
            Self::ChainSamples(samples) => {
                write!(f, "several samples of one layer of a chain (got {samples})")
            }
            Self::LogMeanExpReference => {
                f.write_str("a log-mean-exp as a reference: its expectation depends on the number of samples")
            }
            Self::Parts => f.write_str("a batch in parts"),
        }
    }
}

/// What is wrong with the text of a schedule.
///
/// ```
/// use gumbel::{Error, Schedule, ScheduleFault};
/// let Err(Error::Schedule { fault, .. }) = "linear:1:0:10".parse::<Schedule>() else { panic!("it is invalid") };
/// assert_eq!(fault, ScheduleFault::NotPositive { part: "END", value: 0.0 });
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScheduleFault {
    /// None of the forms.
    Form,
    /// A part that is not a number.
    NotANumber {
        /// The text of the part.
        got: String,
    },
    /// A part that is not a whole number of steps, or is zero.
    NotSteps {
        /// The text of the part.
        got: String,
    },
    /// A value that is not positive and finite.
    NotPositive {
        /// The part, as in the forms.
        part: &'static str,
        /// Its value.
        value: f64,
    },
    /// A rate that is negative or not finite.
    Rate {
        /// Its value.
        value: f64,
    },
}

impl Display for ScheduleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("not a schedule"),
            Self::NotANumber { got } => write!(f, "'{}' is not a number", excerpt(got)),
            Self::NotSteps { got } => {
                write!(f, "a number of steps must be a whole number from 1, got '{}'", excerpt(got))
            }
            Self::NotPositive { part, value } => write!(f, "{part} must be positive and finite, got {value}"),
            Self::Rate { value } => write!(f, "RATE must be finite and not negative, got {value}"),
        }
    }
}

/// What is wrong with a tensor of an estimator's state.
///
/// ```
/// use gumbel::{Error, StateFault};
/// use gumbel::estimator::{Estimator, Reinforce, ReinforceBaseline, State};
/// let mut estimator = Reinforce::new(1, ReinforceBaseline::MovingAverage)?;
/// let Err(Error::State { tensor, fault }) = estimator.restore(&State::new()) else { panic!("it is empty") };
/// assert_eq!((tensor.as_str(), fault), ("average", StateFault::Missing));
/// assert_eq!(estimator.baseline(), 0.0); // unchanged
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateFault {
    /// It is not in the saved state.
    Missing,
    /// The estimator has no such tensor.
    Unexpected,
    /// It has another number of elements.
    Length {
        /// The number in the saved state.
        got: usize,
        /// The number that the estimator expects.
        expected: usize,
    },
}

impl Display for StateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing; the state belongs to another estimator"),
            Self::Unexpected => f.write_str("is unknown; the state belongs to another estimator"),
            Self::Length { got, expected } => {
                write!(f, "has {got} elements, expected {expected}; the state belongs to another estimator")
            }
        }
    }
}

/// What is wrong with an index in an order of categories.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use gumbel::{Error, OrderFault, distribution::ConditionedGumbels};
/// let device = Device::flex();
/// let order = Tensor::<1, Int>::from_ints([7], &device);
/// let result = ConditionedGumbels::given_top_k(Tensor::<1>::zeros([3], &device), order);
/// assert!(matches!(result, Err(Error::Order { index: 7, fault: OrderFault::OutOfRange { categories: 3 }, .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderFault {
    /// It is not the index of a category.
    OutOfRange {
        /// K.
        categories: usize,
    },
    /// Its category is masked.
    Masked,
    /// It occurs twice.
    Repeated,
}

impl Display for OrderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { categories } => {
                write!(f, "is out of range; expected 0 to {}", categories.saturating_sub(1))
            }
            Self::Masked => f.write_str("is masked, so it can never come first"),
            Self::Repeated => f.write_str("occurs twice; expected distinct indices"),
        }
    }
}

impl Error {
    /// A parameter out of its range, where the range says what to do.
    pub(crate) fn parameter(
        owner: &'static str,
        parameter: &'static str,
        expected: impl Into<Cow<'static, str>>,
        got: impl Display,
    ) -> Self {
        Self::Parameter { owner, parameter, expected: expected.into(), got: got.to_string(), remedy: None }
    }

    /// The same error with a remedy.
    pub(crate) fn with_remedy(mut self, text: &'static str) -> Self {
        if let Self::Parameter { remedy, .. } = &mut self {
            *remedy = Some(text);
        }
        self
    }

    /// Logits after a prefix that cannot be normalised.
    pub(crate) fn next_token(row: usize, prefix: &[usize], fault: RowFault) -> Self {
        Self::NextToken { row, prefix: prefix.to_vec(), fault }
    }

    /// The element of `all` that is displayed as `name`.
    pub(crate) fn find<T: Copy + Display>(kind: &'static str, name: &str, all: &[T]) -> Result<T, Self> {
        let known: Vec<String> = all.iter().map(T::to_string).collect();
        match known.iter().position(|known| known == name) {
            Some(index) => Ok(all[index]),
            None => Err(Self::unknown(kind, name, known)),
        }
    }

    fn unknown(kind: &'static str, name: &str, known: Vec<String>) -> Self {
        let similarity = |known: &&String| strsim::jaro_winkler(known, name);
        let nearest = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
        let nearest = nearest.filter(|known| similarity(known) > 0.75).cloned();
        Self::Unknown { kind, name: name.into(), nearest, known }
    }
}

fn remedy(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean '{nearest}'?"),
        None => format!("expected one of: {}", known.join(", ")),
    }
}

fn after_tokens(prefix: &[usize]) -> String {
    if prefix.is_empty() { "the start".into() } else { excerpt(&format!("the tokens {prefix:?}")) }
}

fn after_semicolon(remedy: &Option<&'static str>) -> String {
    remedy.map_or(String::new(), |remedy| format!("; {remedy}"))
}

fn expected_parameters(known: &[&'static str]) -> String {
    match known {
        [] => "it has none".into(),
        known => format!("expected one of: {}", known.join(", ")),
    }
}

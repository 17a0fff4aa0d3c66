//! Parameters of estimators by name, for command lines and configuration files.
//!
//! In Rust an estimator's constructor takes typed parameters and checks their ranges. Here the same parameters
//! are text, `rloo:samples=4` or `gumbel-rao:draws=10:tau=exp:1:1e-4:0.5:500`: each row of the catalogue declares
//! their names and defaults.

use std::collections::BTreeMap;
use std::fmt;

/// A parameter of an estimator, as its row of the catalogue declares it.
///
/// ```
/// let rloo = gumbel::estimator::find("rloo")?;
/// assert_eq!((rloo.parameters[0].name, rloo.parameters[0].default), ("samples", "2"));
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// The text of its default.
    pub default: &'static str,
    /// Its range: what follows "must be" in an error.
    pub range: &'static str,
}

impl Parameter {
    /// S, the number of samples per row, with the default of most estimators.
    pub(crate) const SAMPLES: Self =
        Self { name: "samples", default: "1", range: "a number of samples S, at least 1" };
    /// S where there must be another sample to compare with.
    pub(crate) const SEVERAL: Self =
        Self { name: "samples", default: "2", range: "a number of samples S, at least 2" };
    /// S where samples are drawn in pairs.
    pub(crate) const PAIRED: Self =
        Self { name: "samples", default: "2", range: "a number of samples S, even and at least 2" };
    /// The temperature of a relaxation.
    pub(crate) const TAU: Self = Self {
        name: "tau",
        default: "1",
        range: "a temperature, positive: a number or a schedule such as exp:1:1e-4:0.5:500",
    };
    /// The temperature from 1 to 0.5 (Jang, Gu and Poole 2017).
    pub(crate) const ANNEALED: Self = Self { default: "exp:1:0.0002:0.5:100", ..Self::TAU };
    /// The coefficient of a control variate.
    pub(crate) const COEFFICIENT: Self =
        Self { name: "coefficient", default: "learned", range: "learned, or a finite number" };
    /// The width of a network's hidden layer.
    pub(crate) const HIDDEN: Self =
        Self { name: "hidden", default: "100", range: "the width of the network, at least 1" };
    /// The learning rate of a network.
    pub(crate) const RATE: Self =
        Self { name: "rate", default: "0.001", range: "the learning rate of the network, positive" };
}

/// Values of an estimator's parameters. A parameter without a value has the default of its row in the catalogue.
///
/// ```
/// use gumbel::estimator::{Parameters, find};
/// let rloo = find("rloo")?.build(&Parameters::default().with("samples", 4))?;
/// assert_eq!(rloo.properties().samples, 4);
/// let error = find("rloo")?.build(&Parameters::default().with("tau", 0.5)).unwrap_err();
/// assert_eq!(error.to_string(), "rloo: unknown parameter 'tau'; expected one of: samples");
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// The same values with one more, or with another value for that parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.0.insert(name.into(), value.to_string());
        self
    }

    /// The text of a parameter's value, if it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names of the parameters that were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Display for Parameters {
    /// `:name=value` for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| write!(f, ":{name}={value}"))
    }
}

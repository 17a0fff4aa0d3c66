//! Parameters of estimators by name, for command lines and configuration files.
//!
//! In Rust an estimator's constructor takes typed parameters and checks their ranges. Here the same parameters
//! are text, `rloo:samples=4` or `gumbel-rao:draws=10:tau=exp:1:1e-4:0.5:500`: each row of the table declares
//! the names it takes and their defaults.

use super::{Estimator, Info, find};
use crate::{Error, Schedule};
use std::collections::BTreeMap;
use std::{fmt, str::FromStr};

/// A parameter of an estimator, as the table declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// Its value if none is given.
    pub default: &'static str,
    /// What it is, with its range.
    pub meaning: &'static str,
}

/// Values of an estimator's parameters; what is not given has the default of its row in the table.
///
/// ```
/// use gumbel::estimator::{Parameters, find};
/// let rloo = find("rloo")?.build(&Parameters::default().with("samples", 4))?;
/// assert_eq!(rloo.info().name, "rloo");
/// let error = find("rloo")?.build(&Parameters::default().with("tau", 0.5)).unwrap_err();
/// assert!(error.to_string().contains("rloo takes no parameter 'tau'"));
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// These with one more, or with another value of it.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.0.insert(name.into(), value.to_string());
        self
    }

    /// The text given for a parameter, if one was.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Refuses a name that the estimator does not take.
    fn check(&self, info: &Info) -> Result<(), Error> {
        let unknown = |name: &&String| info.parameters.iter().all(|known| known.name != name.as_str());
        let Some(name) = self.0.keys().find(unknown) else { return Ok(()) };
        let known: Vec<&str> = info.parameters.iter().map(|known| known.name).collect();
        let takes = if known.is_empty() { "none".into() } else { known.join(", ") };
        let reason = format!("{} takes no parameter '{name}'; it takes {takes}", info.name);
        Err(Error::Parameter { estimator: info.name, reason })
    }

    /// The value given for a parameter, or its default.
    pub(super) fn read<T: FromStr>(&self, info: &Info, name: &str) -> Result<T, Error> {
        let declared = info.parameters.iter().find(|known| known.name == name);
        let declared = declared.expect("a builder reads the parameters that its row declares");
        let text = self.get(name).unwrap_or(declared.default);
        text.parse().map_err(|_| Error::Parameter {
            estimator: info.name,
            reason: format!("{name} is '{text}': it must be {}", declared.meaning),
        })
    }
}

impl fmt::Display for Parameters {
    /// `:name=value` for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| write!(f, ":{name}={value}"))
    }
}

/// An estimator and its parameters, written `NAME:parameter=value:…`.
///
/// ```
/// use gumbel::estimator::Choice;
/// let choice: Choice = "straight-through-gumbel:tau=exp:1:1e-4:0.5:500:samples=2".parse()?;
/// assert_eq!(choice.parameters.get("tau"), Some("exp:1:1e-4:0.5:500"));
/// assert_eq!(choice.build()?.info().name, "straight-through-gumbel");
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Choice {
    /// Its row in the table.
    pub info: &'static Info,
    /// What was said of its parameters.
    pub parameters: Parameters,
}

impl Choice {
    /// Makes it.
    ///
    /// # Errors
    /// A parameter it does not take, or one out of its range.
    pub fn build(&self) -> Result<Box<dyn Estimator>, Error> {
        self.info.build(&self.parameters)
    }

    /// The schedule of its temperature, if it has one.
    ///
    /// # Errors
    /// A temperature that cannot be read.
    pub fn schedule(&self) -> Result<Option<Schedule>, Error> {
        self.info.tempered().then(|| self.parameters.read(self.info, "tau")).transpose()
    }

    /// Evaluations of the objective for a row, or `None` above 2^64.
    pub fn evaluations(&self, latents: u64, categories: u64) -> Option<u64> {
        let samples =
            if self.info.takes("samples") { self.parameters.read(self.info, "samples").ok()? } else { 1 };
        (self.info.evaluations.count)(samples, latents, categories)
    }

    /// The same with the default of every parameter that was not given.
    #[must_use]
    pub fn complete(self) -> Self {
        self.info.parameters.iter().fold(self, |all, one| all.or(one.name, one.default))
    }

    /// The same with a value for a parameter that it takes and that was not given.
    #[must_use]
    pub fn or(mut self, name: &str, value: impl fmt::Display) -> Self {
        if self.info.takes(name) && self.parameters.get(name).is_none() {
            self.parameters = self.parameters.with(name, value);
        }
        self
    }
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let info = find(name)?;
        let mut parameters = Parameters::default();
        let mut last: Option<(&str, String)> = None;
        // A value may have colons: a new parameter begins where there is a name and an equals sign.
        for part in rest.split(':').filter(|part| !part.is_empty()) {
            match (part.split_once('='), &mut last) {
                (Some((name, value)), _) => {
                    parameters =
                        last.take().into_iter().fold(parameters, |all, (name, value)| all.with(name, value));
                    last = Some((name, value.into()));
                }
                (None, Some((_, value))) => *value += &format!(":{part}"),
                (None, None) => {
                    let reason = format!("'{part}' is no parameter; write NAME=VALUE");
                    return Err(Error::Parameter { estimator: info.name, reason });
                }
            }
        }
        parameters = last.into_iter().fold(parameters, |all, (name, value)| all.with(name, value));
        parameters.check(info)?;
        Ok(Self { info, parameters })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.info.name, self.parameters)
    }
}

impl Info {
    /// Makes an estimator with these parameters, and defaults for the rest.
    ///
    /// # Errors
    /// A parameter it does not take, or one out of its range.
    pub fn build(&self, parameters: &Parameters) -> Result<Box<dyn Estimator>, Error> {
        parameters.check(self)?;
        (self.make)(parameters)
    }

    /// Whether it has a parameter of that name.
    pub fn takes(&self, name: &str) -> bool {
        self.parameters.iter().any(|known| known.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimator::ALL;

    #[test]
    fn every_default_is_accepted_and_every_choice_survives_its_text() {
        for info in ALL {
            let choice: Choice = info.name.parse().expect(info.name);
            choice.build().expect(info.name);
            let full = choice.complete();
            let again: Choice = full.to_string().parse().expect(info.name);
            assert_eq!(again.parameters, full.parameters);
            again.build().expect(info.name);
        }
    }

    #[test]
    fn mistakes_name_the_value_and_the_remedy() {
        let cases = [
            ("rlo", "did you mean rloo?"),
            ("rloo:4", "'4' is no parameter; write NAME=VALUE"),
            ("rloo:samples=four", "samples is 'four': it must be"),
            ("rloo:samples=1", "at least 2, got 1"),
            ("rloo:sample=4", "rloo takes no parameter 'sample'; it takes samples"),
            ("gumbel-softmax:tau=0", "tau is '0': it must be"),
        ];
        for (text, part) in cases {
            let error = text.parse::<Choice>().and_then(|choice| choice.build().map(drop)).unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}

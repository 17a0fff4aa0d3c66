//! Estimators by name, with parameters: the text of command lines and configuration files.

use super::catalogue::find;
use super::contract::{Entry, Estimator, Parameters};
use crate::{Error, Schedule};
use std::{fmt, str::FromStr};

/// An estimator and its parameters, written `NAME:PARAMETER=VALUE:…`.
///
/// ```
/// use gumbel::estimator::EstimatorSpec;
/// let spec: EstimatorSpec = "straight-through-gumbel:tau=exp:1:1e-4:0.5:500:samples=2".parse()?;
/// assert_eq!(spec.parameters.get("tau"), Some("exp:1:1e-4:0.5:500"));
/// assert_eq!(spec.build()?.properties().samples, 2);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EstimatorSpec {
    /// Its row of the catalogue.
    pub entry: &'static Entry,
    /// The parameters that were given.
    pub parameters: Parameters,
}

impl EstimatorSpec {
    /// The estimator of a row of the catalogue, with defaults.
    pub fn new(entry: &'static Entry) -> Self {
        Self { entry, parameters: Parameters::default() }
    }

    /// The same, with this value for a parameter.
    #[must_use]
    pub fn with(self, name: &str, value: impl fmt::Display) -> Self {
        Self { parameters: self.parameters.with(name, value), ..self }
    }

    /// Makes the estimator.
    ///
    /// # Errors
    /// An unknown parameter, or one out of its range.
    pub fn build(&self) -> Result<Box<dyn Estimator>, Error> {
        self.entry.build(&self.parameters)
    }

    /// The schedule of its temperature, if it has one.
    ///
    /// # Errors
    /// A temperature that cannot be parsed.
    pub fn schedule(&self) -> Result<Option<Schedule>, Error> {
        self.entry.tempered().then(|| self.entry.read(&self.parameters, "tau")).transpose()
    }

    /// The number of evaluations of the objective per row of `latents` latents with `categories` categories. `None` for
    /// invalid parameters, or above 2^64.
    pub fn evaluations(&self, latents: u64, categories: u64) -> Option<u64> {
        self.build().ok()?.properties().evaluations(latents, categories)
    }

    /// The same, with the default of every parameter that was not given.
    #[must_use]
    pub fn complete(self) -> Self {
        self.entry.parameters.iter().fold(self, |all, one| all.or(one.name, one.default))
    }

    /// The same, with a value for a parameter that the estimator has and that was not given.
    #[must_use]
    pub fn or(mut self, name: &str, value: impl fmt::Display) -> Self {
        if self.entry.takes(name) && self.parameters.get(name).is_none() {
            self.parameters = self.parameters.with(name, value);
        }
        self
    }
}

impl FromStr for EstimatorSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let entry = find(name)?;
        let parameters = assignments(entry, rest)?;
        entry.check(&parameters)?;
        Ok(Self { entry, parameters })
    }
}

/// Values may contain colons: a new parameter begins at each name with an equals sign.
fn assignments(entry: &Entry, text: &str) -> Result<Parameters, Error> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for part in text.split(':').filter(|part| !part.is_empty()) {
        match (part.split_once('='), found.last_mut()) {
            (Some((name, value)), _) => found.push((name, value.into())),
            (None, Some((_, value))) => *value += &format!(":{part}"),
            (None, None) => {
                return Err(Error::Assignment { estimator: entry.name(), text: part.into() });
            }
        }
    }
    Ok(found.into_iter().fold(Parameters::default(), |all, (name, value)| all.with(name, value)))
}

impl fmt::Display for EstimatorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.entry.name(), self.parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimator::ALL;

    #[test]
    fn every_default_is_valid_and_every_spec_survives_its_text() {
        for entry in ALL {
            let name = entry.name();
            let spec: EstimatorSpec = name.parse().expect(name);
            spec.build().expect(name);
            let full = spec.complete();
            let again: EstimatorSpec = full.to_string().parse().expect(name);
            assert_eq!(again.parameters, full.parameters);
            again.build().expect(name);
        }
    }

    #[test]
    fn errors_name_the_value_and_the_remedy() {
        let cases = [
            ("rlo", "unknown estimator 'rlo'; did you mean 'rloo'?"),
            ("xyz", "unknown estimator 'xyz'; expected one of: exact, local-expectation"),
            ("rloo:4", "rloo: expected PARAMETER=VALUE, got '4'"),
            ("rloo:samples=four", "rloo: samples must be a number of samples S, at least 2, got 'four'"),
            ("rloo:samples=1", "rloo: samples must be at least 2, got 1"),
            ("rloo:sample=4", "rloo: unknown parameter 'sample'; expected one of: samples"),
            ("gumbel-softmax:tau=0", "gumbel-softmax: tau must be a temperature, positive"),
        ];
        for (text, part) in cases {
            let error = text.parse::<EstimatorSpec>().and_then(|spec| spec.build().map(drop)).unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}

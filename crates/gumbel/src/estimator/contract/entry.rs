//! A row of the catalogue.

use super::{Estimator, Paper, Parameter, Parameters, Properties};
use crate::Error;
use std::fmt;
use std::str::FromStr;

/// A row of the [catalogue](crate::estimator::ALL): name, documentation, papers, parameters and properties.
///
/// The command line, the documentation, the citations and the conformance tests are made from it.
///
/// ```
/// let entry = gumbel::estimator::find("rloo")?;
/// assert_eq!((entry.name(), entry.type_name()), ("rloo", "Rloo"));
/// assert_eq!((entry.properties.cost.formula, entry.papers.len()), ("S", 2));
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry {
    /// What it supports and what it costs, for one sample per row.
    pub properties: Properties,
    /// The method in a few words.
    pub title: &'static str,
    /// Its sources, the first the one that its formula is from.
    pub papers: &'static [Paper],
    /// The section or equation of the first paper.
    pub place: &'static str,
    /// Its parameters, with their defaults.
    pub parameters: &'static [Parameter],
    /// The text of its source file, of which the documentation of its type is a part.
    pub(crate) source: &'static str,
    /// Makes one with given parameters; [`build`](Self::build) checks their names first.
    pub(crate) make: fn(&Given) -> Result<Box<dyn Estimator>, Error>,
}

impl Entry {
    /// The name, as on the command line.
    pub fn name(&self) -> &'static str {
        self.properties.name
    }

    /// The name of its type in this module.
    pub fn type_name(&self) -> &'static str {
        let (_, rest) = self.source.split_once("\npub struct ").expect("every file defines its estimator");
        rest.split(|letter: char| !letter.is_alphanumeric()).next().expect("a name")
    }

    /// The documentation of its type in Markdown, without the example: formula, bias, cost, what it uses, when it is
    /// good, when to avoid it, our choices and its source.
    ///
    /// ```
    /// let doc = gumbel::estimator::find("rloo")?.doc();
    /// assert!(doc.contains("**Bias**: none") && doc.contains("ĝ = (1/S)"));
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn doc(&self) -> String {
        let (before, _) = self.source.split_once("\npub struct ").expect("every file defines its estimator");
        let block = before.lines().rev().skip_while(|line| line.starts_with("#["));
        let lines: Vec<&str> = block.map_while(|line| line.strip_prefix("///")).collect();
        let lines = lines.into_iter().rev().map(|line| line.strip_prefix(' ').unwrap_or(line));
        let mut formula = false;
        let prose = lines.take_while(|line| {
            let example = *line == "```" && !formula;
            formula = if line.starts_with("```") { !formula } else { formula };
            !example
        });
        prose.fold(String::new(), |doc, line| doc + line + "\n")
    }

    /// Makes an estimator with these parameters, and defaults for the others.
    ///
    /// # Errors
    /// An unknown parameter, or one out of its range.
    pub fn build(&self, parameters: &Parameters) -> Result<Box<dyn Estimator>, Error> {
        self.check(parameters)?;
        (self.make)(&Given { entry: self, parameters })
    }

    /// Returns an error for a parameter that it does not have.
    pub(crate) fn check(&self, parameters: &Parameters) -> Result<(), Error> {
        let Some(name) = parameters.names().find(|name| !self.takes(name)) else { return Ok(()) };
        let known = self.parameters.iter().map(|known| known.name).collect();
        Err(Error::UnknownParameter { estimator: self.name(), name: name.into(), known })
    }

    /// The value of a parameter, or its default.
    pub(crate) fn read<T: FromStr>(&self, parameters: &Parameters, name: &str) -> Result<T, Error> {
        let declared = self.parameters.iter().find(|known| known.name == name);
        let declared = declared.expect("a constructor reads the parameters that its row declares");
        let text = parameters.get(name).unwrap_or(declared.default);
        text.parse().map_err(|_| {
            Error::parameter(self.name(), declared.name, declared.range, format_args!("'{text}'"))
        })
    }

    /// Whether it has a parameter of that name.
    pub fn takes(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|known| known.name == parameter)
    }

    /// Whether it has a temperature.
    pub fn tempered(&self) -> bool {
        self.takes("tau")
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The parameters given for an estimator.
pub(crate) struct Given<'a> {
    pub entry: &'a Entry,
    pub parameters: &'a Parameters,
}

impl Given<'_> {
    /// The value of a parameter, or its default.
    pub fn read<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        self.entry.read(self.parameters, name)
    }
}

/// A new estimator behind a pointer.
pub(crate) fn boxed<E: Estimator + 'static>(made: Result<E, Error>) -> Result<Box<dyn Estimator>, Error> {
    Ok(Box::new(made?))
}

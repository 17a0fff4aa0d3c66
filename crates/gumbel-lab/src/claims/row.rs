//! A line of `claims.csv`: a number, what was expected of it, and whether it is so.

use crate::support::stats::Mean;
use serde::Serialize;

/// Standard errors beyond which two numbers are different: chance goes so far once in 16,000 times.
const LIMIT: f64 = 4.0;

/// What is claimed of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// It is only shown.
    None,
    /// It is the expected one, up to Monte Carlo: within 4 standard errors.
    Equal,
    /// It is not, beyond 4 standard errors.
    Differs,
    /// It is the expected one within so much, where no chance is in it.
    Within(f64),
    /// It is at most the expected one, or above it by chance.
    AtMost,
    /// It is at least the expected one, or below it by chance.
    AtLeast,
}

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The claim it belongs to.
    pub claim: &'static str,
    /// What was computed.
    pub quantity: String,
    /// With what.
    pub setting: String,
    /// What came out.
    pub measured: f64,
    /// Its standard error, if there is chance in it.
    pub standard_error: Option<f64>,
    /// What should come out, or should not.
    pub expected: Option<f64>,
    /// Where the expected number is from.
    pub source: String,
    /// What is claimed.
    pub test: Test,
}

impl Row {
    /// A number without chance in it.
    pub(super) fn exact(quantity: impl Into<String>, setting: impl Into<String>, measured: f64) -> Self {
        Self {
            claim: "",
            quantity: quantity.into(),
            setting: setting.into(),
            measured,
            standard_error: None,
            expected: None,
            source: String::new(),
            test: Test::None,
        }
    }

    /// A Monte Carlo mean.
    pub(super) fn mean(quantity: impl Into<String>, setting: impl Into<String>, mean: Mean) -> Self {
        Self { standard_error: Some(mean.standard_error), ..Self::exact(quantity, setting, mean.value) }
    }

    pub(super) fn expect(self, test: Test, expected: f64, source: impl Into<String>) -> Self {
        Self { test, expected: Some(expected), source: source.into(), ..self }
    }

    /// The deviation in standard errors.
    pub fn z(&self) -> Option<f64> {
        let se = self.standard_error.filter(|se| *se > 0.0)?;
        Some((self.measured - self.expected?) / se)
    }

    /// Whether what is claimed is so.
    pub fn holds(&self) -> bool {
        let Some(expected) = self.expected else { return self.test == Test::None };
        let above = self.measured - expected;
        let chance = LIMIT * self.standard_error.unwrap_or(0.0);
        match self.test {
            Test::None => true,
            Test::Equal => above.abs() <= chance,
            Test::Differs => above.abs() > chance,
            Test::Within(tolerance) => above.abs() <= tolerance,
            Test::AtMost => above <= chance,
            Test::AtLeast => above >= -chance,
        }
    }

    /// What is claimed, in words.
    pub fn claimed(&self) -> String {
        match self.test {
            Test::None => String::new(),
            Test::Equal => "equal".into(),
            Test::Differs => "differs".into(),
            Test::Within(0.0) => "exactly".into(),
            Test::Within(tolerance) => format!("within {tolerance:.1e}").replace(".0e", "e"),
            Test::AtMost => "at most".into(),
            Test::AtLeast => "at least".into(),
        }
    }

    /// The line of the file.
    pub fn line(&self) -> Line<'_> {
        Line {
            claim: self.claim,
            quantity: &self.quantity,
            setting: &self.setting,
            measured: self.measured,
            standard_error: self.standard_error,
            expected: self.expected,
            z: self.z(),
            source: &self.source,
            test: self.claimed(),
            holds: self.holds(),
        }
    }
}

/// The columns of `claims.csv`.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    claim: &'a str,
    quantity: &'a str,
    setting: &'a str,
    measured: f64,
    standard_error: Option<f64>,
    expected: Option<f64>,
    z: Option<f64>,
    source: &'a str,
    test: String,
    holds: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(test: Test, measured: f64, se: f64) -> Row {
        Row::mean("q", "s", Mean { value: measured, standard_error: se }).expect(test, 1.0, "by hand")
    }

    #[test]
    fn four_standard_errors_divide_equal_from_different() {
        for (measured, equal) in [(1.39, true), (1.41, false), (0.61, true), (0.59, false)] {
            assert_eq!(row(Test::Equal, measured, 0.1).holds(), equal, "{measured}");
            assert_eq!(row(Test::Differs, measured, 0.1).holds(), !equal, "{measured}");
        }
        assert!((row(Test::Equal, 1.2, 0.1).z().unwrap() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_bound_may_be_missed_by_chance_only() {
        assert!(row(Test::AtMost, 1.3, 0.1).holds() && !row(Test::AtMost, 1.5, 0.1).holds());
        assert!(row(Test::AtLeast, 0.7, 0.1).holds() && !row(Test::AtLeast, 0.5, 0.1).holds());
    }

    #[test]
    fn nothing_that_is_not_a_number_holds() {
        for test in [Test::Equal, Test::Differs, Test::Within(1.0), Test::AtMost, Test::AtLeast] {
            assert!(!row(test, f64::NAN, 0.1).holds(), "{test:?}");
        }
        let without = Row { expected: None, ..row(Test::Equal, 1.0, 0.1) };
        assert!(!without.holds() && Row { test: Test::None, ..without }.holds());
    }
}

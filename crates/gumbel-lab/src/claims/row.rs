//! A line of `claims.csv`: a number, its expected value, and the test of the one against the other.

use crate::support::stats::Mean;
use serde::Serialize;

/// Standard errors beyond which two numbers differ; by chance alone, one test in 16,000 exceeds it.
const LIMIT: f64 = 4.0;

/// The claimed relation of a number to its expected value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Relation {
    /// None: the number is not tested.
    None,
    /// Equal up to Monte Carlo error: within 4 standard errors.
    Equal,
    /// Different: beyond 4 standard errors.
    Differs,
    /// Equal within a tolerance, for numbers without Monte Carlo error.
    Within(f64),
    /// At most the expected value, up to 4 standard errors.
    AtMost,
    /// At least the expected value, up to 4 standard errors.
    AtLeast,
}

/// A number and its test.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimRow {
    /// Name of the claim.
    pub claim: &'static str,
    /// The computed quantity.
    pub quantity: String,
    /// Parameters of the computation.
    pub setting: String,
    /// Computed value.
    pub measured: f64,
    /// Standard error, for Monte Carlo means.
    pub standard_error: Option<f64>,
    /// Expected value.
    pub expected: Option<f64>,
    /// Source of the expected value.
    pub source: String,
    /// Claimed relation.
    pub test: Relation,
}

impl ClaimRow {
    /// A number without Monte Carlo error.
    pub(super) fn exact(quantity: impl Into<String>, setting: impl Into<String>, measured: f64) -> Self {
        Self {
            claim: "",
            quantity: quantity.into(),
            setting: setting.into(),
            measured,
            standard_error: None,
            expected: None,
            source: String::new(),
            test: Relation::None,
        }
    }

    /// A Monte Carlo mean.
    pub(super) fn mean(quantity: impl Into<String>, setting: impl Into<String>, mean: Mean) -> Self {
        Self { standard_error: Some(mean.standard_error), ..Self::exact(quantity, setting, mean.value) }
    }

    pub(super) fn expect(self, test: Relation, expected: f64, source: impl Into<String>) -> Self {
        Self { test, expected: Some(expected), source: source.into(), ..self }
    }

    /// Deviation from the expected value in standard errors.
    pub fn z(&self) -> Option<f64> {
        let se = self.standard_error.filter(|se| *se > 0.0)?;
        Some((self.measured - self.expected?) / se)
    }

    /// Whether the claimed relation holds.
    pub fn holds(&self) -> bool {
        let Some(expected) = self.expected else { return self.test == Relation::None };
        let above = self.measured - expected;
        let chance = LIMIT * self.standard_error.unwrap_or(0.0);
        match self.test {
            Relation::None => true,
            Relation::Equal => above.abs() <= chance,
            Relation::Differs => above.abs() > chance,
            Relation::Within(tolerance) => above.abs() <= tolerance,
            Relation::AtMost => above <= chance,
            Relation::AtLeast => above >= -chance,
        }
    }

    /// The claimed relation in words.
    pub fn claimed(&self) -> String {
        match self.test {
            Relation::None => String::new(),
            Relation::Equal => "equal".into(),
            Relation::Differs => "differs".into(),
            Relation::Within(0.0) => "exactly".into(),
            Relation::Within(tolerance) => format!("within {tolerance:.1e}").replace(".0e", "e"),
            Relation::AtMost => "at most".into(),
            Relation::AtLeast => "at least".into(),
        }
    }

    /// The line of `claims.csv`.
    pub fn line(&self) -> ClaimLine<'_> {
        ClaimLine {
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
pub struct ClaimLine<'a> {
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

    fn row(test: Relation, measured: f64, se: f64) -> ClaimRow {
        ClaimRow::mean("q", "s", Mean { value: measured, standard_error: se }).expect(test, 1.0, "arithmetic")
    }

    #[test]
    fn four_standard_errors_divide_equal_from_different() {
        for (measured, equal) in [(1.39, true), (1.41, false), (0.61, true), (0.59, false)] {
            assert_eq!(row(Relation::Equal, measured, 0.1).holds(), equal, "{measured}");
            assert_eq!(row(Relation::Differs, measured, 0.1).holds(), !equal, "{measured}");
        }
        assert!((row(Relation::Equal, 1.2, 0.1).z().unwrap() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn bounds_admit_four_standard_errors() {
        assert!(row(Relation::AtMost, 1.3, 0.1).holds() && !row(Relation::AtMost, 1.5, 0.1).holds());
        assert!(row(Relation::AtLeast, 0.7, 0.1).holds() && !row(Relation::AtLeast, 0.5, 0.1).holds());
    }

    #[test]
    fn no_relation_holds_for_nan() {
        for test in
            [Relation::Equal, Relation::Differs, Relation::Within(1.0), Relation::AtMost, Relation::AtLeast]
        {
            assert!(!row(test, f64::NAN, 0.1).holds(), "{test:?}");
        }
        let without = ClaimRow { expected: None, ..row(Relation::Equal, 1.0, 0.1) };
        assert!(!without.holds() && ClaimRow { test: Relation::None, ..without }.holds());
    }
}

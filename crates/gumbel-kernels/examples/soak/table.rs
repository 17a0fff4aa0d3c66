//! Results as a Markdown table, and their verdict.

use crate::options::Options;
use gumbel_kernels::Level;
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};
use std::fmt;

/// The rate of false alarms of one run.
const ALARM: f64 = 1e-3;

/// One comparison.
pub struct Line {
    /// What was compared.
    pub name: String,
    /// What was observed, and what was expected.
    pub observed: String,
    pub expected: String,
    /// The deviation in words: `z = 0.3`, `χ² = 95 (99)`.
    deviation: String,
    /// The probability of a deviation as large by chance.
    p: f64,
}

impl Line {
    /// A number with a normal error.
    pub fn normal(name: String, observed: f64, expected: f64, error: f64) -> Self {
        let z = (observed - expected) / error;
        let number = |x: f64| if x.abs() < 1e4 { format!("{x:.3}") } else { format!("{x:.0}") };
        Self {
            name,
            observed: number(observed),
            expected: number(expected),
            deviation: format!("z = {z:.2}"),
            p: 2.0 * Normal::standard().cdf(-z.abs()),
        }
    }

    /// Counts of cells with these expectations, each at least about 10; two-sided, since a fit can be too good.
    pub fn chi_square(name: String, observed: &[u64], expected: &[f64]) -> Self {
        let term = |(&seen, &mean): (&u64, &f64)| (seen as f64 - mean).powi(2) / mean;
        let sum: f64 = observed.iter().zip(expected).map(term).sum();
        let freedom = (observed.len() - 1) as f64;
        let law = ChiSquared::new(freedom).expect("at least two cells");
        Self {
            name,
            observed: observed.iter().sum::<u64>().to_string(),
            expected: format!("{} cells", observed.len()),
            deviation: format!("χ² = {sum:.0} (mean {freedom:.0})"),
            p: (2.0 * law.cdf(sum).min(law.sf(sum))).min(1.0),
        }
    }

    /// A count that must be zero.
    pub fn none(name: String, observed: u64, of: u64) -> Self {
        Self {
            name,
            observed: observed.to_string(),
            expected: "0".into(),
            deviation: format!("of {of}"),
            p: if observed == 0 { 1.0 } else { 0.0 },
        }
    }
}

pub struct Table<'a> {
    pub options: &'a Options,
    pub lines: Vec<Line>,
}

impl Table<'_> {
    /// The smallest p that passes.
    fn threshold(&self) -> f64 {
        ALARM / self.lines.len() as f64
    }

    pub fn passes(&self) -> bool {
        self.lines.iter().all(|line| line.p >= self.threshold())
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { test, count, seed, .. } = self.options;
        let (number, level) = (self.options.number(), Level::current());
        writeln!(f, "### {test}, {number}, {level}: {:.2e} numbers, seed {seed}\n", *count as f64)?;
        writeln!(f, "| | observed | expected | deviation | p |\n|---|--:|--:|--:|--:|")?;
        for Line { name, observed, expected, deviation, p } in &self.lines {
            writeln!(f, "| {name} | {observed} | {expected} | {deviation} | {p:.2e} |")?;
        }
        let verdict = if self.passes() { "All lines pass" } else { "FAILED" };
        let (lines, threshold) = (self.lines.len(), self.threshold());
        writeln!(f, "\n{verdict}: p at least {threshold:.1e}, {ALARM} divided by {lines} lines (Bonferroni).")
    }
}

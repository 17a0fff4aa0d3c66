//! Claims and the results of computing them.

use super::row::{ClaimRow, Relation};
use crate::page::number::grouped;
use crate::page::{Chart, Drawing, Width};
use anyhow::Result;
use gumbel_kernels::Stream;

/// A claim and the computation behind it.
#[derive(Debug)]
pub struct Claim {
    /// Name on the command line.
    pub name: &'static str,
    /// The claim, in one line.
    pub title: &'static str,
    /// Computation of the claim.
    pub compute: fn(&Sampling) -> Result<Finding>,
}

/// Random numbers and the number of samples of a computation.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// Random numbers of this computation only.
    pub stream: Stream,
    /// Samples of a Monte Carlo mean.
    pub samples: usize,
}

impl Sampling {
    /// A tenth of the samples, for computations that take ten times as long.
    pub(super) fn fewer(&self) -> usize {
        self.samples / 10
    }
}

/// Numbers in brackets, separated by commas.
pub(super) fn tuple(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
    format!("({})", numbers.join(", "))
}

/// The text, with hyphens before digits replaced by minus signs.
pub(super) fn minus(text: &str) -> String {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| {
        let sign = if part.starts_with(|c: char| c.is_ascii_digit()) { '−' } else { '-' };
        text + &sign.to_string() + part
    })
}

/// A number of samples with a comma between groups of three digits.
pub(super) fn count(samples: usize) -> String {
    grouped(samples as f64)
}

/// Results of a claim.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Explanation with the computed numbers, one paragraph per line.
    pub text: String,
    /// Figures.
    pub figures: Vec<Figure>,
    /// Numbers and their tests.
    pub rows: Vec<ClaimRow>,
}

/// A figure for the column of a page and for a phone.
#[derive(Clone, Debug)]
pub struct Figure {
    /// File name without the ending.
    pub name: &'static str,
    /// Caption.
    pub caption: String,
    /// The drawings for the column of a page and for a phone.
    pub drawings: [Drawing; 2],
}

impl Figure {
    pub(super) fn new(name: &'static str, caption: impl Into<String>, chart: &impl Chart) -> Self {
        let drawings = [Width::Full, Width::Half].map(|width| chart.draw(width));
        Self { name, caption: caption.into(), drawings }
    }
}

impl Finding {
    /// Whether every test passes.
    pub fn holds(&self) -> bool {
        self.rows.iter().all(ClaimRow::holds)
    }

    /// Number of tests, and of tests that pass.
    pub fn score(&self) -> (usize, usize) {
        let tests = self.rows.iter().filter(|row| row.test != Relation::None);
        let held = tests.clone().filter(|row| row.holds()).count();
        (tests.count(), held)
    }

    /// The largest deviation, in standard errors, of the numbers that are claimed to equal a known one.
    pub fn largest_z(&self) -> Option<f64> {
        let equal = self.rows.iter().filter(|row| row.test == Relation::Equal).filter_map(ClaimRow::z);
        equal.map(f64::abs).max_by(f64::total_cmp)
    }
}

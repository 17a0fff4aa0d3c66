//! `gumbel show`: what is claimed of Gumbel-Softmax, each claim a computation, its numbers and a figure.
//!
//! A claim does not assert: it returns [`Row`]s, of which each that tests something says what it expects and why. The
//! page, the table and the exit status are made of those.

mod convexity;
mod curvature;
mod density;
mod draw;
mod gan_sign;
mod noise;
mod options;
mod relaxed_elbo;
mod relaxed_gradient;
mod rounding;
mod row;
mod saturation;
mod score_function;
mod simplex;
mod snippet;
mod straight_through;
mod trade_off;
mod triangle;
mod unconscious;
mod zero_gradient;
mod zero_temperature;

pub use options::Options;
pub use row::{Row, Test};

use crate::report::figure::{Bars, Drawing, LineChart, Ternary, Width};
use crate::report::grouped;
use anyhow::Result;
use gumbel_kernels::Stream;

/// A claim and the computation behind it.
#[derive(Debug)]
pub struct Claim {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The claim, in a line.
    pub title: &'static str,
    /// Computes it.
    pub compute: fn(&Settings) -> Result<Finding>,
}

/// Every claim, in the order of the page.
pub const ALL: [Claim; 16] = [
    rounding::CLAIM,
    zero_temperature::CLAIM,
    convexity::CLAIM,
    trade_off::CLAIM,
    noise::CLAIM,
    density::CLAIM,
    simplex::CLAIM,
    unconscious::CLAIM,
    relaxed_gradient::CLAIM,
    zero_gradient::CLAIM,
    score_function::CLAIM,
    straight_through::CLAIM,
    relaxed_elbo::CLAIM,
    saturation::CLAIM,
    snippet::CLAIM,
    gan_sign::CLAIM,
];

/// What a computation is given.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Random numbers of its own.
    pub stream: Stream,
    /// Samples of a Monte Carlo mean.
    pub samples: usize,
}

impl Settings {
    /// A tenth of the samples, for what takes ten times as long.
    fn fewer(&self) -> usize {
        self.samples / 10
    }
}

/// Numbers between brackets.
fn tuple(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
    format!("({})", numbers.join(", "))
}

/// A minus sign where a hyphen stands before a digit.
fn minus(text: &str) -> String {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| {
        let sign = if part.starts_with(|c: char| c.is_ascii_digit()) { '−' } else { '-' };
        text + &sign.to_string() + part
    })
}

/// Samples in words, with a comma between groups of three digits.
fn count(samples: usize) -> String {
    grouped(samples as f64)
}

/// What was computed.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it shows, with the numbers found; a paragraph a line.
    pub said: String,
    /// What it is drawn as.
    pub figures: Vec<Figure>,
    /// The numbers.
    pub rows: Vec<Row>,
}

/// A figure for a page's column and for a phone.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its file, without the ending.
    pub name: &'static str,
    /// What is to be seen.
    pub caption: String,
    /// As wide as the column.
    pub wide: Drawing,
    /// As wide as a phone.
    pub narrow: Drawing,
}

impl Figure {
    fn chart(name: &'static str, caption: impl Into<String>, chart: &LineChart) -> Self {
        let draw = |width| LineChart { width, ..chart.clone() }.draw();
        Self { name, caption: caption.into(), wide: draw(Width::Full), narrow: draw(Width::Half) }
    }

    fn bars(name: &'static str, caption: impl Into<String>, bars: &Bars) -> Self {
        let draw = |width| Bars { width, ..bars.clone() }.draw();
        Self { name, caption: caption.into(), wide: draw(Width::Full), narrow: draw(Width::Half) }
    }

    fn triangles(name: &'static str, caption: impl Into<String>, triangles: &Ternary) -> Self {
        let draw = |width| triangles.draw(width);
        Self { name, caption: caption.into(), wide: draw(Width::Full), narrow: draw(Width::Half) }
    }
}

impl Claim {
    /// Computes it; its random numbers depend on the seed and its place in [`ALL`], not on which others are asked for.
    ///
    /// # Errors
    /// A computation that was refused, which would be a fault of this program.
    ///
    /// ```
    /// let claim = gumbel_lab::claims::ALL.iter().find(|claim| claim.name == "gan-sign").expect("it is there");
    /// let finding = claim.find(0, 100_000)?;
    /// let verdict = &finding.rows[0]; // p = 0.4 against q = 0.1
    /// assert!(finding.holds() && (verdict.measured - 0.8).abs() < 1e-6);
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn find(&self, seed: u64, samples: usize) -> Result<Finding> {
        let place = ALL.iter().position(|claim| claim.name == self.name).unwrap_or(ALL.len());
        let stream = Stream::new(seed).split(place as u64);
        let mut finding = (self.compute)(&Settings { stream, samples })?;
        finding.rows.iter_mut().for_each(|row| row.claim = self.name);
        finding.said = minus(&finding.said);
        Ok(finding)
    }
}

impl Finding {
    /// Whether every test holds.
    pub fn holds(&self) -> bool {
        self.rows.iter().all(Row::holds)
    }

    /// Tests, and how many of them hold.
    pub fn score(&self) -> (usize, usize) {
        let tests = self.rows.iter().filter(|row| row.test != Test::None);
        let held = tests.clone().filter(|row| row.holds()).count();
        (tests.count(), held)
    }

    /// The largest deviation, in standard errors, where equality is claimed.
    pub fn largest_z(&self) -> Option<f64> {
        let equal = self.rows.iter().filter(|row| row.test == Test::Equal).filter_map(Row::z);
        equal.map(f64::abs).max_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_a_hyphen_is_no_minus() {
        for (i, claim) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.name != claim.name), "{}", claim.name);
        }
        assert_eq!(minus("log-space at -0.5 to 2e-12, 99-fold"), "log-space at −0.5 to 2e−12, 99-fold");
    }
}

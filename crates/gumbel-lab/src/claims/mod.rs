//! `gumbel show`: published claims about Gumbel-Softmax, each verified by a computation with numbers and figures.
//!
//! A claim returns [`ClaimRow`]s. Each row that tests something has the expected value and its source. The page, the
//! table and the exit status are made from the rows.

mod claim;
mod convexity;
mod curvature;
mod density;
mod draw;
mod gan_sign;
mod noise;
mod options;
mod page;
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

pub use claim::{Claim, Figure, Finding, Sampling};
pub use options::ShowOptions;
pub use page::ClaimsPage;
pub use row::{ClaimRow, Relation};

use anyhow::Result;
use claim::{count, minus, tuple};
use gumbel_kernels::Stream;
use row::Relation::{AtLeast, AtMost, Differs, Equal, Within};

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

impl Claim {
    /// Computes the claim. Its random numbers depend on the seed and its place in [`ALL`], not on the choice of claims.
    ///
    /// # Errors
    /// A computation that fails, which is a bug of this program.
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
        let mut finding = (self.compute)(&Sampling { stream, samples })?;
        finding.rows.iter_mut().for_each(|row| row.claim = self.name);
        finding.text = minus(&finding.text);
        Ok(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_a_hyphen_is_not_a_minus_sign() {
        for (i, claim) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.name != claim.name), "{}", claim.name);
        }
        assert_eq!(minus("log-space at -0.5 to 2e-12, 99-fold"), "log-space at −0.5 to 2e−12, 99-fold");
    }
}

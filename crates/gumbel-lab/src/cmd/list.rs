//! `gumbel list`: the table of estimators.

use crate::output::print;
use anyhow::Result;
use gumbel::estimator::{ALL, Info, Samples};

/// Prints one line for each estimator.
///
/// # Errors
/// A full disk behind standard output.
pub fn run() -> Result<()> {
    let head = format!(
        "{:<24} {:<9} {:<8} {:<12} {:<9} what it is\n",
        "name", "unbiased", "samples", "evaluations", "gradient"
    );
    print(&ALL.iter().map(|info| line(info)).fold(head, |table, line| table + &line))
}

fn line(info: &Info) -> String {
    let samples = if info.samples == Samples::Hard { "hard" } else { "relaxed" };
    format!(
        "{:<24} {:<9} {samples:<8} {:<12} {:<9} {}\n",
        info.name,
        yes(info.unbiased),
        info.evaluations,
        yes(info.needs_gradient),
        info.title
    )
}

fn yes(claim: bool) -> &'static str {
    if claim { "yes" } else { "no" }
}

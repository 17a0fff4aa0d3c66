//! `gumbel list`: the table of estimators.

use gumbel::estimator::{ALL, Samples};

/// Prints one line for each estimator.
pub fn run() {
    println!(
        "{:<24} {:<9} {:<8} {:<12} {:<9} what it is",
        "name", "unbiased", "samples", "evaluations", "gradient"
    );
    for info in ALL {
        let samples = if info.samples == Samples::Hard { "hard" } else { "relaxed" };
        println!(
            "{:<24} {:<9} {samples:<8} {:<12} {:<9} {}",
            info.name,
            yes(info.unbiased),
            info.evaluations,
            yes(info.needs_gradient),
            info.title
        );
    }
}

fn yes(claim: bool) -> &'static str {
    if claim { "yes" } else { "no" }
}

//! The example of least trimmed squares does what it says. Without outliers, an estimate has a distance of about
//! 0.1 · √(8 / 280) = 0.017 from the true weights.

#[path = "../../examples/trimmed.rs"]
mod trimmed;

#[test]
fn trimmed_squares_are_not_misled_by_outliers() {
    for seed in [1, 2] {
        let outcome = trimmed::run(seed).unwrap();
        assert!(outcome.trimmed < 0.06, "seed {seed}: {} from the truth", outcome.trimmed);
        assert!(outcome.least_squares > 0.5, "seed {seed}: {} from the truth", outcome.least_squares);
    }
}

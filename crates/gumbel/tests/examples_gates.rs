//! The example of hard concrete gates does what it says.

#[path = "../examples/hard_concrete.rs"]
mod hard_concrete;

#[test]
fn gates_find_the_inputs_that_matter_and_accuracy_rises() {
    for seed in [1, 2] {
        let outcome = hard_concrete::run(seed);
        assert_eq!(outcome.found, 5, "seed {seed}");
        assert!(outcome.closed > 0.7, "seed {seed}: {} of the others are closed", outcome.closed);
        let (with, without) = (outcome.accuracy, outcome.without_gates);
        // A standard error of either is 0.01.
        assert!(
            with > 0.9 && with > without + 0.02,
            "seed {seed}: accuracy {with} with gates, {without} without"
        );
    }
}

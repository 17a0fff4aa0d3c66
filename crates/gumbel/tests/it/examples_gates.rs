//! The example of hard concrete gates does what it says.

#[path = "../../examples/hard_concrete.rs"]
mod hard_concrete;

#[test]
fn gates_find_the_inputs_that_matter_and_accuracy_rises() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let outcome = pool.install(|| hard_concrete::run(1));
    assert_eq!(outcome.found, 5);
    assert!(outcome.closed > 0.9, "{} of the others are closed", outcome.closed);
    let (with, without) = (outcome.accuracy, outcome.without_gates);
    // A standard error of either is at most 0.01.
    assert!(with > 0.95 && with > without + 0.05, "accuracy {with} with gates, {without} without");
}

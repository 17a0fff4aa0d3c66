//! The example of pruning does what it says.

#[path = "../../examples/prune.rs"]
mod prune;

#[test]
fn learned_masks_are_more_accurate_than_those_of_the_largest_weights() {
    let outcome = prune::run(1).unwrap();
    let prune::Outcome { dense, magnitude, learned } = outcome;
    // A standard error is at most 0.01.
    assert!(dense > 0.9, "dense: {dense}");
    assert!(learned > magnitude + 0.05, "{learned} with learned masks, {magnitude} by magnitude");
}

//! The examples of training loops do what they say.

#[path = "../../examples/swap_estimators.rs"]
mod swap_estimators;
#[path = "../../examples/training_loop.rs"]
mod training_loop;

#[test]
fn a_resumed_run_continues_bit_for_bit_and_learns() {
    let folder = tempfile::tempdir().expect("a folder");
    let [whole, resumed] = training_loop::run(folder.path()).expect("it trains");
    assert_eq!(whole.to_bits(), resumed.to_bits());
    // Sixteen bits with one in twenty flipped, and eight patterns: 3.18 + 2.08 nats at best.
    assert!(whole < 6.5, "{whole}");
}

#[test]
fn every_estimator_by_name_trains_the_model() {
    for name in ["exact", "rloo:samples=4", "zgr"] {
        let elbo = swap_estimators::train(&name.parse().expect(name)).expect(name);
        assert!(elbo < 6.5, "{name}: {elbo}");
    }
}

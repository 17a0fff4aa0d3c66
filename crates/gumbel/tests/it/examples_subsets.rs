//! The examples about subsets train, and come to what they are for.

#[path = "../../examples/experts.rs"]
mod experts;
#[path = "../../examples/l2x.rs"]
mod l2x;

#[test]
fn the_explainer_finds_the_features_that_matter() {
    let l2x::Outcome { exact, true_features } = l2x::run(3).expect("trains");
    assert!(exact > 0.95, "{exact} of the rows, by chance 1 in 210");
    assert!(true_features >= exact, "{true_features}");
}

#[test]
fn routed_experts_beat_a_single_one_and_share_the_load() {
    let experts::Outcome { routed, single, balanced_load, free_load } = experts::run(3).expect("trains");
    assert!(routed < 0.1 * single, "{routed} against {single}");
    assert!(balanced_load < 0.25 * free_load, "{balanced_load} against {free_load}");
}

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
    let rows = experts::run(3).expect("trains");
    let row = |name| rows.iter().find(|row| row.name == name).expect("it is trained");
    let (single, alone) = (row("a single expert"), row("top-k, left alone"));
    for row in rows.iter().filter(|row| row.name != single.name) {
        assert!(row.error < 0.1 * single.error, "{}: {} against {}", row.name, row.error, single.error);
    }
    for row in rows.iter().filter(|row| ![single.name, alone.name].contains(&row.name)) {
        assert!(row.load < 0.5 * alone.load, "{}: {} against {}", row.name, row.load, alone.load);
    }
}

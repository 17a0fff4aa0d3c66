//! The examples of permutations learn what they say. Other seeds came to 96 % and more of the sequences sorted, and
//! to 99 % of the pieces placed.

#[path = "../../examples/matching.rs"]
mod matching;
#[path = "../../examples/sort.rs"]
mod sort;

#[test]
fn numbers_are_sorted_that_were_never_seen() {
    let outcome = sort::run(1).unwrap();
    assert!(outcome.exact > 0.93, "{} of the sequences; by chance 0.008", outcome.exact);
    assert!(outcome.placed > outcome.exact, "{} and {}", outcome.placed, outcome.exact);
}

#[test]
fn jigsaws_are_put_together() {
    let outcome = matching::run(1).unwrap();
    assert!(outcome.placed > 0.98, "{} of the pieces; by chance 0.11", outcome.placed);
    assert!(outcome.solved > 0.94, "{} of the puzzles", outcome.solved);
}

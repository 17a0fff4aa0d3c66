//! The examples of permutations learn what they say.

#[path = "../examples/matching.rs"]
mod matching;
#[path = "../examples/sort.rs"]
mod sort;

#[test]
fn numbers_are_sorted_that_were_never_seen() {
    let outcome = sort::run(1).unwrap();
    println!("sort: exact {}, placed {}", outcome.exact, outcome.placed);
    assert!(outcome.exact > 0.9, "{} of the sequences; by chance 0.008", outcome.exact);
    assert!(outcome.placed >= outcome.exact);
}

#[test]
fn jigsaws_are_put_together() {
    let outcome = matching::run(1).unwrap();
    println!("matching: placed {}, solved {}", outcome.placed, outcome.solved);
    assert!(outcome.placed > 0.8, "{} of the pieces; by chance 0.11", outcome.placed);
    assert!(outcome.placed >= outcome.solved);
}

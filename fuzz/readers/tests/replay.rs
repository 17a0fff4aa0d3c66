//! Replays `corpus/`, as it is and damaged, through the properties that it was found with.

use fuzz_readers::TARGETS;

#[path = "../../shared/replay.rs"]
mod replay;

#[test]
fn every_property_holds_for_its_corpus_and_damaged_copies() {
    replay::all(TARGETS);
}

#[test]
fn every_property_has_its_program() {
    replay::programs(TARGETS);
}

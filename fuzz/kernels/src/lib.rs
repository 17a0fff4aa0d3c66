//! Properties of the kernels, each a function of arbitrary bytes that panics where the property fails.
//!
//! A property is run by `cargo fuzz`, through its program in `fuzz_targets/`, and by `cargo test`, which replays
//! `corpus/` and damaged copies of it.
//!
//! | input | property |
//! |---|---|
//! | valid arguments | a result without NaN, inside its range, zero at masks, the same in place |
//! | other values, in slices of the right lengths | an error of one short line |
mod codes;
mod densities;
mod draws;
#[path = "../../shared/message.rs"]
mod message;
mod numbers;
mod slopes;
mod sorting;
mod structures;

/// A property by the name of its program and its folder of `corpus/`.
pub type Target = (&'static str, fn(&[u8]));

/// All properties.
pub const TARGETS: &[Target] = &[
    ("codes", codes::codes),
    ("densities", densities::densities),
    ("draws", draws::draws),
    ("noise", draws::noise),
    ("slopes", slopes::slopes),
    ("sorting", sorting::sorting),
    ("structures", structures::structures),
];

/// Runs the property of a program; for `fuzz_targets/`.
///
/// # Panics
/// If the property fails, or no property has the name.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.expect("a name of TARGETS").1(data);
}

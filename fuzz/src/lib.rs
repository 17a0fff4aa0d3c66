//! Properties of the parsers and of the kernels, each a function of arbitrary bytes that panics where the property fails.
//!
//! A property is run by `cargo fuzz`, through its program in `fuzz_targets/`, and by `cargo test`, which replays
//! `corpus/` and damaged copies of it.
//!
//! | input | property |
//! |---|---|
//! | a file | a result or an error of one short line; memory in proportion to the bytes, not to the sizes they state |
//! | a file that is read | the same in one piece, in parts, gzipped, and written and read again |
//! | arguments of a kernel | valid: a result without NaN, inside its range, zero at masks; invalid: an error |

mod archives;
mod densities;
mod draws;
mod images;
mod logits;
mod message;
mod numbers;
mod runs;
mod slopes;
mod structures;
mod text;

/// A property by the name of its program and its folder of `corpus/`.
pub type Target = (&'static str, fn(&[u8]));

/// All properties.
pub const TARGETS: &[Target] = &[
    ("archive_text", archives::text),
    ("archive_zip", archives::zip),
    ("checkpoint", runs::checkpoint),
    ("config", runs::config),
    ("corpus", text::corpus),
    ("densities", densities::densities),
    ("draws", draws::draws),
    ("folder", images::folder),
    ("idx", images::idx),
    ("lists", text::lists),
    ("logits_csv", logits::csv),
    ("logits_npy", logits::npy),
    ("logits_safetensors", logits::safetensors),
    ("logits_sniffed", logits::sniffed),
    ("metrics", runs::metrics),
    ("noise", draws::noise),
    ("schedule", text::schedule),
    ("slopes", slopes::slopes),
    ("spec", text::spec),
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

//! Properties of the readers, each a function of arbitrary bytes that panics where the property fails.
//!
//! A property is run by `cargo fuzz`, through its program in `fuzz_targets/`, and by `cargo test`, which replays
//! `corpus/` and damaged copies of it.
//!
//! | input | property |
//! |---|---|
//! | a file, or the text of an option | a result, or an error of one short line; memory in proportion to the bytes, not to the sizes they state |
//! | one that is read | the same in one piece, in parts, gzipped, and written and read again |
mod archives;
mod images;
mod logits;
#[path = "../../shared/message.rs"]
mod message;
mod runs;
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
    ("folder", images::folder),
    ("idx", images::idx),
    ("lists", text::lists),
    ("logits_csv", logits::csv),
    ("logits_npy", logits::npy),
    ("logits_safetensors", logits::safetensors),
    ("logits_sniffed", logits::sniffed),
    ("metrics", runs::metrics),
    ("schedule", text::schedule),
    ("spec", text::spec),
];

/// Runs the property of a program; for `fuzz_targets/`.
///
/// # Panics
/// If the property fails, or no property has the name.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.expect("a name of TARGETS").1(data);
}

//! Discrete sequences: their sources, their codes, and the evaluation of generated strings.
//!
//! [`load()`] makes a [`Corpus`] from the arithmetic [`grammar`], from [`sentences`], or from a file of strings or text;
//! [`measure`] compares strings with a corpus, and [`Baseline`] gives their cost under models that count.

mod baseline;
mod corpus;
mod error;
pub mod grammar;
mod load;
mod named;
pub mod ngrams;
mod quality;
pub mod sentences;

pub use super::alphabet::{Alphabet, Law, TextEncoding};
pub use baseline::Baseline;
pub use corpus::{Corpus, codes};
pub use error::Error;
pub use load::{WINDOW, load};
pub use named::{KNOWN, NAMED, NamedCorpus};
pub use quality::{Quality, Runs, law_nats, measure};

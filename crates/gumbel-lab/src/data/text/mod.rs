//! Discrete sequences: where they come from, how they become codes, and how generated ones are judged.
//!
//! [`load`] makes a [`Corpus`] of the arithmetic [`grammar`], of [`sentences`], of a list of strings or of text;
//! [`measure`] compares strings with one, and a [`Baseline`] says what they cost by counting.

mod baseline;
mod corpus;
mod error;
pub mod grammar;
pub mod ngrams;
mod quality;
pub mod sentences;
mod source;

pub use baseline::Baseline;
pub(crate) use corpus::codes_of;
pub use corpus::{Alphabet, Corpus, Law, Written, codes};
pub use error::Error;
pub use quality::{Quality, Runs, law_nats, measure};
pub use source::{KNOWN, WINDOW, load};

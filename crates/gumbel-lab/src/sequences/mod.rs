//! Discrete sequences: where they come from, how they become codes, and how generated ones are judged.
//!
//! [`load`] makes a [`Corpus`] of the arithmetic [`grammar`], of a list of strings or of running text; [`measure`]
//! compares strings with one.

mod corpus;
mod error;
pub mod grammar;
pub mod ngrams;
mod quality;
mod source;

pub use corpus::{Alphabet, Corpus};
pub use error::Error;
pub use quality::{Quality, Runs, law_nats, measure};
pub use source::load;

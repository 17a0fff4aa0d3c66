//! The experiments of `gumbel train`: [`bound`], models of images and strings that are trained on a bound of the likelihood;
//! [`gan`], an adversarial game. [`ALL`] is the table of both.

pub mod bound;
pub mod gan;
mod table;

pub use table::{ALL, Row, find, of_run};

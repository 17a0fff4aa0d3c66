//! A comparison: a folder with a run for each value of one option, and one report of all of them.

mod folder;
mod page;
mod results;

pub use folder::{Comparison, Record};
pub use results::write;

//! Tests that choose the vector instructions, which only tests inside the crate can do.

mod levels;
mod log_prob_levels;
pub(crate) mod support;
mod threads;

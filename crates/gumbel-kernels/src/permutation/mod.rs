//! Permutations of square matrices: the best one, and its relaxation.

mod assignment;
mod sinkhorn;

pub use assignment::assignment;
pub use sinkhorn::{log_sinkhorn, log_sinkhorn_vjp};

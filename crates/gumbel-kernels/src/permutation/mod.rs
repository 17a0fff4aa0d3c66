//! Permutations: the best one of a square matrix, and its relaxation; relaxed sorts and ranks of scores.

mod assignment;
mod isotonic;
mod lap_sum;
mod sinkhorn;
mod sorted;

pub use assignment::assignment;
pub use isotonic::{Regularization, isotonic_rank, isotonic_rank_vjp, isotonic_sort, isotonic_sort_vjp};
pub use lap_sum::{
    lap_sum_quantile, lap_sum_quantile_vjp, lap_sum_rank, lap_sum_rank_vjp, lap_sum_sort, lap_sum_sort_vjp,
    lap_sum_top_k, lap_sum_top_k_vjp,
};
pub use sinkhorn::{log_sinkhorn, log_sinkhorn_vjp};
pub use sorted::Direction;

//! Ranking, sorting, quantiles and top-k by sums of Laplace distributions, in O(n log n).
//!
//! Struski, Bednarczyk, Podolak and Tabor, "LapSum: one method to differentiate them all" (2025). Everything is computed in
//! double precision.

mod order;
mod quantile;
mod sums;
mod top_k;

pub use order::{lap_sum_rank, lap_sum_rank_vjp, lap_sum_sort, lap_sum_sort_vjp};
pub use quantile::{lap_sum_quantile, lap_sum_quantile_vjp};
pub use top_k::{lap_sum_top_k, lap_sum_top_k_vjp};

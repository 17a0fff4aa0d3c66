//! Samples of categorical variables by adding Gumbel noise to logits: hard, without replacement, and relaxed.

mod gumbel_max;
mod gumbel_softmax;
mod gumbel_top_k;
mod perturbed_softmax;
mod truncation;

pub use gumbel_max::gumbel_max;
pub use gumbel_softmax::{
    gumbel_softmax, gumbel_softmax_in_place, gumbel_softmax_vjp, gumbel_softmax_vjp_in_place,
    gumbel_softmax_with_index, log_gumbel_softmax, log_gumbel_softmax_in_place, log_gumbel_softmax_vjp,
    log_gumbel_softmax_vjp_in_place,
};
pub use gumbel_top_k::gumbel_top_k;
pub use perturbed_softmax::{log_perturbed_softmax, perturbed_softmax};
pub use truncation::{mask_min_p, mask_top_k, mask_top_p};

//! Log-probabilities, entropies and divergences, with their vector-Jacobian products.

mod bernoulli;
mod binary_concrete;
pub mod categorical;
mod concrete;
mod concrete_rows;
mod exp_concrete;
mod space;
mod tilt;
mod tilted_block;
mod tilted_row;

pub use bernoulli::{bernoulli_log_prob, bernoulli_log_prob_vjp};
pub use binary_concrete::{
    binary_concrete_log_prob, binary_concrete_log_prob_vjp, binary_concrete_unit_log_prob,
    binary_concrete_unit_log_prob_vjp,
};
pub use concrete::{concrete_log_prob, concrete_log_prob_vjp};
pub use exp_concrete::{exp_concrete_log_prob, exp_concrete_log_prob_vjp};

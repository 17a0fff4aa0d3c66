//! The integration tests, as one program.

mod entmax;
mod gradients;
mod gumbel_softmax;
mod isotonic;
mod lap_sum;
mod log_prob;
mod log_prob_errors;
mod permutations;
mod reference;
mod shifts;
mod stability;
mod statistics;
mod structures;
mod subsets;
mod support;
mod threads;
mod trees;
mod truncation;

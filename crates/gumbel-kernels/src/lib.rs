//! Numbers for discrete random variables: noise, exact and relaxed samples, densities and their gradients, on
//! plain slices.
//!
//! ```
//! use gumbel_kernels::{Stream, gumbel_max, gumbel_softmax};
//! let logits = [0.0f32, 1.0, 2.0, /* row two */ 2.0, 0.0, f32::NEG_INFINITY];
//! let stream = Stream::new(42);
//! let (mut relaxed, mut drawn) = ([0.0; 6], [0; 2]);
//! gumbel_softmax(&logits, 3, 0.5, stream, &mut relaxed)?;
//! gumbel_max(&logits, 3, stream, &mut drawn)?;
//! for (row, &index) in relaxed.chunks(3).zip(&drawn) {
//!     assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
//!     assert!(row.iter().all(|&y| y <= row[index as usize])); // the same noise: the same winner
//! }
//! assert_eq!(relaxed[5], 0.0); // masked
//! # Ok::<(), gumbel_kernels::Error>(())
//! ```
//!
//! # Conventions
//!
//! A slice of shape `[rows, k]` is flat and row-major: row `r` is `[r * k..][..k]`, and `k` is the number of
//! categories. Outputs are slices that the caller brings. Every kernel is generic over [`Real`], `f32` or
//! `f64`; those that sample or normalise read any [`Logit`], half precision too, and compute in its `Real`.
//! Kernels named `in_place` overwrite their input, with the same numbers.
//!
//! Logits are log-probabilities up to a constant per row; a logit of −∞ masks its category, which then has
//! probability 0, is never sampled and gets gradient exactly 0. Slices whose lengths do not fit together panic;
//! what data can get wrong is an [`Error`].
//!
//! A kernel `f_vjp` is the vector-Jacobian product of `f`: given the cotangent of the output (`d`, or `dy`)
//! it writes the cotangents of the inputs.
//!
//! # Kernels
//!
//! | | | VJP |
//! |---|---|---|
//! | [`noise`] | uniform, exponential, Gumbel, logistic and normal, with whole tails | |
//! | [`softmax`], [`log_softmax`], [`log_sum_exp`] | probabilities of a row | yes |
//! | [`softmax_in_place`], [`log_softmax_in_place`] | the same, over the logits | |
//! | [`categorical`] | log-probability, entropy, Kullback-Leibler divergence | |
//! | [`gumbel_max`] | an exact sample | |
//! | [`gumbel_top_k`] | a sample without replacement, in order | |
//! | [`subset`] | subsets of a fixed size: partition function, marginals, exact and relaxed samples | yes |
//! | [`tree`] | spanning trees: partition function, marginals, the heaviest tree | yes |
//! | [`gumbel_softmax`], [`log_gumbel_softmax`] | a relaxed sample | yes |
//! | [`gumbel_softmax_in_place`], [`log_gumbel_softmax_in_place`] | the same, over the logits | yes |
//! | [`gumbel_softmax_with_index`] | the relaxed and the exact sample at once | |
//! | [`entmax`] | sparse probabilities of a row; its derivative in α is [`entmax_alpha_derivative`] | yes |
//! | [`assignment`] | the best permutation of a square matrix | |
//! | [`log_sinkhorn`] | a nearly doubly stochastic matrix in its place | yes |
//! | [`relaxed`], [`log_relaxed`] | a relaxed sample of noise that the caller brings | |
//! | [`exp_concrete_log_density`] | density of a relaxed sample in log space | yes |
//! | [`concrete_log_density`] | the same on the simplex | yes |
//! | [`binary_concrete_log_density`] | density of a relaxed Bernoulli in logit space | yes |
//! | [`binary_concrete_unit_log_density`] | the same on the unit interval | yes |
//!
//! The VJP of a relaxed sample serves, whatever way the sample was made.
//!
//! # Reproducibility
//!
//! Randomness is an argument: a [`Stream`], which is a position in the sequence that (seed, id) names. The
//! random **bits** at (seed, id, position) are the same on every machine, however the work is split. So are
//! the `f32` **floats** made of them wherever multiplication and addition are fused (every [`Level`] but the
//! baseline); without that they differ by a few units in the last place. For `f64`, ln and exp are those of
//! the platform.
//!
//! # Speed
//!
//! `f32` kernels are compiled for several vector instruction sets, and the best one is chosen at run time: see
//! [`Level`]. Work on more than 65 536 numbers is divided by rows between the threads of the current rayon
//! pool; they share long rows, to sample or normalise, where there are few. No result depends on their number.
#![deny(unsafe_code)]

mod assignment;
mod bernoulli;
mod binary_concrete;
mod block;
pub mod categorical;
mod concrete;
mod density;
mod dual;
mod entmax;
mod error;
mod exp_concrete;
mod gumbel_max;
mod gumbel_softmax;
mod gumbel_top_k;
mod level;
mod log_sum_exp;
mod logit;
mod math;
pub mod noise;
mod normal;
mod philox;
mod pieces;
mod real;
mod reduce;
mod relaxed;
mod rows;
mod shifted;
mod sinkhorn;
mod softmax;
mod stream;
pub mod subset;
mod temper;
mod tilted;
mod tilted_rows;
pub mod tree;
mod vjp;

pub use assignment::assignment;
pub use bernoulli::{bernoulli_log_prob, bernoulli_log_prob_vjp};
pub use binary_concrete::{
    binary_concrete_log_density, binary_concrete_log_density_vjp, binary_concrete_unit_log_density,
    binary_concrete_unit_log_density_vjp,
};
pub use concrete::{concrete_log_density, concrete_log_density_vjp};
pub use entmax::{entmax, entmax_alpha_derivative, entmax_vjp};
pub use error::{Error, check_temperature};
pub use exp_concrete::{exp_concrete_log_density, exp_concrete_log_density_vjp};
pub use gumbel_max::gumbel_max;
pub use gumbel_softmax::{
    gumbel_softmax, gumbel_softmax_in_place, gumbel_softmax_vjp, gumbel_softmax_vjp_in_place,
    gumbel_softmax_with_index, log_gumbel_softmax, log_gumbel_softmax_in_place, log_gumbel_softmax_vjp,
    log_gumbel_softmax_vjp_in_place,
};
pub use gumbel_top_k::gumbel_top_k;
pub use level::Level;
pub use log_sum_exp::{log_sum_exp, log_sum_exp_vjp};
pub use logit::Logit;
pub use philox::philox4x32_10;
pub use real::Real;
pub use relaxed::{log_relaxed, relaxed};
pub use sinkhorn::{log_sinkhorn, log_sinkhorn_vjp};
pub use softmax::{
    log_softmax, log_softmax_in_place, log_softmax_vjp, softmax, softmax_in_place, softmax_vjp,
};
pub use stream::{Stream, StreamRng};

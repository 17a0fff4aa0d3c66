//! Discrete bottlenecks: vectors of a network replaced by codes of a finite set.
//!
//! | quantiser | codes | gradient of the input | learns by | losses |
//! | --- | --- | --- | --- | --- |
//! | [`VectorQuantizer`] | K vectors | straight-through or rotation | moving averages, gradient, or not | `commitment`, `codebook` |
//! | [`FiniteScalarQuantizer`] | a grid (FSQ) | straight-through | – | – |
//!
//! [`guide::blocks`](crate::guide) says which to choose. All of them have the same three calls. `quantize` is for training:
//! a pure function that returns a [`Quantized`], with values, indices, losses, and what the codebook learns from. `encode`
//! and `decode` are for evaluation. What a codebook learns by other means than the gradient it learns in `adapt`. There is
//! no mode.
//!
//! N is the number of vectors, W their width, K the number of codes of a codebook, and G the number of codes that stand for
//! a vector. Inputs are `[.., W]` and indices `[.., G]`. Half precision is computed in single.

mod finite_scalar;
mod gradient;
mod k_means;
mod nearest;
mod quantized;
mod usage;
mod vector;

pub use finite_scalar::FiniteScalarQuantizer;
pub use gradient::CodeGradient;
pub use k_means::{Clusters, KMeans, KMeansStart, k_means};
pub use nearest::{Nearest, code_gaps, nearest};
pub use quantized::{Assignments, Quantized, Term};
pub use usage::CodeUsage;
pub use vector::{CodebookLearning, VectorQuantizer, VectorQuantizerConfig};

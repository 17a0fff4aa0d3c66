//! Discrete bottlenecks: vectors of a network replaced by codes of a finite set.
//!
//! | quantiser | codes | gradient of the input | codes learn by | losses |
//! | --- | --- | --- | --- | --- |
//! | [`VectorQuantizer`] | K vectors, anywhere or on the sphere ([`CodeSpace`]) | straight-through or rotation | moving averages, gradient, or not | `commitment`, `codebook` |
//! | [`ProductQuantizer`] | G vectors beside each other | the same, for each part | the same | the same |
//! | [`ResidualQuantizer`] | sums of G vectors | the same, for the sum | the same | the same |
//! | [`SimVq`] | K fixed vectors times a matrix | straight-through or rotation | gradient, of the matrix | `commitment`, `codebook` |
//! | [`FiniteScalarQuantizer`] | a grid (FSQ) | straight-through | – | – |
//! | [`BinaryQuantizer`] | signs, on a cube (LFQ) or sphere (BSQ) | straight-through | – | `commitment`, `entropy`, `diversity` |
//! | [`GumbelQuantizer`] | K vectors, sampled from logits | of the relaxed sample | gradient | `entropy`, `diversity` |
//!
//! [`guide::blocks`](crate::guide::blocks) says which to choose. All of them have the same three calls. `quantize` is for training:
//! a pure function that returns a [`Quantized`], with values, indices, losses, and what the codebook learns from. `encode`
//! and `decode` are for evaluation. What a codebook learns by other means than the gradient it learns in `adapt`. There is
//! no mode.
//!
//! N is the number of vectors, W their width, K the number of codes of a codebook, and G the number of codes that stand for
//! a vector. Inputs are `[.., W]` and indices `[.., G]`. Half precision is computed in single.

mod binary;
mod entropy;
mod finite_scalar;
mod gradient;
mod gumbel;
mod k_means;
mod nearest;
mod parameter;
mod product;
mod quantized;
mod residual;
mod sim;
mod space;
mod usage;
mod vector;

pub use binary::{BinaryQuantizer, BinaryQuantizerConfig, BinarySpace};
pub use finite_scalar::FiniteScalarQuantizer;
pub use gradient::CodeGradient;
pub use gumbel::{GumbelQuantizer, GumbelQuantizerConfig};
pub use k_means::{Clusters, KMeans, KMeansStart, k_means};
pub use nearest::{Nearest, code_gaps, nearest};
pub use product::ProductQuantizer;
pub use quantized::{Assignments, Quantized, Term};
pub use residual::ResidualQuantizer;
pub use sim::{SimVq, SimVqConfig};
pub use space::CodeSpace;
pub use usage::CodeUsage;
pub use vector::{CodebookLearning, VectorQuantizer, VectorQuantizerConfig};

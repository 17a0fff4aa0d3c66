//! Models: parameters and an objective. None of them names an estimator.

mod mlp;
pub mod vae;

pub use mlp::Mlp;
pub use vae::Vae;

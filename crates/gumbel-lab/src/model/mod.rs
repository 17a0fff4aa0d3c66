//! Models: parameters and an objective. None of them names an estimator.

mod average;
pub mod gan;
mod mlp;
pub mod vae;

pub use average::follow;
pub use gan::Gan;
pub use mlp::Mlp;
pub use vae::Vae;

//! Numbers for discrete random variables.
mod philox;
mod stream;
mod real;
pub mod noise;
pub use philox::philox4x32_10;
pub use stream::{Stream, StreamRng};
pub use real::Real;

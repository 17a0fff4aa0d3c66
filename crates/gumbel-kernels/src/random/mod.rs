//! Random numbers: streams of random bits, and the noise made from them.

pub mod noise;
pub(crate) mod perturb;
mod philox;
pub(crate) mod stream;
pub(crate) mod stream_rng;
mod uniform;

#![doc = include_str!("../README.md")]

pub mod bernoulli;
pub mod categorical;
mod composed;
pub mod concrete;
pub mod distribution;
mod error;
pub mod estimator;
mod fused;
#[cfg(any(doc, doctest))]
pub mod guide;
mod hosted;
pub mod kl;
pub mod layers;
pub mod measure;
mod noise;
pub mod permutation;
pub mod perturbed;
pub mod problem;
mod relax;
mod sample;
mod schedule;
pub mod sparse;
pub mod subset;
pub mod tree;

pub use error::Error;
pub use estimator::path;
pub use noise::Noise;
pub use relax::{gumbel_softmax, log_gumbel_softmax, straight_through};
pub use sample::{gumbel_max, one_hot};
pub use schedule::Schedule;

//! Data, models, training and reports for models with discrete latent variables: the library behind the
//! program `gumbel`.

pub mod claims;
pub mod cli;
mod cmd;
pub mod compare;
pub mod data;
pub mod experiment;
#[cfg(test)]
mod faults;
pub mod logits;
pub mod measure;
pub mod model;
pub mod page;
pub mod parallel;
pub mod reproduce;
pub mod run;
pub mod support;
pub mod tensorboard;

/// The front page's example.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;

//! Data, models, training and reports for models with discrete latent variables: the library behind the
//! program `gumbel`.

mod adam;
pub mod adversarial;
pub mod checkpoint;
pub mod claims;
pub mod cli;
mod cmd;
pub mod config;
pub mod data;
pub mod evaluate;
pub mod logits;
pub mod measure;
pub mod metrics;
pub mod model;
pub mod report;
pub mod reproduce;
pub mod run;

mod story;
pub mod support;
pub mod train;

pub use cmd::dispatch;

/// The front page's example.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;

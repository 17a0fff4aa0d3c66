//! Data, models, training and reports for models with discrete latent variables: the library behind the
//! program `gumbel`.

mod adam;
pub mod adversarial;
mod batches;
pub mod checkpoint;
pub mod cli;
mod cmd;
pub mod config;
pub mod data;
pub mod evaluate;
mod labelled;
pub mod logits;
mod mean;
pub mod measure;
pub mod metrics;
pub mod model;
mod nearest;
mod output;
pub mod problem;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod sequences;
pub mod show;
mod story;
pub mod train;
pub mod watch;
mod whole_file;

pub use cmd::dispatch;

/// The front page's example.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;

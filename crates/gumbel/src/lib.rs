// Of two definitions of a link the first counts: here those of this page, in the README those for other sites.
#![doc = include_str!("links.md")]
#![doc = include_str!("../README.md")]

pub mod activation;
pub mod bernoulli;
pub mod binary_concrete;
pub mod categorical;
mod checked;
pub mod conformance;
mod device;
pub mod distribution;
mod error;
pub mod estimator;
mod excerpt;
pub mod exp_concrete;
#[cfg(any(doc, doctest))]
pub mod guide;
mod gumbel_max;
mod gumbel_sigmoid;
mod gumbel_softmax;
pub mod kl;
pub mod layers;
pub mod measure;
mod named;
mod noise;
mod ops;
pub mod permutation;
pub mod perturbed;
pub mod quantize;
pub mod routing;
mod schedule;
pub mod sequence;
pub mod sparse;
pub mod sparsity;
pub mod straight_through;
pub mod subset;
mod temperature;
mod tensor;
pub mod tree;

pub use device::{check_device, set_precision};
pub use error::{Error, OrderFault, RowFault, ScheduleFault, StateFault, Unsupported};
pub use gumbel_max::{gumbel_max, sample_one_hot};
pub use gumbel_sigmoid::{gumbel_sigmoid, straight_through_gumbel_sigmoid};
pub use gumbel_softmax::{gumbel_softmax, log_gumbel_softmax, straight_through_gumbel_softmax};
pub use noise::Noise;
pub use ops::Precision;
#[doc(hidden)]
pub use ops::adam_step_on_gpu;
pub use schedule::Schedule;
pub use temperature::Temperature;

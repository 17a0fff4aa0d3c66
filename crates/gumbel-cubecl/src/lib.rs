#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]
mod adam;
mod check;
mod device;
mod distance;
mod elementary;
mod exp_concrete;
mod faults;
mod gumbel_max;
mod gumbel_top_k;
mod lean;
mod long;
mod matrix;
mod noise;
mod one_hot;
mod philox;
mod quantile;
mod relaxed;
mod row;
mod softmax;
mod temperature;
mod vjp;

pub use adam::adam_step;
pub use check::check_logits;
pub use device::{Device, Precision};
pub use exp_concrete::{AtMasks, exp_concrete_log_prob, exp_concrete_log_prob_vjp};
pub use faults::{Fault, FaultKind};
pub use gumbel_max::gumbel_max;
pub use gumbel_top_k::gumbel_top_k;
pub use matrix::Matrix;
pub use noise::{Law, noise};
pub use relaxed::{gumbel_softmax, gumbel_softmax_vjp, gumbel_softmax_vjp_from_logits, softmax};
pub use softmax::Form;

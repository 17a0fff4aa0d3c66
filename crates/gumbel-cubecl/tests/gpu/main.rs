//! Every kernel against the kernels of the CPU, on the device that the features choose.

mod adam;
mod exp_concrete;
mod faults;
mod gumbel_max;
mod gumbel_top_k;
mod halves;
mod noise;
mod relaxed;
mod support;

//! Numbers: the types that kernels compute in and read, and the mathematical functions of one number.

pub(crate) mod dual;
mod elementary;
pub(crate) mod logit;
pub(crate) mod masked;
mod normal_quantile;
pub(crate) mod real;
mod real_f32;
mod real_f64;

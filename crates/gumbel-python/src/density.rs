//! Log-densities of relaxed samples, and their vector-Jacobian products: what NumPy and PyTorch share.

use crate::rows::temperature;
use gumbel_kernels::{self as kernels, Error, Real};

/// A distribution of relaxed samples.
#[derive(Clone, Copy, PartialEq)]
pub enum Density {
    ExpConcrete,
    Concrete,
    BinaryConcrete,
    RelaxedBernoulli,
}

impl Density {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "exp_concrete" => Self::ExpConcrete,
            "concrete" => Self::Concrete,
            "binary_concrete" => Self::BinaryConcrete,
            "relaxed_bernoulli" => Self::RelaxedBernoulli,
            _ => return None,
        })
    }

    /// Whether each number is a point of its own.
    pub fn binary(self) -> bool {
        matches!(self, Self::BinaryConcrete | Self::RelaxedBernoulli)
    }

    /// The log-density of points `y` in rows of `k` numbers.
    pub fn log_prob<T: Real>(
        self,
        [logits, y]: [&[T]; 2],
        k: usize,
        tau: f64,
        out: &mut [T],
    ) -> Result<(), Error> {
        let tau = temperature(tau)?;
        match self {
            Self::ExpConcrete => kernels::exp_concrete_log_prob(logits, y, k, tau, out),
            Self::Concrete => kernels::concrete_log_prob(logits, y, k, tau, out),
            Self::BinaryConcrete => kernels::binary_concrete_log_prob(logits, y, tau, out),
            Self::RelaxedBernoulli => kernels::binary_concrete_unit_log_prob(logits, y, tau, out),
        }
    }

    /// The cotangents of the logits, of the points and of the temperature of each row, from that of the log-density.
    pub fn vjp<T: Real>(
        self,
        [logits, y, d]: [&[T]; 3],
        k: usize,
        tau: f64,
        [d_logits, d_y, d_tau]: [&mut [T]; 3],
    ) -> Result<(), Error> {
        let tau = temperature(tau)?;
        match self {
            Self::ExpConcrete => {
                kernels::exp_concrete_log_prob_vjp(logits, y, d, k, tau, d_logits, d_y, d_tau)
            }
            Self::Concrete => kernels::concrete_log_prob_vjp(logits, y, d, k, tau, d_logits, d_y, d_tau),
            Self::BinaryConcrete => {
                kernels::binary_concrete_log_prob_vjp(logits, y, d, tau, d_logits, d_y, d_tau)
            }
            Self::RelaxedBernoulli => {
                kernels::binary_concrete_unit_log_prob_vjp(logits, y, d, tau, d_logits, d_y, d_tau)
            }
        }
    }
}

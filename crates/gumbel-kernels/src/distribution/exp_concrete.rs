//! The ExpConcrete distribution: that of the logarithm of a Gumbel-Softmax sample.
//!
//! Maddison, Mnih and Teh (2017), appendix C.

use super::concrete_rows::{log_prob, log_prob_vjp};
use super::space::{Space, Support};
use crate::Real;
use crate::error::Error;

/// Log-density of the ExpConcrete distribution, that of the logarithm of a Gumbel-Softmax sample, at the points `y`.
///
/// ```text
/// out[r] = ln Γ(n) + (n − 1) ln tau + Σᵢ aᵢ − n ln Σᵢ exp(aᵢ),   aᵢ = lᵢ − tau yᵢ,   l = logits[r], y = y[r]
/// ```
///
/// with `n` the number of unmasked categories, over which the sums run. Only the differences of `y` matter, so
/// `y = (l + g) / tau` gives the same result as its log-softmax.
///
/// Maddison, Mnih and Teh (2017), appendix C. The density is with respect to the `n − 1` log-ratios `yᵢ − yₙ`, over
/// which it integrates to one (*not* with respect to dy₁ … dyₙ₋₁, as one might read the paper). A difference of two
/// log-densities at one point, as in a divergence, does not depend on that choice; an entropy does.
///
/// Prefer this density for training, because the logarithm never saturates: in `f32`, at `tau` = 0.1, a quarter of the
/// samples of three equal categories have a coordinate that is exactly one.
///
/// `out` is −∞ (density 0) if `y` is above −∞ at a mask, or −∞ at an unmasked category. It is 0 for a row with a single
/// unmasked category, which leaves no freedom.
///
/// # Shapes
/// `logits`, `y` `[rows, k]`; `out` `[rows]`.
///
/// # Errors
/// [`Error::Sample`] for a `y` that is NaN or +∞; [`Error::NoMass`] if every `y` of a row is −∞;
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let y: Vec<f64> = [0.1, 0.9f64].iter().map(|x| x.ln()).collect();
/// let mut out = [0.0];
/// gumbel_kernels::exp_concrete_log_prob(&[0.0, 0.0], &y, 2, 1.0, &mut out)?;
/// assert!((out[0] - 0.09f64.ln()).abs() < 1e-15); // at tau = 1 uniform in x, and dx/du = x (1 − x)
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "concrete")]
#[doc(alias = "relaxed categorical")]
#[doc(alias = "log_density")]
pub fn exp_concrete_log_prob<T: Real>(
    logits: &[T],
    y: &[T],
    k: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    log_prob(LogSpace, logits, y, k, tau, out)
}

/// Vector-Jacobian product of [`exp_concrete_log_prob`] in the logits, the points and `tau`.
///
/// ```text
/// cᵢ = 1 − n softmax(a)ᵢ,   aᵢ = lᵢ − tau yᵢ
/// d_logits[r, i] =  d[r] cᵢ
/// d_y[r, i]      = −d[r] tau cᵢ
/// d_tau[r]       =  d[r] ((n − 1) / tau − Σᵢ yᵢ cᵢ)
/// ```
///
/// Exactly 0 at masks, and in every entry of a row of density 0. The gradient in a shared `tau` is the sum of `d_tau`.
///
/// # Shapes
/// `logits`, `y`, `d_logits`, `d_y` `[rows, k]`; `d`, the cotangent of the output, and `d_tau` `[rows]`.
///
/// # Errors
/// Those of [`exp_concrete_log_prob`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (mut d_logits, mut d_y, mut d_tau) = ([0.0; 2], [0.0; 2], [0.0]);
/// gumbel_kernels::exp_concrete_log_prob_vjp(
///     &[3f64.ln(), 0.0], &[0.0, 0.0], &[1.0], 2, 0.5, &mut d_logits, &mut d_y, &mut d_tau,
/// )?;
/// assert!((d_logits[0] + 0.5).abs() < 1e-15); // 1 − 2 · 3/4
/// assert!((d_y[0] - 0.25).abs() < 1e-15);
/// assert_eq!(d_tau, [2.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[allow(clippy::too_many_arguments)] // the gradients in three arguments
pub fn exp_concrete_log_prob_vjp<T: Real>(
    logits: &[T],
    y: &[T],
    d: &[T],
    k: usize,
    tau: T,
    d_logits: &mut [T],
    d_y: &mut [T],
    d_tau: &mut [T],
) -> Result<(), Error> {
    log_prob_vjp(LogSpace, k, tau, [logits, y, d], [d_logits, d_y, d_tau])
}

/// The space of logarithms.
#[derive(Clone, Copy)]
struct LogSpace;

impl<T: Real> Space<T> for LogSpace {
    const SAMPLE: &'static str = "y";
    const VOLUME: bool = false;

    #[inline(always)]
    fn logs<'a, const FMA: bool>(y: &'a [T], _buffer: &'a mut [T]) -> &'a [T] {
        y
    }

    #[inline(always)]
    fn d_sample(_y: T, d_logit: T, tau: T, _d: T) -> T {
        -tau * d_logit
    }

    fn limit(_support: Support, _tau: T, _y: &[T], _logits: &[T]) -> T {
        T::neg_infinity()
    }
}

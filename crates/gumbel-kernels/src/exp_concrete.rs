//! The ExpConcrete density: that of the logarithm of a Gumbel-Softmax sample.
//!
//! Maddison, Mnih and Teh (2017), appendix C. The logarithm never saturates, so this is the density to
//! train with: in `f32` a quarter of the samples of three equal categories at `tau` = 0.1 have a coordinate that is
//! exactly one.

use crate::Real;
use crate::density::{Space, log_density, log_density_vjp};
use crate::error::Error;
use crate::tilted::Tilted;

/// Log-density of points in log space.
///
/// ```text
/// out[r] = ln Γ(n) + (n − 1) ln tau + Σᵢ aᵢ − n ln Σᵢ exp(aᵢ),   aᵢ = lᵢ − tau yᵢ,   l = logits[r], y = y[r]
/// ```
///
/// with `n` the number of unmasked categories, over which the sums run. Only the differences of `y` matter,
/// so `y = (l + g) / tau` serves as well as its log-softmax.
///
/// The density is taken with respect to the `n − 1` log-ratios `yᵢ − yₙ`, over which it integrates to one
/// (*not* with respect to dy₁ … dyₙ₋₁, as one might read the paper). Differences of two such densities at
/// one point, as in a divergence, do not depend on that choice; an entropy does.
///
/// A `y` above −∞ at a mask has density 0, and so has −∞ at an unmasked category: `out` is −∞. A row with
/// one unmasked category has no freedom: `out` is 0.
///
/// # Shapes
/// `y`, `logits` `[rows, k]`; `out` `[rows]`.
///
/// # Errors
/// [`Error::Sample`] for a `y` that is NaN or +∞; [`Error::NoMass`] if `y` is −∞ throughout a row;
/// [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let y: Vec<f64> = [0.1, 0.9f64].iter().map(|x| x.ln()).collect();
/// let mut out = [0.0];
/// gumbel_kernels::exp_concrete_log_density(&y, &[0.0, 0.0], 2, 1.0, &mut out)?;
/// assert!((out[0] - 0.09f64.ln()).abs() < 1e-15); // at tau = 1 uniform in x, and dx/du = x (1 − x)
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn exp_concrete_log_density<T: Real>(
    y: &[T],
    logits: &[T],
    k: usize,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    log_density(LogSpace, y, logits, k, tau, out)
}

/// Vector-Jacobian product of [`exp_concrete_log_density`] in all three arguments.
///
/// ```text
/// cᵢ = 1 − n softmax(a)ᵢ,   aᵢ = lᵢ − tau yᵢ
/// d_y[r, i]      = −d[r] tau cᵢ
/// d_logits[r, i] =  d[r] cᵢ
/// d_tau[r]       =  d[r] ((n − 1) / tau − Σᵢ yᵢ cᵢ)
/// ```
///
/// Exactly 0 at masks, and throughout a row of density 0. The gradient in a shared `tau` is the sum of
/// `d_tau`.
///
/// # Shapes
/// `y`, `logits`, `d_y`, `d_logits` `[rows, k]`; `d`, the cotangent of the output, and `d_tau` `[rows]`.
///
/// # Errors
/// As [`exp_concrete_log_density`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (mut d_y, mut d_logits, mut d_tau) = ([0.0; 2], [0.0; 2], [0.0]);
/// gumbel_kernels::exp_concrete_log_density_vjp(
///     &[0.0, 0.0], &[3f64.ln(), 0.0], 2, 0.5, &[1.0], &mut d_y, &mut d_logits, &mut d_tau,
/// )?;
/// assert!((d_logits[0] + 0.5).abs() < 1e-15); // 1 − 2 · 3/4
/// assert!((d_y[0] - 0.25).abs() < 1e-15);
/// assert_eq!(d_tau, [2.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[allow(clippy::too_many_arguments)] // three gradients of three arguments
pub fn exp_concrete_log_density_vjp<T: Real>(
    y: &[T],
    logits: &[T],
    k: usize,
    tau: T,
    d: &[T],
    d_y: &mut [T],
    d_logits: &mut [T],
    d_tau: &mut [T],
) -> Result<(), Error> {
    log_density_vjp(LogSpace, k, tau, [y, logits, d], [d_y, d_logits, d_tau])
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

    fn limit(_tilted: &Tilted<T>, _y: &[T], _logits: &[T]) -> T {
        T::neg_infinity()
    }
}

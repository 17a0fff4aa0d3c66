//! The ExpConcrete density: that of the logarithm of a Gumbel-Softmax sample.
//!
//! Maddison, Mnih and Teh (2017), appendix C. The logarithm never saturates, so this is the density to
//! train with: in `f32` a quarter of the samples of three equal categories at `tau` = 0.1 have a coordinate that is
//! exactly one.

use crate::Real;
use crate::block::{
    BLOCK, Block, SHORT, Scratch, block_len, larger, map_into, map_rows, new_block, plus, whole_vectors,
};
use crate::error::{Error, check_temperature, logit_fault};
use crate::reduce::{max, sum, sum_of, sum_of_pairs};
use crate::rows::{RowKernel, Rows, count_rows, same_length};
use crate::softmax::weighted;

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
    check_temperature(tau)?;
    same_length("out", out.len(), count_rows(logits.len(), k)?);
    same_length("y", y.len(), logits.len());
    let rows = Rows { first: 0, count: out.len(), inputs: [y, logits], outputs: [out], indices: &mut [] };
    rows.run(LogDensity { k, tau })
}

#[derive(Clone, Copy)]
struct LogDensity<T> {
    k: usize,
    tau: T,
}

impl<T: Real> RowKernel<T, 2, 1> for LogDensity<T> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([y, logits], [out], k) = (rows.inputs, rows.outputs, self.k);
        let mut tilted = Tilted::new(k, self.tau);
        if k > SHORT {
            return self.each_row::<FMA>(rows.first, y, logits, out, &mut tilted);
        }
        let (step, mut short) = (block_len(k), ShortRows::new());
        let blocks = y.chunks(step).zip(logits.chunks(step)).zip(out.chunks_mut(step / k));
        for (block, ((y, logits), out)) in blocks.enumerate() {
            if !short.log_densities::<FMA>(self, tilted.full_constant, y, logits, out) {
                let first = rows.first + block * (step / k);
                self.each_row::<FMA>(first, y, logits, out, &mut tilted)?;
            }
        }
        Ok(())
    }
}

impl<T: Real> LogDensity<T> {
    #[inline(always)]
    fn each_row<const FMA: bool>(
        self,
        first: usize,
        y: &[T],
        logits: &[T],
        out: &mut [T],
        tilted: &mut Tilted<T>,
    ) -> Result<(), Error> {
        let rows = y.chunks_exact(self.k).zip(logits.chunks_exact(self.k)).zip(out);
        for (row, ((y, logits), out)) in rows.enumerate() {
            tilted.set(y, logits).ok_or_else(|| fault(first + row, y, y, logits))?;
            *out = if tilted.off_support() { T::neg_infinity() } else { tilted.log_density::<FMA>() };
        }
        Ok(())
    }
}

/// Space for a block of short rows.
struct ShortRows<T> {
    a: Block<T>,
    gaps: Block<T>,
    per_row: [[T; BLOCK]; 2],
    scratch: Scratch<T>,
}

impl<T: Real> ShortRows<T> {
    fn new() -> Self {
        let per_row = [[T::zero(); BLOCK]; 2];
        Self { a: new_block(), gaps: new_block(), per_row, scratch: Scratch::new() }
    }

    /// The log-densities of rows of finite numbers; does nothing and returns false if there is another.
    #[inline(always)]
    fn log_densities<const FMA: bool>(
        &mut self,
        LogDensity { k, tau }: LogDensity<T>,
        constant: T,
        y: &[T],
        logits: &[T],
        out: &mut [T],
    ) -> bool {
        let mut finite = true;
        for ((a, &y), &logit) in self.a.iter_mut().zip(y).zip(logits) {
            finite &= (y.abs() < T::infinity()) & (logit.abs() < T::infinity());
            *a = tilt(logit, tau, y);
        }
        if !finite {
            return false;
        }
        let [max, sum] = &mut self.per_row;
        let (max, sum, len) = (&mut max[..out.len()], &mut sum[..out.len()], whole_vectors(y.len()));
        self.scratch.reduce_rows(&self.a, k, larger, max);
        map_rows(&self.a, k, max, &mut self.gaps, |a, max| a - max);
        map_into(&self.gaps[..len], &mut self.a, T::lane_exp::<FMA>);
        self.scratch.reduce_rows(&self.a, k, plus, sum);
        self.scratch.reduce_rows(&self.gaps, k, plus, out);
        let n = count::<T>(k);
        for (out, &sum) in out.iter_mut().zip(&*sum) {
            *out = constant + *out - n * sum.lane_ln::<FMA>();
        }
        true
    }
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
    check_temperature(tau)?;
    check_vjp_shapes(logits.len(), k, [d.len(), d_tau.len()], [y.len(), d_y.len(), d_logits.len()])?;
    let count = d.len();
    let rows =
        Rows { first: 0, count, inputs: [y, logits, d], outputs: [d_y, d_logits, d_tau], indices: &mut [] };
    rows.run(LogDensityVjp { k, tau })
}

#[derive(Clone, Copy)]
struct LogDensityVjp<T> {
    k: usize,
    tau: T,
}

impl<T: Real> RowKernel<T, 3, 3> for LogDensityVjp<T> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 3, 3>) -> Result<(), Error> {
        let ([y, logits, d], [d_y, d_logits, d_tau], k) = (rows.inputs, rows.outputs, self.k);
        let mut tilted = Tilted::new(k, self.tau);
        let outputs = d_y.chunks_exact_mut(k).zip(d_logits.chunks_exact_mut(k)).zip(d_tau);
        for (row, ((d_y, d_logits), d_tau)) in outputs.enumerate() {
            let (y, logits) = (&y[row * k..][..k], &logits[row * k..][..k]);
            tilted.set(y, logits).ok_or_else(|| fault(rows.first + row, y, y, logits))?;
            *d_tau = tilted.vjp::<FMA>(y, d[row], d_logits);
            for (d_y, &d_logit) in d_y.iter_mut().zip(&*d_logits) {
                *d_y = -self.tau * d_logit;
            }
        }
        Ok(())
    }
}

/// Lengths of a density's VJP: those of one number a row, and those of the logits' shape.
#[track_caller]
pub(crate) fn check_vjp_shapes(
    len: usize,
    k: usize,
    per_row: [usize; 2],
    whole: [usize; 3],
) -> Result<(), Error> {
    let rows = count_rows(len, k)?;
    for (name, len) in ["d", "d_tau"].into_iter().zip(per_row) {
        same_length(name, len, rows);
    }
    for (name, whole) in ["the sample", "its gradient", "d_logits"].into_iter().zip(whole) {
        same_length(name, whole, len);
    }
    Ok(())
}

/// What is wrong with a row of samples, given with its logarithms `y`, or with its logits.
#[cold]
pub(crate) fn fault<T: Real>(row: usize, sample: &[T], y: &[T], logits: &[T]) -> Error {
    if let Some(error) = logit_fault(row, logits) {
        return error;
    }
    match y.iter().position(|y| y.is_nan() || *y == T::infinity()) {
        Some(column) => Error::Sample { row, column, value: sample[column].into() },
        None => Error::NoMass { row },
    }
}

/// One row of `a = l − tau y`, and what kind of point it is.
pub(crate) struct Tilted<T> {
    tau: T,
    /// −∞ at masks, +∞ where else `y` is −∞, finite everywhere else.
    a: Vec<T>,
    /// Unmasked categories.
    pub(crate) n: usize,
    /// Those of them where `y` is −∞.
    pub(crate) zeros: usize,
    /// Whether `y` is above −∞ at a mask.
    pub(crate) mass_on_mask: bool,
    /// That of a row without masks.
    full_constant: T,
}

impl<T: Real> Tilted<T> {
    pub(crate) fn new(k: usize, tau: T) -> Self {
        let full_constant = log_constant(k, tau);
        Self { tau, a: vec![T::zero(); k], n: 0, zeros: 0, mass_on_mask: false, full_constant }
    }

    /// Takes the next row; `None` if it has a number that it must not have.
    #[inline(always)]
    pub(crate) fn set(&mut self, y: &[T], logits: &[T]) -> Option<()> {
        let (mut n, mut zeros, mut mass_on_mask, mut sound) = (0u32, 0u32, false, true);
        for ((a, &y), &logit) in self.a.iter_mut().zip(y).zip(logits) {
            sound &= (y < T::infinity()) & (logit < T::infinity());
            let (masked, zero) = (logit == T::neg_infinity(), y == T::neg_infinity());
            n += u32::from(!masked);
            zeros += u32::from(!masked & zero);
            mass_on_mask |= masked & !zero;
            *a = if masked { logit } else { tilt(logit, self.tau, y) };
        }
        (self.n, self.zeros, self.mass_on_mask) = (n as usize, zeros as usize, mass_on_mask);
        let mass = mass_on_mask || zeros < n;
        (sound && mass && n > 0).then_some(())
    }

    pub(crate) fn off_support(&self) -> bool {
        self.mass_on_mask || self.zeros > 0
    }

    /// The log-density of a point on the support.
    #[inline(always)]
    pub(crate) fn log_density<const FMA: bool>(&self) -> T {
        let max = max(&self.a);
        let gaps = sum_of(&self.a, |a| if a == T::neg_infinity() { T::zero() } else { a - max });
        let log_sum = sum_of(&self.a, |a| (a - max).lane_exp::<FMA>()).lane_ln::<FMA>();
        self.constant() + gaps - count::<T>(self.n) * log_sum
    }

    /// ln Γ(n) + (n − 1) ln tau.
    pub(crate) fn constant(&self) -> T {
        if self.n == self.a.len() { self.full_constant } else { log_constant(self.n, self.tau) }
    }

    /// Writes the gradient in the logits and returns that in `tau`, times `d`.
    #[inline(always)]
    pub(crate) fn vjp<const FMA: bool>(&self, y: &[T], d: T, d_logits: &mut [T]) -> T {
        if self.off_support() {
            d_logits.fill(T::zero());
            return T::zero();
        }
        self.deviations::<FMA>(d_logits);
        let slope = sum_of_pairs(d_logits, y, weighted);
        for d_logit in d_logits {
            *d_logit = weighted(*d_logit, d);
        }
        (count::<T>(self.n - 1) / self.tau - slope) * d
    }

    /// `1 − n softmax(a)ᵢ`, and 0 at masks.
    #[inline(always)]
    fn deviations<const FMA: bool>(&self, out: &mut [T]) {
        let max = max(&self.a);
        for (out, &a) in out.iter_mut().zip(&self.a) {
            *out = (a - max).lane_exp::<FMA>();
        }
        let scale = count::<T>(self.n) / sum(out);
        for (out, &a) in out.iter_mut().zip(&self.a) {
            *out = if a == T::neg_infinity() { T::zero() } else { T::one() - *out * scale };
        }
    }
}

/// `logit − tau · y`, infinite only if `y` is.
#[inline(always)]
fn tilt<T: Real>(logit: T, tau: T, y: T) -> T {
    let a = logit - tau * y;
    let above = if a < T::min_value() { T::min_value() } else { a };
    let between = if above > T::max_value() { T::max_value() } else { above };
    if y.abs() < T::infinity() { between } else { a }
}

fn log_constant<T: Real>(n: usize, tau: T) -> T {
    T::from_f64(libm::lgamma(n as f64) + (n as f64 - 1.0) * tau.into().ln())
}

pub(crate) fn count<T: Real>(n: usize) -> T {
    T::from_f64(n as f64)
}

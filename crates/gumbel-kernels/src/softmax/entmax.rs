//! α-entmax: a family of sparse alternatives to softmax, with its derivatives.
//!
//! Martins and Astudillo, "From softmax to sparsemax" (2016); Peters, Niculae and Martins, "Sparse
//! sequence-to-sequence models" (2019); Correia, Niculae and Martins, "Adaptively sparse transformers" (2019).
//!
//! Everything is computed in double precision, because a threshold near the edge of the support decides which entries
//! are zero.

use crate::Real;
use crate::error::{Error, check_temperature, logit_error};
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};

/// α-entmax of each row: sparse probabilities, with exact zeros if α > 1.
///
/// ```text
/// out[r] = argmax over the simplex of  pᵀx + (1 − Σᵢ pᵢ^α) / (α(α − 1)),   x = logits[r] / tau
///        = (1 + (α − 1)(xᵢ − λ))₊^(1/(α − 1)),                            λ such that they sum to 1
/// ```
///
/// α = 1 is softmax; α = 2 is sparsemax, the Euclidean projection onto the simplex. A logit of −∞ has probability 0.
/// Computed in double precision.
///
/// Peters, Niculae and Martins (2019), section 3; Martins and Astudillo (2016) for sparsemax. Up to α = 2,
/// the `1/(α−1)`-norm of the weights is convex in λ, so Newton's method increases to its root: in one step for a
/// softmax, and in as many steps as Michelot's algorithm for sparsemax. Above α = 2, λ is found by bisection. Categories
/// that have left the support are not visited again.
///
/// # Shapes
/// `logits`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Alpha`], [`Error::Temperature`], [`Error::Logit`], [`Error::AllMasked`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut p = [0.0; 3];
/// gumbel_kernels::entmax(&[1.0, 0.5, -1.0], 3, 2.0, 1.0, &mut p)?;
/// assert_eq!(p, [0.75, 0.25, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "sparsemax")]
pub fn entmax<T: Real>(logits: &[T], k: usize, alpha: T, tau: T, out: &mut [T]) -> Result<(), Error> {
    check_temperature(tau)?;
    let (order, count) = (Order::new(alpha)?, count_rows(logits.len(), k)?);
    same_length("out", out.len(), logits.len());
    let rows = Rows { first: 0, count, inputs: [logits], outputs: [out], indices: &mut [] };
    rows.run(Entmax { k, order, tau: tau.into() })
}

/// Vector-Jacobian product of [`entmax`], from its output `y`.
///
/// ```text
/// out[r, i] = sᵢ (dyᵢ − Σⱼ sⱼ dyⱼ / Σⱼ sⱼ) / tau,   sᵢ = yᵢ^(2 − α) on the support, else 0
/// ```
///
/// Peters, Niculae and Martins (2019), section 3. Exact wherever the support does not change. A `dy` outside the support
/// has no effect.
///
/// # Shapes
/// `y`, `dy`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Alpha`], [`Error::Temperature`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut slope = [0.0; 3];
/// gumbel_kernels::entmax_vjp(&[0.75, 0.25, 0.0], &[1.0, 0.0, 9.0], 3, 2.0, 1.0, &mut slope)?;
/// assert_eq!(slope, [0.5, -0.5, 0.0]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn entmax_vjp<T: Real>(
    y: &[T],
    dy: &[T],
    k: usize,
    alpha: T,
    tau: T,
    out: &mut [T],
) -> Result<(), Error> {
    check_temperature(tau)?;
    let (order, count) = (Order::new(alpha)?, count_rows(y.len(), k)?);
    same_length("dy", dy.len(), y.len());
    same_length("out", out.len(), y.len());
    let rows = Rows { first: 0, count, inputs: [y, dy], outputs: [out], indices: &mut [] };
    rows.run(EntmaxVjp { k, order, tau: tau.into() })
}

/// Derivative of [`entmax`] in α, from its output `y`.
///
/// ```text
/// out[r, i] = cᵢ − sᵢ Σⱼ cⱼ / Σⱼ sⱼ,   cᵢ = yᵢ (1 − yᵢ^(1 − α) − (α − 1) ln yᵢ) / (α − 1)²
/// ```
///
/// with `sᵢ` as in [`entmax_vjp`]; at α = 1 the limit, `cᵢ = −yᵢ ln² yᵢ / 2`. Correia, Niculae and Martins (2019),
/// section 3, give it for α > 1, as a sum of two terms that cancel near 1.
///
/// # Shapes
/// `y`, `out` `[rows, k]`.
///
/// # Errors
/// [`Error::Alpha`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut slope = [0.0f64; 2];
/// gumbel_kernels::entmax_alpha_derivative(&[0.75, 0.25], 2, 2.0, &mut slope)?;
/// assert!((slope[0] - 0.184594).abs() < 1e-6); // sharper as α grows
/// assert!((slope[0] + slope[1]).abs() < 1e-15);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn entmax_alpha_derivative<T: Real>(y: &[T], k: usize, alpha: T, out: &mut [T]) -> Result<(), Error> {
    let (order, count) = (Order::new(alpha)?, count_rows(y.len(), k)?);
    same_length("out", out.len(), y.len());
    let rows = Rows { first: 0, count, inputs: [y], outputs: [out], indices: &mut [] };
    rows.run(AlphaDerivative { k, order })
}

/// α, as its excess over 1.
#[derive(Clone, Copy)]
struct Order {
    excess: f64,
}

impl Order {
    fn new<T: Real>(alpha: T) -> Result<Self, Error> {
        let valid = alpha >= T::one() && alpha < T::infinity();
        if valid { Ok(Self { excess: alpha.into() - 1.0 }) } else { Err(Error::Alpha(alpha.into())) }
    }

    /// The α-exponential of `v`, `(1 + (α−1) v)₊^(1/(α−1))`; `exp v` at α = 1.
    fn weight(self, v: f64) -> f64 {
        let base = (1.0 + self.excess * v).max(0.0);
        match self.excess {
            0.0 => v.exp(),
            0.5 => base * base,
            1.0 => base,
            _ if base == 0.0 => 0.0,
            excess => ((excess * v).ln_1p() / excess).exp(),
        }
    }

    /// The derivative of the weight, as a function of the weight: `p^(2−α)`.
    fn slope(self, p: f64) -> f64 {
        match self.excess {
            _ if p <= 0.0 => 0.0,
            0.0 => p,
            0.5 => p.sqrt(),
            1.0 => 1.0,
            excess => p.powf(1.0 - excess),
        }
    }

    /// `(1 − p^(1−α)) / (α−1)`; `ln p` at α = 1.
    fn log(self, p: f64) -> f64 {
        if self.excess == 0.0 { p.ln() } else { -(-self.excess * p.ln()).exp_m1() / self.excess }
    }

    /// The derivative of the weight in α, as a function of the weight.
    fn alpha_slope(self, p: f64) -> f64 {
        if p <= 0.0 {
            return 0.0;
        }
        let (log, x) = (p.ln(), self.excess * p.ln());
        // (e^−x − 1 + x) / x², by its series where the numerator cancels.
        let near = 0.5 - x / 6.0 + x * x / 24.0 - x * x * x / 120.0;
        let ratio = if x.abs() < 1e-3 { near } else { ((-x).exp_m1() + x) / (x * x) };
        -p * log * log * ratio
    }
}

#[derive(Clone, Copy)]
struct Entmax {
    k: usize,
    order: Order,
    tau: f64,
}

impl<T: Real> RowKernel<T, 1, 1> for Entmax {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([logits], [out]) = (rows.inputs, rows.outputs);
        let (mut gaps, mut support) = (vec![0.0; self.k], Vec::with_capacity(self.k));
        let pairs = logits.chunks_exact(self.k).zip(out.chunks_exact_mut(self.k));
        for (row, (logits, out)) in pairs.enumerate() {
            if let Some(error) = logit_error(rows.first + row, logits) {
                return Err(error);
            }
            self.fill_gaps(logits, &mut gaps);
            support.clone_from(&gaps);
            let (lambda, total) = self.threshold(&mut support);
            for (out, gap) in out.iter_mut().zip(&gaps) {
                *out = T::from_f64(self.order.weight(gap - lambda) / total);
            }
        }
        Ok(())
    }
}

impl Entmax {
    /// `(x − max x) / tau`, with halves, because the gap of two finite numbers can overflow.
    fn fill_gaps<T: Real>(self, logits: &[T], gaps: &mut [f64]) {
        let max = logits.iter().fold(T::neg_infinity(), |max, &logit| max.max(logit)).into();
        for (gap, &logit) in gaps.iter_mut().zip(logits) {
            let logit: f64 = logit.into();
            *gap = (logit * 0.5 - max * 0.5) / self.tau * 2.0;
        }
    }

    /// λ, and the sum of the weights at λ, which is 1 up to rounding.
    fn threshold(self, support: &mut Vec<f64>) -> (f64, f64) {
        if self.order.excess <= 1.0 { self.newton(support) } else { self.bisect(support) }
    }

    /// Newton's method on the norm of the weights. It never passes the root, so a category whose weight becomes 0 is
    /// outside the support.
    fn newton(self, support: &mut Vec<f64>) -> (f64, f64) {
        const MAX_STEPS: usize = 100;
        let (mut lambda, mut sums) = (0.0, self.sums(support, 0.0));
        for _ in 0..MAX_STEPS {
            let next = lambda + sums.0 / sums.1 * self.order.log(sums.0);
            if next <= lambda {
                break;
            }
            lambda = next;
            sums = self.sums(support, lambda);
        }
        (lambda, sums.0)
    }

    /// Bisects the interval that contains λ: from 0, where the largest weight is 1, to where that is `1 / k`.
    fn bisect(self, support: &mut Vec<f64>) -> (f64, f64) {
        const STEPS: usize = 60;
        let (mut low, mut high) = (0.0, self.order.log(support.len() as f64));
        let mut total = self.sums(support, low).0;
        for _ in 0..STEPS {
            let middle = 0.5 * (low + high);
            let sum: f64 = support.iter().map(|gap| self.order.weight(gap - middle)).sum();
            if sum < 1.0 { high = middle } else { (low, total) = (middle, sum) }
        }
        (low, total)
    }

    /// The sums of the weights and of their slopes over the support at `lambda`; removes the other categories.
    fn sums(self, support: &mut Vec<f64>, lambda: f64) -> (f64, f64) {
        let (mut total, mut slope) = (0.0, 0.0);
        support.retain(|gap| {
            let p = self.order.weight(gap - lambda);
            total += p;
            slope += self.order.slope(p);
            p > 0.0
        });
        (total, slope)
    }
}

#[derive(Clone, Copy)]
struct EntmaxVjp {
    k: usize,
    order: Order,
    tau: f64,
}

impl<T: Real> RowKernel<T, 2, 1> for EntmaxVjp {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let ([y, dy], [out]) = (rows.inputs, rows.outputs);
        let pairs = y.chunks_exact(self.k).zip(dy.chunks_exact(self.k));
        for ((y, dy), out) in pairs.zip(out.chunks_exact_mut(self.k)) {
            if self.order.excess > 1.0 {
                self.steep(y, dy, out);
                continue;
            }
            let slopes = || y.iter().map(|&y| self.order.slope(y.into()));
            // The cotangent outside the support has no effect, even if it is NaN.
            let weighted = |(slope, &dy): (f64, &T)| if slope > 0.0 { slope * dy.into() } else { 0.0 };
            let mean = slopes().zip(dy).map(weighted).sum::<f64>() / slopes().sum::<f64>();
            for ((out, slope), &dy) in out.iter_mut().zip(slopes()).zip(dy) {
                let product = if slope > 0.0 { slope * (dy.into() - mean) / self.tau } else { 0.0 };
                *out = T::from_f64(product);
            }
        }
        Ok(())
    }
}

impl EntmaxVjp {
    /// A row at α above 2, where the slope of a small weight is large, or beyond the range of the type. The steepest
    /// category takes what the others leave, because a row of the product sums to zero. A number beyond the range becomes
    /// the largest finite one.
    #[inline(never)]
    fn steep<T: Real>(self, y: &[T], dy: &[T], out: &mut [T]) {
        let logs: Vec<f64> = y.iter().map(|&y| (1.0 - self.order.excess) * y.into().ln()).collect();
        let inside = |place: usize| y[place] > T::zero();
        let top = (0..y.len()).filter(|&place| inside(place)).max_by(|&a, &b| logs[a].total_cmp(&logs[b]));
        let Some(top) = top else { return out.fill(T::zero()) };
        let shares = |place: usize| if inside(place) { (logs[place] - logs[top]).exp() } else { 0.0 };
        let total: f64 = (0..y.len()).map(shares).sum();
        let pull = |place: usize| if inside(place) { shares(place) / total * dy[place].into() } else { 0.0 };
        let mean: f64 = (0..y.len()).map(pull).sum();
        let limit = f64::MAX / (y.len() as f64 + 1.0);
        let product = |place: usize| {
            let gap = if inside(place) && place != top { dy[place].into() - mean } else { 0.0 };
            let steep = if gap == 0.0 { 0.0 } else { logs[place].exp() * gap / self.tau };
            steep.clamp(-limit, limit)
        };
        let others: f64 = (0..y.len()).map(product).sum();
        for (place, out) in out.iter_mut().enumerate() {
            let exact = if place == top { -others } else { product(place) };
            *out = T::from_f64(exact).max(T::min_value()).min(T::max_value());
        }
    }
}

#[derive(Clone, Copy)]
struct AlphaDerivative {
    k: usize,
    order: Order,
}

impl<T: Real> RowKernel<T, 1, 1> for AlphaDerivative {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([y], [out]) = (rows.inputs, rows.outputs);
        for (y, out) in y.chunks_exact(self.k).zip(out.chunks_exact_mut(self.k)) {
            if self.order.excess > 1.0 {
                self.steep(y, out);
                continue;
            }
            let changes = || y.iter().map(|&y| self.order.alpha_slope(y.into()));
            let slopes = || y.iter().map(|&y| self.order.slope(y.into()));
            let shift = changes().sum::<f64>() / slopes().sum::<f64>();
            for ((out, change), slope) in out.iter_mut().zip(changes()).zip(slopes()) {
                *out = T::from_f64(change - slope * shift);
            }
        }
        Ok(())
    }
}

impl AlphaDerivative {
    /// A row at α above 2, where a power of a small weight is large, or beyond the range of the type. The powers cancel but
    /// for their shares: with `bᵢ = yᵢ (1 − (α − 1) ln yᵢ) / (α − 1)²`, the derivative is `bᵢ − sᵢ Σⱼ bⱼ / Σⱼ sⱼ`.
    #[inline(never)]
    fn steep<T: Real>(self, y: &[T], out: &mut [T]) {
        let excess = self.order.excess;
        let logs: Vec<f64> = y.iter().map(|&y| y.into().ln()).collect();
        let least = logs.iter().copied().filter(|log| log.is_finite()).fold(0.0, f64::min);
        // sᵢ relative to that of the smallest weight, which is the largest.
        let steepness = |log: f64| if log.is_finite() { ((log - least) * (1.0 - excess)).exp() } else { 0.0 };
        let total: f64 = logs.iter().map(|&log| steepness(log)).sum();
        let base = |log: f64| if log.is_finite() { log.exp() * (excess.recip() - log) / excess } else { 0.0 };
        let sum: f64 = logs.iter().map(|&log| base(log)).sum();
        for (out, &log) in out.iter_mut().zip(&logs) {
            *out = T::from_f64(base(log) - steepness(log) / total * sum);
        }
    }
}

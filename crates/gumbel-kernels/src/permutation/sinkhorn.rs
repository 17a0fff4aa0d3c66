//! Sinkhorn's iteration in log space, with the gradient of the iterations that were run.
//!
//! Sinkhorn and Knopp (1967); Mena, Belanger, Linderman and Snoek, "Learning latent permutations with
//! Gumbel-Sinkhorn networks" (2018). Everything is computed in double precision.

use super::assignment::{count_matrices, solve};
use crate::Real;
use crate::error::{Error, check_temperature};
use crate::parallel::rows::{RowKernel, Rows, same_length};

/// Sinkhorn's iteration: the logarithm of a nearly doubly stochastic matrix, for each square matrix of logits.
///
/// ```text
/// out[m, i, j] = xᵢⱼ − fᵢ − gⱼ,   x = logits[m] / tau
/// repeat:  fᵢ = ln Σⱼ exp(xᵢⱼ − gⱼ),   gⱼ = ln Σᵢ exp(xᵢⱼ − fᵢ),   from g = 0
/// ```
///
/// The columns of `exp(out)` sum to one. The sums of its rows converge to one: the iteration stops when none is off by
/// more than `tolerance`, and after at most `iterations` steps. A logit of −∞ forbids its pair; the result is −∞ exactly
/// there. Computed in double precision, with about `2 · iterations · n²` exponentials per matrix. The number of
/// iterations for a given tolerance grows with the range of `x`, so it increases as the temperature decreases.
///
/// Sinkhorn and Knopp (1967); with Gumbel noise, Mena et al. (2018).
///
/// # Shapes
/// `logits`, `out` `[matrices, n, n]`.
///
/// # Errors
/// [`Error::NoPermutation`] if every permutation contains a forbidden pair, so that no doubly stochastic matrix exists;
/// [`Error::Iterations`], [`Error::Tolerance`], [`Error::Temperature`], [`Error::Logit`], [`Error::Categories`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (mut log_p, row) = ([0.0f64; 4], 0.0);
/// gumbel_kernels::log_sinkhorn(&[row, 2.0, 0.0, 0.0], 2, 1.0, 100, 1e-9, &mut log_p)?;
/// let odds = (log_p[1] + log_p[2] - log_p[0] - log_p[3]) / 2.0; // log-odds of one permutation against the other
/// assert!((odds - 1.0).abs() < 1e-12); // equal those of the logits
/// assert!((log_p[1].exp() - 0.731059).abs() < 1e-6); // 1 / (1 + e^−1)
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "optimal transport")]
#[doc(alias = "doubly stochastic")]
#[doc(alias = "gumbel-sinkhorn")]
pub fn log_sinkhorn<T: Real>(
    logits: &[T],
    n: usize,
    tau: T,
    iterations: usize,
    tolerance: f64,
    out: &mut [T],
) -> Result<(), Error> {
    let (kernel, count) = (Sinkhorn::new(n, tau, iterations, tolerance)?, count_matrices(logits.len(), n)?);
    same_length("out", out.len(), logits.len());
    Rows { first: 0, count, inputs: [logits], outputs: [out], indices: &mut [] }.run(Forward(kernel))
}

/// Vector-Jacobian product of [`log_sinkhorn`], from the same logits.
///
/// The iterations are run again, and differentiated in reverse. Exactly 0 at forbidden pairs, whatever `d` is there.
///
/// # Shapes
/// `logits`, `d`, `out` `[matrices, n, n]`.
///
/// # Errors
/// Those of [`log_sinkhorn`].
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let (logits, mut slope) = ([0.0f64; 4], [0.0; 4]);
/// gumbel_kernels::log_sinkhorn_vjp(&logits, &[1.0, 0.0, 0.0, 0.0], 2, 1.0, 50, 0.0, &mut slope)?;
/// assert_eq!(slope, [0.25, -0.25, -0.25, 0.25]);
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
pub fn log_sinkhorn_vjp<T: Real>(
    logits: &[T],
    d: &[T],
    n: usize,
    tau: T,
    iterations: usize,
    tolerance: f64,
    out: &mut [T],
) -> Result<(), Error> {
    let (kernel, count) = (Sinkhorn::new(n, tau, iterations, tolerance)?, count_matrices(logits.len(), n)?);
    same_length("d", d.len(), logits.len());
    same_length("out", out.len(), logits.len());
    Rows { first: 0, count, inputs: [logits, d], outputs: [out], indices: &mut [] }.run(Backward(kernel))
}

#[derive(Clone, Copy)]
struct Sinkhorn {
    n: usize,
    tau: f64,
    iterations: usize,
    tolerance: f64,
}

#[derive(Clone, Copy)]
struct Forward(Sinkhorn);

impl<T: Real> RowKernel<T, 1, 1> for Forward {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let (Self(sinkhorn), [logits], [out]) = (self, rows.inputs, rows.outputs);
        let size = sinkhorn.n * sinkhorn.n;
        for (index, (logits, out)) in logits.chunks_exact(size).zip(out.chunks_exact_mut(size)).enumerate() {
            let (x, mut last) = (sinkhorn.scaled(rows.first + index, logits)?, Vec::new());
            sinkhorn.iterate(&x, |potentials| last = potentials.rows);
            sinkhorn.write(&x, &last, out);
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Backward(Sinkhorn);

impl<T: Real> RowKernel<T, 2, 1> for Backward {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 2, 1>) -> Result<(), Error> {
        let (Self(sinkhorn), [logits, d], [out]) = (self, rows.inputs, rows.outputs);
        let size = sinkhorn.n * sinkhorn.n;
        let pairs = logits.chunks_exact(size).zip(d.chunks_exact(size));
        for (index, ((logits, d), out)) in pairs.zip(out.chunks_exact_mut(size)).enumerate() {
            let (x, mut history) = (sinkhorn.scaled(rows.first + index, logits)?, Vec::new());
            sinkhorn.iterate(&x, |potentials| history.push(potentials));
            let slopes = sinkhorn.pull_back(&x, &history, d);
            out.iter_mut().zip(slopes).for_each(|(out, slope)| *out = T::from_f64(slope / sinkhorn.tau));
        }
        Ok(())
    }
}

/// The potentials `f` and `g` after an iteration.
struct Potentials {
    rows: Vec<f64>,
    columns: Vec<f64>,
}

/// The slopes of the objective in `x`, `f` and `g`.
struct Slopes {
    of_x: Vec<f64>,
    of_rows: Vec<f64>,
    of_columns: Vec<f64>,
}

impl Sinkhorn {
    fn new<T: Real>(n: usize, tau: T, iterations: usize, tolerance: f64) -> Result<Self, Error> {
        check_temperature(tau)?;
        if iterations == 0 {
            return Err(Error::Iterations);
        }
        if !(0.0..f64::INFINITY).contains(&tolerance) {
            return Err(Error::Tolerance(tolerance));
        }
        Ok(Self { n, tau: tau.into(), iterations, tolerance })
    }

    /// `(logits − max) / tau`, after a check that a permutation without forbidden pairs exists.
    fn scaled<T: Real>(self, index: usize, logits: &[T]) -> Result<Vec<f64>, Error> {
        /// So far from the ends of the type that sums of a few are finite.
        const LOWEST: f64 = -1e300;
        if !logits.iter().all(|logit| logit.is_finite()) {
            solve(index, logits, self.n, &mut vec![0; self.n])?;
        }
        let max: f64 = logits.iter().fold(T::neg_infinity(), |max, &logit| max.max(logit)).into();
        let gap = |logit: f64| ((logit * 0.5 - max * 0.5) / self.tau * 2.0).max(LOWEST);
        let scaled = |&logit: &T| if logit.is_finite() { gap(logit.into()) } else { f64::NEG_INFINITY };
        Ok(logits.iter().map(scaled).collect())
    }

    /// Runs the iterations, and calls `visit` with the potentials after each.
    fn iterate(self, x: &[f64], mut visit: impl FnMut(Potentials)) {
        let (mut before, mut columns) = (None, vec![0.0; self.n]);
        for _ in 0..self.iterations {
            let rows = self.row_potentials(x, &columns);
            if before.is_some_and(|before: Vec<f64>| self.converged(&before, &rows)) {
                break;
            }
            columns = self.column_potentials(x, &rows);
            before = Some(rows.clone());
            visit(Potentials { rows, columns: columns.clone() });
        }
    }

    /// Whether the rows sum to one within the tolerance: the next iteration would divide them by their sums.
    fn converged(self, last: &[f64], next: &[f64]) -> bool {
        last.iter().zip(next).all(|(last, next)| (next - last).exp_m1().abs() <= self.tolerance)
    }

    fn row_potentials(self, x: &[f64], columns: &[f64]) -> Vec<f64> {
        let row = |x: &[f64]| {
            let terms = || x.iter().zip(columns).map(|(x, column)| x - column);
            let max = terms().fold(f64::NEG_INFINITY, f64::max);
            max + terms().map(|term| (term - max).exp()).sum::<f64>().ln()
        };
        x.chunks_exact(self.n).map(row).collect()
    }

    fn column_potentials(self, x: &[f64], rows: &[f64]) -> Vec<f64> {
        self.column_parts(x, rows).into_iter().map(|(max, log_sum)| max + log_sum).collect()
    }

    /// The largest term of each column, and the logarithm of the sum of its terms relative to that.
    fn column_parts(self, x: &[f64], rows: &[f64]) -> Vec<(f64, f64)> {
        let mut parts = vec![(f64::NEG_INFINITY, 0.0); self.n];
        self.each(x, |i, j, x| parts[j].0 = parts[j].0.max(x - rows[i]));
        self.each(x, |i, j, x| parts[j].1 += (x - rows[i] - parts[j].0).exp());
        parts.iter_mut().for_each(|part| part.1 = part.1.ln());
        parts
    }

    fn each(self, x: &[f64], mut visit: impl FnMut(usize, usize, f64)) {
        for (i, row) in x.chunks_exact(self.n).enumerate() {
            row.iter().enumerate().for_each(|(j, &x)| visit(i, j, x));
        }
    }

    /// Subtracts the two parts of `g` one after the other, so that columns sum to one for `x` of any size.
    fn write<T: Real>(self, x: &[f64], rows: &[f64], out: &mut [T]) {
        let parts = self.column_parts(x, rows);
        self.each(x, |i, j, x| {
            let log = T::from_f64(x - rows[i] - parts[j].0 - parts[j].1);
            out[i * self.n + j] = if x == f64::NEG_INFINITY { log } else { log.max(T::min_value()) };
        });
    }

    /// The slopes in `x`, by reverse differentiation of every iteration.
    fn pull_back<T: Real>(self, x: &[f64], history: &[Potentials], d: &[T]) -> Vec<f64> {
        let (n, start) = (self.n, vec![0.0; self.n]);
        let mut slopes = Slopes { of_x: vec![0.0; n * n], of_rows: start.clone(), of_columns: start.clone() };
        self.each(x, |i, j, x| {
            let d = if x == f64::NEG_INFINITY { 0.0 } else { d[i * n + j].into() };
            slopes.of_x[i * n + j] = d;
            slopes.of_rows[i] -= d;
            slopes.of_columns[j] -= d;
        });
        for (at, potentials) in history.iter().enumerate().rev() {
            let before = if at == 0 { &start } else { &history[at - 1].columns };
            self.step_back(x, potentials, before, &mut slopes);
        }
        slopes.of_x
    }

    /// Reverse differentiation of one iteration: of `g`, then of `f`, which was computed from the columns `before`.
    fn step_back(self, x: &[f64], potentials: &Potentials, before: &[f64], slopes: &mut Slopes) {
        let Potentials { rows, columns } = potentials;
        self.each(x, |i, j, x| {
            let share = (x - rows[i] - columns[j]).exp() * slopes.of_columns[j];
            slopes.of_x[i * self.n + j] += share;
            slopes.of_rows[i] -= share;
        });
        slopes.of_columns.fill(0.0);
        self.each(x, |i, j, x| {
            let share = (x - before[j] - rows[i]).exp() * slopes.of_rows[i];
            slopes.of_x[i * self.n + j] += share;
            slopes.of_columns[j] -= share;
        });
        slopes.of_rows.fill(0.0);
    }
}

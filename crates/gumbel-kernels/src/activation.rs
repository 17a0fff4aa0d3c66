//! Activations of a network, and their vector-Jacobian products: one pass over memory, in vector instructions for `f32`.

use crate::parallel::rows::{RowKernel, Rows, same_length};
use crate::{Error, Real};

/// Computes tanh of each number. For every `f32` the error is below 3 ulp; NaN in gives NaN out.
///
/// # Shapes
/// `x`, `out` `[len]`.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0f32; 3];
/// gumbel_kernels::tanh(&[0.5, -100.0, 1e-30], &mut out);
/// assert!((out[0] - 0.46211717).abs() < 1e-7);
/// assert_eq!(out[1..], [-1.0, 1e-30]);
/// ```
pub fn tanh<T: Real>(x: &[T], out: &mut [T]) {
    run(x, out, Tanh);
}

/// Vector-Jacobian product of [`tanh`], in place of the cotangent: `d ← d (1 − y²)`, from its result y.
///
/// # Shapes
/// `y`, `d` `[len]`.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut d = [2.0f32, 2.0];
/// gumbel_kernels::tanh_vjp_in_place(&[0.5, 1.0], &mut d);
/// assert_eq!(d, [1.5, 0.0]);
/// ```
pub fn tanh_vjp_in_place<T: Real>(y: &[T], d: &mut [T]) {
    run(y, d, TanhVjp);
}

/// Computes the logistic function `σ(x) = 1 / (1 + e^−x)` of each number. For every `f32` the error is below 3 ulp, unless the
/// result is subnormal; NaN in gives NaN out.
///
/// # Shapes
/// `x`, `out` `[len]`.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut out = [0.0f32; 3];
/// gumbel_kernels::sigmoid(&[0.0, 3f32.ln(), f32::INFINITY], &mut out);
/// assert!((out[1] - 0.75).abs() < 1e-7);
/// assert_eq!([out[0], out[2]], [0.5, 1.0]);
/// ```
#[doc(alias = "logistic")]
pub fn sigmoid<T: Real>(x: &[T], out: &mut [T]) {
    run(x, out, Sigmoid);
}

/// Vector-Jacobian product of [`sigmoid`], in place of the cotangent: `d ← d y (1 − y)`, from its result y.
///
/// # Shapes
/// `y`, `d` `[len]`.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut d = [4.0f32, 4.0];
/// gumbel_kernels::sigmoid_vjp_in_place(&[0.5, 1.0], &mut d);
/// assert_eq!(d, [1.0, 0.0]);
/// ```
pub fn sigmoid_vjp_in_place<T: Real>(y: &[T], d: &mut [T]) {
    run(y, d, SigmoidVjp);
}

#[track_caller]
fn run<T: Real>(input: &[T], output: &mut [T], of_each: impl OfEach) {
    same_length("the output", output.len(), input.len());
    let rows = Rows { first: 0, count: input.len(), inputs: [input], outputs: [output], indices: &mut [] };
    rows.run(Each(of_each)).expect("no number is invalid");
}

/// A function of one input and of what the output holds before it is written.
trait OfEach: Copy + Send + Sync {
    /// Must be `#[inline(always)]`: a closure would be compiled without the instructions of the level.
    fn of<T: Real, const FMA: bool>(input: T, output: T) -> T;
}

#[derive(Clone, Copy)]
struct Each<F>(F);

impl<T: Real, F: OfEach> RowKernel<T, 1, 1> for Each<F> {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 1>) -> Result<(), Error> {
        let ([input], [output]) = (rows.inputs, rows.outputs);
        for (output, &input) in output.iter_mut().zip(input) {
            *output = F::of::<T, FMA>(input, *output);
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Tanh;
#[derive(Clone, Copy)]
struct TanhVjp;
#[derive(Clone, Copy)]
struct Sigmoid;
#[derive(Clone, Copy)]
struct SigmoidVjp;

impl OfEach for Tanh {
    #[inline(always)]
    fn of<T: Real, const FMA: bool>(x: T, _: T) -> T {
        (x + x).lane_tanh_half::<FMA>()
    }
}

impl OfEach for TanhVjp {
    #[inline(always)]
    fn of<T: Real, const FMA: bool>(y: T, d: T) -> T {
        d * (T::one() - y * y)
    }
}

impl OfEach for Sigmoid {
    #[inline(always)]
    fn of<T: Real, const FMA: bool>(x: T, _: T) -> T {
        // Of a number that is not positive: it cannot overflow.
        let e = (-x.abs()).lane_exp_of_gap::<FMA>();
        let over = if x < T::zero() { e } else { T::one() };
        over / (T::one() + e)
    }
}

impl OfEach for SigmoidVjp {
    #[inline(always)]
    fn of<T: Real, const FMA: bool>(y: T, d: T) -> T {
        d * y * (T::one() - y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;
    use crate::parallel::level::forced;
    use crate::tests::support::ulps;

    /// Numbers of all magnitudes and both signs, subnormal and infinite ones and NaN among them.
    fn all_kinds() -> Vec<f32> {
        let some = (0..=f32::INFINITY.to_bits()).step_by(1009).map(f32::from_bits);
        some.flat_map(|x| [x, -x]).chain([f32::INFINITY, f32::NEG_INFINITY, f32::NAN]).collect()
    }

    fn largest_error(function: fn(&[f32], &mut [f32]), exact: fn(f64) -> f64, least: f32) -> f64 {
        let x = all_kinds();
        let mut out = vec![0.0; x.len()];
        function(&x, &mut out);
        let errors = x.iter().zip(&out).filter_map(|(&x, &value)| {
            let exact = exact(f64::from(x));
            let counted = !(exact.abs() < f64::from(least) && x != 0.0 && exact != f64::from(x));
            if !counted {
                assert!(value >= 0.0 && value <= least, "{x}: {value}");
            }
            counted.then(|| ulps(value, exact))
        });
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn error_bounds_hold_at_every_level() {
        for level in Level::available() {
            let [tanh, sigmoid] = forced::at(level, 1, || {
                [
                    largest_error(tanh, f64::tanh, 0.0),
                    largest_error(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), f32::MIN_POSITIVE),
                ]
            });
            println!("{level}: tanh {tanh:.2}, sigmoid {sigmoid:.2} ulp");
            assert!(tanh < 3.0 && sigmoid < 3.0, "{level}: {tanh} and {sigmoid} ulp");
        }
    }

    #[test]
    fn results_do_not_depend_on_threads_or_length() {
        let x: Vec<f32> = (0..5 * 16_384 + 77).map(|i| (i as f32 - 4e4) / 7e3).collect();
        let whole = |threads| {
            forced::at(Level::current(), threads, || {
                let mut out = vec![0.0; x.len()];
                sigmoid(&x, &mut out);
                out
            })
        };
        let one = whole(1);
        assert_eq!(one, whole(3));
        for length in 0..70 {
            let mut out = vec![0.0; length];
            sigmoid(&x[..length], &mut out);
            assert_eq!(out, one[..length]);
        }
    }

    #[test]
    fn products_are_the_slopes() {
        let step = 1e-6;
        for x in [-3.0, -0.2, 0.0, 1.4f64] {
            for (function, product) in [
                (tanh::<f64> as fn(&[f64], &mut [f64]), tanh_vjp_in_place::<f64> as fn(&[f64], &mut [f64])),
                (sigmoid, sigmoid_vjp_in_place),
            ] {
                let mut y = [0.0; 3];
                function(&[x - step, x, x + step], &mut y);
                let (slope, mut d) = ((y[2] - y[0]) / (2.0 * step), [1.0]);
                product(&y[1..2], &mut d);
                assert!((d[0] - slope).abs() < 1e-9, "{x}: {} and {slope}", d[0]);
            }
        }
    }

    #[test]
    #[should_panic(expected = "the output has length 1, expected 2")]
    fn lengths_must_match() {
        tanh(&[0.0f32; 2], &mut [0.0]);
    }
}

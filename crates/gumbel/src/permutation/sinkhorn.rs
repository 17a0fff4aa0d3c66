//! Matchings: Sinkhorn's iteration, and the exact assignment that it relaxes.

use crate::fused::{self, Kernel, Number, Output, Vjp};
use crate::relax::within_range;
use crate::{Error, Noise, composed};
use burn::tensor::{Device, Tensor, TensorData, activation};
use gumbel_kernels as kernels;

/// Sinkhorn's iteration: a nearly doubly stochastic matrix with the cross-ratios of `exp(θ / τ)`. **Soft**,
/// differentiable.
///
/// ```text
/// P = exp(θ / τ), then `iterations` times: divide rows by their sums, columns by theirs
/// ```
///
/// Sinkhorn and Knopp 1967; Mena, Belanger, Linderman and Snoek 2018. In log space and double precision. Columns sum to
/// one; rows more nearly the longer it runs, and a matrix is done when no row of its own is off by more than
/// `tolerance` (0 runs every iteration). As τ falls it tends to [`matching`], and takes more iterations. The gradient
/// is that of the iterations that were run. `-inf` forbids a pair: its entry and its gradient are exactly 0.
///
/// About `2 · iterations · n²` exponentials for each matrix, and twice that in the backward pass. On other
/// backends than Flex every iteration is run, whatever the tolerance: looking would cost a synchronisation each.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same.
///
/// # Errors
/// A temperature that is not positive and finite; no iterations; a tolerance that is negative or not finite; NaN or
/// `+inf` among the logits; a matrix whose forbidden pairs leave no permutation.
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::permutation::sinkhorn;
/// let logits = Tensor::<2>::from_floats([[0.0, 2.0], [0.0, 0.0]], &Device::flex());
/// let p = sinkhorn(logits, 1.0, 100, 1e-6)?;
/// // One permutation against the other: exp(2) to 1, the square of the odds of an entry.
/// assert!((p.clone().slice([0..1, 1..2]).into_scalar::<f32>() - 0.731059).abs() < 1e-5);
/// assert!((p.sum_dim(1) - 1.0).abs().max().into_scalar::<f32>() < 2e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    let dtype = logits.dtype();
    let logits = composed::at_least_single(logits);
    Ok(composed::restored(log_sinkhorn(logits, tau, iterations, tolerance)?.exp(), dtype))
}

/// The logarithm of [`sinkhorn`], exact where an entry rounds to 0; `-inf` at forbidden pairs and only there.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same.
///
/// # Errors
/// Those of [`sinkhorn`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<2>::from_floats([[300.0, 0.0], [0.0, 300.0]], &Device::flex());
/// let log_p = gumbel::permutation::log_sinkhorn(logits, 1.0, 20, 0.0)?;
/// assert_eq!(log_p.into_data().try_to_vec::<f32>().unwrap(), [0.0, -300.0, -300.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn log_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    let n = side(&logits);
    kernels::check_temperature(tau)?;
    let dtype = logits.dtype();
    let logits = composed::at_least_single(logits);
    let tau = within_range(tau, logits.dtype());
    let kernel = LogSinkhorn { n, tau, iterations, tolerance };
    let log_p = match fused::rows(&logits) {
        Some(rows) => {
            let [log_p] = rows.run(&kernel)?;
            let vjp = Vjp::Sinkhorn { tau, iterations, tolerance };
            fused::tie(logits.clone(), composed::shaped_like(&logits, log_p), logits.detach(), vjp)
        }
        None => kernel.composed(logits)?,
    };
    Ok(composed::restored(log_p, dtype))
}

/// [`sinkhorn`] of perturbed logits: the Gumbel-Sinkhorn sample. **Soft**, differentiable.
///
/// ```text
/// P = sinkhorn((θ + g) / τ),   g ~ Gumbel, one for each pair
/// ```
///
/// Mena et al. 2018; they run 20 iterations at τ = 1 or less. It tends to [`gumbel_matching`] for the same noise as τ
/// falls and the iterations grow. Its density is not known in closed form: divergences are taken in the space of the
/// noise.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`sinkhorn`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, permutation};
/// let logits = Tensor::<2>::zeros([4, 4], &Device::flex());
/// let soft = permutation::gumbel_sinkhorn(logits.clone(), 0.01, 2000, 1e-4, &mut Noise::from_seed(1))?;
/// let hard = permutation::gumbel_matching(logits, &mut Noise::from_seed(1))?;
/// assert!((soft - hard).abs().max().into_scalar::<f32>() < 0.01);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn gumbel_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    let dtype = logits.dtype();
    let soft = sinkhorn(composed::perturbed_by(logits, noise)?, tau, iterations, tolerance)?;
    Ok(composed::restored(soft, dtype))
}

/// The best permutation: the assignment with the largest sum of logits. **Hard**, without a gradient.
///
/// ```text
/// P = argmax over permutation matrices of  Σᵢⱼ θᵢⱼ Pᵢⱼ
/// ```
///
/// Exact, by the Hungarian method in O(n³), on the host. `-inf` forbids a pair.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same.
///
/// # Errors
/// NaN or `+inf` among the logits; a matrix whose forbidden pairs leave no permutation.
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<2>::from_floats([[3.0, 2.0], [2.0, 0.0]], &Device::flex());
/// let p = gumbel::permutation::matching(logits)?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]); // 2 + 2 > 3 + 0
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn matching<const D: usize>(logits: Tensor<D>) -> Result<Tensor<D>, Error> {
    let n = side(&logits);
    let dtype = logits.dtype();
    let logits = composed::at_least_single(logits.detach());
    let [hard] = fused::rows_on_host(&logits).run(&Assignment { n })?;
    Ok(composed::restored(composed::shaped_like(&logits, hard), dtype))
}

/// [`matching`] of perturbed logits: a random permutation. **Hard**, without a gradient.
///
/// ```text
/// P = argmax over permutation matrices of  Σᵢⱼ (θᵢⱼ + gᵢⱼ) Pᵢⱼ,   g ~ Gumbel
/// ```
///
/// Mena et al. 2018 call it Gumbel-Matching. Perturb-and-MAP: it does not draw from `exp(Σ θ P)`, as one noise for
/// each permutation would.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`matching`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, permutation::gumbel_matching};
/// let logits = Tensor::<3>::zeros([6000, 3, 3], &Device::flex());
/// let p = gumbel_matching(logits, &mut Noise::from_seed(1))?;
/// let stays = p.slice([0..6000, 0..1, 0..1]).sum().into_scalar::<f32>();
/// assert!((stays - 2000.0).abs() < 4.0 * 36.5); // a third, standard error 36.5
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn gumbel_matching<const D: usize>(logits: Tensor<D>, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    let dtype = logits.dtype();
    let hard = matching(composed::perturbed_by(logits.detach(), noise)?)?;
    Ok(composed::restored(hard, dtype))
}

/// [`matching`] forward, bit for bit; [`sinkhorn`] backward. **Hard**.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same.
///
/// # Errors
/// Those of [`sinkhorn`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let logits = Tensor::<2>::from_floats([[3.0, 2.0], [2.0, 0.0]], &Device::flex());
/// let p = gumbel::permutation::straight_through_sinkhorn(logits, 1.0, 20, 0.0)?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    let soft = sinkhorn(logits.clone(), tau, iterations, tolerance)?;
    Ok(composed::attach(matching(logits)?, soft))
}

/// [`gumbel_matching`] forward, bit for bit; backward [`gumbel_sinkhorn`] for the same noise. **Hard**, biased.
///
/// # Shapes
/// `logits` `[.., n, n]` to the same; uses one number of the noise for each logit.
///
/// # Errors
/// Those of [`sinkhorn`].
///
/// # Panics
/// If the matrices are not square.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, permutation::straight_through_gumbel_sinkhorn};
/// let logits = Tensor::<2>::from_floats([[80.0, 0.0], [0.0, 0.0]], &Device::flex());
/// let p = straight_through_gumbel_sinkhorn(logits, 1.0, 20, 0.0, &mut Noise::from_seed(1))?;
/// assert_eq!(p.into_data().try_to_vec::<f32>().unwrap(), [1.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_gumbel_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    let dtype = logits.dtype();
    let keys = composed::perturbed_by(logits, noise)?;
    Ok(composed::restored(straight_through_sinkhorn(keys, tau, iterations, tolerance)?, dtype))
}

fn side<const D: usize>(logits: &Tensor<D>) -> usize {
    let dims = logits.dims();
    assert!(
        D >= 2 && dims[D - 1] == dims[D - 2],
        "a permutation needs square matrices, got the shape {dims:?}"
    );
    dims[D - 1]
}

struct Assignment {
    n: usize,
}

impl Kernel<1> for Assignment {
    fn run<T: Number>(&self, logits: &[T], n: usize) -> Result<Output<1>, Error> {
        let mut columns = vec![0; logits.len() / self.n.max(1)];
        kernels::assignment(logits, n, &mut columns)?;
        let mut hard = vec![T::zero(); logits.len()];
        for (row, &column) in hard.chunks_exact_mut(n).zip(&columns) {
            row[column as usize] = T::one();
        }
        Ok([TensorData::new(hard, [logits.len()])])
    }
}

struct LogSinkhorn {
    n: usize,
    tau: f64,
    iterations: usize,
    tolerance: f64,
}

impl Kernel<1> for LogSinkhorn {
    fn run<T: Number>(&self, logits: &[T], n: usize) -> Result<Output<1>, Error> {
        let (tau, mut out) = (T::from_f64(self.tau), vec![T::zero(); logits.len()]);
        kernels::log_sinkhorn(logits, n, tau, self.iterations, self.tolerance, &mut out)?;
        Ok([TensorData::new(out, [logits.len()])])
    }
}

impl LogSinkhorn {
    /// From Burn's operations, for backends without the kernel.
    fn composed<const D: usize>(&self, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
        /// So far below the largest that sums of a few are still finite, and not taken for a mask.
        const LOWEST: f32 = -1e30;
        self.check(&logits)?;
        let masked = logits.clone().equal_elem(f32::NEG_INFINITY);
        let max = logits.clone().detach().max_dim(D - 1).max_dim(D - 2);
        let gaps = (logits - max) / self.tau;
        let gaps = gaps.clamp_min(LOWEST).mask_fill(masked, f32::NEG_INFINITY);
        let step = |x, _| activation::log_softmax(activation::log_softmax(x, D - 1), D - 2);
        Ok((0..self.iterations).fold(gaps, step))
    }

    /// Refuses what the kernel refuses, by one iteration of it: of the logits, if any is infinite or NaN, else of
    /// zeros in their place.
    fn check<const D: usize>(&self, logits: &Tensor<D>) -> Result<(), Error> {
        let once = Self { iterations: self.iterations.min(1), ..*self };
        let rows = if logits.clone().inner().is_finite().all().into_scalar::<bool>() {
            fused::rows_on_host(&Tensor::<2>::zeros([self.n, self.n], &Device::flex()))
        } else {
            fused::rows_on_host(logits)
        };
        rows.run(&once).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values and the gradient of `Σ d · exp(value)`, by the kernel or composed.
    fn run(tau: f64, iterations: usize, composed: bool) -> [Vec<f32>; 2] {
        let (mut noise, device) = (Noise::from_seed(5), Device::flex());
        let mut start = noise.logistic::<3>([2, 4, 4], &device).into_data().try_to_vec::<f32>().unwrap();
        (start[1], start[21]) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        let d = noise.logistic::<3>([2, 4, 4], &device);
        let leaf = Tensor::<1>::from_floats(start.as_slice(), &device.autodiff()).reshape([2, 4, 4]);
        let leaf = leaf.detach().require_grad();
        let kernel = LogSinkhorn { n: 4, tau, iterations, tolerance: 0.0 };
        let log_p = if composed {
            kernel.composed(leaf.clone()).unwrap()
        } else {
            log_sinkhorn(leaf.clone(), tau, iterations, 0.0).unwrap()
        };
        let slopes = leaf.grad(&(log_p.clone().exp() * d).sum().backward()).expect("a gradient");
        [log_p.inner(), slopes].map(|tensor| tensor.into_data().try_to_vec().unwrap())
    }

    #[test]
    fn fused_and_composed_agree_in_value_and_gradient() {
        for tau in [0.3, 1.0, 4.0] {
            for iterations in [1, 3, 20] {
                let (fused, composed) = (run(tau, iterations, false), run(tau, iterations, true));
                for (what, (fused, composed)) in fused.iter().zip(&composed).enumerate() {
                    for (a, b) in fused.iter().zip(composed) {
                        let close = a == b || (a - b).abs() < 1e-5 * (1.0 + a.abs()) / tau.min(1.0) as f32;
                        assert!(close, "{what}, tau {tau}, {iterations} iterations: fused {a}, composed {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_composed_path_refuses_what_the_fused_one_refuses() {
        let refused = |logits: [[f32; 2]; 2], tau, iterations, tolerance| {
            let logits = Tensor::<2>::from_floats(logits, &Device::flex());
            let kernel = LogSinkhorn { n: 2, tau, iterations, tolerance };
            let composed = kernel.composed(logits.clone()).unwrap_err();
            assert_eq!(Err(composed), log_sinkhorn(logits, tau, iterations, tolerance).map(|_| ()));
        };
        let none = f32::NEG_INFINITY;
        refused([[0.0; 2]; 2], 1.0, 0, 0.0);
        refused([[0.0; 2]; 2], 1.0, 1, -1.0);
        refused([[0.0, f32::INFINITY], [0.0, 0.0]], 1.0, 1, 0.0);
        refused([[0.0, none], [1.0, none]], 1.0, 1, 0.0);
    }
}

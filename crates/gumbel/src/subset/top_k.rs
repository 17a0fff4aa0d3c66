//! Sampling without replacement: the largest perturbed logits, hard and relaxed.

use super::ones_at;
use crate::ops::{self, HostArgument};
use crate::perturbed::{self, NoiseDistribution, Perturbation};
use crate::tensor::{numbers, with_slope};
use crate::{Error, Noise, Temperature};
use burn::tensor::{DType, Int, Tensor};
use gumbel_kernels as kernels;
use std::ops::Range;

/// Draws the indices of `k` different categories without replacement, in order, by the Gumbel-top-k trick.
///
/// ```text
/// P(i₁, i₂, …) = p_{i₁} · p_{i₂} / (1 − p_{i₁}) · …,   p = softmax(θ)
/// ```
///
/// Vieira 2014; Kool, van Hoof and Welling 2019. The order has Plackett and Luce's distribution. The first index is
/// that of [`gumbel_max`](crate::gumbel_max) for the same noise, and of equal keys the first comes first.
///
/// Runs as a fused kernel on GPUs, with the indices of the CPU, and on the host elsewhere; keys are in the precision of the
/// logits, at least single. On a GPU an unfit row, or one with fewer than `k` unmasked categories, has the index `K`
/// everywhere, and [`check_device`](crate::check_device) returns the error.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., k]`; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`marginals`](super::marginals).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, subset};
/// let logits = Tensor::<1>::from_floats([0.0, 200.0, 100.0], &Device::flex());
/// let order = subset::gumbel_top_k(logits, 2, &mut Noise::from_seed(1))?;
/// assert_eq!(order.into_data().convert::<i64>().try_to_vec::<i64>().unwrap(), [1, 2]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "gumbel top-k")]
#[doc(alias = "without replacement")]
#[doc(alias = "plackett-luce")]
pub fn gumbel_top_k<const D: usize>(
    logits: Tensor<D>,
    k: usize,
    noise: &mut Noise,
) -> Result<Tensor<D, Int>, Error> {
    let stream = noise.take(logits.shape().num_elements());
    ops::gumbel_top_k(logits, k, stream)
}

/// Draws the categories of [`gumbel_top_k`] as k-hot rows. **Hard**, without a gradient. Runs where it does; on a GPU a row
/// without such a sample becomes NaN.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`, with `k` ones in each row; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`gumbel_top_k`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, subset};
/// let logits = Tensor::<1>::from_floats([0.0, 200.0, 100.0], &Device::flex());
/// let z = subset::top_k_hot(logits, 2, &mut Noise::from_seed(1))?;
/// assert_eq!(z.into_data().try_to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "gumbel top-k")]
#[doc(alias = "without replacement")]
pub fn top_k_hot<const D: usize>(logits: Tensor<D>, k: usize, noise: &mut Noise) -> Result<Tensor<D>, Error> {
    let stream = noise.take(logits.shape().num_elements());
    ops::top_k_hot(logits, k, stream)
}

/// Draws a relaxed sample of `k` categories without replacement. **Soft**, differentiable; a row sums to `k`.
///
/// ```text
/// α¹ = θ + g,   aᵗ = softmax(αᵗ / τ),   αᵗ⁺¹ = αᵗ + ln(1 − aᵗ),   y = a¹ + … + aᵏ
/// ```
///
/// Xie and Ermon 2019; Plötz and Roth 2018. As τ tends to 0 it tends to [`top_k_hot`] for the same noise; at τ of about
/// 1 and above, an entry can exceed 1. Runs on the host in double precision, on every backend, and reads a tensor of
/// temperatures there.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`; a tensor `tau` as for [`Temperature`]; uses one number of the noise per logit.
///
/// # Errors
/// A temperature that is not positive and finite; those of [`gumbel_top_k`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, subset};
/// let logits = Tensor::<1>::from_floats([0.0, 1.0, 2.0, 3.0], &Device::flex());
/// let y = subset::relaxed_top_k(logits, 2, 0.5, &mut Noise::from_seed(1))?;
/// assert!((y.sum().into_scalar::<f32>() - 2.0).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "soft top-k")]
pub fn relaxed_top_k<const D: usize>(
    logits: Tensor<D>,
    k: usize,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    let (keys, tau) = (Keys::of(&logits, k, noise), tau.into());
    let taus = tau.on_host(logits.dims())?;
    let soft = keys.soft(&taus)?;
    keys.with_gradient(logits, soft, tau, taus)
}

/// Draws [`top_k_hot`] rows with the gradient of [`relaxed_top_k`] for the same noise. **Hard**, biased.
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`, with `k` ones in each row; uses one number of the noise per logit.
///
/// # Errors
/// Those of [`relaxed_top_k`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, subset};
/// let logits = Tensor::<1>::zeros([4], &Device::flex().autodiff()).require_grad();
/// let z = subset::straight_through_top_k(logits.clone(), 2, 0.5, &mut Noise::from_seed(1))?;
/// let gradient = logits.grad(&z.clone().slice([0..1]).sum().backward()).unwrap();
/// assert_eq!(z.sum().into_scalar::<f32>(), 2.0);
/// assert!(gradient.sum().into_scalar::<f32>().abs() < 1e-6); // adding a constant to all logits changes nothing
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn straight_through_top_k<const D: usize>(
    logits: Tensor<D>,
    k: usize,
    tau: impl Into<Temperature<D>>,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    let (keys, tau) = (Keys::of(&logits, k, noise), tau.into());
    let taus = tau.on_host(logits.dims())?;
    let picked = keys.picked()?;
    keys.with_gradient(logits, picked, tau, taus)
}

/// Draws the `k` largest perturbed logits, with the gradient of implicit maximum likelihood (I-MLE). **Hard**, biased.
///
/// ```text
/// z = top-k(θ + τ ε),   ∂z/∂θ applied to g := (z − top-k(θ − λ g + τ ε)) / λ
/// ```
///
/// Niepert, Minervini and Franceschi 2021. The noise ε is [`NoiseDistribution::SumOfGamma`] with `k` parts and ten
/// terms. The gradient compares the subset with that after a step of size `lambda` against the cotangent g; a small
/// `lambda` leaves most gradients zero. For other solvers and noise, use [`perturbed::hard_argmax`].
///
/// # Shapes
/// `logits` `[.., K]` to `[.., K]`, with `k` ones in each row; uses one number of the noise per logit.
///
/// # Errors
/// A `tau` or `lambda` that is not positive and finite; those of [`gumbel_top_k`].
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, subset};
/// let logits = Tensor::<1>::from_floats([0.0, 9.0, 5.0], &Device::flex().autodiff()).require_grad();
/// let z = subset::implicit_mle(logits.clone(), 1, 0.01, 10.0, &mut Noise::from_seed(1))?;
/// let cost = (z * Tensor::from_floats([0.0, 1.0, 0.0], &Device::flex().autodiff())).sum();
/// let gradient = logits.grad(&cost.backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
/// assert_eq!(gradient, [0.0, 0.1, -0.1]); // with ten less for the second, the third is the largest
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "I-MLE")]
#[doc(alias = "implicit maximum likelihood")]
pub fn implicit_mle<const D: usize>(
    logits: Tensor<D>,
    k: usize,
    tau: f64,
    lambda: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    // Returns the errors of a subset; the result is not used.
    Keys::of(&logits, k, &mut noise.clone()).order()?;
    let distribution = NoiseDistribution::SumOfGamma { parts: k, terms: 10 };
    perturbed::hard_argmax(
        logits,
        move |theta| largest(theta, k),
        Perturbation { distribution, tau },
        lambda,
        noise,
    )
}

/// Ones at the `k` largest; of equal numbers, the first.
fn largest(theta: &[f64], k: usize) -> Vec<f64> {
    let mut order: Vec<u32> = (0..theta.len() as u32).collect();
    let key = |place: &u32| theta[*place as usize];
    order.select_nth_unstable_by(k - 1, |a, b| key(b).total_cmp(&key(a)).then(a.cmp(b)));
    ones_at(&order[..k], k, theta.len(), theta.len())
}

/// Logits on the host, and the noise that perturbs them.
struct Keys {
    logits: Vec<f64>,
    /// Whether the tensor has double precision, in which an order then is.
    double: bool,
    categories: usize,
    k: usize,
    stream: kernels::Stream,
}

impl Keys {
    fn of<const D: usize>(logits: &Tensor<D>, k: usize, noise: &mut Noise) -> Self {
        let (numbers, categories) = (numbers(logits.clone()), logits.dims()[D - 1]);
        let (stream, double) = (noise.take(numbers.len()), logits.dtype() == DType::F64);
        Self { logits: numbers, double, categories, k, stream }
    }

    /// The indices of [`gumbel_top_k`].
    fn order(&self) -> Result<Vec<u32>, Error> {
        let Self { logits, categories, k, stream, .. } = self;
        if *k == 0 {
            return Err(kernels::Error::EmptySubset.into());
        }
        let mut order = vec![0; logits.len() / categories.max(&1) * k];
        if self.double {
            kernels::gumbel_top_k(logits, *categories, *k, *stream, &mut order)?;
        } else {
            let single: Vec<f32> = logits.iter().map(|&logit| logit as f32).collect();
            kernels::gumbel_top_k(&single, *categories, *k, *stream, &mut order)?;
        }
        Ok(order)
    }

    fn picked(&self) -> Result<Vec<f64>, Error> {
        Ok(ones_at(&self.order()?, self.k, self.categories, self.logits.len()))
    }

    fn soft(&self, taus: &[f64]) -> Result<Vec<f64>, Error> {
        if taus.len() > 1 {
            self.order()?; // Its errors name the row, which a kernel that is given one row cannot.
        }
        let Self { categories, k, .. } = *self;
        self.each(taus, |rows, tau, stream, out| {
            kernels::subset::relaxed_top_k(&self.logits[rows], categories, k, tau, stream, out)
        })
    }

    /// The derivative of [`Keys::soft`] in the temperature.
    fn slope(&self, taus: &[f64]) -> Result<Vec<f64>, Error> {
        let Self { categories, k, .. } = *self;
        self.each(taus, |rows, tau, stream, out| {
            kernels::subset::relaxed_top_k_tau_derivative(&self.logits[rows], categories, k, tau, stream, out)
        })
    }

    fn pull_back(&self, d: &[f64], taus: &[f64]) -> Result<Vec<f64>, Error> {
        let Self { categories, k, .. } = *self;
        self.each(taus, |rows, tau, stream, out| {
            let (logits, d) = (&self.logits[rows.clone()], &d[rows]);
            kernels::subset::relaxed_top_k_vjp(logits, d, categories, k, tau, stream, out)
        })
    }

    /// A kernel for all rows at the only temperature, or for each at its own.
    fn each(
        &self,
        taus: &[f64],
        kernel: impl Fn(Range<usize>, f64, kernels::Stream, &mut [f64]) -> Result<(), kernels::Error>,
    ) -> Result<Vec<f64>, Error> {
        let (length, width) = (self.logits.len(), self.categories);
        let mut all = vec![0.0; length];
        if let [tau] = *taus {
            kernel(0..length, tau, self.stream, &mut all)?;
            return Ok(all);
        }
        for (row, &tau) in taus.iter().enumerate() {
            let range = row * width..(row + 1) * width;
            kernel(range.clone(), tau, self.stream.skip(range.start as u64), &mut all[range])?;
        }
        Ok(all)
    }

    /// Returns `values` with the gradient of the soft sample.
    fn with_gradient<const D: usize>(
        self,
        logits: Tensor<D>,
        values: Vec<f64>,
        tau: Temperature<D>,
        taus: Vec<f64>,
    ) -> Result<Tensor<D>, Error> {
        let (shape, logits) = (logits.dims(), HostArgument::new(logits));
        let learned = match tau {
            Temperature::Tensor(tau) if tau.is_autodiff() => {
                Some((logits.constant(self.slope(&taus)?, shape), tau))
            }
            _ => None,
        };
        let pull_back = move |d: &[f64]| self.pull_back(d, &taus).expect("the forward pass accepted them");
        let y = logits.differentiable(values, shape, pull_back);
        Ok(match learned {
            Some((slope, tau)) => with_slope(y, slope, tau),
            None => y,
        })
    }
}

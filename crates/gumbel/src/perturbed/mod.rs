//! Gradients through a solver: any `argmax_y ⟨y, θ⟩` that the caller supplies, with noise added to the scores.
//!
//! A solver takes the scores of one row, `[K]`, and returns the point of its feasible set with the largest inner
//! product with them, `[K]`: a ranking, a path, an assignment, the `k` largest. Its derivative is zero almost
//! everywhere. With noise added to the scores, the mean of its solutions has a useful derivative:
//!
//! | function | forward | gradient |
//! | --- | --- | --- |
//! | [`soft_argmax`] | **soft**: the mean of several solutions | from the score function of the noise |
//! | [`hard_argmax`] | **hard**: one solution | from a second solution, at shifted scores |
//! | [`fenchel_young_loss`] | a loss | the soft argmax minus the target |
//!
//! The solver runs on the host in double precision, on every backend, once per row and sample. A score of `-inf` is
//! passed to it unchanged and has gradient zero.

mod noise;

pub use noise::{NoiseDistribution, Perturbation};

use crate::checked::{at_least_one, positive};
use crate::ops::HostArgument;
use crate::tensor::numbers;
use crate::{Error, Noise, ops};
use burn::tensor::Tensor;

/// Estimates the mean solution for perturbed scores (the perturbed argmax) from `samples` solutions. **Soft**.
///
/// ```text
/// y = 1/M Σₘ yₘ,   yₘ = argmax_y ⟨y, θ + τ εₘ⟩,   ∂E[y]/∂θ = E[yₘ ∇ν(εₘ)ᵀ] / τ,   ν = −ln of the noise's density
/// ```
///
/// Berthet, Blondel, Teboul, Cuturi, Vert and Bach 2020. Both the mean and the gradient are unbiased. The gradient
/// subtracts from each solution the mean of the others, which lowers the variance. With Gumbel noise and the one-hot
/// argmax, the mean is `softmax(θ / τ)`.
///
/// Cost: `samples` solutions per row, which are kept for the backward pass; the backward pass solves nothing. Runs on
/// the host in double precision, on every backend.
///
/// # Shapes
/// `theta` `[.., K]` to `[.., K]`; uses `samples` numbers of the noise per score.
///
/// # Errors
/// A temperature that is not positive and finite; fewer than two samples; noise without a density in closed form; NaN
/// or `+inf` among the scores; a row of scores that are all `-inf`.
///
/// # Panics
/// If the solver returns a point of another length.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::perturbed::{NoiseDistribution, Perturbation, soft_argmax};
/// // The signs of the scores maximise ⟨y, θ⟩ over the cube [−1, 1]^K.
/// let signs = |theta: &[f64]| theta.iter().map(|theta| theta.signum()).collect();
/// let theta = Tensor::<1>::from_floats([0.0, 30.0], &Device::flex());
/// let unit = Perturbation { distribution: NoiseDistribution::Gumbel, tau: 1.0 };
/// let y = soft_argmax(theta, signs, unit, 10_000, &mut Noise::from_seed(1))?;
/// let y = y.into_data().try_to_vec::<f32>().unwrap();
/// assert!((y[0] - 0.2642).abs() < 0.04); // P(g > 0) − P(g < 0) = 1 − 2/e, with a standard error of 0.01
/// assert_eq!(y[1], 1.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "perturbed optimizer")]
#[doc(alias = "perturbed maximum")]
pub fn soft_argmax<const D: usize>(
    theta: Tensor<D>,
    argmax: impl Fn(&[f64]) -> Vec<f64>,
    perturbation: Perturbation,
    samples: usize,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    if samples < 2 {
        return Err(Error::parameter("soft argmax", "samples", "at least 2", samples));
    }
    let slope = perturbation.distribution.score()?;
    let shape = theta.dims();
    let solutions = Perturbed::of(&theta, perturbation, samples, noise)?.solutions(argmax);
    Ok(HostArgument::new(theta)
        .differentiable(solutions.mean(), shape, move |d| solutions.pull_back(d, slope)))
}

/// Solves once for perturbed scores, with the gradient of implicit maximum likelihood (I-MLE). **Hard**, biased.
///
/// ```text
/// z = argmax_y ⟨y, θ + τ ε⟩,   ∂z/∂θ applied to g := (z − argmax_y ⟨y, θ − λ g + τ ε⟩) / λ
/// ```
///
/// The gradient is the difference of the solution from the one after a step of size `lambda` against the cotangent g.
/// A small `lambda` leaves most gradients zero; a large one blurs them. Niepert, Minervini and Franceschi 2021; without
/// noise it is the black-box gradient of Pogančić and others 2020.
///
/// Cost: one solution per row, and one more in the backward pass. Runs on the host in double precision, on every
/// backend.
///
/// # Shapes
/// `theta` `[.., K]` to `[.., K]`; uses one number of the noise per score.
///
/// # Errors
/// A temperature or a `lambda` that is not positive and finite; sum-of-gamma noise with zero parts or terms; NaN or
/// `+inf` among the scores; a row of scores that are all `-inf`.
///
/// # Panics
/// If the solver returns a point of another length.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::perturbed::{NoiseDistribution, Perturbation, hard_argmax};
/// let signs = |theta: &[f64]| theta.iter().map(|theta| theta.signum()).collect();
/// let theta = Tensor::<1>::from_floats([5.0, 1.0], &Device::flex().autodiff()).require_grad();
/// let little = Perturbation { distribution: NoiseDistribution::Gumbel, tau: 1e-3 };
/// let y = hard_argmax(theta.clone(), signs, little, 2.0, &mut Noise::from_seed(1))?;
/// let gradient = theta.grad(&y.sum().backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
/// assert_eq!(gradient, [0.0, 1.0]); // a step of 2 flips the second sign: (1 − (−1)) / 2
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "I-MLE")]
#[doc(alias = "implicit maximum likelihood")]
#[doc(alias = "black-box solver")]
pub fn hard_argmax<const D: usize>(
    theta: Tensor<D>,
    argmax: impl Fn(&[f64]) -> Vec<f64> + Send + Sync + 'static,
    perturbation: Perturbation,
    lambda: f64,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    positive("hard argmax", "lambda", lambda)?;
    let (shape, width) = (theta.dims(), theta.dims()[D - 1]);
    let keys = Perturbed::of(&theta, perturbation, 1, noise)?.keys();
    let solution = solve(&keys, width, &argmax);
    let z = solution.clone();
    Ok(HostArgument::new(theta).differentiable(z, shape, move |d| {
        let moved: Vec<f64> = keys.iter().zip(d).map(|(key, d)| key - lambda * d).collect();
        let target = solve(&moved, width, &argmax);
        solution.iter().zip(target).map(|(z, target)| (z - target) / lambda).collect()
    }))
}

/// Estimates the Fenchel-Young loss of a target under a perturbed argmax. It is convex in the scores, and minimal where
/// the mean solution equals the target.
///
/// ```text
/// L(θ, y*) = E[max_y ⟨y, θ + τ ε⟩] − ⟨θ, y*⟩,   ∂L/∂θ = E[argmax_y ⟨y, θ + τ ε⟩] − y*
/// ```
///
/// Berthet and others 2020, without the term that depends on the target alone. Both the loss and the gradient are means
/// over `samples` solutions, and unbiased for any number of samples and any noise. If there is a target, prefer this
/// to a loss on the result of [`soft_argmax`]: its gradient does not need the score function of the noise.
///
/// Cost: `samples` solutions per row; the backward pass solves nothing. Runs on the host in double precision, on every
/// backend.
///
/// # Shapes
/// `theta` and `target` `[.., K]` to `[.., 1]`; uses `samples` numbers of the noise per score.
///
/// # Errors
/// A temperature that is not positive and finite; zero samples; sum-of-gamma noise with zero parts or terms; NaN or
/// `+inf` among the scores; a row of scores that are all `-inf`.
///
/// # Panics
/// If the shape of the target differs from that of the scores, or the solver returns a point of another length.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::Noise;
/// use gumbel::perturbed::{NoiseDistribution, Perturbation, fenchel_young_loss};
/// let signs = |theta: &[f64]| theta.iter().map(|theta| theta.signum()).collect();
/// let theta = Tensor::<1>::from_floats([30.0, 30.0], &Device::flex().autodiff()).require_grad();
/// let target = Tensor::<1>::from_floats([1.0, -1.0], &Device::flex());
/// let unit = Perturbation { distribution: NoiseDistribution::Gumbel, tau: 1.0 };
/// let loss = fenchel_young_loss(theta.clone(), target, signs, unit, 10, &mut Noise::from_seed(1))?;
/// let gradient = theta.grad(&loss.sum().backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
/// assert_eq!(gradient, [0.0, 2.0]); // the first agrees with the target, the second differs in every sample
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "perturbed optimizer")]
#[doc(alias = "structured prediction")]
pub fn fenchel_young_loss<const D: usize>(
    theta: Tensor<D>,
    target: Tensor<D>,
    argmax: impl Fn(&[f64]) -> Vec<f64>,
    perturbation: Perturbation,
    samples: usize,
    noise: &mut Noise,
) -> Result<Tensor<D>, Error> {
    at_least_one("Fenchel-Young loss", "samples", samples)?;
    let shape = theta.dims();
    assert!(target.dims() == shape, "a target of shape {:?} for scores of shape {shape:?}", target.dims());
    let solutions = Perturbed::of(&theta, perturbation, samples, noise)?.solutions(argmax);
    let (argument, target, width) = (HostArgument::new(theta), numbers(target), shape[D - 1]);
    let (maxima, scores) = (solutions.maxima(), solutions.at.scores.chunks(width));
    let scored = maxima.iter().zip(scores).zip(target.chunks(width));
    let losses = scored.map(|((best, scores), target)| best - inner(scores, target)).collect();
    let slope = solutions.mean().into_iter().zip(&target).map(|(mean, target)| mean - target);
    // A masked score has no gradient.
    let masked = |(slope, score): (f64, &f64)| if *score == f64::NEG_INFINITY { 0.0 } else { slope };
    let slope: Vec<f64> = slope.zip(&solutions.at.scores).map(masked).collect();
    Ok(argument.row_numbers(losses, slope))
}

/// `⟨y, θ⟩` with 0 · ∞ = 0.
fn inner(scores: &[f64], y: &[f64]) -> f64 {
    scores.iter().zip(y).filter(|&(_, &y)| y != 0.0).map(|(score, y)| score * y).sum()
}

/// The solution of each row.
fn solve(keys: &[f64], width: usize, argmax: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let solved = |keys: &[f64]| {
        let solution = argmax(keys);
        assert!(solution.len() == width, "a solution of length {} for {width} scores", solution.len());
        solution
    };
    keys.chunks(width).flat_map(solved).collect()
}

/// Scores `[rows, K]` and the noise of `samples` perturbations of them, `[M, rows, K]`.
struct Perturbed {
    scores: Vec<f64>,
    noise: Vec<f64>,
    tau: f64,
    samples: usize,
    width: usize,
}

impl Perturbed {
    fn of<const D: usize>(
        theta: &Tensor<D>,
        Perturbation { distribution, tau }: Perturbation,
        samples: usize,
        noise: &mut Noise,
    ) -> Result<Self, Error> {
        gumbel_kernels::check_temperature(tau)?;
        ops::check_logits(theta)?;
        let scores = numbers(theta.clone());
        let noise = distribution.draw(samples * scores.len(), noise)?;
        Ok(Self { scores, noise, tau, samples, width: theta.dims()[D - 1] })
    }

    fn keys(&self) -> Vec<f64> {
        let scores = self.scores.iter().cycle();
        self.noise.iter().zip(scores).map(|(noise, score)| score + self.tau * noise).collect()
    }

    fn solutions(self, argmax: impl Fn(&[f64]) -> Vec<f64>) -> Solutions {
        Solutions { y: solve(&self.keys(), self.width, argmax), at: self }
    }
}

/// The solutions `[M, rows, K]` for perturbed scores.
struct Solutions {
    y: Vec<f64>,
    at: Perturbed,
}

impl Solutions {
    fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.at.scores.len()];
        for y in self.y.chunks(mean.len()) {
            mean.iter_mut().zip(y).for_each(|(mean, y)| *mean += y);
        }
        mean.iter_mut().for_each(|mean| *mean /= self.at.samples as f64);
        mean
    }

    /// The mean over the samples of `max_y ⟨y, θ + τ ε⟩`, for each row.
    fn maxima(&self) -> Vec<f64> {
        let width = self.at.width;
        let mut maxima = vec![0.0; self.at.scores.len() / width];
        let (keys, rows) = (self.at.keys(), maxima.len());
        for (place, (keys, y)) in keys.chunks(width).zip(self.y.chunks(width)).enumerate() {
            maxima[place % rows] += inner(keys, y) / self.at.samples as f64;
        }
        maxima
    }

    /// `1/((M − 1) τ) Σₘ ∇ν(εₘ) ⟨yₘ − ȳ, d⟩`.
    fn pull_back(&self, d: &[f64], slope: fn(f64) -> f64) -> Vec<f64> {
        let Perturbed { scores, noise, tau, samples, width } = &self.at;
        let (mut out, mean) = (vec![0.0; d.len()], self.mean());
        for (place, (noise, y)) in noise.chunks(*width).zip(self.y.chunks(*width)).enumerate() {
            let first = place * width % d.len();
            let at = first..first + width;
            let signal = inner(&d[at.clone()], y) - inner(&d[at.clone()], &mean[at.clone()]);
            let weight = signal / ((samples - 1) as f64 * tau);
            for ((out, noise), score) in out[at.clone()].iter_mut().zip(noise).zip(&scores[at]) {
                // A masked score has no gradient.
                *out += if *score == f64::NEG_INFINITY { 0.0 } else { slope(*noise) * weight };
            }
        }
        out
    }
}

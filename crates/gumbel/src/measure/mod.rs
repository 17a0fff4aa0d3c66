//! Bias, variance and cost of an estimator, on any objective.
//!
//! One row of logits is repeated, so that a single call gives that many independent estimates. [`measure`] does
//! everything for an objective whose states can be enumerated; [`Measurement`] is the same in steps, with the caller's
//! own reference, or without one.
//!
//! # Standard error of the bias
//!
//! The norm of a mean error is positive even without a bias, and the largest of many coordinates is large. So the
//! errors of each draw are projected on one direction: that of the mean error of the draws *before* it. Given those,
//! the projections of an unbiased estimator have mean zero: they are the differences of a martingale, and their mean
//! in standard errors is normal, one number whatever the dimension. For a biased estimator the direction soon
//! turns into that of the bias, and the mean of the projections is its norm, or less if it is too small to be found:
//! never more on average.
//!
//! # What estimators learn
//!
//! Baselines and coefficients are learned in [`warm_up`], from noise of its own, and are fixed while measuring:
//! so the replicates are independent.

mod moments;

use crate::estimator::{Estimator, Exact, Objective, Reduction};
use crate::tensor::numbers;
use crate::{Error, Noise, Unsupported};
use burn::tensor::{DType, Tensor};
use moments::Moments;
use std::time::Instant;

/// Steps of [`warm_up`] in [`measure`].
pub const WARM_UP: u64 = 500;
/// Rows of a step of [`warm_up`].
const BATCH: usize = 100;
/// The smallest number of draws that replicates are divided into: the first gives only a direction.
const DRAWS: usize = 16;
/// Numbers in the samples of a draw, about: enough for the time of one estimate to be that of its arithmetic.
const NUMBERS: u64 = 1 << 19;

/// The measured mean, variance, bias and time of an estimator.
///
/// ```
/// use gumbel::measure::{Bias, Measured};
/// # use burn::tensor::{Device, Tensor};
/// # use gumbel::{Noise, estimator::{Exact, Objective}, measure::measure};
/// # let bit = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]));
/// # let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let measured: Measured = measure(&mut Exact::new(1)?, fair, &bit, 100, &Noise::from_seed(1))?;
/// assert!(measured.replicates == 100 && measured.std() < 1e-12); // exact enumeration has no variance
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The number of independent estimates.
    pub replicates: u64,
    /// `[D·K]`: their mean, the estimated gradient with respect to each logit.
    pub mean: Vec<f64>,
    /// `[D·K]`: the variance of one estimate.
    pub variance: Vec<f64>,
    /// The bias, if there was a reference and more than one draw.
    pub bias: Option<Bias>,
    /// The time of one estimate with its backward pass, in nanoseconds, in the fastest draw.
    pub nanoseconds: f64,
}

/// A bias and its standard error; the [module documentation](self) defines both.
///
/// ```
/// let bias = gumbel::measure::Bias { value: 0.3, standard_error: 0.1 };
/// assert!((bias.z() - 3.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bias {
    /// The component of the mean error in the direction found: the norm of the bias, or less. Without a bias it is about
    /// zero, and as often below as above.
    pub value: f64,
    /// Its standard error, including a bound on rounding.
    pub standard_error: f64,
}

impl Bias {
    /// The bias in standard errors: standard normal without a bias, so above 4 in one of 30 000 cases. 0 for a bias of
    /// exactly 0.
    pub fn z(&self) -> f64 {
        if self.value == 0.0 { 0.0 } else { self.value / self.standard_error }
    }
}

impl Measured {
    /// The standard deviation of one estimate: the root of the summed variances of its coordinates.
    pub fn std(&self) -> f64 {
        self.variance.iter().sum::<f64>().sqrt()
    }

    /// The root-mean-square error at equal cost, bias included: that of the mean of as many estimates, of `evaluations`
    /// evaluations of the objective each, as `budget` evaluations allow, `√(bias² + std² · evaluations / budget)`.
    /// Fractions of an estimate count. `None` without a reference.
    pub fn rmse(&self, evaluations: u64, budget: u64) -> Option<f64> {
        let share = evaluations as f64 / budget as f64;
        let bias = self.bias?.value.max(0.0);
        Some((bias * bias + self.variance.iter().sum::<f64>() * share).sqrt())
    }
}

/// Measures an estimator on any objective: [`warm_up`], the [`exact`] gradient, and `replicates` independent
/// estimates, all at step 0 of its schedules. Equal `noise` gives equal numbers, except for the time.
///
/// # Shapes
/// `logits` `[D, K]`: one row.
///
/// # Errors
/// Problems that the estimator does not support; more states than can be enumerated; fewer than 32 replicates; an
/// objective or a gradient that is not finite.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, Parameters, find};
/// use gumbel::{Noise, measure::measure};
///
/// // The squared distance of the sum of three bits from 2.2.
/// let logits = Tensor::<2>::from_floats([[0.0, 0.5], [0.0, -1.0], [0.0, 0.2]], &Device::flex());
/// let objective = Objective::mean(|sample| {
///     let ones = sample.z.clone().narrow(3, 1, 1).sum_dim(2).squeeze_dims::<2>(&[2, 3]);
///     (ones - 2.2).square()
/// });
/// let of = |name: &str| {
///     let mut estimator = find(name)?.build(&Parameters::default())?;
///     measure(estimator.as_mut(), logits.clone(), &objective, 20_000, &Noise::from_seed(1))
/// };
/// let (hard, relaxed) = (of("rloo")?, of("gumbel-softmax")?);
/// assert!(hard.bias.expect("enumerable").z().abs() < 4.0);
/// assert!(relaxed.bias.expect("enumerable").z() > 8.0 && relaxed.std() < hard.std());
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn measure(
    estimator: &mut dyn Estimator,
    logits: Tensor<2>,
    objective: &Objective,
    replicates: usize,
    noise: &Noise,
) -> Result<Measured, Error> {
    let reference = exact(logits.clone(), objective)?;
    warm_up(estimator, logits.clone(), objective, WARM_UP, &noise.split(0))?;
    let mut measurement = Measurement::new(estimator, logits, objective).against(reference);
    let draws = noise.split(1);
    for (draw, rows) in measurement.draws(replicates)?.into_iter().enumerate() {
        measurement.draw(rows, &mut draws.split(draw as u64))?;
    }
    Ok(measurement.measured())
}

/// Computes the exact gradient of `E f` by enumeration, in the precision of the logits.
///
/// # Shapes
/// `logits` `[D, K]` to `[D·K]`.
///
/// # Errors
/// More than 2^16 states; a log-mean-exp, whose expectation depends on the number of samples.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::Objective;
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let ones = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims::<2>(&[2, 3]));
/// assert_eq!(gumbel::measure::exact(fair, &ones)?, [-0.25, 0.25]); // p (1 − p)
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn exact(logits: Tensor<2>, objective: &Objective) -> Result<Vec<f64>, Error> {
    let enumeration = Exact::new(1)?;
    if objective.reduction() == Reduction::LogMeanExp {
        let remedy = "pass a reference of your own to Measurement::against";
        return Err(enumeration.properties().unsupported(Unsupported::LogMeanExpReference, remedy));
    }
    let logits = replicate(logits, 1);
    let estimate = enumeration.estimate(logits.clone(), objective, &mut Noise::from_seed(0), 0)?;
    Ok(gradients(&logits, estimate.loss))
}

/// Lets an estimator learn at fixed logits: `steps` times from 100 estimates.
///
/// # Shapes
/// `logits` `[D, K]`: one row.
///
/// # Errors
/// Problems that the estimator does not support.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, Reinforce, ReinforceBaseline};
/// let mut estimator = Reinforce::new(1, ReinforceBaseline::MovingAverage)?;
/// let fair = Tensor::<2>::zeros([1, 2], &Device::flex());
/// let ones = Objective::mean(|sample| sample.z.clone().narrow(3, 1, 1).squeeze_dims::<2>(&[2, 3]));
/// gumbel::measure::warm_up(&mut estimator, fair, &ones, 200, &gumbel::Noise::from_seed(1))?;
/// assert!((estimator.baseline() - 0.5).abs() < 0.02); // the mean of a fair bit
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn warm_up(
    estimator: &mut dyn Estimator,
    logits: Tensor<2>,
    objective: &Objective,
    steps: u64,
    noise: &Noise,
) -> Result<(), Error> {
    for step in 0..steps {
        let logits = replicate(logits.clone(), BATCH);
        let estimate = estimator.estimate(logits, objective, &mut noise.split(step), 0)?;
        estimator.adapt(&estimate);
    }
    Ok(())
}

/// A measurement of an estimator in steps.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::estimator::{Objective, Rloo};
/// use gumbel::{Noise, measure::Measurement};
/// // 100 latents have too many states to enumerate; there is a variance all the same.
/// let logits = Tensor::<2>::zeros([100, 2], &Device::flex());
/// let ones = |z: burn::tensor::Tensor<4>| z.narrow(3, 1, 1).mean_dim(2).squeeze_dims::<2>(&[2, 3]);
/// let objective = Objective::mean(|sample| (ones(sample.z.clone()) - 0.5).square());
/// let estimator = Rloo::new(2)?;
/// let mut measurement = Measurement::new(&estimator, logits, &objective);
/// measurement.draw(1000, &mut Noise::from_seed(1))?;
/// let measured = measurement.measured();
/// assert!(measured.bias.is_none() && measured.std() > 0.0);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Debug)]
pub struct Measurement<'a> {
    estimator: &'a dyn Estimator,
    logits: Tensor<2>,
    objective: &'a Objective<'a>,
    reference: Option<Vec<f64>>,
    gradients: Moments,
    losses: Moments,
    projections: Moments,
    nanoseconds: f64,
}

impl<'a> Measurement<'a> {
    /// For an estimator in its present state, at one row of `logits` `[D, K]`.
    pub fn new(estimator: &'a dyn Estimator, logits: Tensor<2>, objective: &'a Objective<'a>) -> Self {
        let [gradients, losses, projections] = std::array::from_fn(|_| Moments::default());
        let (reference, nanoseconds) = (None, f64::INFINITY);
        Self { estimator, logits, objective, reference, gradients, losses, projections, nanoseconds }
    }

    /// With a reference gradient `[D·K]` to measure the bias against.
    ///
    /// # Panics
    /// If its length is not that of the logits.
    #[must_use]
    pub fn against(mut self, reference: Vec<f64>) -> Self {
        let shape = self.logits.dims();
        let length = reference.len();
        assert_eq!(
            length,
            shape[0] * shape[1],
            "a reference of length {length} for logits of shape {shape:?}"
        );
        self.reference = Some(reference);
        self
    }

    /// Divides replicates into draws that fit into memory, all of one size but the last. The division depends on the
    /// arguments alone, so equal arguments give equal noise.
    ///
    /// # Errors
    /// Fewer than two for each of 16 draws.
    pub fn draws(&self, replicates: usize) -> Result<Vec<usize>, Error> {
        if replicates < 2 * DRAWS {
            let expected = format!("at least {}", 2 * DRAWS);
            return Err(Error::parameter("measure", "replicates", expected, replicates));
        }
        let [latents, categories] = self.logits.dims().map(|size| size as u64);
        let per_sample = self.estimator.properties().with_samples(1);
        let evaluations = per_sample.evaluations(latents, categories).unwrap_or(u64::MAX);
        let room = NUMBERS / evaluations.saturating_mul(latents * categories).min(NUMBERS / 2);
        let rows = replicates.div_ceil(DRAWS).min(room as usize);
        let (full, rest) = (replicates / rows, replicates % rows);
        Ok((0..full).map(|_| rows).chain((rest > 0).then_some(rest)).collect())
    }

    /// Takes `replicates` more estimates.
    ///
    /// # Errors
    /// Problems that the estimator does not support; an objective or a gradient that is not finite.
    pub fn draw(&mut self, replicates: usize, noise: &mut Noise) -> Result<(), Error> {
        let logits = replicate(self.logits.clone(), replicates);
        let start = Instant::now();
        let estimate = self.estimator.estimate(logits.clone(), self.objective, noise, 0)?;
        let losses = estimate.loss.clone();
        let rows = gradients(&logits, estimate.loss);
        self.nanoseconds = self.nanoseconds.min(start.elapsed().as_nanos() as f64 / replicates as f64);
        let losses = numbers(losses);
        if !rows.iter().chain(&losses).all(|number| number.is_finite()) {
            return Err(Error::NotFinite { estimator: self.estimator.properties().name });
        }
        self.project(&rows);
        self.gradients.merge(Moments::of(&rows, rows.len() / replicates));
        self.losses.merge(Moments::of(&losses, 1));
        Ok(())
    }

    /// Projects the errors of new rows on the mean error so far.
    fn project(&mut self, rows: &[f64]) {
        let Some(reference) = self.reference.as_ref().filter(|_| self.gradients.count > 0.0) else { return };
        let error: Vec<f64> =
            self.gradients.mean.iter().zip(reference).map(|(mean, exact)| mean - exact).collect();
        let norm = error.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let along = |row: &[f64]| {
            let parts = row.iter().zip(reference).zip(&error);
            parts.map(|((x, exact), error)| (x - exact) * error / norm).sum()
        };
        let projections: Vec<f64> = rows.chunks_exact(reference.len()).map(along).collect();
        self.projections.merge(Moments::of(&projections, 1));
    }

    /// The results so far.
    ///
    /// # Panics
    /// Before the first draw.
    pub fn measured(&self) -> Measured {
        assert!(self.gradients.count > 0.0, "measured() requires at least one draw");
        Measured {
            replicates: self.gradients.count as u64,
            mean: self.gradients.mean.clone(),
            variance: self.gradients.variance(),
            bias: (self.projections.count > 0.0).then(|| self.bias()),
            nanoseconds: self.nanoseconds,
        }
    }

    fn bias(&self) -> Bias {
        let Moments { count, mean, .. } = &self.projections;
        let sampling = self.projections.variance()[0] / count;
        Bias { value: mean[0], standard_error: (sampling + self.rounding().powi(2)).sqrt() }
    }

    /// A bound on rounding in an estimate without variance: some units in the last place of losses and gradients.
    fn rounding(&self) -> f64 {
        let unit = if self.logits.dtype() == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
        let size = |moments: &Moments| {
            let squares = moments.variance().into_iter().zip(&moments.mean).map(|(v, mean)| v + mean * mean);
            squares.sum::<f64>().sqrt()
        };
        2.0 * unit * (size(&self.losses) + size(&self.gradients))
    }
}

/// `rows` copies of one row of logits `[D, K]`, as leaves of a graph: `[rows, D, K]`.
fn replicate(logits: Tensor<2>, rows: usize) -> Tensor<3> {
    let logits = if logits.is_autodiff() { logits.inner() } else { logits };
    logits.unsqueeze::<3>().repeat_dim(0, rows).autodiff().require_grad()
}

/// The gradient of each row, `[rows · D·K]`.
fn gradients(logits: &Tensor<3>, loss: Tensor<1>) -> Vec<f64> {
    // A loss that does not depend on the logits has a gradient too: zero.
    let loss = loss.sum() + (logits.clone() * 0.0).sum();
    numbers(logits.grad(&loss.backward()).expect("the loss depends on the logits"))
}

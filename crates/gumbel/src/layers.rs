//! Chains of stochastic layers, each drawn given the samples above it.
//!
//! ```text
//! z₁ ~ q(θ₁),   z₂ ~ q(θ₂(z₁)),   …,   z_n ~ q(θ_n(z₁ … z_{n−1}));   the gradient of E Σ_l f_l(z₁ … z_l)
//! ```
//!
//! Each layer has its own estimator. A sample with a gradient passes it to the layers above; a score function
//! weighs a layer by the costs downstream, its own and those below, and by no others. The chain is drawn once. Whatever
//! an estimator compares the chain with at a layer (further samples, an antithetic twin) is continued to the end by
//! plain samples of the layers below: S samples at each of n layers take n(S − 1) + 1 evaluations of the
//! loss. Pairs take n + 1, where pairs that share nothing take 2n (Yin and Zhou 2019) and nested objectives 2ⁿ.
//! Parameters inside the costs get their gradient from the chain alone.

use crate::estimator::contract::{log_mean_exp, plain_mean};
use crate::estimator::{Estimate, Estimator, Objective, Properties, Reduction, Relaxed, Sample};
use crate::{Error, Noise, Unsupported, categorical, sample_one_hot};
use burn::tensor::Tensor;
use std::cell::RefCell;
use std::{fmt, iter};

/// A layer with the samples drawn from it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, estimator::Zgr, layers::{Drawn, Layers}};
/// let zgr = Zgr::new(1)?;
/// let estimates = Layers::new(&zgr, Tensor::zeros([5, 1, 2], &Device::flex()))
///     .cost(|all: &[Drawn]| {
///         assert_eq!(all[0].sample.z.dims(), [1, 5, 1, 2]);
///         all[0].sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3])
///     })
///     .estimate(&mut Noise::from_seed(1), 0)?;
/// assert_eq!(estimates.len(), 1);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Drawn {
    /// `[S, B, D, K]`: the logits that it was drawn from.
    pub logits: Tensor<4>,
    /// The samples, `z` `[S, B, D, K]`.
    pub sample: Sample,
}

/// A chain of layers with their costs; it borrows an estimator for each layer.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, estimator::DisArm, layers::Layers};
/// // Two bits: the first is fair, the second its copy with log-odds of 2. What is the slope of E z₂ in θ₁?
/// let theta = Tensor::<3>::zeros([10_000, 1, 2], &Device::flex().autodiff()).require_grad();
/// let pairs = DisArm::new(2)?;
/// let estimates = Layers::new(&pairs, theta.clone())
///     .then(&pairs, |above| above[0].sample.z.clone() * 2.0)
///     .cost(|all| all[1].sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]))
///     .estimate(&mut Noise::from_seed(1), 0)?;
/// let gradients = estimates[0].loss.clone().sum().backward();
/// let slope = theta.grad(&gradients).unwrap().narrow(2, 1, 1).mean().into_scalar::<f32>();
/// assert!((slope - 0.1904).abs() < 0.006); // ¼ (σ(2) − σ(−2)); standard error 0.0014
/// # Ok::<(), gumbel::Error>(())
/// ```
pub struct Layers<'a> {
    first: Tensor<3>,
    layers: Vec<Layer<'a>>,
}

struct Layer<'a> {
    estimator: &'a dyn Estimator,
    /// None for the first.
    logits: Option<Function<'a, 4>>,
    cost: Option<Function<'a, 2>>,
}

type Function<'a, const D: usize> = Box<dyn Fn(&[Drawn]) -> Tensor<D> + 'a>;

impl<'a> Layers<'a> {
    /// A chain whose first layer has logits `[B, D, K]`.
    pub fn new(estimator: &'a dyn Estimator, logits: Tensor<3>) -> Self {
        Self { first: logits, layers: vec![Layer { estimator, logits: None, cost: None }] }
    }

    /// Adds a layer whose logits `[S, B, D, K]` are a function of the samples above, the first of the chain first.
    #[must_use]
    pub fn then(mut self, estimator: &'a dyn Estimator, logits: impl Fn(&[Drawn]) -> Tensor<4> + 'a) -> Self {
        self.layers.push(Layer { estimator, logits: Some(Box::new(logits)), cost: None });
        self
    }

    /// Sets the cost `[S, B]` of the last layer as a function of all samples down to its own. A layer may have no cost: a
    /// likelihood at the end of the chain is a cost of the last.
    #[must_use]
    pub fn cost(mut self, cost: impl Fn(&[Drawn]) -> Tensor<2> + 'a) -> Self {
        self.layers.last_mut().expect("there is a first").cost = Some(Box::new(cost));
        self
    }

    /// Estimates the expected cost of the chain, one estimate per layer.
    ///
    /// The `loss` of the first is that of the full chain: its value estimates the expected sum of all costs, and its
    /// gradient is with respect to everything that the logits and costs are computed from. The others estimate the costs
    /// from their layer on; each layer's estimator adapts to its own.
    ///
    /// # Errors
    /// Those of the estimators; an estimator that evaluates the loss at points other than its samples, or weighs them
    /// unequally; several samples of a layer that passes a gradient on.
    ///
    /// # Panics
    /// If logits or costs have another shape.
    pub fn estimate(&self, noise: &mut Noise, step: u64) -> Result<Vec<Estimate>, Error> {
        self.layers.iter().try_for_each(|layer| check_supported(layer.estimator))?;
        self.estimate_below(&[], self.first.clone(), noise, step)
    }

    /// Estimates the importance-weighted bound of `samples` chains per row, and its gradient.
    ///
    /// ```text
    /// E[−ln (1/m) Σ_s exp(−Σ_l f_l(z₁ˢ … z_lˢ))]
    /// ```
    ///
    /// With costs that add up to −ln p(x, z)/q(z|x) it is the importance-weighted bound (Burda, Grosse and
    /// Salakhutdinov 2016, eq. 8). A sample with a gradient passes it on, one sample of a layer for each chain. A score
    /// function treats the samples of all layers as one: their scores share one signal, which it computes from the m
    /// losses (Mnih and Rezende 2016). Each layer's estimator adapts to this one estimate.
    ///
    /// # Errors
    /// Those of the estimators; no samples; an estimator that does not support a log-mean-exp, that is pathwise with more
    /// than one sample of a layer, or whose signal depends on more than the losses.
    ///
    /// # Panics
    /// If logits or costs have another shape.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gumbel::estimator::{Reinforce, ReinforceBaseline};
    /// use gumbel::{Noise, layers::{Drawn, Layers}};
    /// // Two bits, the second a copy of the first with log-odds of 2; each costs 1.
    /// let theta = Tensor::<3>::zeros([100, 1, 2], &Device::flex());
    /// let one = |all: &[Drawn]| all[all.len() - 1].sample.z.clone().narrow(3, 1, 1).squeeze_dims(&[2, 3]);
    /// let score = Reinforce::new(1, ReinforceBaseline::None)?;
    /// let estimate = Layers::new(&score, theta)
    ///     .cost(one)
    ///     .then(&score, |above| above[0].sample.z.clone() * 2.0)
    ///     .cost(one)
    ///     .estimate_bound(1000, &mut Noise::from_seed(1), 0)?;
    /// let bound = estimate.mean_loss();
    /// assert!((bound - 0.6091).abs() < 0.008); // −ln E exp(−z₁ − z₂); standard error 0.002
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn estimate_bound(&self, samples: usize, noise: &mut Noise, step: u64) -> Result<Estimate, Error> {
        self.layers.iter().try_for_each(|layer| check_bound(layer.estimator, samples))?;
        let drawn = self.chains(samples, noise, step)?;
        let costs = (1..=drawn.len()).map(|depth| self.cost_of(&drawn[..depth]));
        let losses = costs.reduce(|total, cost| total + cost).expect("there is a first");
        let mut loss = log_mean_exp(losses.clone(), plain_mean);
        for (Layer { estimator, .. }, drawn) in self.layers.iter().zip(drawn) {
            if !estimator.properties().needs_gradient {
                loss = loss + drawn.score(estimator.bound_signal(losses.clone().detach())?);
            }
        }
        Ok(Estimate::new(loss))
    }

    /// Draws `samples` chains for each row, from the top down.
    fn chains(&self, samples: usize, noise: &mut Noise, step: u64) -> Result<Vec<Drawn>, Error> {
        let first = self.first.clone().unsqueeze::<4>().repeat_dim(0, samples);
        let mut drawn = vec![Drawn::new(self.layers[0].estimator, first, noise, step)?];
        for layer in &self.layers[1..] {
            drawn.push(Drawn::new(layer.estimator, layer.logits(&drawn), noise, step)?);
        }
        Ok(drawn)
    }

    /// The estimates of the layers below those of `above`, `[1, B, ..]`, the first of which has these logits.
    fn estimate_below(
        &self,
        above: &[Drawn],
        logits: Tensor<3>,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Vec<Estimate>, Error> {
        let further = RefCell::new((noise.fork(), Ok(Vec::new())));
        let all = logits.clone().unsqueeze::<4>();
        let objective = Objective::mean(|sample| {
            let (noise, below) = &mut *further.borrow_mut();
            let losses = self.losses(above, &all, sample, noise, step);
            let (losses, estimates) = match losses {
                Ok((losses, estimates)) => (losses, Ok(estimates)),
                // The estimator needs numbers to continue; the error is returned when it is done.
                Err(error) => (sample.z.zeros_like().sum_dim(3).sum_dim(2).squeeze_dims(&[2, 3]), Err(error)),
            };
            *below = estimates;
            losses
        });
        let estimate = self.layers[above.len()].estimator.estimate(logits, &objective, noise, step)?;
        drop(objective);
        Ok(iter::once(estimate).chain(further.into_inner().1?).collect())
    }

    /// The costs downstream of a layer at its samples, `[S, B]`, and the estimates of the layers below.
    fn losses(
        &self,
        above: &[Drawn],
        logits: &Tensor<4>,
        sample: &Sample,
        noise: &mut Noise,
        step: u64,
    ) -> Result<(Tensor<2>, Vec<Estimate>), Error> {
        let estimator = self.layers[above.len()].estimator;
        let samples = sample.z.dims()[0];
        check_sample(estimator, sample)?;
        let chain = Drawn { logits: logits.clone(), sample: sample.part(0, 1) };
        let (loss, estimates) = self.downstream(extended(above, 1, chain), noise, step)?;
        if samples == 1 {
            return Ok((loss, estimates));
        }
        let others = samples - 1;
        let rest = Drawn { logits: logits.clone().repeat_dim(0, others), sample: sample.part(1, others) };
        let rest = self.follow(extended(above, others, rest), noise)?.detach();
        // One of the S losses has a gradient, on behalf of all.
        let loss = loss.clone().detach() + (loss.clone() - loss.detach()) * samples as f64;
        Ok((Tensor::cat(vec![loss, rest], 0), estimates))
    }

    /// The downstream costs of the chain, with their gradient, `[1, B]`.
    fn downstream(
        &self,
        chain: Vec<Drawn>,
        noise: &mut Noise,
        step: u64,
    ) -> Result<(Tensor<2>, Vec<Estimate>), Error> {
        let cost = self.cost_of(&chain);
        let Some(next) = self.layers.get(chain.len()) else { return Ok((cost, Vec::new())) };
        let logits = next.logits(&chain).squeeze_dim::<3>(0);
        let estimates = self.estimate_below(&chain, logits, noise, step)?;
        Ok((cost + estimates[0].loss.clone().unsqueeze::<2>(), estimates))
    }

    /// The downstream costs of samples whose layers below are drawn without a gradient, `[S, B]`.
    fn follow(&self, mut drawn: Vec<Drawn>, noise: &mut Noise) -> Result<Tensor<2>, Error> {
        let mut total = self.cost_of(&drawn);
        while let Some(next) = self.layers.get(drawn.len()) {
            let logits = next.logits(&drawn);
            let sample = Sample::hard(sample_one_hot(logits.clone().detach(), noise)?);
            drawn.push(Drawn { logits, sample });
            total = total + self.cost_of(&drawn);
        }
        Ok(total)
    }

    /// The cost of the last layer drawn, `[S, B]`.
    fn cost_of(&self, drawn: &[Drawn]) -> Tensor<2> {
        let last = &drawn.last().expect("a layer").sample.z;
        let [samples, rows, ..] = last.dims();
        match &self.layers[drawn.len() - 1].cost {
            Some(cost) => {
                let losses = cost(drawn);
                assert_eq!(
                    losses.dims(),
                    [samples, rows],
                    "a cost must be [S, B] for z of shape {:?}",
                    last.dims()
                );
                losses
            }
            None => last.zeros_like().sum_dim(3).sum_dim(2).squeeze_dims(&[2, 3]),
        }
    }
}

impl Drawn {
    /// Draws one sample from each of the logits, `[S, B, D, K]`, with its gradient if the estimator is pathwise.
    fn new(
        estimator: &dyn Estimator,
        logits: Tensor<4>,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Self, Error> {
        let sample = match estimator.properties().needs_gradient {
            true => pathwise_sample(estimator, logits.clone(), noise, step)?,
            false => Sample::hard(sample_one_hot(logits.clone().detach(), noise)?),
        };
        Ok(Self { logits, sample })
    }

    /// Zero, `[B]`, with the gradient of `Σ_s signal_s ln q(z_s)`.
    fn score(self, signal: Tensor<2>) -> Tensor<1> {
        let log_q = categorical::log_mass(self.logits, self.sample.z).sum_dim(2).squeeze_dims::<2>(&[2, 3]);
        let zero = log_q.clone() - log_q.detach();
        (zero * signal.detach()).sum_dim(0).squeeze_dim(0)
    }
}

/// The sample that a pathwise estimator evaluates its objective at, for each of the logits, `[S, B, D, K]`.
fn pathwise_sample(
    estimator: &dyn Estimator,
    logits: Tensor<4>,
    noise: &mut Noise,
    step: u64,
) -> Result<Sample, Error> {
    let shape @ [samples, rows, latents, categories] = logits.dims();
    let seen = RefCell::new(None);
    let objective = Objective::mean(|sample| {
        seen.replace(Some(sample.clone()));
        sample.z.zeros_like().sum_dim(3).sum_dim(2).squeeze_dims(&[2, 3])
    });
    estimator.estimate(logits.reshape([samples * rows, latents, categories]), &objective, noise, step)?;
    drop(objective);
    let sample = seen.into_inner().expect("an estimator evaluates its objective");
    check_sample(estimator, &sample)?;
    Ok(sample.reshape(shape))
}

impl Layer<'_> {
    fn logits(&self, above: &[Drawn]) -> Tensor<4> {
        let logits = self.logits.as_ref().expect("every layer but the first has them")(above);
        let (got, z) = (logits.dims(), above[0].sample.z.dims());
        assert_eq!(
            got[..2],
            z[..2],
            "logits of shape {got:?} below z of shape {z:?} must begin with its [S, B]"
        );
        logits
    }
}

impl fmt::Debug for Layers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.layers.iter().map(|layer| layer.estimator)).finish()
    }
}

impl Sample {
    /// `count` of the samples, starting at `first`.
    fn part(&self, first: usize, count: usize) -> Self {
        Self { z: self.z.clone().narrow(0, first, count), ..self.clone() }
    }

    /// The same numbers in another shape.
    fn reshape(self, shape: [usize; 4]) -> Self {
        let relaxed = self.relaxed.map(|Relaxed { log_z, tau }| Relaxed { log_z: log_z.reshape(shape), tau });
        Self { z: self.z.reshape(shape), relaxed, weights: None }
    }
}

/// The layers above, `count` times, and one more below them.
fn extended(above: &[Drawn], count: usize, last: Drawn) -> Vec<Drawn> {
    let repeat = |tensor: &Tensor<4>| match count {
        1 => tensor.clone(),
        _ => tensor.clone().repeat_dim(0, count),
    };
    let copy = |Drawn { logits, sample }: &Drawn| {
        let soft = sample.relaxed.as_ref();
        let relaxed = soft.map(|relaxed| Relaxed { log_z: repeat(&relaxed.log_z), tau: relaxed.tau });
        Drawn { logits: repeat(logits), sample: Sample { z: repeat(&sample.z), relaxed, weights: None } }
    };
    above.iter().map(copy).chain([last]).collect()
}

fn check_supported(estimator: &dyn Estimator) -> Result<(), Error> {
    let properties = estimator.properties();
    match properties.single_evaluation {
        true => Ok(()),
        false => Err(unsupported(estimator, Unsupported::Chain)),
    }
}

fn unsupported(estimator: &dyn Estimator, problem: Unsupported) -> Error {
    estimator.properties().unsupported(problem, "use rloo, disarm or gumbel-rao")
}

fn check_bound(estimator: &dyn Estimator, samples: usize) -> Result<(), Error> {
    check_supported(estimator)?;
    let properties = estimator.properties();
    match (properties.supports(Reduction::LogMeanExp), samples) {
        (false, _) => Err(properties.unsupported(Unsupported::LogMeanExp, Properties::FOR_BOUNDS)),
        (true, 0) => {
            Err(Error::parameter(properties.name, "the number of chains of a bound", "at least 1", 0))
        }
        (true, _) => Ok(()),
    }
}

/// The samples of a layer as the chain requires them, also from estimators that misstate their properties.
fn check_sample(estimator: &dyn Estimator, sample: &Sample) -> Result<(), Error> {
    let (properties, samples) = (estimator.properties(), sample.z.dims()[0]);
    if sample.weights.is_some() {
        return Err(unsupported(estimator, Unsupported::Chain));
    }
    match properties.needs_gradient && samples > 1 {
        true => {
            Err(properties
                .unsupported(Unsupported::ChainSamples(samples), "use samples=1 and repeat the rows"))
        }
        false => Ok(()),
    }
}

//! Layers of latents above the first of a [`Vae`].
//!
//! ```text
//! p(x, z₁ … z_L) = p(x|z₁) p(z₁|z₂) … p(z_{L−1}|z_L) p(z_L),   q(z₁ … z_L|x) = q(z₁|x) q(z₂|z₁) … q(z_L|z_{L−1})
//! −ELBO = E_q [ −ln p(x|z₁) + Σ_l (ln q(z_l|z_{l−1}) − ln p(z_l|z_{l+1})) ]
//! ```
//!
//! Maddison, Mnih and Teh 2017, table 1 (200H-200H-784V). With a categorical divergence, ln q(z_l|z_{l−1}) is minus
//! its entropy, and at the top KL(q(z_L|z_{L−1}) ‖ p(z_L)). There is no such form for ln p(z_l|z_{l+1}), which is taken
//! at the samples of both layers: z_{l+1} was drawn given z_l, so that KL(q(z_l|z_{l−1}) ‖ p(z_l|z_{l+1})) at z_{l+1}
//! would be as if the two had nothing to do with each other.

use super::{Vae, VaeConfig, over_latents, relaxed};
use crate::model::{Batch, Estimated, laws};
use burn::tensor::{Tensor, activation};
use gumbel::estimator::{Estimator, Sample};
use gumbel::kl::Kl;
use gumbel::layers::{Drawn, Layers};
use gumbel::{Error, Noise};
use std::cell::RefCell;

impl Vae {
    /// The objective of a batch of a model with several layers, by an estimator for each.
    pub(super) fn estimate_levels(
        &self,
        config: &VaeConfig,
        Batch { images, logits, step }: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
        let reconstructions = RefCell::new(Vec::new());
        let likelihood = |z: Tensor<4>| {
            let loss = self.log_likelihood(images.clone(), z).neg();
            reconstructions.borrow_mut().push(loss.clone().detach());
            loss
        };
        let chain = self.chain(logits, &likelihood, config, estimators);
        let layers = match config.train_samples {
            Some(samples) => vec![chain.estimate_bound(samples, noise, step)?; estimators.len()],
            None => chain.estimate(noise, step)?,
        };
        drop(chain);
        let reconstruction = Tensor::cat(reconstructions.take(), 0).mean();
        Ok(Estimated { layers, reconstruction })
    }

    /// The layers of latents and what they cost: `likelihood` is −ln p(x|z₁), `[S, B]`.
    fn chain<'a>(
        &'a self,
        logits: Tensor<3>,
        likelihood: &'a dyn Fn(Tensor<4>) -> Tensor<2>,
        config: &'a VaeConfig,
        estimators: &'a [Box<dyn Estimator>],
    ) -> Layers<'a> {
        let first = Layers::new(&*estimators[0], logits).cost(move |all| {
            let loss = likelihood(all[0].sample.z.clone());
            // The closed form of the first layer needs no sample.
            if config.kl == Kl::Categorical { loss } else { loss + self.log_posterior(all, config) }
        });
        self.above.iter().zip(&estimators[1..]).fold(first, |layers, (level, estimator)| {
            let layers = layers.then(&**estimator, |drawn| level.up(drawn[drawn.len() - 1].sample.z.clone()));
            layers.cost(move |all| {
                let [.., below, this] = all else { unreachable!("two layers at least") };
                let prior = level.down(this.sample.z.clone());
                self.log_posterior(all, config) - log_prob(&below.sample, prior, config.kl, config.prior_tau)
            })
        })
    }

    /// `ln q(z_l|z_{l−1})` of the last of the layers drawn, or its mean; less ln p(z_l) at the top. `[S, B]`.
    fn log_posterior(&self, drawn: &[Drawn], config: &VaeConfig) -> Tensor<2> {
        let Drawn { logits, sample, .. } = drawn.last().expect("a layer");
        let closed = config.kl == Kl::Categorical;
        match (drawn.len() > self.above.len(), closed) {
            (false, false) => log_prob(sample, logits.clone(), config.kl, None),
            (false, true) => over_latents(laws::entropy(logits.clone())).neg(),
            (true, _) => self.divergence(logits.clone(), sample, config).unwrap_or_else(|| {
                let prior = self.prior(&logits.device()).unsqueeze::<4>();
                over_latents(laws::divergence(logits.clone(), prior))
            }),
        }
    }

    /// Samples of the top layer to samples of the first, by p(z_l|z_{l+1}).
    pub(super) fn descend(&self, top: Tensor<4>, noise: &mut Noise) -> Result<Tensor<4>, Error> {
        self.above.iter().rev().try_fold(top, |z, level| gumbel::sample_one_hot(level.down(z), noise))
    }
}

/// The log-mass of a sample, or its log-density at `tau` (the sample's own temperature if `None`), `[S, B]`.
fn log_prob(sample: &Sample, logits: Tensor<4>, kind: Kl, tau: Option<f64>) -> Tensor<2> {
    over_latents(match kind {
        // Not `categorical::log_prob`: a straight-through sample needs the slope at the other categories, too.
        Kl::Categorical | Kl::MassAtSample => {
            (sample.z.clone() * activation::log_softmax(logits, 3)).sum_dim(3)
        }
        Kl::Density => {
            let relaxed = relaxed(sample);
            let tau = tau.unwrap_or(relaxed.tau);
            laws::density(logits, tau, relaxed.log_z.clone())
        }
    })
}

/// Against sums over all states: layers of two bits. About 100 comparisons at four standard errors of a hundred
/// batches: a false alarm in 90 seeds; they are fixed.
#[cfg(test)]
mod tests {
    use super::super::level::Level;
    use super::*;
    use crate::data::ImageSize;
    use crate::experiment::bound::HeldOut;
    use crate::model::{Mlp, Model, ModelConfig, Prior};
    use crate::support::stats::Mean;
    use burn::module::{Module, ModuleMapper, Param};
    use burn::tensor::Device;
    use gumbel::estimator::EstimatorSpec;

    const ROWS: usize = 300;
    const BATCHES: u64 = 100;
    /// States of a layer.
    const STATES: usize = 4;

    const SIZE: ImageSize = ImageSize { height: 1, width: 3 };

    fn small(layers: usize) -> VaeConfig {
        let hidden = [4].into_iter().collect();
        VaeConfig { layers, latents: 2, categories: 2, hidden, prior: Prior::Learned, ..VaeConfig::default() }
    }

    /// Grown and moved, so that every term counts.
    fn model(layers: usize, device: &Device) -> Vae {
        struct Grow(Noise);
        impl ModuleMapper for Grow {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                param.map(|old| {
                    let moved = self.0.logistic::<D>(old.dims(), &old.device());
                    let new = (old * 2.0 + moved * 0.3).detach();
                    if new.is_autodiff() { new.require_grad() } else { new }
                })
            }
        }
        let new = Vae::init(&small(layers), SIZE, &[0.3, 0.6, 0.5], &mut Noise::from_seed(3), device);
        new.map(&mut Grow(Noise::from_seed(4)))
    }

    /// Every state of a layer, as samples of one row: `[4, 1, 2, 2]`.
    fn states(device: &Device) -> Tensor<4> {
        let bit = |state: usize, d: usize| (state >> d) & 1;
        let one_hot = |state, d| [0, 1].map(|k| f32::from(u8::from(bit(state, d) == k)));
        let all: Vec<f32> =
            (0..STATES).flat_map(|state| [one_hot(state, 0), one_hot(state, 1)].concat()).collect();
        Tensor::<1>::from_floats(all.as_slice(), device).reshape([STATES, 1, 2, 2])
    }

    /// `ln p` of every state under logits `[1, R, D, K]`: `[4, R]`.
    fn log_masses(logits: Tensor<4>) -> Tensor<2> {
        over_latents(laws::log_prob(logits.clone(), states(&logits.device())))
    }

    /// Every state as a row: `[1, 4, 2, 2]`.
    fn rows(device: &Device) -> Tensor<4> {
        states(device).swap_dims(0, 1)
    }

    /// Of two layers and one image: `ln q(z₁, z₂|x)` and `ln p(x, z₁, z₂)`, `[16]`, differentiable.
    fn enumerated(model: &Vae, image: Tensor<2>, logits: Tensor<3>) -> (Tensor<1>, Tensor<1>) {
        let (device, level) = (logits.device(), &model.above[0]);
        let first = log_masses(logits.unsqueeze());
        let likelihood = model.log_likelihood(image, states(&device));
        // [z₁, z₂]
        let up = log_masses(level.up(rows(&device))).transpose();
        let down = log_masses(level.down(rows(&device)));
        let prior = log_masses(model.prior(&device).unsqueeze()).transpose();
        ((first + up).flatten(0, 1), (likelihood + down + prior).flatten(0, 1))
    }

    /// The negative ELBO, or the bound of two samples.
    fn exact(log_q: Tensor<1>, log_p: Tensor<1>, samples: Option<usize>) -> Tensor<1> {
        let (q, weight) = (log_q.clone().exp(), log_p - log_q);
        if samples.is_none() {
            return (q * weight).sum().neg();
        }
        let (rows, columns) =
            (weight.clone().unsqueeze_dim::<2>(0).exp(), weight.unsqueeze_dim::<2>(1).exp());
        let mass = q.clone().unsqueeze_dim::<2>(0) * q.unsqueeze_dim::<2>(1);
        (mass * ((rows + columns) * 0.5).log()).sum().neg()
    }

    fn config(kl: Kl, prior_tau: Option<f64>, train_samples: Option<usize>) -> VaeConfig {
        VaeConfig { layers: 2, kl, prior_tau, train_samples, ..VaeConfig::default() }
    }

    /// The objective, its slopes in the logits of the first layer, and in the last biases of q(z₂|z₁) and p(z₁|z₂).
    fn numbers(model: &Vae, loss: Tensor<1>, objective: f64, leaf: &Tensor<3>) -> Vec<f64> {
        let gradients = loss.backward();
        let logits = leaf.grad(&gradients).expect("a gradient").sum_dim(0);
        let bias = |mlp: &Mlp| mlp.output_bias().grad(&gradients).expect("a gradient");
        let level = &model.above[0];
        let parts = [bias(&level.encoder), bias(&level.decoder), logits.flatten(0, 2)];
        let all = parts.into_iter().flat_map(|part| part.into_data().iter::<f64>().collect::<Vec<_>>());
        [objective].into_iter().chain(all).collect()
    }

    /// The numbers of an estimator, in the mean over batches of one repeated image.
    fn estimated(model: &Vae, config: &VaeConfig, estimator: &str) -> Vec<Mean> {
        let build = || estimator.parse::<EstimatorSpec>().expect("a choice").build().expect("an estimator");
        let (estimators, image) = ([build(), build()], image());
        let batch = |seed| {
            let leaf = model.first_logits(image.clone()).detach().repeat_dim(0, ROWS).require_grad();
            let images = image.clone().repeat_dim(0, ROWS);
            let batch = Batch { images, logits: leaf.clone(), step: 0 };
            let noise = &mut Noise::from_seed(seed);
            let estimated = model.estimate(config, batch, &estimators, noise).expect("supported");
            let (whole, kl) = (&estimated.layers[0], model.sampleless(config, leaf.clone()));
            let objective = (whole.loss.clone() + kl.clone()).mean().into_scalar::<f64>();
            numbers(model, (whole.loss.clone() + kl).mean(), objective, &leaf)
        };
        let batches: Vec<Vec<f64>> = (0..BATCHES).map(batch).collect();
        (0..batches[0].len()).map(|i| Mean::of(batches.iter().map(|batch| batch[i]))).collect()
    }

    fn image() -> Tensor<2> {
        Tensor::from_floats([[1.0, 0.0, 1.0]], &Device::flex().autodiff())
    }

    /// The largest distance of an estimator's numbers from the exact ones, in standard errors.
    fn worst(config: &VaeConfig, estimator: &str) -> f64 {
        let model = model(2, &Device::flex().autodiff());
        let leaf = model.first_logits(image()).detach().require_grad();
        let (log_q, log_p) = enumerated(&model, image(), leaf.clone());
        let loss = exact(log_q, log_p, config.train_samples);
        let objective = loss.clone().into_scalar::<f64>();
        let exact = numbers(&model, loss, objective, &leaf);
        let found = estimated(&model, config, estimator);
        let z = |(mean, exact): (&Mean, &f64)| (mean.value - exact).abs() / mean.standard_error.max(1e-6);
        found.iter().zip(&exact).map(z).fold(0.0, f64::max)
    }

    #[test]
    fn hard_samples_estimate_the_negative_elbo_and_its_gradient_by_either_divergence() {
        for kl in [Kl::Categorical, Kl::MassAtSample] {
            for estimator in ["reinforce", "rloo:samples=3", "disarm"] {
                let z = worst(&config(kl, None, None), estimator);
                assert!(z < 4.0, "{kl}, {estimator}: {z:.1} standard errors from the sum");
            }
        }
        let z = worst(&config(Kl::Categorical, None, None), "gumbel-softmax:tau=1");
        assert!(z > 8.0, "the bias of relaxed samples must be seen: {z:.1}");
    }

    #[test]
    fn vimco_estimates_the_bound_of_two_samples_and_its_gradient() {
        let z = worst(&config(Kl::MassAtSample, None, Some(2)), "vimco");
        assert!(z < 4.0, "{z:.1} standard errors from the sum");
    }

    /// E exp(−objective) is the likelihood of the relaxed model for every posterior.
    #[test]
    fn a_relaxed_objective_by_density_weighs_to_the_same_likelihood_from_any_posterior() {
        let (model, image) = (model(2, &Device::flex()), image().inner());
        let config = config(Kl::Density, Some(0.7), None);
        let estimator = || {
            "gumbel-softmax:tau=0.6".parse::<EstimatorSpec>().expect("a choice").build().expect("supported")
        };
        let likelihood = |moved: f32, seed: u64| {
            let shift = Tensor::<3>::from_floats([[[moved, 0.0], [0.0, moved]]], &image.device());
            let logits = (model.first_logits(image.clone()) + shift).repeat_dim(0, 200_000);
            let batch = Batch { images: image.clone().repeat_dim(0, 200_000), logits, step: 0 };
            let noise = &mut Noise::from_seed(seed);
            let estimated =
                model.estimate(&config, batch, &[estimator(), estimator()], noise).expect("supported");
            let (variance, mean) = estimated.layers[0].loss.clone().neg().exp().var_mean(0);
            (mean.into_scalar::<f64>(), variance.into_scalar::<f64>() / 200_000.0)
        };
        let (one, other) = (likelihood(0.0, 1), likelihood(0.8, 2));
        let z = (one.0 - other.0) / (one.1 + other.1).sqrt();
        assert!(z.abs() < 4.0, "{one:?} and {other:?}: {z:.1} standard errors");
    }

    #[test]
    fn a_hard_sample_has_a_slope_at_the_categories_it_is_not() {
        let device = Device::flex().autodiff();
        let z = Tensor::<4>::from_floats([[[[0.0, 1.0]]]], &device).require_grad();
        let logits = Tensor::<4>::from_floats([[[[3f32.ln(), 0.0]]]], &device);
        let loss = log_prob(&Sample::hard(z.clone()), logits, Kl::MassAtSample, None);
        let slopes: Vec<f32> =
            z.grad(&loss.sum().backward()).expect("a gradient").into_data().iter().collect();
        assert!((slopes[0] - 0.75f32.ln()).abs() < 1e-6 && (slopes[1] - 0.25f32.ln()).abs() < 1e-6);
    }

    /// `p(z₁)` of every state, handed down from the prior: `[4, 1]`.
    fn masses(model: &Vae, device: &Device) -> Tensor<2> {
        let prior = log_masses(model.prior(device).unsqueeze()).exp();
        let down = |mass, level: &Level| log_masses(level.down(rows(device))).exp().matmul(mass);
        model.above.iter().rev().fold(prior, down)
    }

    /// `−ln p(x)`, the mean over images.
    fn exact_likelihood(model: &Vae, images: Tensor<2>) -> f64 {
        let device = images.device();
        let count = images.dims()[0];
        let likelihood = model.log_likelihood(images, states(&device).repeat_dim(1, count)).exp();
        (likelihood * masses(model, &device)).sum_dim(0).log().mean().neg().into_scalar::<f64>()
    }

    #[test]
    fn the_bounds_are_bounds_and_tighten_to_the_enumerated_likelihood() {
        let held_out = HeldOut::striped(SIZE);
        for layers in [2, 3] {
            let model = model(layers, &Device::flex());
            let exact = exact_likelihood(&model, held_out.sample(40));
            held_out.check_bounds(&model, exact, 5e-3);
        }
    }

    #[test]
    fn what_is_drawn_from_the_prior_is_distributed_as_the_model_says() {
        let (model, device) = (model(3, &Device::flex()), Device::flex());
        let prior = model.prior(&device).repeat_dim(0, 100_000);
        let noise = &mut Noise::from_seed(2);
        let top = gumbel::sample_one_hot(prior, noise).unwrap().unsqueeze();
        let mean: Vec<f64> =
            model.descend(top, noise).unwrap().mean_dim(1).narrow(3, 1, 1).into_data().iter().collect();
        let mass: Vec<f64> = masses(&model, &device).into_data().iter().collect();
        for (bit, exact) in [mass[1] + mass[3], mass[2] + mass[3]].into_iter().enumerate() {
            let z = (mean[bit] - exact) / (exact * (1.0 - exact) / 1e5).sqrt();
            assert!(z.abs() < 4.0, "bit {bit}: {} against {exact}, {z:.1} standard errors", mean[bit]);
        }
    }

    #[test]
    fn parameters_are_counted_before_they_are_made() {
        for layers in 1..4 {
            let counted = small(layers).size(SIZE).unwrap().parameters;
            assert_eq!(model(layers, &Device::flex()).num_params() as u64, counted);
        }
    }
}

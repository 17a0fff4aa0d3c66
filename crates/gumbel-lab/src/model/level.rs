//! Layers of latents above the first of a [`Vae`].
//!
//! ```text
//! p(x, z₁ … z_L) = p(x|z₁) p(z₁|z₂) … p(z_{L−1}|z_L) p(z_L),   q(z₁ … z_L|x) = q(z₁|x) q(z₂|z₁) … q(z_L|z_{L−1})
//! −ELBO = E_q [ −ln p(x|z₁) + Σ_l (ln q(z_l|z_{l−1}) − ln p(z_l|z_{l+1})) ]
//! ```
//!
//! Maddison, Mnih and Teh 2017, section 5.2 (200H-200H-784V). With a categorical divergence, ln q(z_l|z_{l−1}) is minus
//! its entropy, and at the top KL(q(z_L|z_{L−1}) ‖ p(z_L)). There is no such form for ln p(z_l|z_{l+1}), which is taken
//! at the samples of both layers: z_{l+1} was drawn given z_l, so that KL(q(z_l|z_{l−1}) ‖ p(z_l|z_{l+1})) at z_{l+1}
//! would be as if the two had nothing to do with each other.

use super::mlp::Mlp;
use super::vae::{Divergence, TEMPERATURES, Vae, over_latents, relaxed};
use super::{Batch, Estimated};
use crate::config::VaeOptions;
use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use gumbel::estimator::{Estimator, Sample};
use gumbel::kl::{self, Kl};
use gumbel::layers::{Drawn, Layers};
use gumbel::{Error, Noise, categorical, concrete};
use std::cell::RefCell;

/// What ties a layer of latents to the one above it.
#[derive(Module, Debug, Default)]
pub struct Level {
    /// q(z_{l+1}|z_l)
    encoder: Mlp,
    /// p(z_l|z_{l+1})
    decoder: Mlp,
}

impl Level {
    /// Between two layers of `code` numbers, D · K; the decoder has the hidden layers in reverse.
    pub(super) fn new(
        hidden: &[usize],
        code: usize,
        ids: &mut impl Iterator<Item = u64>,
        noise: &mut Noise,
        device: &Device,
    ) -> Self {
        let widths = [&[code], hidden, &[code]].concat();
        let backwards: Vec<usize> = widths.iter().rev().copied().collect();
        let encoder = Mlp::new(&widths, ids, noise, device);
        Self { encoder, decoder: Mlp::new(&backwards, ids, noise, device) }
    }

    /// Latents to the logits of the layer above, q(z_{l+1}|z_l), `[S, B, D, K]` both.
    pub fn up(&self, z: Tensor<4>) -> Tensor<4> {
        through(&self.encoder, z)
    }

    /// Latents to the logits of the layer below, p(z_l|z_{l+1}), `[S, B, D, K]` both.
    pub fn down(&self, z: Tensor<4>) -> Tensor<4> {
        through(&self.decoder, z)
    }
}

fn through(mlp: &Mlp, z: Tensor<4>) -> Tensor<4> {
    let shape @ [samples, rows, latents, categories] = z.dims();
    mlp.forward(z.reshape([samples, rows, latents * categories])).reshape(shape)
}

impl Vae {
    /// The objective of a batch of a model with several layers, by an estimator for each.
    pub(super) fn estimate_levels(
        &self,
        options: &VaeOptions,
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
        let chain = self.chain(logits, &likelihood, options.divergence(), estimators);
        let layers = match options.train_samples {
            Some(samples) => vec![chain.estimate_bound(samples, noise, step)?; estimators.len()],
            None => chain.estimate(noise, step)?,
        };
        drop(chain);
        let reconstruction = Tensor::cat(reconstructions.take(), 0).mean().into_scalar::<f64>();
        Ok(Estimated { layers, reconstruction })
    }

    /// The layers of latents and what they cost: `likelihood` is −ln p(x|z₁), `[S, B]`.
    fn chain<'a>(
        &'a self,
        logits: Tensor<3>,
        likelihood: &'a dyn Fn(Tensor<4>) -> Tensor<2>,
        kl: Divergence,
        estimators: &'a [Box<dyn Estimator>],
    ) -> Layers<'a> {
        let first = Layers::new(&*estimators[0], logits).cost(move |all| {
            let loss = likelihood(all[0].sample.z.clone());
            // The closed form of the first layer needs no sample.
            if kl.kind == Kl::Categorical { loss } else { loss + self.log_posterior(all, kl) }
        });
        self.above.iter().zip(&estimators[1..]).fold(first, |layers, (level, estimator)| {
            let layers = layers.then(&**estimator, |above| level.up(above[above.len() - 1].sample.z.clone()));
            layers.cost(move |all| {
                let [.., below, this] = all else { unreachable!("two layers at least") };
                let prior = level.down(this.sample.z.clone());
                self.log_posterior(all, kl) - log_prob(&below.sample, prior, kl.kind, kl.prior_tau)
            })
        })
    }

    /// `ln q(z_l|z_{l−1})` of the last of the layers drawn, or its mean; less ln p(z_l) at the top. `[S, B]`.
    fn log_posterior(&self, drawn: &[Drawn], kl: Divergence) -> Tensor<2> {
        let Drawn { logits, sample } = drawn.last().expect("a layer");
        let closed = kl.kind == Kl::Categorical;
        match (drawn.len() > self.above.len(), closed) {
            (false, false) => log_prob(sample, logits.clone(), kl.kind, None),
            (false, true) => over_latents(categorical::entropy(logits.clone())).neg(),
            (true, _) => self.divergence(logits.clone(), sample, kl).unwrap_or_else(|| {
                let prior = self.prior(&logits.device()).unsqueeze::<4>();
                over_latents(kl::categorical(logits.clone(), prior))
            }),
        }
    }

    /// Samples of the top layer to samples of the first, by p(z_l|z_{l+1}).
    pub(super) fn descend(&self, top: Tensor<4>, noise: &mut Noise) -> Result<Tensor<4>, Error> {
        self.above.iter().rev().try_fold(top, |z, level| gumbel::one_hot(level.down(z), noise))
    }
}

/// The log-mass of a sample, or its log-density at `tau` (the sample's own temperature if `None`), `[S, B]`.
fn log_prob(sample: &Sample, logits: Tensor<4>, kind: Kl, tau: Option<f64>) -> Tensor<2> {
    over_latents(match kind {
        // Not `categorical::log_prob`: a straight-through sample wants the slope at the categories it is not, too.
        Kl::Categorical | Kl::MassAtSample => {
            (sample.z.clone() * activation::log_softmax(logits, 3)).sum_dim(3)
        }
        Kl::Density => {
            let relaxed = relaxed(sample);
            let tau = tau.unwrap_or(relaxed.tau);
            concrete::exp_log_density(relaxed.log_z.clone(), logits, tau).expect(TEMPERATURES)
        }
    })
}

//! A training step of the game: of a batch in one piece, or of its shards.

use super::{GanExperiment, Metrics, Rollout, start};
use crate::model::follow;
use crate::model::gan::{Discriminator, Generator};
use crate::parallel::cut;
use crate::run::{Use, gradients, noise, pieces, weighted};
use crate::support::memory::in_host_memory;
use anyhow::{Result, ensure};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use gumbel::check_device;

/// What a shard of a step has: its true sequences, and its generated ones with the generator that made them.
struct Shard {
    /// Its share of the batch.
    share: f64,
    real: Tensor<3>,
    /// Both players learn from the same sequences, the generator after the discriminator.
    rollout: Rollout,
    generator: Generator,
}

/// A network, the gradients of its loss, and numbers that are means over rows.
type Part<N> = (N, GradientsParams, Vec<Tensor<1>>);

impl GanExperiment {
    /// One step of each player, and of the baseline.
    pub(super) fn play(&mut self, step: u64, read: bool) -> Result<Option<Metrics>> {
        // In host memory a loss that is not finite is found at its step; another device is waited for only where a row is read.
        let (tau, seen) = (self.config.tau_at(step), Seen { read: read || in_host_memory(&self.device) });
        let places = self.places(step);
        let begun = self.shards.mine().map(|_| ()).collect();
        let shards = self.shards.each(begun, |shard, ()| self.shard(&places, step, tau, shard))?;
        let (discriminator_loss, squared_slope) = self.train_discriminator(&shards, seen)?;
        let reals: Vec<(f64, Tensor<3>)> =
            shards.iter().map(|shard| (shard.share, shard.real.clone())).collect();
        let generator_loss = self.train_generator(shards, seen)?;
        self.average(step);
        let baseline = step < self.config.baseline_steps;
        let baseline_loss = baseline.then(|| self.train_baseline(reals, seen)).transpose()?;
        if read {
            check_device(&self.device)?;
        }
        let losses = Metrics { generator_loss, discriminator_loss, squared_slope, ..Metrics::default() };
        Ok(read.then_some(Metrics { tau, baseline_loss, ..losses }))
    }

    /// A shard of the batch with these places among the strings.
    fn shard(&self, places: &[u32], step: u64, tau: Option<f64>, shard: usize) -> Result<Shard> {
        let (config, count) = (&self.config, self.shards.count());
        let rows = cut(places.len(), shard, count);
        let share = rows.len() as f64 / places.len() as f64;
        let real = self.corpus.batch(&places[rows], &self.device);
        let noise = noise(config.common.seed, Use::Training).split(step);
        let mut noise = if count == 1 { noise } else { noise.split(shard as u64) };
        let seed = start(real.dims()[0], config.networks.start, &mut noise, &self.device);
        let generator = self.own(&self.learner.model().generator);
        // Without a temperature the samples are hard, and none is used.
        let rollout = config.generator.rollout(&generator, seed, tau.unwrap_or(1.0), &mut noise)?;
        Ok(Shard { share, real, rollout, generator })
    }

    /// The network for a shard: the graphs of two threads have no parameter in common.
    fn own<N: Module>(&self, network: &N) -> N {
        match self.shards.count() {
            1 => network.clone(),
            _ => network.clone().fork(&self.device),
        }
    }

    /// A step of the discriminator; its loss, and the mean squared slope at true sequences.
    fn train_discriminator(&mut self, shards: &[Shard], seen: Seen) -> Result<(f64, f64)> {
        let given = shards.iter().collect();
        let weight = self.config.penalty_weight();
        let (gradients, losses) = self.summed(given, |shard: &Shard| {
            let discriminator: Discriminator = self.own(&self.learner.model().discriminator);
            let (score, penalty) = discriminator.score_and_penalty(shard.real.clone());
            let generated = discriminator.score(shard.rollout.sequences.clone().detach());
            let loss = self.config.loss.discriminator(score, generated).mean();
            let penalty = penalty.mean();
            let gradients = weighted(loss.clone() + penalty.clone() * (weight / 2.0), shard.share).backward();
            let gradients = GradientsParams::from_grads(gradients, &discriminator);
            Ok((shard.share, (discriminator, gradients, vec![loss.detach(), penalty.detach()])))
        })?;
        let [loss, penalty] = losses.try_into().expect("two numbers");
        let numbers =
            (seen.number("the discriminator's loss", loss)?, seen.number("the gradient penalty", penalty)?);
        self.learner.update(self.config.discriminator_lr, gradients);
        Ok(numbers)
    }

    /// A step of the generator; its loss.
    fn train_generator(&mut self, shards: Vec<Shard>, seen: Seen) -> Result<f64> {
        let (gradients, losses) = self.summed(shards, |shard: Shard| {
            let Shard { share, real, rollout, generator } = shard;
            let critic = self.own(&self.learner.model().discriminator).no_grad();
            let (real, generated) = (critic.score(real), critic.score(rollout.sequences.clone()));
            let losses = self.config.loss.generator(real, generated);
            let loss = losses.clone().mean();
            let gradients = weighted(rollout.surrogate(&generator, losses), share).backward();
            let gradients = GradientsParams::from_grads(gradients, &generator);
            Ok((share, (generator, gradients, vec![loss.detach()])))
        })?;
        let loss = seen.number("the generator's loss", losses[0].clone())?;
        self.learner.update(self.config.lr, gradients);
        Ok(loss)
    }

    /// A step of maximum likelihood.
    fn train_baseline(&mut self, reals: Vec<(f64, Tensor<3>)>, seen: Seen) -> Result<f64> {
        let (gradients, losses) = self.summed(reals, |(share, real)| {
            let baseline = self.own(&self.learner.model().baseline);
            let seed = Tensor::zeros([real.dims()[0], self.config.networks.start], &self.device);
            let loss = baseline.log_prob(seed, real).mean().neg();
            let gradients = GradientsParams::from_grads(weighted(loss.clone(), share).backward(), &baseline);
            Ok((share, (baseline, gradients, vec![loss.detach()])))
        })?;
        let number = seen.number("the baseline's loss", losses[0].clone())?;
        self.learner.update(self.config.baseline_lr, gradients);
        Ok(number)
    }

    /// The gradients of a network and the means of its shards, given their shares of the batch.
    fn summed<S: Send, N: Module + Send>(
        &self,
        given: Vec<S>,
        part: impl Fn(S) -> Result<(f64, Part<N>)> + Sync,
    ) -> Result<(GradientsParams, Vec<Tensor<1>>)> {
        if self.shards.count() == 1 {
            let whole = given.into_iter().next().expect("a batch is one shard");
            let (_, (_, gradients, means)) = part(whole)?;
            return Ok((gradients, means));
        }
        let buckets = self.shards.each(given, |_, given| {
            let (share, (network, gradients, means)) = part(given)?;
            let mut pieces = pieces(&network, gradients);
            pieces.push(means.into_iter().map(|mean| (mean * share).into_scalar()).collect());
            Ok((network, pieces))
        })?;
        let (networks, buckets): (Vec<N>, Vec<Vec<Vec<f32>>>) = buckets.into_iter().unzip();
        let mut sum = self.shards.world().sum_in_order(buckets, self.shards.count());
        let means = sum.pop().expect("the means of the shards");
        let device = self.device.clone().inner();
        let means = means.into_iter().map(|mean| Tensor::from_floats([mean], &device)).collect();
        Ok((gradients(&networks[0], sum), means))
    }

    /// Lets the average follow the generator, faster at the beginning: its first parameters mean nothing.
    fn average(&mut self, step: u64) {
        let decay = self.config.average.min((1.0 + step as f64) / (10.0 + step as f64));
        let gan = self.learner.model_mut();
        let average = std::mem::take(&mut gan.average);
        gan.average = follow(average, &gan.generator, decay);
    }
}

/// Whether the losses of a step are read.
#[derive(Clone, Copy)]
struct Seen {
    read: bool,
}

impl Seen {
    /// A loss, which must be finite; NaN where none is read.
    fn number(self, name: &str, loss: Tensor<1>) -> Result<f64> {
        if !self.read {
            return Ok(f64::NAN);
        }
        let number = loss.into_scalar::<f64>();
        ensure!(number.is_finite(), "{name} is {number}");
        Ok(number)
    }
}

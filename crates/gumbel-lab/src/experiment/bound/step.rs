//! A training step: of a batch in one piece, or of its shards.

use super::{BoundExperiment, Metrics};
use crate::data::labelled::Labelled;
use crate::model::{Batch, Estimated, Model};
use crate::parallel::cut;
use crate::run::{Use, gradients, noise, pieces, weighted};
use anyhow::{Result, ensure};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use gumbel::estimator::Estimate;
use gumbel::{Noise, check_device};
use std::ops::Range;

/// What a shard is computed from.
struct Given {
    /// Its images, by their places in the data.
    images: Vec<usize>,
    /// Its labelled images.
    labelled: Option<Labelled>,
    noise: Noise,
    /// Its share of the images of the batch, and of the labelled ones.
    shares: [f64; 2],
}

/// What a shard gives, or a whole batch.
struct Part {
    /// Its mean over the rows, without labels.
    objective: Tensor<1>,
    reconstruction: Tensor<1>,
    /// Of each layer.
    layers: Vec<Estimate>,
    /// Of the shard's share of the objective.
    gradients: GradientsParams,
}

/// What a step gives before anything changes.
struct Done {
    gradients: GradientsParams,
    /// Of each layer, for the whole batch.
    layers: Vec<Estimate>,
    row: Option<Metrics>,
}

impl<M: Model> BoundExperiment<M> {
    /// One step of the network and of the estimators.
    pub(super) fn take_step(&mut self, step: u64, read: bool) -> Result<Option<Metrics>> {
        let Done { gradients, layers, row } = self.computed(step, read)?;
        self.learner.update(self.config.lr_at(step), gradients);
        self.estimators.iter_mut().zip(&layers).for_each(|(estimator, estimate)| estimator.adapt(estimate));
        Ok(row)
    }

    fn computed(&mut self, step: u64, read: bool) -> Result<Done> {
        let mut given = self.given(step);
        if self.shards.count() > 1 {
            return self.summed(step, given);
        }
        let Part { objective, reconstruction, layers, gradients } =
            self.part(self.learner.model(), step, given.remove(0))?;
        let row = self.row(step, &objective, reconstruction, read)?;
        Ok(Done { gradients, layers, row })
    }

    /// What the shards of this process are computed from.
    fn given(&mut self, step: u64) -> Vec<Given> {
        let count = self.shards.count();
        let noise = noise(self.config.common.seed, Use::Training).split(step);
        let images = self.batches.as_mut().expect("prepared for training").indices(step);
        let labelled = self.labelled.as_mut().map(|labelled| labelled.at(step, &self.device));
        let given = |shard| {
            let labels = labelled.as_ref().map_or(0, |labelled| labelled.labels.len());
            let [rows, labels] = [images.len(), labels].map(|total| (cut(total, shard, count), total));
            Given {
                images: images[rows.0.clone()].to_vec(),
                labelled: labelled
                    .as_ref()
                    .filter(|_| !labels.0.is_empty())
                    .map(|all| part_of(all, &labels.0)),
                noise: if count == 1 { noise.clone() } else { noise.split(shard as u64) },
                shares: [rows, labels].map(|(part, total)| part.len() as f64 / total.max(1) as f64),
            }
        };
        self.shards.mine().map(given).collect()
    }

    /// A part of the step, by a model of its own: the graphs of two threads have no parameter in common.
    fn part(&self, model: &M, step: u64, given: Given) -> Result<Part> {
        let Given { images, labelled, mut noise, shares: [share, labelled_share] } = given;
        let images =
            self.batches.as_ref().expect("prepared for training").images(&images, step, &self.device);
        let logits = model.first_logits(images.clone());
        let batch = Batch { images, logits: logits.clone(), step };
        let estimated = model.estimate(&self.config.model, batch, &self.estimators, &mut noise)?;
        let Estimated { layers, reconstruction } = estimated;
        let objective = (layers[0].loss.clone() + self.sampleless(model, step, logits)).mean();
        let supervised = labelled.map(|labelled| {
            let loss = model.supervised(&self.config.model, labelled, &mut noise).mean();
            weighted(loss, labelled_share)
        });
        let whole = weighted(objective.clone(), share);
        let gradients = match supervised {
            Some(supervised) => (whole + supervised).backward(),
            None => whole.backward(),
        };
        Ok(Part {
            objective,
            reconstruction,
            layers,
            gradients: GradientsParams::from_grads(gradients, model),
        })
    }

    /// The part of the objective that does not depend on a sample, with its weight.
    fn sampleless(&self, model: &M, step: u64, logits: Tensor<3>) -> Tensor<1> {
        let part = model.sampleless(&self.config.model, logits);
        weighted(part, M::sampleless_weight(&self.config.model, step))
    }

    /// The row of a step. In host memory its numbers are at hand, and training breaks down at the step that is not finite;
    /// another device is waited for only where a row is to be `read`.
    fn row(
        &self,
        step: u64,
        objective: &Tensor<1>,
        reconstruction: Tensor<1>,
        read: bool,
    ) -> Result<Option<Metrics>> {
        if !read && !self.on_host {
            return Ok(None);
        }
        let loss = f64::from(objective.clone().into_scalar::<f32>());
        check_device(&self.device)?;
        self.metrics(step, loss, reconstruction.into_scalar::<f64>()).map(Some)
    }

    fn metrics(&self, step: u64, loss: f64, reconstruction: f64) -> Result<Metrics> {
        ensure!(loss.is_finite(), "the training objective is {loss}");
        let (tau, kl) = (self.tau.map(|tau| tau.at(step)), loss - reconstruction);
        Ok(Metrics { tau, training_loss: loss, reconstruction, kl, ..Metrics::default() })
    }

    /// The step from its shards, each on a thread, summed in their order over all processes.
    fn summed(&self, step: u64, given: Vec<Given>) -> Result<Done> {
        let places = Places { shards: self.shards.count(), rows: self.config.batch };
        let buckets = self.shards.each(given, |shard, given| {
            let model = self.learner.model().clone().fork(&self.device);
            let part = self.part(&model, step, given)?;
            let learned = places.numbers(shard, &part);
            let mut bucket = pieces(&model, part.gradients);
            bucket.extend(learned);
            Ok(bucket)
        })?;
        let mut sum = self.shards.world().sum_in_order(buckets, self.shards.count());
        let learned = sum.split_off(sum.len() - places.pieces(self.estimators.len()));
        let [loss, reconstruction] = places.means(&learned[0]);
        let row = self.metrics(step, loss, reconstruction)?;
        let layers = self.estimators.iter().zip(learned[1..].chunks(2));
        let joined =
            layers.map(|(estimator, numbers)| Ok(estimator.join(&places.estimates(numbers, &self.device))?));
        let layers = joined.collect::<Result<_>>()?;
        Ok(Done { gradients: gradients(self.learner.model(), sum), layers, row: Some(row) })
    }
}

/// The labelled images of a shard.
fn part_of(all: &Labelled, rows: &Range<usize>) -> Labelled {
    Labelled { images: all.images.clone().slice([rows.clone()]), labels: all.labels[rows.clone()].to_vec() }
}

/// The places of what metrics and estimators learn of each shard among that of all: elsewhere are zeros, so that the sum
/// over shards has it all.
#[derive(Clone, Copy)]
struct Places {
    shards: usize,
    /// Of the batch.
    rows: usize,
}

impl Places {
    fn rows(self, shard: usize) -> Range<usize> {
        cut(self.rows, shard, self.shards)
    }

    /// The number of pieces, for a number of layers.
    fn pieces(self, layers: usize) -> usize {
        1 + 2 * layers
    }

    /// Objective and reconstruction of a shard; losses of its rows and statistics of each layer.
    fn numbers(self, shard: usize, part: &Part) -> Vec<Vec<f32>> {
        let single = [&part.objective, &part.reconstruction].map(|number| numbers(number.clone())).concat();
        let mut all = vec![among(single, 2 * shard, 2 * self.shards)];
        for estimate in &part.layers {
            let statistics = estimate.statistics.clone().map(numbers).unwrap_or_default();
            let length = statistics.len();
            all.push(among(numbers(estimate.loss.clone()), self.rows(shard).start, self.rows));
            all.push(among(statistics, length * shard, length * self.shards));
        }
        all
    }

    /// The means over the rows of the batch of the numbers of its shards.
    fn means(self, numbers: &[f32]) -> [f64; 2] {
        let weights = (0..self.shards).map(|shard| self.rows(shard).len() as f64 / self.rows as f64);
        let weighted = weights.zip(numbers.as_chunks::<2>().0);
        weighted.fold([0.0; 2], |sums, (weight, two)| [0, 1].map(|i| sums[i] + weight * f64::from(two[i])))
    }

    /// The estimates of the shards in a layer, without their graphs, from its losses and its statistics.
    fn estimates(self, layer: &[Vec<f32>], device: &Device) -> Vec<Estimate> {
        let tensor = |numbers: &[f32]| Tensor::<1>::from_floats(numbers, &device.clone().inner());
        let length = layer[1].len() / self.shards;
        let estimate = |shard| {
            let estimate = Estimate::new(tensor(&layer[0][self.rows(shard)]));
            match length {
                0 => estimate,
                length => estimate.with_statistics(tensor(&layer[1][length * shard..][..length])),
            }
        };
        (0..self.shards).map(estimate).collect()
    }
}

fn numbers(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

/// Numbers at their place among zeros.
fn among(numbers: Vec<f32>, place: usize, total: usize) -> Vec<f32> {
    let after = total - place - numbers.len();
    [vec![0.0; place], numbers, vec![0.0; after]].concat()
}

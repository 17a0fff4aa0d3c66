//! Evaluation on hard samples only, which measures a discrete model independently of how it was trained.

use super::Accuracy;
#[cfg(test)]
use crate::data::ImageSize;
use crate::data::batches::binary;
use crate::data::{Binarization, Images};
use crate::model::Model;
use crate::parallel::Shards;
use crate::support::interrupt::Watch;
use crate::support::stats::Mean;
use anyhow::Result;
use burn::tensor::{Device, Tensor, activation};
use gumbel::Noise;
use gumbel_kernels::Stream;
use rayon::prelude::*;
use std::sync::Arc;

/// Images evaluated by one thread at a time.
const IMAGES: usize = 20;
/// Samples of each of them at a time: with [`IMAGES`], a batch of 500 rows.
const SAMPLES: usize = 25;

/// Test images, binarized once and the same in every run.
pub struct HeldOut {
    images: Images,
    binarize: Binarization,
    device: Device,
    watch: Watch,
    shards: Arc<Shards>,
}

impl HeldOut {
    /// Grey images are drawn once; `threshold` stays a threshold.
    pub fn new(images: &Images, binarize: Binarization, device: &Device) -> Self {
        let binarize = match binarize {
            Binarization::Dynamic => Binarization::Fixed,
            other => other,
        };
        Self {
            images: images.clone(),
            binarize,
            device: device.clone(),
            watch: Watch::nothing(),
            shards: Arc::new(Shards::whole()),
        }
    }

    /// The same, counting its samples on a bar and stopping on request.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self { watch, ..self }
    }

    /// The same, with its means divided between the processes of these shards.
    #[must_use]
    pub fn shared(self, shards: &Arc<Shards>) -> Self {
        Self { shards: Arc::clone(shards), ..self }
    }

    /// The number of images.
    pub fn count(&self) -> usize {
        self.images.count
    }

    /// Images spread over the set, at most `count`, `[B, P]`.
    pub fn sample(&self, count: usize) -> Tensor<2> {
        self.batch(&spread(count, self.count()))
    }

    /// Images `chosen` as zeros and ones, `[B, P]`.
    pub fn batch(&self, chosen: &[usize]) -> Tensor<2> {
        // The seed of a run must not change what it is tested on.
        let stream = Stream::new(0).split(TEST_DRAW);
        binary(&self.images, chosen, self.binarize, stream, 0, &self.device)
    }

    /// The objective with one hard sample per image, the mean over `count` images in nats: a negative ELBO, on average an
    /// upper bound on −ln p(x). A model without a posterior is sampled from its prior.
    ///
    /// # Errors
    /// A model that gives NaN; [`Interrupted`](crate::support::interrupt::Interrupted).
    pub fn negative_elbo<M: Model>(&self, model: &M, count: usize, noise: &Noise) -> Result<Mean> {
        self.mean(count, noise, |images, noise| {
            self.watch.done(images.dims()[0])?;
            Ok(numbers(model.hard_objective(images, noise)?))
        })
    }

    /// The importance-weighted bound on −ln p(x) with `samples` hard samples per image, over `count`
    /// images (Burda, Grosse and Salakhutdinov 2016, eq. 8).
    ///
    /// ```text
    /// −ln (1/m) Σ_s p(x, z_s) / q(z_s|x),   z_s ~ q(z|x)
    /// ```
    ///
    /// A model without a posterior has its prior for q, and the weights are likelihoods.
    ///
    /// # Errors
    /// A model that gives NaN; [`Interrupted`](crate::support::interrupt::Interrupted).
    pub fn importance_bound<M: Model>(
        &self,
        model: &M,
        samples: usize,
        count: usize,
        noise: &Noise,
    ) -> Result<Mean> {
        self.mean(count, noise, |images, noise| {
            let logits = model.first_logits(images.clone());
            let mut totals = vec![LogSum::default(); images.dims()[0]];
            for first in (0..samples).step_by(SAMPLES) {
                let count = SAMPLES.min(samples - first);
                let weights = model.sampled_log_weights(images.clone(), logits.clone(), count, noise)?;
                let weights = numbers(weights);
                self.watch.done(weights.len())?;
                for row in weights.chunks(totals.len()) {
                    totals.iter_mut().zip(row).for_each(|(total, &weight)| total.add(weight));
                }
            }
            Ok(totals.iter().map(|total| (samples as f64).ln() - total.ln()).collect())
        })
    }

    /// The share of images whose label is the likeliest category of the first layer, taken as one latent.
    ///
    /// # Panics
    /// If the images have no labels.
    pub fn accuracy<M: Model>(&self, model: &M) -> Accuracy {
        let labels = self.images.labels.as_deref().expect("only labelled images are classified");
        let places: Vec<usize> = (0..self.count()).collect();
        let right = |places: &[usize]| {
            let logits = model.first_logits(self.batch(places));
            let likeliest = logits.argmax(2).into_data();
            let pairs = likeliest.iter::<i64>().zip(places);
            pairs.filter(|(class, place)| *class == i64::from(labels[**place])).count()
        };
        let right: usize = places.par_chunks(500).map(right).sum();
        Accuracy::of(right, self.count())
    }

    /// The mean distribution of the first layer over all images, `[D · K]`.
    pub fn usage<M: Model>(&self, model: &M) -> Vec<f64> {
        let chosen: Vec<usize> = (0..self.count()).collect();
        let parts: Vec<Vec<f64>> = chosen
            .par_chunks(500)
            .map(|chosen| activation::softmax(model.first_logits(self.batch(chosen)), 2).sum_dim(0))
            .map(|sums| sums.into_data().iter::<f64>().collect())
            .collect();
        let sum = |index: usize| parts.iter().map(|part| part[index]).sum::<f64>();
        (0..parts.first().map_or(0, Vec::len)).map(|index| sum(index) / self.count() as f64).collect()
    }

    /// The mean of `each` over `count` images spread over the set. Noise belongs to a group of images, so the result
    /// depends on neither threads nor processes.
    fn mean(
        &self,
        count: usize,
        noise: &Noise,
        each: impl Fn(Tensor<2>, &mut Noise) -> Result<Vec<f64>> + Sync,
    ) -> Result<Mean> {
        let chosen = spread(count, self.count());
        let numbers = self.shards.numbers(chosen.len().div_ceil(IMAGES), |group| {
            let images = chosen.chunks(IMAGES).nth(group).expect("there are as many groups");
            each(self.batch(images), &mut noise.split(group as u64))
        })?;
        Ok(Mean::of_all(&numbers))
    }
}

/// `count` of `total` places, or all, evenly spaced: files are often sorted by class.
pub fn spread(count: usize, total: usize) -> Vec<usize> {
    let count = count.min(total);
    (0..count).map(|place| place * total / count).collect()
}

/// The label that keeps the test set's own draw apart from the training set's.
const TEST_DRAW: u64 = 0x7465_7374;

/// A tensor's entries in order.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// A running log-sum-exp.
#[derive(Clone, Copy, Debug)]
struct LogSum {
    largest: f64,
    /// Σ exp(x − largest)
    rest: f64,
}

impl Default for LogSum {
    fn default() -> Self {
        Self { largest: f64::NEG_INFINITY, rest: 0.0 }
    }
}

impl LogSum {
    fn add(&mut self, x: f64) {
        // A term of zero; −∞ − −∞ would be NaN.
        if x == f64::NEG_INFINITY {
            return;
        }
        if x <= self.largest {
            self.rest += (x - self.largest).exp();
        } else {
            self.rest = self.rest * (self.largest - x).exp() + 1.0;
            self.largest = x;
        }
    }

    fn ln(&self) -> f64 {
        self.largest + self.rest.ln()
    }
}

/// Forty striped images.
#[cfg(test)]
pub(crate) fn striped(size: ImageSize) -> Images {
    let pixels = (0..40 * size.pixels()).map(|i| if i % 5 < 2 { 255 } else { 0 });
    Images::new(pixels.collect(), size.height, size.width, None)
}

#[cfg(test)]
impl HeldOut {
    pub(crate) fn striped(size: ImageSize) -> Self {
        Self::new(&striped(size), Binarization::Threshold, &Device::flex())
    }

    /// Asserts that the one-sample objective exceeds the `exact` −ln p(x), and that the bound approaches it.
    pub(crate) fn check_bounds<M: Model>(&self, model: &M, exact: f64, tolerance: f64) {
        let noise = Noise::from_seed(1);
        let elbo = |i| self.negative_elbo(model, 40, &noise.split(i)).unwrap().value;
        let elbo = Mean::of((0..200).map(elbo));
        assert!(elbo.value - exact > 4.0 * elbo.standard_error, "{elbo:?} against {exact}");
        let bound = self.importance_bound(model, 20_000, 40, &noise).unwrap().value;
        assert!((bound - exact).abs() < tolerance, "{bound} against {exact}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Prior, Vae, VaeConfig};
    use crate::support::interrupt::Interrupted;

    #[test]
    fn the_running_sum_is_that_of_all_terms_in_any_order() {
        for terms in [[-1000.0, -999.0, -1002.0], [-999.0, -1002.0, -1000.0]] {
            let mut sum = LogSum::default();
            terms.iter().for_each(|&x| sum.add(x));
            let direct = -1000.0 + (1.0 + 1f64.exp() + (-2f64).exp()).ln();
            assert!((sum.ln() - direct).abs() < 1e-12);
        }
    }

    #[test]
    fn terms_of_zero_add_nothing_wherever_they_stand() {
        let nothing = f64::NEG_INFINITY;
        for terms in [[nothing, -3.0], [-3.0, nothing]] {
            let mut sum = LogSum::default();
            terms.iter().for_each(|&x| sum.add(x));
            assert_eq!(sum.ln(), -3.0);
        }
        let mut sum = LogSum::default();
        sum.add(nothing);
        assert_eq!(sum.ln(), nothing);
    }

    #[test]
    fn a_choice_of_images_is_spread_over_all() {
        assert_eq!(spread(4, 10), [0, 2, 5, 7]);
        assert_eq!(spread(9, 3), [0, 1, 2]);
        assert!(spread(3, 0).is_empty());
    }

    fn model(images: &Images, latents: usize, categories: usize, hidden: &[usize]) -> Vae {
        let (hidden, prior) = (hidden.iter().copied().collect(), Prior::Uniform);
        let config = VaeConfig { latents, categories, hidden, prior, ..VaeConfig::default() };
        let size = ImageSize::of(images);
        Vae::init(&config, size, &images.mean(), &mut Noise::from_seed(3), &Device::flex())
    }

    #[test]
    fn an_evaluation_stops_on_request() {
        let images = Images::new(vec![255; 4], 2, 2, None);
        let watch = Watch::nothing();
        let held_out = HeldOut::new(&images, Binarization::Threshold, &Device::flex()).watched(watch.clone());
        let model = model(&images, 1, 2, &[]);
        assert!(held_out.importance_bound(&model, 30, 1, &Noise::from_seed(1)).is_ok());
        assert_eq!(watch.bar.position(), 30);
        watch.stop.request();
        let stopped = held_out.importance_bound(&model, 30, 1, &Noise::from_seed(1)).unwrap_err();
        assert!(stopped.is::<Interrupted>(), "{stopped}");
    }

    /// With K^D = 9 states the likelihood can be summed: the ELBO must exceed −ln p(x), and the importance
    /// bound must approach it from above.
    #[test]
    fn the_bounds_are_bounds_and_tighten_to_the_enumerated_likelihood() {
        let size = ImageSize { height: 2, width: 3 };
        let (model, held_out) = (model(&striped(size), 2, 3, &[4]), HeldOut::striped(size));
        held_out.check_bounds(&model, exact_negative_log_likelihood(&model, &held_out), 2e-3);
    }

    fn exact_negative_log_likelihood(model: &Vae, held_out: &HeldOut) -> f64 {
        let images = held_out.sample(held_out.count());
        let rows = images.dims()[0];
        let states: Vec<f32> = (0..9)
            .flat_map(|state| [state % 3, state / 3])
            .flat_map(|category| (0..3).map(move |k| f32::from(u8::from(k == category))))
            .collect();
        let z = Tensor::<1>::from_floats(states.as_slice(), &Device::flex()).reshape([9, 1, 2, 3]);
        let log_joint = model.log_likelihood(images, z.repeat_dim(1, rows)) - 9f32.ln();
        let values = numbers(log_joint);
        let total = |row: usize| (0..9).map(|s| values[s * rows + row].exp()).sum::<f64>().ln();
        -(0..rows).map(total).sum::<f64>() / rows as f64
    }
}

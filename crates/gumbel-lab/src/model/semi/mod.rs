//! Semi-supervised learning of binary images with a class and a style (the model M2 of Kingma, Rezende, Mohamed and
//! Welling 2014, section 3; Jang, Gu and Poole 2017, section 4.3).
//!
//! ```text
//! p(y) = 1/K,   p(z) = N(0, I),   p(x|y, z) = Π_i Bernoulli(decoder(y, z)_i)
//! q(y|x) = Categorical(classifier(x)),   q(z|x, y) = N(μ(x, y), diag σ²(x, y))
//!
//! L(x, y) = E_q(z|x,y)[−ln p(x|y, z)] + KL(q(z|x, y) ‖ p(z)) − ln p(y)     ≥ −ln p(x, y)
//! U(x)    = Σ_y q(y|x) L(x, y) − H(q(y|x))                                 ≥ −ln p(x)
//! minimised: the mean of U(x) over all images + the mean of w L(x, y) − α ln q(y|x) over the labelled ones
//! ```
//!
//! The class is one latent of K categories, and the sum over it is an expectation like any other: to enumerate it is to
//! marginalise. The style is reparameterized inside the objective, with the same Gaussian noise for every class. The
//! classifier and q(z|x, y) may each see x through convolutions.

mod config;

pub use config::SemiConfig;

use super::convolutions::Convolutions;
use super::exhibit::grey;
use super::gaussian::Gaussian;
use super::mlp::Mlp;
use super::{AT_ONCE, Batch, Estimated, Exhibit, Model, base_rate, laws, prior};
use crate::data::ImageSize;
use crate::data::labelled::Labelled;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, activation};
use gumbel::estimator::{Estimator, Objective, Sample};
use gumbel::{Error, Noise, bernoulli};
use std::cell::RefCell;

/// Classifier, encoder of the style, and decoder.
#[derive(Module, Debug, Default)]
pub struct Semi {
    /// Features of an image for the classifier.
    class_features: Convolutions,
    classifier: Mlp,
    /// Features of an image for q(z|x, y).
    style_features: Convolutions,
    /// The part of the first hidden layer of q(z|x, y) that depends on the image.
    image: Mlp,
    /// The part that depends on the class.
    class: Mlp,
    /// From the first hidden layer to the mean and the log-variance.
    encoder: Mlp,
    decoder: Mlp,
    classes: usize,
    style: usize,
}

impl Semi {
    /// Logits of q(y|x), `[B, K]`.
    fn classify(&self, images: Tensor<2>) -> Tensor<2> {
        self.classifier.forward(self.class_features.forward(images))
    }

    /// `q(z|x, y)` of images `[B, P]` and classes `[S, B, K]`, hard or relaxed.
    fn encode(&self, images: Tensor<2>, y: Tensor<3>) -> Gaussian {
        // The widest product has nothing of the class in it: once for all S.
        let image = self.image.forward(self.style_features.forward(images)).unsqueeze::<3>();
        let hidden = activation::relu(image + self.class.forward(y));
        let code = self.encoder.forward(hidden);
        let part = |first| code.clone().narrow(2, first, self.style);
        Gaussian { mean: part(0), log_variance: part(self.style) }
    }

    /// Logits of the pixels, `[S, B, P]`, of classes `[S, B, K]` and styles `[S, B, Z]`.
    fn decode(&self, y: Tensor<3>, z: Tensor<3>) -> Tensor<3> {
        self.decoder.forward(Tensor::cat(vec![y, z], 2))
    }

    /// `ln p(x|y, z)` in nats, `[S, B]`.
    fn log_likelihood(&self, images: Tensor<2>, y: Tensor<3>, z: Tensor<3>) -> Tensor<2> {
        bernoulli::log_prob(self.decode(y, z), images.unsqueeze()).squeeze_dim(2)
    }

    /// L(x, y) + ln p(y) at one style for each class `[S, B, K]`, and its part −ln p(x|y, z), `[S, B]` both.
    fn given_class(&self, images: Tensor<2>, y: Tensor<3>, noise: Tensor<3>) -> (Tensor<2>, Tensor<2>) {
        let style = self.encode(images.clone(), y.clone());
        let reconstruction = self.log_likelihood(images, y, style.at(noise)).neg();
        (reconstruction.clone() + style.kl(), reconstruction)
    }

    /// `KL(q(y|x) ‖ p(y))` in nats, logits `[B, 1, K]` to `[B]`.
    fn class_kl(&self, logits: Tensor<3>) -> Tensor<1> {
        prior::divergence(logits.clone(), logits.zeros_like())
    }

    /// Every class for each of `rows` images, `[K, B, K]`.
    fn all_classes(&self, rows: usize, device: &Device) -> Tensor<3> {
        self.one_hot(0..self.classes, device).unsqueeze_dim::<3>(1).repeat_dim(1, rows)
    }

    /// `[N, K]`.
    fn one_hot(&self, classes: impl Iterator<Item = usize>, device: &Device) -> Tensor<2> {
        let classes: Vec<i64> = classes.map(|class| class as i64).collect();
        Tensor::<1, Int>::from_ints(classes.as_slice(), device).one_hot::<2>(self.classes).float()
    }
}

/// `[S, B, 1, K]` to `[S, B, K]`.
fn class_of(sample: Tensor<4>) -> Tensor<3> {
    sample.squeeze_dim(2)
}

/// Pictures in the report: test images, and styles that each class is drawn in.
const RECONSTRUCTIONS: usize = 24;
const STYLES: usize = 10;

impl Model for Semi {
    type Config = SemiConfig;

    fn init(config: &SemiConfig, size: ImageSize, mean: &[f32], noise: &mut Noise, device: &Device) -> Self {
        let (networks, mut ids) = (config.networks(size), 1..);
        let channels = config.convolutions.as_slice();
        let mut features = || Convolutions::new(channels, size, &mut ids, noise, device);
        let (class_features, style_features) = (features(), features());
        let mut network = |widths: Vec<usize>| Mlp::new(&widths, &mut ids, noise, device);
        Self {
            class_features,
            style_features,
            classifier: network(networks.classifier),
            image: network(networks.image),
            class: network(networks.class),
            encoder: network(networks.encoder),
            decoder: network(networks.decoder).with_output_bias(base_rate(mean, device)),
            classes: config.classes,
            style: config.style,
        }
    }

    fn first_logits(&self, images: Tensor<2>) -> Tensor<3> {
        self.classify(images).unsqueeze_dim(1)
    }

    fn estimate(
        &self,
        _config: &SemiConfig,
        Batch { images, logits, step }: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
        let reconstruction = RefCell::new(None);
        // Drawn before, so that the objective is a function of the class alone, as an estimator takes it to be.
        let style = noise.normal([1, logits.dims()[0], self.style], &images.device());
        let objective = Objective::mean(|sample: &Sample| {
            let y = class_of(sample.z.clone());
            let (loss, part) = self.given_class(images.clone(), y, style.clone());
            reconstruction.replace(Some(sample.mean(part).mean().detach()));
            loss
        });
        let estimate = estimators[0].estimate(logits.clone(), &objective, noise, step)?;
        let reconstruction = reconstruction.take().expect("an estimator evaluates its objective");
        Ok(Estimated { layers: vec![estimate], reconstruction })
    }

    fn sampleless(&self, _config: &SemiConfig, logits: Tensor<3>) -> Tensor<1> {
        self.class_kl(logits)
    }

    fn supervised(&self, config: &SemiConfig, labelled: Labelled, noise: &mut Noise) -> Tensor<1> {
        let Labelled { images, labels } = labelled;
        let y = self.one_hot(labels.into_iter().map(usize::from), &images.device());
        let style = noise.normal([1, y.dims()[0], self.style], &images.device());
        let (loss, _) = self.given_class(images.clone(), y.clone().unsqueeze(), style);
        let log_q = laws::log_prob(self.classify(images), y).squeeze_dim::<1>(1);
        loss.squeeze_dim::<1>(0) * config.labelled_weight - log_q * config.alpha
    }

    /// U(x) with the exact sum over classes and one style for each.
    fn hard_objective(&self, images: Tensor<2>, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let (rows, device) = (images.dims()[0], images.device());
        let logits = self.first_logits(images.clone());
        let style = noise.normal([1, rows, self.style], &device);
        let (losses, _) = self.given_class(images, self.all_classes(rows, &device), style);
        let q = activation::softmax(logits.clone().squeeze_dim::<2>(1), 1).swap_dims(0, 1);
        Ok((q * losses).sum_dim(0).squeeze_dim::<1>(0) + self.class_kl(logits))
    }

    fn sampled_log_weights(
        &self,
        images: Tensor<2>,
        logits: Tensor<3>,
        samples: usize,
        noise: &mut Noise,
    ) -> Result<Tensor<2>, Error> {
        let logits = logits.unsqueeze::<4>().repeat_dim(0, samples);
        let sample = gumbel::sample_one_hot(logits.clone(), noise)?;
        let class_ratio =
            laws::log_prob(logits.zeros_like(), sample.clone()) - laws::log_prob(logits, sample.clone());
        let y = class_of(sample);
        let draws = noise.normal([samples, images.dims()[0], self.style], &images.device());
        let style = self.encode(images.clone(), y.clone());
        let z = style.at(draws.clone());
        let style_ratio = style.log_ratio(z.clone(), draws);
        Ok(self.log_likelihood(images, y, z) + class_ratio.squeeze_dims::<2>(&[2, 3]) + style_ratio)
    }

    fn exhibits(&self, test: &dyn Fn(usize) -> Tensor<2>, noise: &mut Noise) -> Result<Vec<Exhibit>, Error> {
        let images = test(RECONSTRUCTIONS);
        let means = self.reconstruct(images.clone(), &mut noise.fork())?;
        let drawn = self.drawn(STYLES * self.classes, &mut noise.fork());
        Ok(vec![
            Exhibit::Reconstructions { originals: grey(images), means },
            Exhibit::Classes { images: drawn, classes: self.classes },
        ])
    }

    fn generate(
        &self,
        count: usize,
        _test: &dyn Fn(usize) -> anyhow::Result<Tensor<2>>,
        noise: &mut Noise,
    ) -> anyhow::Result<Vec<u8>> {
        Ok(self.drawn(count, noise))
    }
}

impl Semi {
    /// The decoder's means for one hard class and one style of each image, as grey pixels.
    fn reconstruct(&self, images: Tensor<2>, noise: &mut Noise) -> Result<Vec<u8>, Error> {
        let y = gumbel::sample_one_hot(self.classify(images.clone()), noise)?.unsqueeze::<3>();
        let draws = noise.normal([1, images.dims()[0], self.style], &images.device());
        let z = self.encode(images, y.clone()).at(draws);
        Ok(grey(activation::sigmoid(self.decode(y, z))))
    }

    /// The decoder's means for each class in turn, as grey pixels: K images with the first style, K with the second.
    fn drawn(&self, count: usize, noise: &mut Noise) -> Vec<u8> {
        let (device, at_once) = (self.decoder.device(), (AT_ONCE / self.classes).max(1) * self.classes);
        let parts = (0..count).step_by(at_once).map(|first| {
            let rows = at_once.min(count - first);
            let styles = noise.normal([1, rows.div_ceil(self.classes), self.style], &device);
            let place = (0..rows).map(|place| (place / self.classes) as i64).collect::<Vec<_>>();
            let z = styles.select(1, Tensor::from_ints(place.as_slice(), &device));
            let y = self.one_hot((0..rows).map(|place| place % self.classes), &device);
            grey(activation::sigmoid(self.decode(y.unsqueeze(), z)))
        });
        parts.flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bound::{HeldOut, numbers, striped};
    use crate::model::ModelConfig;
    use gumbel::estimator::EstimatorSpec;
    use std::f64::consts::TAU;

    const SIZE: ImageSize = ImageSize { height: 2, width: 3 };

    fn small(convolutions: &[usize], hidden: &[usize]) -> SemiConfig {
        let widths = |widths: &[usize]| widths.iter().copied().collect();
        let (convolutions, hidden) = (widths(convolutions), widths(hidden));
        SemiConfig { convolutions, classes: 3, style: 1, hidden, ..SemiConfig::default() }
    }

    fn model() -> Semi {
        let (config, mean) = (small(&[], &[4]), striped(SIZE).mean());
        Semi::init(&config, SIZE, &mean, &mut Noise::from_seed(3), &Device::flex())
    }

    #[test]
    fn the_parameters_are_as_many_as_counted() {
        let config = small(&[2, 3], &[4, 5]);
        let model = Semi::init(&config, SIZE, &[0.5; 6], &mut Noise::from_seed(3), &Device::flex());
        let size = config.size(SIZE).unwrap();
        assert_eq!((size.parameters, size.widest), (model.num_params() as u64, 6));
    }

    /// The style is one number, so the likelihood can be integrated: the sum over classes must exceed −ln p(x), and the
    /// importance bound approach it.
    #[test]
    fn the_bounds_are_bounds_and_tighten_to_the_integrated_likelihood() {
        let (model, held_out) = (model(), HeldOut::striped(SIZE));
        held_out.check_bounds(&model, integrated(&model, held_out.sample(40)), 2e-3);
    }

    /// The mean of −ln Σ_y p(y) ∫ p(z) p(x|y, z) dz over images, by the trapezoid rule.
    fn integrated(model: &Semi, images: Tensor<2>) -> f64 {
        let (rows, device) = (images.dims()[0], Device::flex());
        let mut total = vec![0.0; rows];
        for step in -120..=120 {
            let z = f64::from(step) * 0.05;
            let mass = 0.05 * (-0.5 * z * z).exp() / TAU.sqrt() / 3.0;
            let styles = Tensor::<3>::full([3, rows, 1], z, &device);
            let likelihood = model.log_likelihood(images.clone(), model.all_classes(rows, &device), styles);
            for (place, log_p) in numbers(likelihood).into_iter().enumerate() {
                total[place % rows] += mass * log_p.exp();
            }
        }
        -total.iter().map(|p| p.ln()).sum::<f64>() / rows as f64
    }

    #[test]
    fn to_enumerate_the_class_is_to_marginalise_it() {
        let (model, options) = (model(), SemiConfig::default());
        let images = HeldOut::striped(SIZE).batch(&[0, 1, 2]);
        let logits = model.first_logits(images.clone());
        let exact = "exact".parse::<EstimatorSpec>().unwrap().build().unwrap();
        let batch = Batch { images: images.clone(), logits: logits.clone(), step: 0 };
        let estimated = model.estimate(&options, batch, &[exact], &mut Noise::from_seed(2)).unwrap();
        let enumerated = estimated.layers[0].loss.clone() + model.sampleless(&options, logits);
        let summed = model.hard_objective(images, &mut Noise::from_seed(2)).unwrap();
        assert!((enumerated - summed).abs().max().into_scalar::<f32>() < 1e-5);
    }

    #[test]
    fn a_labelled_image_pays_for_its_class_by_alpha_and_for_itself_by_its_weight() {
        let (model, images) = (model(), HeldOut::striped(SIZE).batch(&[0, 1]));
        let cost = |alpha, labelled_weight| {
            let options = SemiConfig { alpha, labelled_weight, ..SemiConfig::default() };
            let labelled = Labelled { images: images.clone(), labels: vec![2, 0] };
            numbers(model.supervised(&options, labelled, &mut Noise::from_seed(4)))
        };
        let q = numbers(activation::softmax(model.first_logits(images.clone()), 2));
        let (class, own, both) = (cost(3.0, 0.0), cost(0.0, 1.0), cost(3.0, 0.5));
        for (row, q) in [q[2], q[3]].into_iter().enumerate() {
            assert!((class[row] + 3.0 * q.ln()).abs() < 1e-5);
            assert!((both[row] - class[row] - 0.5 * own[row]).abs() < 1e-5 && own[row] > 0.0);
        }
    }
}

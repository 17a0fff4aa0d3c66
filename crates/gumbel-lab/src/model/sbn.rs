//! A sigmoid belief network that completes binary images: the lower half given the upper, through two layers of
//! latents (Jang, Gu and Poole 2017, section 4.1; Raiko et al. 2015).
//!
//! ```text
//! p(z₁|upper) = Π_d Categorical(W₁ upper + b₁)_d,   p(z₂|z₁) = Π_d Categorical(W₂ z₁ + b₂)_d,
//! p(lower|z₂) = Π_i Bernoulli(W₃ z₂ + b₃)_i
//! ```
//!
//! There is no posterior: the latents are drawn from what the upper half says. So −ln p(lower|z₂) at a sample is, in
//! the mean, an upper bound on −ln p(lower|upper), and the log-mean-exp of m samples a tighter one.

use super::mlp::Mlp;
use super::{AT_ONCE, Batch, Estimated, Finished, Model, base_rate, grey};
use crate::config::{Config, SbnOptions};
use crate::data;
use crate::data::ImageSize;
use crate::evaluate::{HeldOut, spread};
use crate::report::{Completions, Headline, Report};
use anyhow::{Result, ensure};
use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use gumbel::estimator::Estimator;
use gumbel::layers::Layers;
use gumbel::{Error, Noise, bernoulli};

/// The shape of an [`Sbn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Pixels of the upper half; the middle row of an odd number belongs to the lower.
    pub upper: usize,
    /// Pixels of the lower half.
    pub lower: usize,
    /// Latents D of each layer.
    pub latents: usize,
    /// Categories K of each.
    pub categories: usize,
}

impl Shape {
    /// Numbers trained, or `u64::MAX` where they cannot be counted.
    pub fn parameters(&self) -> u64 {
        let layer = |inputs: u64, outputs: u64| inputs.saturating_add(1).saturating_mul(outputs);
        let code = self.code();
        let ends = layer(self.upper as u64, code).saturating_add(layer(code, self.lower as u64));
        ends.saturating_add(layer(code, code))
    }

    /// The widest layer, inputs and outputs included.
    pub fn widest(&self) -> u64 {
        let logits = (self.latents as u64).saturating_mul(self.categories as u64);
        logits.max(self.lower.max(self.upper) as u64)
    }

    /// Units of a layer of latents: one log-odds for a binary latent, K logits for others.
    fn code(&self) -> u64 {
        let units = if self.categories == 2 { 1 } else { self.categories };
        (self.latents as u64).saturating_mul(units as u64)
    }
}

/// Three linear layers with latents between them.
#[derive(Module, Debug, Default)]
pub struct Sbn {
    first: Mlp,
    second: Mlp,
    output: Mlp,
    upper: usize,
    latents: usize,
    categories: usize,
}

impl Sbn {
    /// The lower half of images, `[B, P]` to `[B, L]`.
    fn lower(&self, images: Tensor<2>) -> Tensor<2> {
        let pixels = images.dims()[1];
        images.narrow(1, self.upper, pixels - self.upper)
    }

    /// The logits of a layer, `[S, B, D, K]`, of what its linear map gives: of a binary latent the log-odds.
    fn logits(&self, code: Tensor<3>) -> Tensor<4> {
        let [samples, rows, width] = code.dims();
        let units = code.reshape([samples, rows, self.latents, width / self.latents]);
        if self.categories == 2 { Tensor::cat(vec![units.zeros_like(), units], 3) } else { units }
    }

    /// Latents `[S, B, D, K]`, hard or relaxed, as the linear map below takes them: of a binary latent the second
    /// category alone.
    fn code(&self, z: Tensor<4>) -> Tensor<3> {
        let z = if self.categories == 2 { z.narrow(3, 1, 1) } else { z };
        let [samples, rows, latents, units] = z.dims();
        z.reshape([samples, rows, latents * units])
    }

    /// Latents of the first layer to the logits of the second, `[S, B, D, K]` both.
    fn second_logits(&self, z: Tensor<4>) -> Tensor<4> {
        self.logits(self.second.forward(self.code(z)))
    }

    /// `−ln p(lower|z₂)` in nats, `[S, B]`, for the lower halves `[B, L]` and the code of the second layer.
    fn loss(&self, lower: Tensor<2>, code: Tensor<3>) -> Tensor<2> {
        bernoulli::log_prob(self.output.forward(code), lower.unsqueeze()).squeeze_dim::<2>(2).neg()
    }

    /// The codes of hard samples of the second layer, given the logits of the first, `[S, B, D, K]`.
    fn draw(&self, logits: Tensor<4>, noise: &mut Noise) -> Result<Tensor<3>, Error> {
        // Of two logits of which the first is zero, the log-odds are the second.
        let first = self.draw_code(self.code(logits), noise)?;
        self.draw_code(self.second.forward(first), noise)
    }

    /// A hard sample of a layer as a code, from what its linear map gives.
    fn draw_code(&self, code: Tensor<3>, noise: &mut Noise) -> Result<Tensor<3>, Error> {
        if self.categories > 2 {
            return Ok(self.code(gumbel::sample_one_hot(self.logits(code), noise)?));
        }
        // One number of noise for a bit, where a category takes one for each. NaN stays NaN.
        let logistic = noise.logistic::<3>(code.dims(), &code.device());
        Ok((code.clone() + logistic).greater_elem(0.0).float() + code * 0.0)
    }

    /// The images with the means of `count` drawn lower halves instead of their own, as grey pixels.
    fn completions(&self, images: Tensor<2>, count: usize, noise: &mut Noise) -> Result<Vec<Vec<u8>>> {
        let logits = self.first_logits(images.clone()).unsqueeze::<4>().repeat_dim(0, count);
        let lower = activation::sigmoid(self.output.forward(self.draw(logits, noise)?));
        let upper = images.narrow(1, 0, self.upper);
        let whole = |lower: Tensor<3>| grey(Tensor::cat(vec![upper.clone(), lower.squeeze_dim(0)], 1));
        Ok(lower.split(1, 0).into_iter().map(whole).collect())
    }
}

/// Test images completed in the report: whole rows of twelve, each twice.
const COMPLETED: usize = 24;
const DRAWS: usize = 2;

impl Model for Sbn {
    type Options = SbnOptions;

    const ONE_SAMPLE: &'static str = "hard objective of the lower half, one sample";
    const BOUND: &'static str = "bound on -ln p(lower|upper)";

    fn new(options: &SbnOptions, size: ImageSize, mean: &[f32], noise: &mut Noise, device: &Device) -> Self {
        let shape = options.shape(size);
        let (code, mut ids) = (shape.code() as usize, 1..);
        let mut linear = |inputs, outputs| Mlp::new(&[inputs, outputs], &mut ids, noise, device);
        Self {
            first: linear(shape.upper, code),
            second: linear(code, code),
            output: linear(code, shape.lower).with_output_bias(base_rate(&mean[shape.upper..], device)),
            upper: shape.upper,
            latents: shape.latents,
            categories: shape.categories,
        }
    }

    fn describe(options: &SbnOptions) -> String {
        format!("two layers of {} latents of {} categories", options.latents, options.categories)
    }

    fn first_logits(&self, images: Tensor<2>) -> Tensor<3> {
        let upper = images.narrow(1, 0, self.upper);
        self.logits(self.first.forward(upper).unsqueeze()).squeeze_dim(0)
    }

    fn estimate(
        &self,
        options: &SbnOptions,
        Batch { images, logits, step }: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
        let lower = self.lower(images);
        let chain = Layers::new(&*estimators[0], logits)
            .then(&*estimators[1], |above| self.second_logits(above[0].sample.z.clone()))
            .cost(|all| self.loss(lower.clone(), self.code(all[1].sample.z.clone())));
        let layers = match options.train_samples {
            Some(samples) => vec![chain.estimate_bound(samples, noise, step)?; estimators.len()],
            None => chain.estimate(noise, step)?,
        };
        let reconstruction = layers[0].mean_loss();
        Ok(Estimated { layers, reconstruction })
    }

    fn hard_objective(&self, images: Tensor<2>, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let logits = self.first_logits(images.clone());
        Ok(self.sampled_log_weights(images, logits, 1, noise)?.neg().squeeze_dim(0))
    }

    fn sampled_log_weights(
        &self,
        images: Tensor<2>,
        logits: Tensor<3>,
        samples: usize,
        noise: &mut Noise,
    ) -> Result<Tensor<2>, Error> {
        let code = self.draw(logits.unsqueeze::<4>().repeat_dim(0, samples), noise)?;
        Ok(self.loss(self.lower(images), code).neg())
    }

    fn tell(&self, run: &Finished<SbnOptions>, noise: &mut Noise, report: Report) -> Result<Report> {
        let held_out = run.held_out();
        let images = held_out.batch(&spread(COMPLETED, held_out.count()));
        let drawn = self.completions(images.clone(), DRAWS, noise)?;
        Ok(Report {
            title: format!("Sigmoid belief network on {}", run.data.name),
            summary: format!(
                "The lower half of an image from its upper half, through {}, {}",
                Self::describe(&run.config.model),
                run.trained()?
            ),
            // Of the relaxed model where samples are relaxed: no divergence of another distribution enters.
            training_is_bound: true,
            training_bound: run.config.model.train_samples,
            headline: vec![Headline::conditional(run.test), Headline::conditional_bound(run.test)],
            completions: Some(Completions {
                originals: run.pictures(grey(images)),
                drawn: drawn.into_iter().map(|pixels| run.pictures(pixels)).collect(),
            }),
            ..report
        })
    }

    fn generate(
        &self,
        config: &Config<SbnOptions>,
        size: ImageSize,
        count: usize,
        noise: &mut Noise,
    ) -> Result<Vec<u8>> {
        let data = data::load(&config.data, config.data_dir.as_deref(), 0)?;
        let (test, held_out) = (&data.test, HeldOut::new(&data.test, config.binarise));
        ensure!(
            (test.height, test.width) == (size.height, size.width),
            "the images of {} are {} x {}, those of the run {} x {}; put its own images back",
            data.name,
            test.height,
            test.width,
            size.height,
            size.width
        );
        let chosen: Vec<usize> = match count <= test.count {
            true => spread(count, test.count),
            false => (0..count).map(|place| place % test.count).collect(),
        };
        let parts = chosen.chunks(AT_ONCE).map(|part| self.completions(held_out.batch(part), 1, noise));
        Ok(parts.collect::<Result<Vec<_>>>()?.into_iter().flatten().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Binarisation, Images};
    use gumbel::categorical;

    const SIZE: ImageSize = ImageSize { height: 3, width: 2 };

    fn images() -> Images {
        Images::new((0..40 * 6).map(|i| if i % 5 < 2 { 255 } else { 0 }).collect(), 3, 2, None)
    }

    fn model(categories: usize) -> Sbn {
        let options = SbnOptions { latents: 2, categories, ..SbnOptions::default() };
        Sbn::new(&options, SIZE, &images().mean(), &mut Noise::from_seed(3), &Device::flex())
    }

    #[test]
    fn the_middle_row_belongs_to_the_lower_half() {
        let shape = SbnOptions { latents: 5, categories: 4, ..SbnOptions::default() }.shape(SIZE);
        assert_eq!((shape.upper, shape.lower, shape.widest()), (2, 4, 20));
        assert_eq!(shape.parameters(), 3 * 20 + 21 * 20 + 21 * 4);
        // A binary latent is one unit.
        let binary = SbnOptions { latents: 5, categories: 2, ..SbnOptions::default() }.shape(SIZE);
        assert_eq!((binary.parameters(), binary.widest()), (3 * 5 + 6 * 5 + 6 * 4, 10));
    }

    #[test]
    fn a_bit_that_is_not_a_number_does_not_pass_for_a_zero() {
        let code = Tensor::<3>::from_floats([[[f32::NAN, 9e9, -9e9]]], &Device::flex());
        let drawn = model(2).draw_code(code, &mut Noise::from_seed(1)).unwrap();
        let drawn: Vec<f32> = drawn.into_data().iter().collect();
        assert!(drawn[0].is_nan() && drawn[1..] == [1.0, 0.0], "{drawn:?}");
    }

    #[test]
    fn the_latents_do_not_see_the_lower_half() {
        let whole = Tensor::<2>::from_floats([[1.0, 0.0, 1.0, 1.0, 0.0, 1.0]], &Device::flex());
        let other = Tensor::<2>::from_floats([[1.0, 0.0, 0.0, 1.0, 1.0, 0.0]], &Device::flex());
        let logits = |images| model(3).first_logits(images).into_data();
        assert_eq!(logits(whole), logits(other));
    }

    /// All states can be summed: the one-sample objective must exceed −ln p(lower|upper), and the bound approach it.
    #[test]
    fn the_bounds_are_bounds_and_tighten_to_the_enumerated_likelihood() {
        let images = images();
        let held_out = HeldOut::new(&images, Binarisation::Threshold);
        for categories in [2, 3] {
            let (model, noise) = (model(categories), Noise::from_seed(1));
            let exact = exact(&model, held_out.batch(&(0..40).collect::<Vec<_>>()));
            let one = |i| held_out.negative_elbo(&model, 40, &noise.split(i)).unwrap().nats;
            let repeats: Vec<f64> = (0..200).map(one).collect();
            let mean = repeats.iter().sum::<f64>() / 200.0;
            let variance = repeats.iter().map(|nats| (nats - mean).powi(2)).sum::<f64>() / 199.0;
            let above = (mean - exact) / (variance / 200.0).sqrt();
            assert!(above > 4.0, "{categories}: {mean} against {exact}, {above:.1} standard errors");
            let bound = held_out.importance_bound(&model, 20_000, 40, &noise).unwrap().nats;
            assert!((bound - exact).abs() < 2e-3, "{categories}: {bound} against {exact}");
        }
    }

    /// The mean of −ln Σ p(z₁|upper) p(z₂|z₁) p(lower|z₂) over images.
    fn exact(model: &Sbn, images: Tensor<2>) -> f64 {
        let rows = images.dims()[0];
        let states = states(model.categories, rows);
        let count = states.dims()[0];
        let log_mass = |logits: Tensor<4>| -> Vec<f64> {
            let all = categorical::log_prob(logits, states.clone()).sum_dim(2);
            all.into_data().iter::<f64>().collect()
        };
        let first = log_mass(model.first_logits(images.clone()).unsqueeze());
        let likelihood: Vec<f64> =
            model.loss(model.lower(images), model.code(states.clone())).into_data().iter::<f64>().collect();
        let mut total = vec![0.0; rows];
        for state in 0..count {
            let above = states.clone().narrow(0, state, 1);
            let second = log_mass(model.second_logits(above));
            for (place, log_second) in second.iter().enumerate() {
                total[place % rows] +=
                    (first[state * rows + place % rows] + log_second - likelihood[place]).exp();
            }
        }
        -total.iter().map(|p| p.ln()).sum::<f64>() / rows as f64
    }

    /// Every state of two latents, for each of `rows` images, `[K², B, 2, K]`.
    fn states(categories: usize, rows: usize) -> Tensor<4> {
        let one_hot = |k: usize| (0..categories).map(move |i| f32::from(u8::from(i == k)));
        let all = (0..categories * categories).flat_map(|state| {
            one_hot(state / categories).chain(one_hot(state % categories)).collect::<Vec<_>>()
        });
        let values: Vec<f32> = all.collect();
        Tensor::<1>::from_floats(values.as_slice(), &Device::flex())
            .reshape([categories * categories, 1, 2, categories])
            .repeat_dim(1, rows)
    }
}

//! A sigmoid belief network that completes binary images: the lower half given the upper, through two layers of
//! latents (Jang, Gu and Poole 2017, section 4.1; Raiko et al. 2015).
//!
//! ```text
//! p(z₁|upper) = Π_d Categorical(W₁ upper + b₁)_d,   p(z₂|z₁) = Π_d Categorical(W₂ z₁ + b₂)_d,
//! p(lower|z₂) = Π_i Bernoulli(W₃ z₂ + b₃)_i
//! ```
//!
//! There is no posterior: the latents are drawn given the upper half. So −ln p(lower|z₂) at a sample is, in
//! the mean, an upper bound on −ln p(lower|upper), and the log-mean-exp of m samples a tighter one.

mod config;

pub use config::SbnConfig;

use super::exhibit::grey;
use super::mlp::Mlp;
use super::{AT_ONCE, Batch, Estimated, Exhibit, Model, base_rate};
use crate::data::ImageSize;
use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use gumbel::estimator::Estimator;
use gumbel::layers::Layers;
use gumbel::{Error, Noise, bernoulli};

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
    fn completions(&self, images: Tensor<2>, count: usize, noise: &mut Noise) -> Result<Vec<Vec<u8>>, Error> {
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
    type Config = SbnConfig;

    fn init(config: &SbnConfig, size: ImageSize, mean: &[f32], noise: &mut Noise, device: &Device) -> Self {
        let ([upper, lower], code, mut ids) = (config::halves(size), config.code(), 1..);
        let mut linear = |inputs, outputs| Mlp::new(&[inputs, outputs], &mut ids, noise, device);
        Self {
            first: linear(upper, code),
            second: linear(code, code),
            output: linear(code, lower).with_output_bias(base_rate(&mean[upper..], device)),
            upper,
            latents: config.latents,
            categories: config.categories,
        }
    }

    fn first_logits(&self, images: Tensor<2>) -> Tensor<3> {
        let upper = images.narrow(1, 0, self.upper);
        self.logits(self.first.forward(upper).unsqueeze()).squeeze_dim(0)
    }

    fn estimate(
        &self,
        config: &SbnConfig,
        Batch { images, logits, step }: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
        let lower = self.lower(images);
        let chain = Layers::new(&*estimators[0], logits)
            .then(&*estimators[1], |above| self.second_logits(above[0].sample.z.clone()))
            .cost(|all| self.loss(lower.clone(), self.code(all[1].sample.z.clone())));
        let layers = match config.train_samples {
            Some(samples) => vec![chain.estimate_bound(samples, noise, step)?; estimators.len()],
            None => chain.estimate(noise, step)?,
        };
        let reconstruction = layers[0].mean();
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

    fn exhibits(&self, test: &dyn Fn(usize) -> Tensor<2>, noise: &mut Noise) -> Result<Vec<Exhibit>, Error> {
        let images = test(COMPLETED);
        let drawn = self.completions(images.clone(), DRAWS, noise)?;
        Ok(vec![Exhibit::Completions { originals: grey(images), drawn }])
    }

    fn generate(
        &self,
        count: usize,
        test: &dyn Fn(usize) -> anyhow::Result<Tensor<2>>,
        noise: &mut Noise,
    ) -> anyhow::Result<Vec<u8>> {
        let images = test(count)?;
        let mut pixels = Vec::new();
        for part in images.split(AT_ONCE, 0) {
            pixels.extend(self.completions(part, 1, noise)?.concat());
        }
        Ok(pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bound::{HeldOut, striped};
    use crate::model::ModelConfig;
    use crate::model::laws;

    const SIZE: ImageSize = ImageSize { height: 3, width: 2 };

    fn model(categories: usize) -> Sbn {
        let config = SbnConfig { latents: 2, categories, ..SbnConfig::default() };
        Sbn::init(&config, SIZE, &striped(SIZE).mean(), &mut Noise::from_seed(3), &Device::flex())
    }

    #[test]
    fn the_middle_row_belongs_to_the_lower_half() {
        assert_eq!(config::halves(SIZE), [2, 4]);
        let size = |categories| {
            SbnConfig { latents: 5, categories, ..SbnConfig::default() }.size(SIZE).expect("two halves")
        };
        assert_eq!((size(4).parameters, size(4).widest), (3 * 20 + 21 * 20 + 21 * 4, 20));
        // A binary latent is one unit.
        assert_eq!((size(2).parameters, size(2).widest), (3 * 5 + 6 * 5 + 6 * 4, 10));
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
        let held_out = HeldOut::striped(SIZE);
        for categories in [2, 3] {
            let model = model(categories);
            held_out.check_bounds(&model, exact(&model, held_out.sample(40)), 2e-3);
        }
    }

    /// The mean of −ln Σ p(z₁|upper) p(z₂|z₁) p(lower|z₂) over images.
    fn exact(model: &Sbn, images: Tensor<2>) -> f64 {
        let rows = images.dims()[0];
        let states = states(model.categories, rows);
        let count = states.dims()[0];
        let log_mass = |logits: Tensor<4>| -> Vec<f64> {
            let all = laws::log_prob(logits, states.clone()).sum_dim(2);
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

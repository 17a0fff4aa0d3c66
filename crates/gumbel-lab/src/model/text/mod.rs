//! A variational autoencoder of short strings with categorical latents.
//!
//! p(z) = Π_d Categorical(prior_d), q(z|x) = Π_d Categorical(encoder(x)_d), p(x|z) = Π_t Categorical(decoder(z)_t).
//!
//! The decoder does not see the symbols it has written: given z they are independent. So all dependence between the
//! symbols of a string goes through the latents, which a decoder that sees its past learns to leave unused (Bowman et al.
//! 2016).

mod config;

pub use config::TextConfig;

use super::mlp::Mlp;
use super::{AT_ONCE, Batch, Estimated, Exhibit, Model, laws, prior};
use crate::data::ImageSize;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};
use gumbel::estimator::{Estimator, Objective, Sample};
use gumbel::{Error, Noise};
use std::cell::RefCell;

/// Embedding, encoder, decoder and prior of an autoencoder of strings.
#[derive(Module, Debug, Default)]
pub struct Text {
    /// A symbol to its embedding, the same at every place.
    embedding: Mlp,
    encoder: Mlp,
    decoder: Mlp,
    /// The decoder's output at a place to the logits of its symbol, the same at every place.
    output: Mlp,
    /// `[D, K]`.
    prior: Option<Param<Tensor<2>>>,
    length: usize,
    symbols: usize,
    latents: usize,
    categories: usize,
}

impl Text {
    /// Latents `[S, B, D, K]`, hard or relaxed, to the logits of the symbols, `[S, B, T, V]`.
    pub fn decode(&self, z: Tensor<4>) -> Tensor<4> {
        let [samples, rows, ..] = z.dims();
        let places = self.decoder.forward(z.reshape([samples * rows, self.latents * self.categories]));
        let places: Tensor<2> = places.reshape([(samples * rows * self.length) as i32, -1]);
        let logits = self.output.forward(activation::relu(places));
        logits.reshape([samples, rows, self.length, self.symbols])
    }

    /// The prior's logits `[1, D, K]`; zeros if it is uniform.
    pub fn prior(&self, device: &Device) -> Tensor<3> {
        prior::logits(&self.prior, [self.latents, self.categories], device)
    }

    /// `ln p(x|z)` in nats: one-hot strings `[B, T · V]`, latents `[S, B, D, K]`, to `[S, B]`.
    pub fn log_likelihood(&self, strings: Tensor<2>, z: Tensor<4>) -> Tensor<2> {
        let log_mass = activation::log_softmax(self.decode(z), 3);
        let symbols = strings.reshape([1, -1, self.length as i32, self.symbols as i32]);
        (log_mass * symbols).sum_dim(3).sum_dim(2).squeeze_dims(&[2, 3])
    }

    /// `KL(q(z|x) ‖ p(z))` of the discrete distributions in nats, `[B, D, K]` to `[B]`.
    pub fn categorical_kl(&self, posterior: Tensor<3>) -> Tensor<1> {
        let prior = self.prior(&posterior.device());
        prior::divergence(posterior, prior)
    }
}

/// Log-shares of symbols over all places, kept finite where one never occurs.
fn log_shares(mean: &[f32], symbols: usize, device: &Device) -> Tensor<1> {
    let places = mean.len() / symbols;
    let share = |symbol| mean.iter().skip(symbol).step_by(symbols).sum::<f32>() / places as f32;
    let logits: Vec<f32> = (0..symbols).map(|symbol| share(symbol).max(1e-5).ln()).collect();
    Tensor::from_floats(logits.as_slice(), device)
}

/// Strings of each kind in the report.
const SHOWN: usize = 20;

impl Model for Text {
    type Config = TextConfig;

    /// For strings of `size.height` places and `size.width` symbols; the output bias starts at the log-shares of the symbols,
    /// from the mean string, `mean` `[T · V]`.
    fn init(config: &TextConfig, size: ImageSize, mean: &[f32], noise: &mut Noise, device: &Device) -> Self {
        let ImageSize { height: length, width: symbols } = size;
        let TextConfig { latents, categories, embedding, .. } = *config;
        let forwards = [&[length * embedding], config.hidden.as_slice(), &[config.code()]].concat();
        let backwards: Vec<usize> = forwards.iter().rev().copied().collect();
        let mut ids = 1..;
        let mut layers = |widths: &[usize]| Mlp::new(widths, &mut ids, noise, device);
        let (encoder, decoder) = (layers(&forwards), layers(&backwards));
        let (inwards, outwards) = (layers(&[symbols, embedding]), layers(&[embedding, symbols]));
        let prior = prior::initial(config.prior, [latents, categories], &mut ids, device);
        let output = outwards.with_output_bias(log_shares(mean, symbols, device));
        Self { embedding: inwards, encoder, decoder, output, prior, length, symbols, latents, categories }
    }

    fn first_logits(&self, strings: Tensor<2>) -> Tensor<3> {
        let rows = strings.dims()[0];
        // The symbols of all strings at once: one matrix product.
        let embedded = self.embedding.forward(strings.reshape([rows * self.length, self.symbols]));
        let embedded: Tensor<2> = embedded.reshape([rows as i32, -1]);
        self.encoder.forward(embedded).reshape([rows, self.latents, self.categories])
    }

    fn estimate(
        &self,
        _config: &TextConfig,
        Batch { images, logits, step }: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
        let reconstruction = RefCell::new(None);
        let objective = Objective::mean(|sample: &Sample| {
            let loss = self.log_likelihood(images.clone(), sample.z.clone()).neg();
            reconstruction.replace(Some(sample.mean(loss.clone()).mean().detach()));
            loss
        });
        let estimate = estimators[0].estimate(logits, &objective, noise, step)?;
        let reconstruction = reconstruction.take().expect("an estimator evaluates its objective");
        Ok(Estimated { layers: vec![estimate], reconstruction })
    }

    fn sampleless(&self, _config: &TextConfig, logits: Tensor<3>) -> Tensor<1> {
        self.categorical_kl(logits)
    }

    fn sampleless_weight(config: &TextConfig, step: u64) -> f64 {
        config.kl_weight(step)
    }

    fn hard_objective(&self, strings: Tensor<2>, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let posterior = self.first_logits(strings.clone());
        let z = gumbel::sample_one_hot(posterior.clone(), noise)?;
        let log_likelihood = self.log_likelihood(strings, z.unsqueeze()).squeeze_dim::<1>(0);
        Ok(self.categorical_kl(posterior) - log_likelihood)
    }

    fn sampled_log_weights(
        &self,
        strings: Tensor<2>,
        logits: Tensor<3>,
        samples: usize,
        noise: &mut Noise,
    ) -> Result<Tensor<2>, Error> {
        let posterior = logits.unsqueeze::<4>();
        let z = gumbel::sample_one_hot(posterior.clone().repeat_dim(0, samples), noise)?;
        let prior = self.prior(&z.device()).unsqueeze::<4>();
        let ratio = laws::log_prob(prior, z.clone()) - laws::log_prob(posterior, z.clone());
        Ok(self.log_likelihood(strings, z) + ratio.sum_dim(2).squeeze_dims(&[2, 3]))
    }

    fn reconstructed_codes(&self, strings: Tensor<2>, noise: &mut Noise) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        for strings in strings.split(AT_ONCE, 0) {
            let z = gumbel::sample_one_hot(self.first_logits(strings), noise)?;
            all.extend(places(self.decode(z.unsqueeze()), self.symbols));
        }
        Ok(all)
    }

    fn exhibits(&self, test: &dyn Fn(usize) -> Tensor<2>, noise: &mut Noise) -> Result<Vec<Exhibit>, Error> {
        let strings = test(SHOWN);
        let shape = [1, strings.dims()[0], self.length, self.symbols];
        Ok(vec![Exhibit::Strings {
            originals: places(strings.clone().reshape(shape), self.symbols),
            reconstructions: self.reconstructed_codes(strings, &mut noise.fork())?,
            samples: self.draw(SHOWN, &mut noise.fork())?,
        }])
    }

    /// Codes of new strings, string after string, each symbol drawn from its distribution.
    fn generate(
        &self,
        count: usize,
        _test: &dyn Fn(usize) -> anyhow::Result<Tensor<2>>,
        noise: &mut Noise,
    ) -> anyhow::Result<Vec<u8>> {
        Ok(self.draw(count, noise)?)
    }
}

impl Text {
    /// Codes of strings drawn from p(z) p(x|z).
    fn draw(&self, count: usize, noise: &mut Noise) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        for first in (0..count).step_by(AT_ONCE) {
            let prior = self.prior(&self.decoder.device()).repeat_dim(0, AT_ONCE.min(count - first));
            let z = gumbel::sample_one_hot(prior, noise)?;
            all.extend(places(gumbel::sample_one_hot(self.decode(z.unsqueeze()), noise)?, self.symbols));
        }
        Ok(all)
    }
}

/// The largest entry of each place.
fn places(scores: Tensor<4>, symbols: usize) -> Vec<u8> {
    let scores: Vec<f32> = scores.into_data().iter::<f32>().collect();
    let best = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0) as u8;
    scores.chunks(symbols).map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bound::numbers;
    use crate::model::ModelConfig;
    use crate::support::stats::Mean;

    const SIZE: ImageSize = ImageSize { height: 3, width: 4 };

    fn small() -> TextConfig {
        let hidden = [7].into_iter().collect();
        TextConfig { latents: 2, categories: 3, hidden, embedding: 5, ..TextConfig::default() }
    }

    fn model(shares: [f32; 4], seed: u64) -> Text {
        Text::init(&small(), SIZE, &shares.repeat(3), &mut Noise::from_seed(seed), &Device::flex())
    }

    /// All nine codes, `[9, 1, 2, 3]`.
    fn states() -> Tensor<4> {
        let states: Vec<f32> = (0..9)
            .flat_map(|state| [state % 3, state / 3])
            .flat_map(|category| (0..3).map(move |k| f32::from(u8::from(k == category))))
            .collect();
        Tensor::<1>::from_floats(states.as_slice(), &Device::flex()).reshape([9, 1, 2, 3])
    }

    #[test]
    fn the_size_counts_what_is_trained() {
        let size = small().size(SIZE).unwrap();
        assert_eq!(model([0.25; 4], 1).num_params() as u64, size.parameters);
        assert_eq!(size.widest, 15); // three places of five numbers
        let huge = TextConfig { latents: usize::MAX, ..small() };
        assert_eq!(huge.size(SIZE).unwrap().parameters, u64::MAX);
    }

    /// All 4³ strings have probabilities that sum to one for each code, and the bound with all nine codes known is exact.
    #[test]
    fn likelihoods_sum_to_one_and_weights_average_to_the_likelihood() {
        let device = Device::flex();
        let model = model([0.1, 0.2, 0.3, 0.4], 3);
        let codes: Vec<u8> = (0..64u8).flat_map(|n| [n % 4, n / 4 % 4, n / 16]).collect();
        let dots: Vec<f32> =
            codes.iter().flat_map(|&code| (0..4).map(move |k| f32::from(u8::from(k == code)))).collect();
        let strings = Tensor::<1>::from_floats(dots.as_slice(), &device).reshape([64, 12]);
        let likelihoods = numbers(model.log_likelihood(strings.clone(), states().repeat_dim(1, 64)).exp());
        for state in likelihoods.chunks(64) {
            assert!((state.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        }
        let noise = &mut Noise::from_seed(5);
        let logits = model.first_logits(strings.clone());
        let weights = numbers(model.sampled_log_weights(strings, logits, 4000, noise).unwrap().exp());
        for row in [0, 17, 63] {
            let exact = (0..9).map(|s| likelihoods[s * 64 + row]).sum::<f64>() / 9.0; // a new prior is uniform
            let mean = Mean::of((0..4000).map(|s| weights[s * 64 + row]));
            assert!((mean.value - exact).abs() < 4.0 * mean.standard_error, "{mean:?} against {exact}");
        }
    }

    #[test]
    fn strings_are_drawn_by_the_probabilities_of_the_codes_and_of_their_symbols() {
        let model = model([0.7, 0.1, 0.1, 0.1], 2);
        // A new prior is uniform: each of nine codes as likely, three places, four symbols.
        let masses = numbers(activation::softmax(model.decode(states()), 3));
        let written = model.draw(5000, &mut Noise::from_seed(4)).unwrap();
        for symbol in 0..4 {
            let exact = masses.iter().skip(symbol).step_by(4).sum::<f64>() / 27.0;
            let share =
                |string: &[u8]| string.iter().filter(|&&code| code == symbol as u8).count() as f64 / 3.0;
            let mean = Mean::of(written.chunks(3).map(share));
            assert!(
                (mean.value - exact).abs() < 4.0 * mean.standard_error,
                "{symbol}: {mean:?}, not {exact}"
            );
        }
    }

    #[test]
    fn the_largest_entry_of_each_place_is_its_symbol() {
        let scores = Tensor::from_floats([[[[0.1f32, 0.7, 0.2], [0.5, 0.1, 0.4]]]], &Device::flex());
        assert_eq!(places(scores, 3), [1, 0]);
    }
}

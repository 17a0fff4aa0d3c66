//! A variational autoencoder of short strings with categorical latents.
//!
//! p(z) = Π_d Categorical(prior_d), q(z|x) = Π_d Categorical(encoder(x)_d), p(x|z) = Π_t Categorical(decoder(z)_t).
//!
//! The decoder does not see the symbols it has written: given z they are independent. So whatever the symbols of a string
//! have to do with each other must go through the latents, which a decoder that sees its past learns to leave unused
//! (Bowman et al. 2016).

use super::mlp::Mlp;
use super::{AT_ONCE, Batch, Estimated, Finished, Model, prior, vae};
use crate::config::{Config, TextOptions};
use crate::data::ImageSize;
use crate::data::text::{Baseline, Law, Written, codes, codes_of, sentences};
use crate::evaluate::{HeldOut, spread};
use crate::report::{Headline, Report, Strings, perplexity};
use crate::run::{Test, TextResults};
use anyhow::Result;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};
use gumbel::estimator::{Estimator, Objective, Sample, SampleKind};
use gumbel::{Error, Noise, categorical};
use std::cell::Cell;
use std::collections::HashSet;

/// The shape of a [`Text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Symbols T of a string.
    pub length: usize,
    /// Different symbols V.
    pub symbols: usize,
    /// Numbers E that a symbol is embedded in.
    pub embedding: usize,
    /// What lies between the embedded strings and the latents, with T · E for its pixels.
    pub code: vae::Shape,
}

impl Shape {
    /// Numbers trained, or `u64::MAX` where they cannot be counted.
    pub fn parameters(&self) -> u64 {
        let layer = |inputs: usize, outputs: usize| (inputs as u64 + 1).saturating_mul(outputs as u64);
        let ends = [layer(self.symbols, self.embedding), layer(self.embedding, self.symbols)];
        ends.into_iter().fold(self.code.parameters(), u64::saturating_add)
    }

    /// The most numbers that stand for a string in any layer.
    pub fn widest(&self) -> u64 {
        self.code.widest().max((self.length as u64).saturating_mul(self.symbols as u64))
    }
}

/// Encoder, decoder and prior; the default has no layers and stands where a model was taken from.
#[derive(Module, Debug, Default)]
pub struct Text {
    /// A symbol to its embedding, the same at every place.
    embedding: Mlp,
    encoder: Mlp,
    decoder: Mlp,
    /// What the decoder makes of a place to the logits of its symbol, the same at every place.
    output: Mlp,
    /// `[D, K]`.
    prior: Option<Param<Tensor<2>>>,
    length: usize,
    symbols: usize,
    latents: usize,
    categories: usize,
}

impl Text {
    /// A new model; the output bias starts at the log-shares of the symbols, `shares` `[V]`.
    pub fn new(shape: &Shape, shares: &[f32], noise: &mut Noise, device: &Device) -> Self {
        let (&Shape { length, symbols, embedding, .. }, code) = (shape, &shape.code);
        let (latents, categories) = (code.latents, code.categories);
        let forwards = [&[code.pixels], code.hidden.as_slice(), &[latents * categories]].concat();
        let backwards: Vec<usize> = forwards.iter().rev().copied().collect();
        let mut ids = 1..;
        let mut layers = |widths: &[usize]| Mlp::new(widths, &mut ids, noise, device);
        let (encoder, decoder) = (layers(&forwards), layers(&backwards));
        let (inwards, outwards) = (layers(&[symbols, embedding]), layers(&[embedding, symbols]));
        let prior = code.learned_prior.then(|| prior::uniform([latents, categories], &mut ids, device));
        let output = outwards.with_output_bias(log_shares(shares, device));
        Self { embedding: inwards, encoder, decoder, output, prior, length, symbols, latents, categories }
    }

    /// One-hot strings `[B, T · V]` to the logits of q(z|x), `[B, D, K]`.
    pub fn encode(&self, strings: Tensor<2>) -> Tensor<3> {
        let rows = strings.dims()[0];
        // The symbols of all strings at once: one matrix product.
        let embedded = self.embedding.forward(strings.reshape([rows * self.length, self.symbols]));
        let embedded: Tensor<2> = embedded.reshape([rows as i32, -1]);
        self.encoder.forward(embedded).reshape([rows, self.latents, self.categories])
    }

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

/// Log-shares of symbols, kept finite where one never occurs.
fn log_shares(shares: &[f32], device: &Device) -> Tensor<1> {
    let logits: Vec<f32> = shares.iter().map(|share| share.max(1e-5).ln()).collect();
    Tensor::from_floats(logits.as_slice(), device)
}

/// Strings of each kind in the report.
const SHOWN: usize = 20;
/// Strings drawn to see how many are of the law.
const DRAWN: usize = 2000;

impl Model for Text {
    type Options = TextOptions;

    const ONE_SAMPLE: &'static str = "hard negative ELBO, one sample";
    const BOUND: &'static str = "importance-weighted bound";

    fn new(options: &TextOptions, size: ImageSize, mean: &[f32], noise: &mut Noise, device: &Device) -> Self {
        let share = |symbol| mean.iter().skip(symbol).step_by(size.width).sum::<f32>() / size.height as f32;
        let shares: Vec<f32> = (0..size.width).map(share).collect();
        Self::new(&options.shape(size), &shares, noise, device)
    }

    fn describe(options: &TextOptions) -> String {
        format!("{} latents of {} categories", options.latents, options.categories)
    }

    fn first_logits(&self, strings: Tensor<2>) -> Tensor<3> {
        self.encode(strings)
    }

    fn estimate(
        &self,
        _options: &TextOptions,
        Batch { images, logits, step }: Batch,
        estimators: &[Box<dyn Estimator>],
        noise: &mut Noise,
    ) -> Result<Estimated, Error> {
        let reconstruction = Cell::new(f64::NAN);
        let objective = Objective::mean(|sample: &Sample| {
            let loss = self.log_likelihood(images.clone(), sample.z.clone()).neg();
            reconstruction.set(sample.mean(loss.clone()).mean().into_scalar::<f64>());
            loss
        });
        let estimate = estimators[0].estimate(logits, &objective, noise, step)?;
        Ok(Estimated { layers: vec![estimate], reconstruction: reconstruction.get() })
    }

    fn sampleless(&self, _options: &TextOptions, logits: Tensor<3>) -> Tensor<1> {
        self.categorical_kl(logits)
    }

    fn sampleless_weight(options: &TextOptions, step: u64) -> f64 {
        options.kl_weight(step)
    }

    fn hard_objective(&self, strings: Tensor<2>, noise: &mut Noise) -> Result<Tensor<1>, Error> {
        let posterior = self.encode(strings.clone());
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
        let ratio = categorical::log_prob(prior, z.clone()) - categorical::log_prob(posterior, z.clone());
        Ok(self.log_likelihood(strings, z) + ratio.sum_dim(2).squeeze_dims(&[2, 3]))
    }

    fn judge(&self, run: &Finished<TextOptions>, noise: &mut Noise, test: Test) -> Result<Test> {
        let (train, held_out, length) = (codes(&run.data.train), codes(&run.data.test), self.length);
        let counted = Baseline::new(&train, length, self.symbols);
        let rebuilt =
            self.reconstructions(&run.held_out(), &every(held_out.len() / length), &mut noise.fork())?;
        let right = rebuilt.iter().zip(&held_out).filter(|(ours, theirs)| ours == theirs).count();
        let usage = run.held_out().usage(self);
        let used: f64 = usage.chunks(self.categories).map(perplexity).sum();
        let text = TextResults {
            length,
            reconstructed: right as f64 / held_out.len() as f64,
            perplexity: used / self.latents as f64,
            unigram_nats: counted.unigram_nats(&held_out, length),
            bigram_nats: counted.bigram_nats(&held_out, length),
            law_nats: (law(run) == Some(Law::Sentences)).then(sentences::nats),
            valid: self.valid(run, &mut noise.fork())?,
        };
        Ok(Test { text: Some(text), ..test })
    }

    fn tell(&self, run: &Finished<TextOptions>, noise: &mut Noise, report: Report) -> Result<Report> {
        let (options, held_out, info) = (&run.config.model, run.held_out(), run.config.info()?);
        let written = run.data.text.as_ref().expect("a model of strings is trained on strings");
        let chosen = spread(SHOWN, held_out.count());
        let originals: Vec<u8> =
            chosen.iter().flat_map(|&i| codes_of(run.data.test.image(i), self.symbols)).collect();
        let rebuilt = self.reconstructions(&held_out, &chosen, &mut noise.fork())?;
        let drawn = self.draw(SHOWN, &mut noise.fork())?;
        let prior = options.prior.in_words();
        let warmup = match options.kl_warmup {
            0 => String::new(),
            steps => format!("; in training its weight grows from 0 to 1 over {steps} steps"),
        };
        let text = run.test.text.as_ref().expect("judged before it is told");
        Ok(Report {
            title: format!("Categorical autoencoder of {}", run.data.name),
            summary: format!(
                "{}, {} The symbols are independent given the latents.",
                Self::describe(options),
                run.trained()?
            ),
            training_is_bound: info.properties.sample_kind == SampleKind::Hard,
            kl: Some(format!("the KL of the categorical posterior from {prior}, in closed form{warmup}")),
            headline: vec![Headline::hard_elbo(run.test), Headline::importance_bound(run.test)],
            strings: Some(Strings {
                originals: self.read(&originals, written),
                reconstructions: self.read(&rebuilt, written),
                samples: self.read(&drawn, written),
                table: text.table(run.test),
                notes: text.notes(),
            }),
            usage: Some(run.usage(self)),
            ..report
        })
    }

    /// Codes of new strings, string after string, each symbol drawn from its distribution.
    fn generate(
        &self,
        _config: &Config<TextOptions>,
        _size: ImageSize,
        count: usize,
        noise: &mut Noise,
    ) -> Result<Vec<u8>> {
        Ok(self.draw(count, noise)?)
    }
}

impl Text {
    /// Codes of the likeliest symbols for one hard code of each of some test strings.
    fn reconstructions(
        &self,
        held_out: &HeldOut,
        chosen: &[usize],
        noise: &mut Noise,
    ) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        for chosen in chosen.chunks(AT_ONCE) {
            let z = gumbel::sample_one_hot(self.encode(held_out.batch(chosen)), noise)?;
            all.extend(places(self.decode(z.unsqueeze()), self.symbols));
        }
        Ok(all)
    }

    /// Codes of strings drawn from p(z) p(x|z).
    fn draw(&self, count: usize, noise: &mut Noise) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        for first in (0..count).step_by(AT_ONCE) {
            let prior = self.prior(&Device::flex()).repeat_dim(0, AT_ONCE.min(count - first));
            let z = gumbel::sample_one_hot(prior, noise)?;
            all.extend(places(gumbel::sample_one_hot(self.decode(z.unsqueeze()), noise)?, self.symbols));
        }
        Ok(all)
    }

    /// The share of drawn strings that are of the law, if it is that of the sentences.
    fn valid(&self, run: &Finished<TextOptions>, noise: &mut Noise) -> Result<Option<f64>, Error> {
        let (Some(written), Some(Law::Sentences)) = (&run.data.text, law(run)) else { return Ok(None) };
        let known: HashSet<String> = sentences::all().collect();
        let drawn = self.read(&self.draw(DRAWN, noise)?, written);
        Ok(Some(drawn.iter().filter(|string| known.contains(*string)).count() as f64 / DRAWN as f64))
    }

    fn read(&self, codes: &[u8], written: &Written) -> Vec<String> {
        codes.chunks(self.length).map(|codes| written.alphabet.decode(codes)).collect()
    }
}

fn law(run: &Finished<TextOptions>) -> Option<Law> {
    run.data.text.as_ref().and_then(|written| written.law)
}

fn every(count: usize) -> Vec<usize> {
    (0..count).collect()
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
    use crate::evaluate::numbers;
    use crate::support::stats::Mean;

    fn small() -> Shape {
        let code = vae::Shape {
            pixels: 15,
            latents: 2,
            categories: 3,
            hidden: vec![7],
            learned_prior: true,
            layers: 1,
        };
        Shape { length: 3, symbols: 4, embedding: 5, code }
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
    fn the_shape_counts_what_is_trained() {
        let device = Device::flex();
        let shape = small();
        let model = Text::new(&shape, &[0.25; 4], &mut Noise::from_seed(1), &device);
        assert_eq!(model.num_params() as u64, shape.parameters());
        assert_eq!(shape.widest(), 15); // three places of five numbers
        let huge = Shape { code: vae::Shape { latents: usize::MAX, ..shape.code.clone() }, ..shape };
        assert_eq!(huge.parameters(), u64::MAX);
    }

    /// All 4³ strings have probabilities that sum to one for each code, and the bound with all nine codes known is exact.
    #[test]
    fn likelihoods_sum_to_one_and_weights_average_to_the_likelihood() {
        let device = Device::flex();
        let model = Text::new(&small(), &[0.1, 0.2, 0.3, 0.4], &mut Noise::from_seed(3), &device);
        let codes: Vec<u8> = (0..64u8).flat_map(|n| [n % 4, n / 4 % 4, n / 16]).collect();
        let dots: Vec<f32> =
            codes.iter().flat_map(|&code| (0..4).map(move |k| f32::from(u8::from(k == code)))).collect();
        let strings = Tensor::<1>::from_floats(dots.as_slice(), &device).reshape([64, 12]);
        let likelihoods = numbers(model.log_likelihood(strings.clone(), states().repeat_dim(1, 64)).exp());
        for state in likelihoods.chunks(64) {
            assert!((state.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        }
        let noise = &mut Noise::from_seed(5);
        let logits = model.encode(strings.clone());
        let weights = numbers(model.sampled_log_weights(strings, logits, 4000, noise).unwrap().exp());
        for row in [0, 17, 63] {
            let exact = (0..9).map(|s| likelihoods[s * 64 + row]).sum::<f64>() / 9.0; // a new prior is uniform
            let mean = Mean::of((0..4000).map(|s| weights[s * 64 + row]));
            assert!((mean.value - exact).abs() < 4.0 * mean.standard_error, "{mean:?} against {exact}");
        }
    }

    #[test]
    fn strings_are_drawn_by_the_probabilities_of_the_codes_and_of_their_symbols() {
        let model = Text::new(&small(), &[0.7, 0.1, 0.1, 0.1], &mut Noise::from_seed(2), &Device::flex());
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

//! The evaluation of a model of strings, beyond its bounds.

use super::{BoundExperiment, HeldOut, TextResults};
use crate::data::text::{Baseline, Law, TextEncoding, codes, sentences};
use crate::model::{Model, ModelConfig};
use crate::page::perplexity;
use anyhow::{Result, bail};
use gumbel::Noise;
use std::collections::HashSet;

/// Strings drawn to estimate how many are valid.
const DRAWN: usize = 2000;

impl<M: Model> BoundExperiment<M> {
    /// Evaluates reconstructions, baselines and drawn strings.
    pub(super) fn string_results(
        &self,
        written: &TextEncoding,
        held_out: &HeldOut,
        noise: &mut Noise,
    ) -> Result<TextResults> {
        let (model, length, symbols) = (self.model(), self.data.test.height, self.data.test.width);
        let (train, test) = (codes(&self.data.train), codes(&self.data.test));
        let counted = Baseline::new(&train, length, symbols);
        let rebuilt = model.reconstructed_codes(held_out.sample(held_out.count()), &mut noise.fork())?;
        let right = rebuilt.iter().zip(&test).filter(|(ours, theirs)| ours == theirs).count();
        let (latents, categories) = self.config.model.latents();
        let used: f64 = held_out.usage(&model).chunks(categories).map(perplexity).sum();
        let known = written.law == Some(Law::Sentences);
        let valid = |noise: &mut Noise| self.valid(written, length, noise);
        Ok(TextResults {
            length,
            reconstructed: right as f64 / test.len() as f64,
            perplexity: used / latents as f64,
            unigram_nats: counted.unigram_nats(&test, length),
            bigram_nats: counted.bigram_nats(&test, length),
            law_nats: known.then(sentences::nats),
            valid: known.then(|| valid(&mut noise.fork())).transpose()?,
        })
    }

    /// The share of drawn strings that are sentences.
    fn valid(&self, written: &TextEncoding, length: usize, noise: &mut Noise) -> Result<f64> {
        let known: HashSet<String> = sentences::all().collect();
        let drawn = self.model().generate(DRAWN, &|_| bail!("strings need no test images"), noise)?;
        let strings = drawn.chunks(length).map(|codes| written.alphabet.decode(codes));
        Ok(strings.filter(|string| known.contains(string)).count() as f64 / DRAWN as f64)
    }
}

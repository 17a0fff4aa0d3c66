//! `test` in `summary.json` of a model that is trained on a bound.

use crate::page::number::grouped;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// The properties that distinguish runs of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The gradient estimator, with its parameters.
    pub estimator: String,
}

/// Results on the test set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Negative ELBO in nats per image, one hard sample per image of the whole test set; for a model without a
    /// posterior, from its prior.
    pub hard_negative_elbo: f64,
    /// Its standard error over images.
    pub hard_negative_elbo_standard_error: f64,
    /// Images in the test set.
    pub images: usize,
    /// The importance-weighted bound.
    pub importance_bound: ImportanceBound,
    /// For a model that takes labels, where the test images have true ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// For a model of strings; `images` are strings then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextResults>,
}

/// The share of images whose likeliest class is the true one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// The share, from 0 to 1.
    pub share: f64,
    /// Over images.
    pub standard_error: f64,
    /// Test images it was taken over.
    pub images: usize,
}

impl Accuracy {
    /// With `right` of `images` correct.
    pub fn of(right: usize, images: usize) -> Self {
        let share = right as f64 / images as f64;
        Self { share, standard_error: (share * (1.0 - share) / images as f64).sqrt(), images }
    }

    /// The share and its standard error in per cent.
    pub fn per_cent(&self) -> [f64; 2] {
        [100.0 * self.share, 100.0 * self.standard_error]
    }
}

/// Results of a model of strings, with hard samples on the whole test set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextResults {
    /// Characters of a string, padding included.
    pub length: usize,
    /// Share of the characters that are the likeliest given one sample of the latents.
    pub reconstructed: f64,
    /// Effective number of categories per latent, the mean over latents.
    pub perplexity: f64,
    /// Cost of a test string by the shares of single symbols in the training text, in nats.
    pub unigram_nats: f64,
    /// Cost by the shares of pairs, and of the first symbol alone.
    pub bigram_nats: f64,
    /// Entropy of the distribution of the strings, where it is known: a lower limit of all bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub law_nats: Option<f64>,
    /// Share of strings drawn from the model that have probability under that distribution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<f64>,
}

impl Results {
    /// The word for an example: image, or string.
    pub fn example(&self) -> &'static str {
        if self.text.is_some() { "string" } else { "image" }
    }
}

impl TextResults {
    /// Nats of a string as bits of a character: `nats / (T ln 2)`.
    pub fn bits(&self, nats: f64) -> f64 {
        nats / (self.length as f64 * std::f64::consts::LN_2)
    }

    /// Names and costs of a test string in nats and in bits per character: by the model, and by counting.
    pub fn table(&self, test: &Results) -> Vec<(String, f64, f64)> {
        let bound = &test.importance_bound;
        let rows = [
            ("hard negative ELBO".to_string(), test.hard_negative_elbo),
            (format!("importance-weighted bound, m = {}", grouped(bound.samples as f64)), bound.nats),
            ("pairs of symbols, counted (add one)".into(), self.bigram_nats),
            ("single symbols, counted (add one)".into(), self.unigram_nats),
        ];
        let law = self.law_nats.map(|nats| ("entropy of the true distribution".to_string(), nats));
        rows.into_iter().chain(law).map(|(name, nats)| (name, nats, self.bits(nats))).collect()
    }

    /// The other results in sentences.
    pub fn notes(&self) -> String {
        let valid = self.valid.map_or(String::new(), |share| {
            format!(" {:.1} % of the strings drawn from the model are valid sentences.", 100.0 * share)
        });
        format!(
            "One sample of the latents reconstructs {:.1} % of the characters; a latent uses {:.1} categories in \
             effect.{valid}",
            100.0 * self.reconstructed,
            self.perplexity
        )
    }
}

/// An importance-weighted bound on −ln p(x).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportanceBound {
    /// Hard samples per image, m.
    pub samples: usize,
    /// In nats per image.
    pub nats: f64,
    /// Over images.
    pub standard_error: f64,
    /// Test images it was taken over.
    pub images: usize,
}

impl Results {
    /// Rejects numbers that JSON cannot hold and nobody can use.
    ///
    /// # Errors
    /// The first that is not finite, with the remedy.
    pub fn check(&self) -> Result<()> {
        let bound = &self.importance_bound;
        let numbers = [
            ("hard objective", self.hard_negative_elbo),
            ("hard objective's standard error", self.hard_negative_elbo_standard_error),
            ("bound", bound.nats),
            ("bound's standard error", bound.standard_error),
        ];
        for (name, number) in numbers {
            ensure!(
                number.is_finite(),
                "the {name} of the test set is {number}: the model has diverged; start a new run with a lower --lr"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
impl Results {
    /// Results on 10,000 images, with standard errors of a half.
    pub(super) fn of_images(hard_negative_elbo: f64, nats: f64) -> Self {
        Self {
            hard_negative_elbo,
            hard_negative_elbo_standard_error: 0.5,
            images: 10_000,
            importance_bound: ImportanceBound { samples: 1000, nats, standard_error: 0.5, images: 10_000 },
            accuracy: None,
            text: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_are_not_finite_are_rejected_with_the_remedy() {
        assert!(Results::of_images(80.5, 80.0).check().is_ok());
        let message = Results::of_images(80.5, f64::INFINITY).check().unwrap_err().to_string();
        assert!(message.contains("bound of the test set is inf"), "{message}");
        assert!(message.contains("lower --lr"), "{message}");
    }
}

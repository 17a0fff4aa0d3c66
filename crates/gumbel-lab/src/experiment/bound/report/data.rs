//! The plain data that the page of a training run shows.

use super::headline::Headline;
use super::strings::Strings;
use crate::experiment::bound::Metrics;
use crate::page::{Images, Usage};
use gumbel::estimator::SampleKind;

/// Everything on the page. A section whose data are `None` or empty is left out, or says so in a sentence.
#[derive(Clone, Debug)]
pub struct Report {
    /// Heading of the page, such as "Categorical VAE on digits".
    pub title: String,
    /// One or two sentences below the heading; may be empty.
    pub summary: String,
    /// The exact command line that reproduces the run.
    pub command: String,
    /// The word for an example of the data: image, string.
    pub example: &'static str,
    /// Name of the gradient estimator, such as "gumbel-softmax" or "reinforce".
    pub estimator: String,
    /// Samples that the decoder was trained on.
    pub training_samples: SampleKind,
    /// Whether the training objective bounds −log p(x) of the model it trains. False for relaxed samples with
    /// the KL of the categorical posterior, and for any objective whose KL is weighted.
    pub training_is_bound: bool,
    /// Number of samples m of an importance-weighted training objective.
    pub training_bound: Option<usize>,
    /// The KL term in words, such as "KL of the categorical posterior from the uniform prior", if there is one.
    pub kl: Option<String>,
    /// The numbers on the test set, most important first.
    pub headline: Vec<Headline>,
    /// Records of training, in order of steps.
    pub metrics: Vec<Metrics>,
    /// Test images and their reconstructions.
    pub reconstructions: Option<Reconstructions>,
    /// Test images and their completions.
    pub completions: Option<Completions>,
    /// Images decoded from every class.
    pub classes: Option<Classes>,
    /// Images decoded from samples of the prior.
    pub samples: Option<Images>,
    /// Costs and strings of a model of strings.
    pub strings: Option<Strings>,
    /// Use of the categories on the test set.
    pub usage: Option<Usage>,
    /// Settings of the run, in the order to show them.
    pub configuration: Vec<(String, String)>,
    /// Other facts: parameters, seconds, memory, data source, version.
    pub facts: Vec<(String, String)>,
}

impl Report {
    /// Whether any record has a temperature.
    pub(super) fn tempered(&self) -> bool {
        self.metrics.iter().any(|point| point.tau.is_some())
    }

    /// The word for an example with its article.
    pub(super) fn an_example(&self) -> &'static str {
        if self.example == "image" { "an image" } else { "a string" }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self {
            title: String::new(),
            summary: String::new(),
            command: String::new(),
            example: "image",
            estimator: String::new(),
            training_samples: SampleKind::Relaxed,
            training_is_bound: false,
            training_bound: None,
            kl: None,
            headline: Vec::new(),
            metrics: Vec::new(),
            reconstructions: None,
            completions: None,
            classes: None,
            samples: None,
            strings: None,
            usage: None,
            configuration: Vec::new(),
            facts: Vec::new(),
        }
    }
}

/// Test images and, in the same order, the means decoded from a hard sample of their posterior.
#[derive(Clone, Debug)]
pub struct Reconstructions {
    /// The test images.
    pub originals: Images,
    /// Their reconstructions.
    pub means: Images,
}

/// Test images and, in the same order, completions of their upper halves.
#[derive(Clone, Debug)]
pub struct Completions {
    /// The test images.
    pub originals: Images,
    /// The images with their lower halves replaced by means decoded from hard samples, one set for each draw.
    pub drawn: Vec<Images>,
}

/// Images of every class in several styles, a style a row.
#[derive(Clone, Debug)]
pub struct Classes {
    /// The images; their number is a multiple of the classes.
    pub images: Images,
    /// Number of classes.
    pub classes: usize,
}

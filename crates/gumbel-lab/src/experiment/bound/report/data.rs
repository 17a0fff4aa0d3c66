//! The plain data that the page of a training run shows.

use super::strings::Strings;
use crate::experiment::bound::{Metrics, Results};
use crate::model::Quantity;
use crate::page::{Images, Usage};
use crate::run::Course;

/// Everything on the page. A section whose data are `None` or empty is left out, or says so in a sentence.
#[derive(Clone, Debug, Default)]
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
    /// Whether the decoder was trained on relaxed samples.
    pub relaxed: bool,
    /// Whether the training objective bounds −log p(x) of the model it trains. False for relaxed samples with
    /// the KL of the categorical posterior, and for any objective whose KL is weighted.
    pub training_is_bound: bool,
    /// Number of samples m of an importance-weighted training objective.
    pub training_bound: Option<usize>,
    /// The KL term in words, such as "KL of the categorical posterior from the uniform prior", if there is one.
    pub kl: Option<String>,
    /// Results on the test set, with what the objective bounds.
    pub results: Option<(Quantity, Results)>,
    /// Training over the steps.
    pub course: Course<Metrics>,
    /// Images that show the model.
    pub sheets: Vec<Sheet>,
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
        !self.course.series("", "tau").is_empty()
    }

    /// The word for an example with its article.
    pub(super) fn an_example(&self) -> &'static str {
        if self.example == "image" { "an image" } else { "a string" }
    }
}

/// A sheet of images.
#[derive(Clone, Debug)]
pub enum Sheet {
    /// Test images and, in the same order, the means decoded from a hard sample of their posterior.
    Reconstructions([Images; 2]),
    /// Test images and, in the same order, their completions, one set for each draw.
    Completions(Vec<Images>),
    /// Images of this number of classes in turn, a style a row.
    Classes(Images, usize),
    /// Images decoded from samples of the prior.
    Samples(Images),
}

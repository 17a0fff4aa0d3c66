//! The plain data a report is made from.

use super::{Error, Strings};
use crate::run::Test;

/// Everything the page shows. Empty vectors and `None` leave their section out or say so in a sentence.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Heading of the page, such as "Categorical VAE on digits".
    pub title: String,
    /// One or two sentences under the heading; may be empty.
    pub summary: String,
    /// The exact command line that reproduces the run.
    pub command: String,
    /// Name of the gradient estimator, such as "gumbel-softmax" or "reinforce".
    pub estimator: String,
    /// What the decoder saw while training.
    pub training_samples: SampleKind,
    /// Whether the training objective bounds −log p(x) of the model it trains. False for relaxed samples with
    /// the KL of the categorical posterior, and for any objective whose KL is weighted.
    pub training_is_bound: bool,
    /// The samples m of an importance-weighted training objective.
    pub training_bound: Option<usize>,
    /// The KL term in words, such as "KL of the categorical posterior from the uniform prior", if there is one.
    pub kl: Option<String>,
    /// The numbers on the test set, most important first.
    pub headline: Vec<Headline>,
    /// The course of training in order of steps.
    pub metrics: Vec<Point>,
    /// Test images beside what the model makes of them.
    pub reconstructions: Option<Reconstructions>,
    /// Test images beside their completions.
    pub completions: Option<Completions>,
    /// Images decoded from every class.
    pub classes: Option<Classes>,
    /// Images decoded from samples of the prior.
    pub samples: Option<Images>,
    /// Of a model of strings, what it costs and writes.
    pub strings: Option<Strings>,
    /// How much each category of each latent is used on the test set.
    pub usage: Option<Usage>,
    /// Settings of the run, in the order to show them.
    pub configuration: Vec<(String, String)>,
    /// What was measured besides the objective: parameters, seconds, memory, seed, data source, licence.
    pub facts: Vec<(String, String)>,
}

impl Report {
    /// What one of the examples is.
    pub(super) fn example(&self) -> &'static str {
        if self.strings.is_some() { "string" } else { "image" }
    }

    /// The same with its article.
    pub(super) fn an_example(&self) -> &'static str {
        if self.strings.is_some() { "a string" } else { "an image" }
    }
}

/// What the decoder sees while training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SampleKind {
    /// Points inside the simplex (Gumbel-Softmax, Concrete).
    #[default]
    Relaxed,
    /// One-hot vectors (straight-through, REINFORCE and its relatives).
    Hard,
}

/// One number of the test set and what it means.
#[derive(Clone, Debug)]
pub struct Headline {
    /// Name of the number.
    pub label: String,
    /// The number; shown with two decimals, or as "not finite".
    pub value: f64,
    /// Standard error of the number over images, if known.
    pub standard_error: Option<f64>,
    /// Unit, such as "nats per image".
    pub unit: String,
    /// One sentence: which bound, hard or relaxed, which way is better.
    pub meaning: String,
}

/// One record of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Parameter updates made before this record.
    pub step: u64,
    /// Training objective, nats per image.
    pub loss: f64,
    /// Its reconstruction part.
    pub reconstruction: f64,
    /// Its KL part.
    pub kl: f64,
    /// Negative ELBO of held-out images with hard samples, at the steps where it was evaluated.
    pub hard: Option<f64>,
    /// Total variance of the estimator's gradient, at the steps where it was measured.
    pub variance: Option<f64>,
    /// Temperature, for estimators that have one.
    pub tau: Option<f64>,
    /// Seconds since training began.
    pub seconds: f64,
}

/// Grey images of one size, one byte a pixel, 0 for paper and 255 for full ink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// Pixels in the order image, row, column.
    pub pixels: Vec<u8>,
    /// Rows of one image.
    pub height: usize,
    /// Columns of one image.
    pub width: usize,
}

/// Test images and the means decoded from a hard sample of their posterior, in the same order.
#[derive(Clone, Debug)]
pub struct Reconstructions {
    /// The test images.
    pub originals: Images,
    /// What the model makes of them.
    pub means: Images,
}

/// Test images and what the model makes of their lower halves, in the same order.
#[derive(Clone, Debug)]
pub struct Completions {
    /// The test images.
    pub originals: Images,
    /// The same with the means decoded from hard samples, one set for each draw.
    pub drawn: Vec<Images>,
}

/// Images of each class in turn, those of a row in one style.
#[derive(Clone, Debug)]
pub struct Classes {
    /// A multiple of the classes.
    pub images: Images,
    /// How many there are.
    pub classes: usize,
}

/// Mean posterior probability of each category of each latent over the test set.
///
/// A Bernoulli latent has two categories here, so that every row sums to one.
#[derive(Clone, Debug)]
pub struct Usage {
    /// Number of latents D.
    pub latents: usize,
    /// Number of categories K of each latent.
    pub categories: usize,
    /// D x K probabilities, latent by latent.
    pub probabilities: Vec<f64>,
}

impl Headline {
    /// Negative ELBO of hard samples, one sample an image.
    pub fn hard_elbo(test: &Test) -> Self {
        let meaning = format!(
            "An upper bound on −log p(x) of the model with truly discrete latents, estimated with one one-hot sample \
             per {}. Lower is better.",
            test.example()
        );
        Self::one_sample("Hard negative ELBO", &meaning, test)
    }

    /// Importance-weighted bound of several hard samples an image.
    pub fn importance_bound(test: &Test) -> Self {
        let meaning = format!(
            "The importance-weighted bound on −log p(x) with {} one-hot samples per {}: never looser than the \
             ELBO on average, and tighter as m grows. Lower is better.",
            count(test),
            test.example()
        );
        Self::bound("Importance-weighted bound", &meaning, test)
    }

    /// Negative ELBO with the sum over classes, one style for each.
    pub fn summed_elbo(test: &Test) -> Self {
        let meaning = "An upper bound on −log p(x) of images without their labels: the sum over all classes by their \
                       posterior probability, with one style for each image. Lower is better.";
        Self::one_sample("Negative ELBO, classes summed", meaning, test)
    }

    /// The share of images whose likeliest class is the true one, if it is known.
    pub fn accuracy(test: &Test) -> Option<Self> {
        let accuracy = test.accuracy?;
        let [share, error] = accuracy.per_cent();
        let meaning = "How often the likeliest class under q(y|x) is the true one. Higher is better.";
        let number = Self::new("Accuracy", share, meaning, (accuracy.images, "image"));
        Some(Self { standard_error: Some(error), unit: "% of test images".into(), ..number })
    }

    /// `−log p(y|z)` of lower halves, one sample an image.
    pub fn conditional(test: &Test) -> Self {
        let meaning = "−log p(lower half | z) at one one-hot sample of all latents, given the upper half: in the mean \
                       an upper bound on −log p(lower half | upper half). Lower is better.";
        Self::one_sample("Hard objective of the lower half", meaning, test)
    }

    /// The log-mean-exp bound of lower halves.
    pub fn conditional_bound(test: &Test) -> Self {
        let meaning = format!(
            "−log of the mean of p(lower half | z) over {} one-hot samples per image, given the upper half: in the \
             mean an upper bound on −log p(lower half | upper half), tighter as m grows. Lower is better.",
            count(test)
        );
        Self::bound("Bound on −log p(lower | upper)", &meaning, test)
    }

    fn one_sample(label: &str, meaning: &str, test: &Test) -> Self {
        let error = Some(test.hard_negative_elbo_standard_error);
        let all = (test.images, test.example());
        Self { standard_error: error, ..Self::new(label, test.hard_negative_elbo, meaning, all) }
    }

    fn bound(label: &str, meaning: &str, test: &Test) -> Self {
        let (bound, label) = (&test.importance_bound, format!("{label}, {}", count(test)));
        let error = Some(bound.standard_error);
        let all = (bound.images, test.example());
        Self { standard_error: error, ..Self::new(&label, bound.nats, meaning, all) }
    }

    fn new(label: &str, value: f64, meaning: &str, (count, of): (usize, &str)) -> Self {
        let count = super::figure::axis::grouped(count as f64);
        let (meaning, unit) = (format!("{meaning} Mean over {count} test {of}s."), format!("nats per {of}"));
        Self { label: label.into(), value, standard_error: None, unit, meaning }
    }
}

/// `m = 1000`, on one line.
fn count(test: &Test) -> String {
    format!("m\u{a0}=\u{a0}{}", test.importance_bound.samples)
}

impl Images {
    /// Number of images; zero where an image has no pixels.
    pub fn count(&self) -> usize {
        self.pixels.len().checked_div(self.height * self.width).unwrap_or(0)
    }
}

impl Reconstructions {
    /// One sheet in which a row of originals and the row of their reconstructions alternate.
    ///
    /// # Errors
    /// [`Error::Pairs`] where the two differ in number or size.
    pub fn interleaved(&self, columns: usize) -> Result<Images, Error> {
        interleaved(&[&self.originals, &self.means], columns)
    }
}

impl Completions {
    /// One sheet in which a row of originals and the rows of their completions alternate.
    ///
    /// # Errors
    /// [`Error::Pairs`] where two differ in number or size.
    pub fn interleaved(&self, columns: usize) -> Result<Images, Error> {
        let all: Vec<&Images> = [&self.originals].into_iter().chain(&self.drawn).collect();
        interleaved(&all, columns)
    }
}

/// A row of each in turn.
fn interleaved(all: &[&Images], columns: usize) -> Result<Images, Error> {
    let first = all[0];
    let size = |images: &Images| (images.height, images.width, images.pixels.len());
    if let Some(other) = all.iter().find(|images| size(images) != size(first)) {
        return Err(Error::Pairs { originals: first.count(), means: other.count() });
    }
    let row = columns.saturating_mul(first.height * first.width).max(1);
    // A last row that is not full would put one kind beside another: leave it out, unless it is the only one.
    let rows =
        (0..first.pixels.len().div_ceil(row)).filter(|&n| n == 0 || (n + 1) * row <= first.pixels.len());
    let part =
        |n: usize, images: &Images| images.pixels[n * row..].iter().take(row).copied().collect::<Vec<_>>();
    let pixels = rows.flat_map(|n| all.iter().flat_map(move |images| part(n, images))).collect();
    Ok(Images { pixels, ..*first })
}

impl Usage {
    /// The latents, each as the probabilities of its categories.
    ///
    /// # Errors
    /// [`Error::Usage`] where the table does not have D x K entries.
    pub fn rows(&self) -> Result<Vec<&[f64]>, Error> {
        let (latents, categories, len) = (self.latents, self.categories, self.probabilities.len());
        if latents.checked_mul(categories) != Some(len) {
            return Err(Error::Usage { len, latents, categories });
        }
        Ok(self.probabilities.chunks(categories.max(1)).collect())
    }

    /// Number of categories whose mean probability is below a tenth of an even share, 1 / (10 K).
    pub fn dead(&self) -> usize {
        let floor = 0.1 / self.categories as f64;
        self.probabilities.iter().filter(|p| **p < floor).count()
    }
}

/// Effective number of categories in use.
///
/// ```text
/// perplexity = exp(−Σₖ pₖ log pₖ)
/// ```
///
/// 1 where one category takes all, K where all are used alike.
pub fn perplexity(probabilities: &[f64]) -> f64 {
    let entropy: f64 = probabilities.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
    entropy.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_counts_categories_in_use() {
        assert_eq!(perplexity(&[1.0, 0.0, 0.0]), 1.0);
        assert!((perplexity(&[0.25; 4]) - 4.0).abs() < 1e-12);
        assert!((perplexity(&[0.5, 0.5, 0.0, 0.0]) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_category_below_a_tenth_of_its_share_is_dead() {
        let usage = Usage { latents: 1, categories: 4, probabilities: vec![0.9, 0.05, 0.03, 0.02] };
        assert_eq!(usage.dead(), 1);
        assert!(Usage { categories: 3, ..usage }.rows().is_err());
    }

    #[test]
    fn rows_of_originals_and_reconstructions_alternate() {
        let images = |pixels: &[u8]| Images { pixels: pixels.to_vec(), height: 1, width: 1 };
        let pairs =
            Reconstructions { originals: images(&[1, 2, 3, 4, 5]), means: images(&[11, 12, 13, 14, 15]) };
        assert_eq!(pairs.interleaved(2).unwrap().pixels, [1, 2, 11, 12, 3, 4, 13, 14]);
        let odd = Reconstructions { originals: images(&[1, 2]), means: images(&[1]) };
        assert_eq!(
            odd.interleaved(2).unwrap_err().to_string(),
            "2 originals cannot be paired with 1 reconstructions of the same size"
        );
    }
}

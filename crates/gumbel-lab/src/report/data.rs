//! The plain data a report is made from.

use super::Error;

/// Everything the page shows. Empty vectors and `None` leave their section out or say so in a sentence.
#[derive(Clone, Debug)]
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
    /// The KL term in words, such as "KL of the categorical posterior from the uniform prior".
    pub kl: String,
    /// The numbers on the test set, most important first.
    pub headline: Vec<Headline>,
    /// The course of training in order of steps.
    pub metrics: Vec<Point>,
    /// Test images beside what the model makes of them.
    pub reconstructions: Option<Reconstructions>,
    /// Images decoded from samples of the prior.
    pub samples: Option<Images>,
    /// How much each category of each latent is used on the test set.
    pub usage: Option<Usage>,
    /// Settings of the run, in the order to show them.
    pub configuration: Vec<(String, String)>,
    /// What was measured besides the objective: parameters, seconds, memory, seed, data source, licence.
    pub facts: Vec<(String, String)>,
}

/// What the decoder sees while training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// Points inside the simplex (Gumbel-Softmax, Concrete).
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
    pub fn hard_elbo(value: f64, images: usize) -> Self {
        let meaning = "An upper bound on −log p(x) of the model with truly discrete latents, estimated with one \
                       one-hot sample per image. Lower is better.";
        Self::new("Hard negative ELBO", value, meaning, images)
    }

    /// Importance-weighted bound of `samples` hard samples an image.
    pub fn importance_bound(value: f64, samples: usize, images: usize) -> Self {
        let meaning = format!(
            "The importance-weighted bound on −log p(x) with m\u{a0}=\u{a0}{samples} one-hot samples per image: never \
             looser than the ELBO on average, and tighter as m grows. Lower is better."
        );
        Self::new(&format!("Importance-weighted bound, m\u{a0}=\u{a0}{samples}"), value, &meaning, images)
    }

    fn new(label: &str, value: f64, meaning: &str, images: usize) -> Self {
        let meaning =
            format!("{meaning} Mean over {} test images.", super::figure::axis::grouped(images as f64));
        Self { label: label.into(), value, standard_error: None, unit: "nats per image".into(), meaning }
    }
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
        let (originals, means) = (&self.originals, &self.means);
        if (originals.height, originals.width) != (means.height, means.width)
            || originals.pixels.len() != means.pixels.len()
        {
            return Err(Error::Pairs { originals: originals.count(), means: means.count() });
        }
        let row = columns.saturating_mul(originals.height * originals.width).max(1);
        // A last row that is not full would put reconstructions beside originals: leave it out,
        // unless it is the only one.
        let rows = originals.pixels.chunks(row).zip(means.pixels.chunks(row));
        let pixels = rows
            .enumerate()
            .filter(|(i, (r, _))| *i == 0 || r.len() == row)
            .flat_map(|(_, (original, mean))| [original, mean].concat())
            .collect();
        Ok(Images { pixels, ..*originals })
    }
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

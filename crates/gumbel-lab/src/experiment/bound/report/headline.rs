//! The numbers at the top of the page of a training run.

use crate::experiment::bound::Results;
use crate::page::number::grouped;

/// One number on the test set and its meaning.
#[derive(Clone, Debug)]
pub struct Headline {
    /// Name of the number.
    pub label: String,
    /// The number; shown with two decimals, or as "not finite".
    pub value: f64,
    /// Standard error over images, if known.
    pub standard_error: Option<f64>,
    /// Unit, such as "nats per image".
    pub unit: String,
    /// One or two sentences: which bound, hard or relaxed, whether lower is better.
    pub meaning: String,
}

impl Headline {
    /// Negative ELBO with one hard sample per image.
    pub fn hard_elbo(results: &Results) -> Self {
        let meaning = format!(
            "An upper bound on −log p(x) of the model with truly discrete latents, estimated with one one-hot sample \
             per {}. Lower is better.",
            results.example()
        );
        Self::one_sample("Hard negative ELBO", &meaning, results)
    }

    /// Importance-weighted bound with several hard samples per image.
    pub fn importance_bound(results: &Results) -> Self {
        let meaning = format!(
            "The importance-weighted bound on −log p(x) with {} one-hot samples per {}: never looser than the \
             ELBO on average, and tighter as m grows. Lower is better.",
            count(results),
            results.example()
        );
        Self::bound("Importance-weighted bound", &meaning, results)
    }

    /// Negative ELBO that sums over the classes, with one style per image.
    pub fn summed_elbo(results: &Results) -> Self {
        let meaning = "An upper bound on −log p(x) of images without their labels: summed over the classes, weighted \
                       by their posterior probability, with one style per image. Lower is better.";
        Self::one_sample("Negative ELBO, classes summed", meaning, results)
    }

    /// Accuracy of the most probable class, if the labels are known.
    pub fn accuracy(results: &Results) -> Option<Self> {
        let accuracy = results.accuracy?;
        let [share, error] = accuracy.per_cent();
        let meaning =
            "Share of images whose most probable class under q(y|x) is the true one. Higher is better.";
        let number = Self::new("Accuracy", share, meaning, (accuracy.images, "image"));
        Some(Self { standard_error: Some(error), unit: "% of test images".into(), ..number })
    }

    /// `−log p(y|z)` of lower halves, with one sample per image.
    pub fn conditional(results: &Results) -> Self {
        let meaning = "−log p(lower half | z) at one one-hot sample of all latents, given the upper half: on average \
                       an upper bound on −log p(lower half | upper half). Lower is better.";
        Self::one_sample("Hard objective of the lower half", meaning, results)
    }

    /// The log-mean-exp bound of lower halves.
    pub fn conditional_bound(results: &Results) -> Self {
        let meaning = format!(
            "−log of the mean of p(lower half | z) over {} one-hot samples per image, given the upper half: on \
             average an upper bound on −log p(lower half | upper half), tighter as m grows. Lower is better.",
            count(results)
        );
        Self::bound("Bound on −log p(lower | upper)", &meaning, results)
    }

    fn one_sample(label: &str, meaning: &str, results: &Results) -> Self {
        let error = Some(results.hard_negative_elbo_standard_error);
        let all = (results.images, results.example());
        Self { standard_error: error, ..Self::new(label, results.hard_negative_elbo, meaning, all) }
    }

    fn bound(label: &str, meaning: &str, results: &Results) -> Self {
        let (bound, label) = (&results.importance_bound, format!("{label}, {}", count(results)));
        let error = Some(bound.standard_error);
        let all = (bound.images, results.example());
        Self { standard_error: error, ..Self::new(&label, bound.nats, meaning, all) }
    }

    fn new(label: &str, value: f64, meaning: &str, (count, of): (usize, &str)) -> Self {
        let count = grouped(count as f64);
        let (meaning, unit) = (format!("{meaning} Mean over {count} test {of}s."), format!("nats per {of}"));
        Self { label: label.into(), value, standard_error: None, unit, meaning }
    }
}

/// `m = 1000`, on one line.
fn count(results: &Results) -> String {
    format!("m\u{a0}=\u{a0}{}", results.importance_bound.samples)
}

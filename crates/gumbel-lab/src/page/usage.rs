//! Use of the categories of latent variables.

use super::Error;

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
/// 1 where one category has all the probability, K where all have the same.
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
}

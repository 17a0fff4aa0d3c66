//! What fits in memory, asked before anything is made.

use super::VaeConfig;
use anyhow::{Result, ensure};

/// The most numbers a model may train: 4 GB with their gradients and Adam's two moments.
const PARAMETERS: u64 = 250_000_000;
/// The most numbers in one tensor of a training step: 1 GB, of which a step holds several.
const NUMBERS: u64 = 250_000_000;

impl VaeConfig {
    /// Refuses what would not fit in memory, for images of `pixels` pixels.
    ///
    /// # Errors
    /// The number that is too large, with the remedy.
    pub fn check_sizes(&self, pixels: usize) -> Result<()> {
        let parameters = self.shape(pixels).parameters();
        ensure!(
            parameters <= PARAMETERS,
            "the model would have {} parameters, of at most {PARAMETERS}; lower --latents, --categories or --hidden",
            number(parameters)
        );
        self.check_step(pixels)
    }

    fn check_step(&self, pixels: usize) -> Result<()> {
        let widest = self.shape(pixels).widest();
        let samples = self.samples_per_image()?;
        let numbers = samples.saturating_mul(self.batch as u64).saturating_mul(widest);
        let remedy = if self.info()?.name == "exact" {
            "lower --batch, --latents or --categories, or use --estimator reinforce"
        } else {
            "lower --samples or --batch"
        };
        ensure!(
            numbers <= NUMBERS,
            "{} samples of each of {} images, {widest} numbers wide, make {} numbers in a tensor, of at most {NUMBERS}; {remedy}",
            number(samples),
            self.batch,
            number(numbers)
        );
        Ok(())
    }

    /// Evaluations of the objective for an image.
    fn samples_per_image(&self) -> Result<u64> {
        Ok(self.choice()?.evaluations(self.latents as u64, self.categories as u64).unwrap_or(u64::MAX))
    }
}

/// A count that may have been too large to count.
fn number(count: u64) -> String {
    if count == u64::MAX { "more than 10^19".into() } else { count.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_its_number() {
        let small = VaeConfig::defaults();
        assert!(small.check_sizes(784).is_ok());
        let exact = VaeConfig { estimator: "exact".into(), latents: 2, ..small.clone() };
        assert!(exact.check_sizes(784).is_ok());
        let cases = [
            (VaeConfig { latents: usize::MAX, ..small.clone() }, "more than 10^19 parameters"),
            (
                VaeConfig { latents: 1_000_000, ..small.clone() },
                "parameters, of at most 250000000; lower --latents",
            ),
            (VaeConfig { samples: Some(10_000), ..small.clone() }, "784000000 numbers in a tensor"),
            (VaeConfig { latents: 4, ..exact.clone() }, "10000 samples of each of 100 images"),
            (VaeConfig { latents: 20, ..exact }, "use --estimator reinforce"),
        ];
        for (config, part) in cases {
            let message = config.check_sizes(784).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}

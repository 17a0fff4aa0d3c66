//! Limits of memory, checked before anything is allocated.

use super::Config;
use crate::data::ImageSize;
use crate::model::{ModelConfig, Size};
use anyhow::{Result, ensure};

/// The most trainable parameters: 4 GB with their gradients and Adam's two moments.
const PARAMETERS: u64 = 250_000_000;
/// The most numbers in one tensor of a training step: 1 GB, of which a step holds several.
const NUMBERS: u64 = 250_000_000;

impl<C: ModelConfig> Config<C> {
    /// Rejects a model or a batch that does not fit in memory, for images of this size.
    ///
    /// # Errors
    /// The number that is too large, with the remedy.
    pub fn check_sizes(&self, size: ImageSize) -> Result<()> {
        let Size { parameters, widest } = self.model.size(size)?;
        ensure!(
            parameters <= PARAMETERS,
            "the model would have {} parameters; the limit is {PARAMETERS}; lower {}",
            number(parameters),
            C::WIDTHS
        );
        self.check_step(widest)
    }

    fn check_step(&self, widest: u64) -> Result<()> {
        let samples = self.samples_per_image()?;
        let numbers = samples.saturating_mul(self.batch as u64).saturating_mul(widest);
        let remedy = match (self.info()?.properties.enumerates, self.model.bound()) {
            (true, _) => "lower --batch, --latents or --categories, or use --estimator reinforce",
            (_, Some(_)) => "lower --train-samples or --batch",
            (_, None) => "lower --samples or --batch",
        };
        ensure!(
            numbers <= NUMBERS,
            "{} samples of each of {} {}s, {widest} numbers wide, make {} numbers in a tensor; the limit is {NUMBERS}; {remedy}",
            number(samples),
            self.batch,
            C::EXAMPLE,
            number(numbers)
        );
        Ok(())
    }

    /// Evaluations of the objective for an image.
    fn samples_per_image(&self) -> Result<u64> {
        let (latents, categories) = self.model.latents();
        let evaluations = self.choice()?.evaluations(latents as u64, categories as u64).unwrap_or(u64::MAX);
        Ok(evaluations.max(self.model.bound().unwrap_or(0) as u64))
    }
}

/// A count that may have been too large to count.
fn number(count: u64) -> String {
    if count == u64::MAX { "more than 10^19".into() } else { count.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VaeConfig;

    type Options = Config<VaeConfig>;

    const SIZE: ImageSize = ImageSize { height: 28, width: 28 };

    fn with_latents(config: &Options, latents: usize) -> Options {
        Options { model: VaeConfig { latents, ..config.model.clone() }, ..config.clone() }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_number() {
        let small = Options::default();
        assert!(small.check_sizes(SIZE).is_ok());
        let exact = Options { estimator: "exact".into(), ..small.clone() };
        assert!(with_latents(&exact, 2).check_sizes(SIZE).is_ok());
        let cases = [
            (with_latents(&small, usize::MAX), "more than 10^19 parameters"),
            (with_latents(&small, 1_000_000), "parameters; the limit is 250000000; lower --latents"),
            (Options { samples: Some(10_000), ..small.clone() }, "784000000 numbers in a tensor"),
            (
                Options {
                    model: VaeConfig { layers: 2, train_samples: Some(10_000), ..small.model.clone() },
                    ..small.clone()
                },
                "784000000 numbers in a tensor; the limit is 250000000; lower --train-samples",
            ),
            (with_latents(&exact, 4), "10000 samples of each of 100 images"),
            (with_latents(&exact, 20), "use --estimator reinforce"),
        ];
        for (config, part) in cases {
            let message = config.check_sizes(SIZE).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}

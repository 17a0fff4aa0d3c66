//! The options of a run of a vector-quantised autoencoder.

use crate::data::{Binarization, ImageSize, registry};
use crate::model::{QuantizerName, VqvaeConfig};
use crate::run::{Common, RunConfig};
use crate::support::options::count;
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::Schedule;
use serde::{Deserialize, Serialize};

/// The options of a training run.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Config {
    /// The options of every run.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: Common,
    /// Binarization of grey pixels: fixed (drawn once), dynamic (redrawn every epoch), threshold
    #[arg(long, default_value_t = Binarization::Dynamic, value_name = "METHOD", help_heading = "Data")]
    pub binarize: Binarization,

    /// The hyperparameters of the model.
    #[command(flatten)]
    #[serde(flatten)]
    pub model: VqvaeConfig,
    /// Temperature of the samples of --quantizer gumbel: VALUE, exp:START:RATE:FLOOR:EVERY, linear:START:END:STEPS or
    /// cosine:START:END:STEPS [default: linear from 2 to 0.5 over the first four fifths of --steps]
    #[arg(long, value_name = "SCHEDULE", help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tau: Option<Schedule>,

    /// Number of images per step, at least 1
    #[arg(long, default_value_t = 100, value_parser = count::<usize>, value_name = "N", help_heading = "Training")]
    pub batch: usize,
    /// Learning rate of Adam: VALUE, or a schedule as for --tau, such as cosine:START:END:STEPS
    #[arg(long, default_value_t = Schedule::Constant(1e-3), value_name = "SCHEDULE", help_heading = "Training")]
    pub lr: Schedule,
}

/// The most numbers in one tensor of a training step.
const NUMBERS: u64 = 250_000_000;

impl Config {
    /// The temperature of the samples, for the quantiser that draws any.
    pub fn temperature(&self) -> Option<Schedule> {
        let steps = (self.common.steps * 4 / 5).max(1);
        let falling = Schedule::Linear { start: 2.0, end: 0.5, steps };
        (self.model.quantizer == QuantizerName::Gumbel).then(|| self.tau.unwrap_or(falling))
    }

    /// Rejects a model or a batch that does not fit in memory, for images of this size.
    ///
    /// # Errors
    /// The number that is too large, with the remedy.
    pub fn check_sizes(&self, size: ImageSize) -> Result<()> {
        let widest = self.model.widest(size.pixels()) as u64;
        let rows = (self.batch as u64).saturating_mul(self.model.latents as u64);
        let numbers = widest.saturating_mul(rows.max(widest));
        ensure!(
            numbers <= NUMBERS,
            "{} vectors of each of {} images through layers of {widest} do not fit; lower --batch, --latents, --bits or \
             --hidden",
            self.model.latents,
            self.batch
        );
        Ok(())
    }
}

impl RunConfig for Config {
    const NAME: &'static str = "vqvae";

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn knows(data: &str) -> bool {
        registry::find(data).is_ok()
    }

    fn check_parts(text: &str) -> Result<(), toml::de::Error> {
        toml::from_str::<Common>(text)?;
        toml::from_str::<VqvaeConfig>(text).map(drop)
    }

    fn check(&self) -> Result<()> {
        self.common.check()?;
        self.model.check()?;
        ensure!(self.batch >= 1, "--batch must be at least 1, got 0");
        let shards = self.common.shards;
        ensure!(
            shards == 1,
            "--shards must be 1 with train vqvae, got {shards}: a codebook learns from the full batch"
        );
        let (quantizer, tau) = (self.model.quantizer.name(), self.tau);
        ensure!(
            tau.is_none() || self.model.quantizer == QuantizerName::Gumbel,
            "--tau needs --quantizer gumbel: {quantizer} has no temperature"
        );
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::defaults()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::parsed;

    fn read(arguments: &[&str], file: Option<&str>) -> Result<Config> {
        parsed(arguments, file)
    }

    #[test]
    fn the_record_gives_the_same_run() {
        let config = read(&["--steps", "7"], Some("steps = 9\nquantizer = \"fsq\"\nhidden = [8]")).unwrap();
        assert_eq!((config.common.steps, config.model.quantizer), (7, QuantizerName::Fsq));
        assert_eq!(read(&[], Some(&toml::to_string(&config).unwrap())).unwrap(), config);
        assert_eq!(config.command(), "gumbel train vqvae --hidden 8 --quantizer fsq --steps 7");
        assert_eq!(Config::defaults().command(), "gumbel train vqvae");
    }

    #[test]
    fn mistakes_name_the_value_and_the_remedy() {
        let cases: &[(&[&str], &str)] = &[
            (&["--bits", "1"], "--bits must be from 2 to 16, got 1"),
            (&["--bits", "5", "--quantizer", "residual"], "--bits must be even with --quantizer residual"),
            (&["--width", "7", "--quantizer", "grouped"], "--width must be even with --quantizer grouped"),
            (&["--latents", "0"], "--latents must be at least 1, got 0"),
            (&["--commitment", "nan"], "--commitment must be finite and not negative, got NaN"),
            (&["--shards", "2"], "--shards must be 1 with train vqvae, got 2"),
            (&["--tau", "1"], "--tau needs --quantizer gumbel: vq has no temperature"),
            (&["--quantizer", "vqq"], "possible values: vq, "),
        ];
        for (arguments, part) in cases {
            let error = read(arguments, None).and_then(|config| config.check()).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{arguments:?}: {error:#}");
        }
        let size = ImageSize { height: 28, width: 28 };
        let huge = read(&["--latents", "100000"], None).unwrap().check_sizes(size).unwrap_err();
        assert!(huge.to_string().contains("do not fit; lower --batch"), "{huge}");
    }
}

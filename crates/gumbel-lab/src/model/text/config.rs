//! The hyperparameters of an autoencoder of strings.

use crate::data::text::{KNOWN, WINDOW, load};
use crate::data::{Dataset, ImageSize};
use crate::model::config::{check_latents, mirrored_parameters};
use crate::model::{ModelConfig, Prior, Size, Widths};
use crate::support::options::{count, defaults};
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::EstimatorSpec;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The hyperparameters of an autoencoder of strings.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TextConfig {
    /// Number of characters per window of running text, for shakespeare or a file [default: 16]
    #[arg(long, value_parser = count::<usize>, value_name = "N", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,

    /// Number of latents (D)
    #[arg(long, default_value_t = 20, value_parser = count::<usize>, value_name = "D", help_heading = "Model")]
    pub latents: usize,
    /// Number of categories per latent (K), at least 2
    #[arg(long, default_value_t = 10, value_parser = count::<usize>, value_name = "K", help_heading = "Model")]
    pub categories: usize,
    /// Dimension of a symbol's embedding (E)
    #[arg(long, default_value_t = 32, value_parser = count::<usize>, value_name = "E", help_heading = "Model")]
    pub embedding: usize,
    /// Widths of the encoder's hidden layers (the decoder has them in reverse), or none
    #[arg(long, default_value_t, value_name = "WIDTHS", help_heading = "Model")]
    pub hidden: Widths,
    /// Number of steps over which the weight of the KL term grows from 0 to 1, so that the latents come into use
    #[arg(long, default_value_t = 1000, value_parser = count::<u64>, value_name = "N", help_heading = "Model")]
    pub kl_warmup: u64,
    /// Prior of the latents
    #[arg(long, default_value_t = Prior::Learned, value_enum, value_name = "PRIOR", help_heading = "Model")]
    pub prior: Prior,
}

impl ModelConfig for TextConfig {
    const NAME: &'static str = "text";
    const ABOUT: &'static str = "An autoencoder of short strings with D categorical latents of K categories";
    const EXAMPLES: &'static str = "Examples:
  gumbel train text                                         generated sentences, about a minute
  gumbel train text --data shakespeare --data-dir DIR       windows of 16 characters
  gumbel train text --data book.txt --length 12             any text, in windows of 12
  gumbel train text --estimator rloo:samples=4              the score function instead
  gumbel train text --resume runs/text-1                    resume a stopped run
  gumbel generate runs/text-1 --count 20                    new strings, one per line

Given the latents the characters are independent: all dependence between them goes through the
latents. Costs are reported beside those of counting characters and pairs in the training text.";
    const WIDTHS: &'static str = "--latents, --categories, --hidden, --embedding or --length";
    const EXAMPLE: &'static str = "string";

    fn adapt(command: clap::Command) -> clap::Command {
        command
            .mut_arg("data", |data| {
                data.default_value("sentences").value_name("NAME|FILE").help(
                    "Data set: sentences (generated), shakespeare (tiny-shakespeare/input.txt of the data folder), names \
                     (names/names.txt), grammar (arithmetic, generated), or a text file",
                )
            })
            // A symbol is fully black or white: every method gives the same.
            .mut_arg("binarize", |method| method.default_value("threshold").hide(true))
            .mut_arg("samples", |samples| samples.help("Number of samples per string in training (S)"))
            .mut_arg("batch", |batch| batch.help("Number of strings per step"))
            .mut_arg("importance_samples", |samples| {
                samples.help("Number of samples per string of the final bound, a log-mean-exp (M)")
            })
            .mut_arg("importance_images", |count| {
                count.help("Number of test strings for the final bound; 0 uses all")
            })
    }

    fn knows(name: &str) -> bool {
        KNOWN.contains(&name)
    }

    fn load(&self, name: &str, data_dir: Option<&Path>) -> Result<Dataset> {
        // A file without a known name is running text here.
        let length = if Self::knows(name) { self.length } else { Some(self.length.unwrap_or(WINDOW)) };
        Ok(load(name, data_dir, length)?.dataset()?)
    }

    fn latents(&self) -> (usize, usize) {
        (self.latents, self.categories)
    }

    fn check(&self, _choice: &EstimatorSpec) -> Result<()> {
        ensure!(self.embedding >= 1, "--embedding must be at least 1, got 0");
        check_latents(self)
    }

    fn size(&self, image: ImageSize) -> Result<Size> {
        let [symbols, embedding, code] = [image.width, self.embedding, self.code()].map(|width| width as u64);
        let hidden = self.hidden.as_slice().iter().map(|&width| width as u64);
        let places = (image.height as u64).saturating_mul(embedding);
        let widths: Vec<u64> = [places].into_iter().chain(hidden).chain([code]).collect();
        let layers = mirrored_parameters(&widths).saturating_add(mirrored_parameters(&[symbols, embedding]));
        let parameters = layers.saturating_add(self.prior.parameters(self.code()));
        let widest = widths.into_iter().max().unwrap_or(0).max(image.pixels() as u64);
        Ok(Size { parameters, widest })
    }

    fn describe(&self) -> String {
        format!("{} latents of {} categories", self.latents, self.categories)
    }

    fn title(data: &str) -> String {
        format!("Categorical autoencoder of {data}")
    }

    fn summarize(&self, trained: &str) -> String {
        format!("{}, {trained} The symbols are independent given the latents.", self.describe())
    }

    fn divergence(&self) -> Option<String> {
        let warmup = match self.kl_warmup {
            0 => String::new(),
            steps => format!("; in training its weight grows from 0 to 1 over {steps} steps"),
        };
        let prior = self.prior.in_words();
        Some(format!("the KL divergence of the categorical posterior from {prior}, in closed form{warmup}"))
    }
}

impl TextConfig {
    /// The weight of the KL at a step, from 0: `min(1, step / warmup)` (Bowman et al. 2016, section 3.1).
    pub fn kl_weight(&self, step: u64) -> f64 {
        if step >= self.kl_warmup { 1.0 } else { step as f64 / self.kl_warmup as f64 }
    }

    /// Numbers of the latents, D · K, or `usize::MAX` where they cannot be counted.
    pub(super) fn code(&self) -> usize {
        self.latents.saturating_mul(self.categories)
    }
}

impl Default for TextConfig {
    fn default() -> Self {
        defaults()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bound::Config;
    use crate::run::{RunConfig, parsed};

    type Options = Config<TextConfig>;

    fn read(arguments: &[&str], file: Option<&str>) -> Result<Options> {
        parsed(arguments, file)
    }

    #[test]
    fn its_own_defaults_stand_on_the_command_line_in_files_and_in_the_record() {
        assert_eq!(Options::defaults().command(), "gumbel train text");
        let config = read(&["--latents", "3"], Some("steps = 9\nembedding = 4")).unwrap();
        assert_eq!(
            (config.common.data.as_str(), config.common.steps, config.model.embedding),
            ("sentences", 9, 4)
        );
        assert_eq!(config.command(), "gumbel train text --embedding 4 --latents 3 --steps 9");
        assert_eq!(read(&[], Some(&toml::to_string(&config).unwrap())).unwrap(), config);
    }

    #[test]
    fn the_weight_of_the_kl_grows_to_one_and_stays() {
        let weights = |kl_warmup| {
            let options = TextConfig { kl_warmup, ..TextConfig::default() };
            [0, 1, 4, 100].map(|step| options.kl_weight(step))
        };
        assert_eq!((weights(4), weights(0)), ([0.0, 0.25, 1.0, 1.0], [1.0; 4]));
    }

    #[test]
    fn mistakes_name_the_value_and_the_remedy() {
        let cases: &[(&[&str], &str)] = &[
            (&["--embedding", "0"], "--embedding must be at least 1, got 0"),
            (&["--categories", "1"], "--categories must be at least 2, got 1"),
            (&["--estimator", "vimco"], "use rloo"),
            (&["--hidden", "8,x"], "'x' is not a width"),
        ];
        for (arguments, part) in cases {
            let error = read(arguments, None).and_then(|config| config.check()).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{arguments:?}: {error:#}");
        }
        let wide = read(&["--embedding", "1000000"], None).unwrap();
        let size = ImageSize { height: 25, width: 26 };
        let error = wide.check_sizes(size).unwrap_err().to_string();
        assert!(error.contains("parameters; the limit is 250000000; lower --latents"), "{error}");
    }
}

//! What `gumbel train text` takes besides the options of all models.

use super::options::check_latents;
use super::{Extent, Options, Prior, Widths, whole};
use crate::data::Dataset;
use crate::data::ImageSize;
use crate::data::text::{KNOWN, WINDOW, load};
use crate::model::{text::Shape, vae};
use anyhow::{Result, ensure};
use clap::Args;
use gumbel::estimator::EstimatorSpec;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The options of an autoencoder of strings.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TextOptions {
    /// Characters of a window of running text, shakespeare or a file [default: 16]
    #[arg(long, value_parser = whole::<usize>, value_name = "N", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,

    /// Number of latents, D
    #[arg(long, default_value_t = 20, value_parser = whole::<usize>, value_name = "D", help_heading = "Model")]
    pub latents: usize,
    /// Categories of each latent, K, at least 2
    #[arg(long, default_value_t = 10, value_parser = whole::<usize>, value_name = "K", help_heading = "Model")]
    pub categories: usize,
    /// Numbers that a symbol is embedded in, E
    #[arg(long, default_value_t = 32, value_parser = whole::<usize>, value_name = "E", help_heading = "Model")]
    pub embedding: usize,
    /// Widths of the encoder's hidden layers (the decoder has them in reverse), or none
    #[arg(long, default_value_t, value_name = "WIDTHS", help_heading = "Model")]
    pub hidden: Widths,
    /// Steps over which the weight of the KL in training grows from 0 to 1, so that the latents come into use
    #[arg(long, default_value_t = 1000, value_parser = whole::<u64>, value_name = "N", help_heading = "Model")]
    pub kl_warmup: u64,
    /// uniform, or learned with the rest
    #[arg(long, default_value_t = Prior::Learned, value_enum, value_name = "PRIOR", help_heading = "Model")]
    pub prior: Prior,
}

impl Options for TextOptions {
    const MODEL: &'static str = "text";
    const TAU: Option<f64> = None;
    const WIDTHS: &'static str = "--latents, --categories, --hidden, --embedding or --length";
    const EXAMPLE: &'static str = "string";

    fn suit(command: clap::Command) -> clap::Command {
        command
            .mut_arg("data", |data| {
                data.default_value("sentences").value_name("NAME|FILE").help(
                    "sentences (generated), shakespeare (tiny-shakespeare/input.txt of the data folder), names \
                     (names/names.txt), grammar (arithmetic, generated), or a text file",
                )
            })
            // Dots are black: every way gives the same.
            .mut_arg("binarise", |way| way.default_value("threshold").hide(true))
            .mut_arg("samples", |samples| samples.help("Samples per string in training, S"))
            .mut_arg("batch", |batch| batch.help("Strings per step"))
            .mut_arg("importance_samples", |samples| {
                samples.help("Samples m per string of the final bound, a log-mean-exp")
            })
            .mut_arg("importance_images", |count| {
                count.help("Test strings that bound is taken over, 0 for all")
            })
    }

    fn knows(name: &str) -> bool {
        KNOWN.contains(&name)
    }

    fn load(&self, name: &str, data_dir: Option<&Path>) -> Result<Dataset> {
        // A file that has no name of its own is running text here.
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

    fn extent(&self, size: ImageSize) -> Result<Extent> {
        let shape = self.shape(size);
        Ok(Extent { parameters: shape.parameters(), widest: shape.widest() })
    }
}

impl TextOptions {
    /// The weight of the KL at a step, from 0: `min(1, step / warmup)` (Bowman et al. 2016, section 3.1).
    pub fn kl_weight(&self, step: u64) -> f64 {
        if step >= self.kl_warmup { 1.0 } else { step as f64 / self.kl_warmup as f64 }
    }

    /// The model for strings of `height` places and `width` symbols.
    pub fn shape(&self, size: ImageSize) -> Shape {
        Shape {
            length: size.height,
            symbols: size.width,
            embedding: self.embedding,
            code: vae::Shape {
                layers: 1,
                pixels: size.height.saturating_mul(self.embedding),
                latents: self.latents,
                categories: self.categories,
                hidden: self.hidden.as_slice().to_vec(),
                learned_prior: self.prior == Prior::Learned,
            },
        }
    }
}

impl Default for TextOptions {
    fn default() -> Self {
        super::defaults()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Typed};
    use super::*;

    type TextConfig = Config<TextOptions>;

    fn read(arguments: &[&str], file: Option<&str>) -> Result<TextConfig> {
        let matches = TextConfig::command_line().try_get_matches_from(arguments)?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("run.toml");
        file.map(|text| std::fs::write(&path, text)).transpose()?;
        TextConfig::read(&matches, file.map(|_| path.as_path()))
    }

    #[test]
    fn its_own_defaults_stand_on_the_command_line_in_files_and_in_the_record() {
        assert_eq!(TextConfig::defaults().command(), "gumbel train text");
        let config = read(&["--latents", "3"], Some("steps = 9\nembedding = 4")).unwrap();
        assert_eq!((config.data.as_str(), config.steps, config.model.embedding), ("sentences", 9, 4));
        assert_eq!(config.command(), "gumbel train text --embedding 4 --latents 3 --steps 9");
        assert_eq!(read(&[], Some(&toml::to_string(&config).unwrap())).unwrap(), config);
    }

    #[test]
    fn the_weight_of_the_kl_grows_to_one_and_stays() {
        let weights = |kl_warmup| {
            let options = TextOptions { kl_warmup, ..TextOptions::default() };
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
        assert!(error.contains("parameters, of at most 250000000; lower --latents"), "{error}");
    }
}

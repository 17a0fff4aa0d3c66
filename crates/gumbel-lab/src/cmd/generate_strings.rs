//! `gumbel generate` of strings, and of a run of `train gan`.

use crate::adversarial::{Start, strings};
use crate::checkpoint;
use crate::cli::Generate;
use crate::config::{GanConfig, Typed};
use crate::data::text::Alphabet;
use crate::model::Gan;
use crate::model::gan::Shape;
use crate::run::RunFolder;
use crate::support::atomic_file;
use crate::support::interrupt::Watch;
use crate::support::shell::quoted;
use crate::support::stdout::print;
use crate::train::{Use, noise};
use anyhow::{Result, anyhow, ensure};
use burn::tensor::Device;
use gumbel::Noise;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The metadata key of [`Written`].
pub(super) const KEY: &str = "strings";

/// What a saved model writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Written {
    /// What its codes stand for.
    pub(super) alphabet: Alphabet,
    /// Symbols of a string.
    pub(super) length: usize,
}

/// Writes one string a line, the padding stripped.
pub(super) fn run(options: &Generate, run: &RunFolder) -> Result<()> {
    let (config, weights) = (GanConfig::from_file(&run.file("config.toml"))?, run.file("model.safetensors"));
    ensure!(
        weights.is_file(),
        "{0} has no trained model yet; finish it with: gumbel train gan --resume {1}",
        options.run.display(),
        quoted(&options.run.to_string_lossy())
    );
    let Written { alphabet, length } = checkpoint::description(&weights, KEY)?;
    let shape = Shape {
        length,
        symbols: alphabet.len(),
        seed: config.start,
        hidden: config.hidden,
        discriminator: config.discriminator.as_slice().to_vec(),
    };
    let blank = Gan::new(&shape, &mut Noise::from_seed(0), &Device::flex());
    let gan = checkpoint::load_model(&weights, blank)?;
    let (start, count) = (Start::Noise(config.start), options.count as usize);
    let noise = &mut noise(options.seed, Use::Pictures);
    write(options, &strings(&gan.average, start, &alphabet, count, noise, &Watch::nothing())?)
}

/// Writes strings, one a line.
pub(super) fn write(options: &Generate, made: &[String]) -> Result<()> {
    let out = options.out.as_deref().unwrap_or(Path::new("samples.txt"));
    let text: String = made.iter().map(|string| format!("{}\n", on_one_line(string))).collect();
    atomic_file::write(out, text.as_bytes()).map_err(|error| anyhow!(atomic_file::refused(out, &error)))?;
    print(&format!("{} strings in {}\n", made.len(), out.display()))
}

/// A string of running text may hold the ends of lines.
pub(super) fn on_one_line(string: &str) -> String {
    string.replace('\\', r"\\").replace('\n', r"\n").replace('\r', r"\r")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_string_stays_on_its_line_and_can_be_told_from_others() {
        let lines = ["a\nb", r"a\nb", "x+x"].map(super::on_one_line);
        assert_eq!(lines, [r"a\nb", r"a\\nb", "x+x"]);
    }
}

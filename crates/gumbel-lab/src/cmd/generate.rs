//! `gumbel generate`: draws from a trained model.

use super::generate_strings;
use crate::checkpoint;
use crate::cli::Generate;
use crate::config::{Config, GanConfig};
use crate::model::{Model, Sbn, Semi, Text, Vae};
use crate::report::png_grid;
use crate::run::RunFolder;
use crate::support::atomic_file;
use crate::support::shell::quoted;
use crate::support::stdout::print;
use crate::train::{Use, noise};
use anyhow::{Result, anyhow, bail, ensure};
use burn::tensor::Device;
use gumbel::Noise;
use std::path::Path;

/// Writes a grid of images.
///
/// # Errors
/// A folder that is no finished run, a file that cannot be written.
pub fn run(options: &Generate) -> Result<()> {
    let run = RunFolder::open(&options.run)?;
    let weights = run.file("model.safetensors");
    if GanConfig::wrote(&run.file("config.toml")) {
        return generate_strings::run(options, &run);
    }
    ensure!(
        weights.is_file(),
        "{0} has no trained model yet; finish it with: gumbel train MODEL --resume {1}",
        options.run.display(),
        quoted(&options.run.to_string_lossy())
    );
    match checkpoint::model_name(&weights)?.as_str() {
        "vae" => draw::<Vae>(options, &run),
        "sbn" => draw::<Sbn>(options, &run),
        "semi" => draw::<Semi>(options, &run),
        "text" => write_strings(options, &run),
        other => bail!("{} holds a {other}, which this version cannot draw from", options.run.display()),
    }
}

fn draw<M: Model>(options: &Generate, run: &RunFolder) -> Result<()> {
    let (config, weights) = (run.config()?, run.file("model.safetensors"));
    let size = checkpoint::image_size(&weights)?;
    config.check_sizes(size)?;
    let blank = blank::<M>(&config, size);
    let model = checkpoint::load_model(&weights, blank)?;
    let count = options.count as usize;
    let pixels = model.generate(&config, size, count, &mut noise(options.seed, Use::Pictures))?;
    let columns = (f64::from(options.count).sqrt().ceil() as usize).max(1);
    let png = png_grid(&pixels, count, size.height, size.width, columns)?;
    let out = options.out.as_deref().unwrap_or(Path::new("samples.png"));
    atomic_file::write(out, &png).map_err(|error| anyhow!(atomic_file::refused(out, &error)))?;
    print(&format!("{} images in {}\n", options.count, out.display()))
}

/// Writes strings of a model of strings, one a line.
fn write_strings(options: &Generate, run: &RunFolder) -> Result<()> {
    let (config, weights) = (run.config()?, run.file("model.safetensors"));
    let (size, alphabet) = (checkpoint::image_size(&weights)?, checkpoint::alphabet(&weights)?);
    config.check_sizes(size)?;
    let model = checkpoint::load_model(&weights, blank::<Text>(&config, size))?;
    let count = options.count as usize;
    let codes = model.generate(&config, size, count, &mut noise(options.seed, Use::Pictures))?;
    let made: Vec<String> = codes.chunks(size.height).map(|codes| alphabet.decode(codes)).collect();
    generate_strings::write(options, &made)
}

/// A model of the run's shape, to be given its parameters.
fn blank<M: Model>(config: &Config<M::Options>, size: crate::data::ImageSize) -> M {
    M::new(&config.model, size, &vec![0.5; size.pixels()], &mut Noise::from_seed(0), &Device::flex())
}

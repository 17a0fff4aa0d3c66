//! `gumbel generate`: draws from a trained model's prior.

use super::generate_strings;
use crate::checkpoint;
use crate::cli::Generate;
use crate::config::{GanConfig, quoted};
use crate::model::Vae;
use crate::output::print;
use crate::report::png_grid;
use crate::run::RunFolder;
use crate::story;
use crate::train::{Use, noise};
use crate::whole_file;
use anyhow::{Result, anyhow, ensure};
use burn::tensor::Device;
use gumbel::Noise;
use std::path::Path;

/// Writes a grid of images.
///
/// # Errors
/// A folder that is no finished run, a file that cannot be written.
pub fn run(options: &Generate) -> Result<()> {
    let run = RunFolder::open(&options.run)?;
    if GanConfig::wrote(&run.file("config.toml")) {
        return generate_strings::run(options, &run);
    }
    let (config, weights) = (run.config()?, run.file("model.safetensors"));
    ensure!(
        weights.is_file(),
        "{0} has no trained model yet; finish it with: gumbel train vae --resume {1}",
        options.run.display(),
        quoted(&options.run.to_string_lossy())
    );
    let size = checkpoint::image_size(&weights)?;
    let pixels = size.height.saturating_mul(size.width);
    config.check_sizes(pixels)?;
    let shape = config.shape(pixels);
    let blank = Vae::new(&shape, &vec![0.5; shape.pixels], &mut Noise::from_seed(0), &Device::flex());
    let model = checkpoint::load_model(&weights, blank)?;
    let pixels =
        story::prior_samples(&model, options.count as usize, &mut noise(options.seed, Use::Pictures))?;
    let columns = (f64::from(options.count).sqrt().ceil() as usize).max(1);
    let png = png_grid(&pixels, options.count as usize, size.height, size.width, columns)?;
    let out = options.out.as_deref().unwrap_or(Path::new("samples.png"));
    whole_file::write(out, &png).map_err(|error| anyhow!(whole_file::refused(out, &error)))?;
    print(&format!("{} images in {}\n", options.count, out.display()))
}

//! `gumbel generate`: draws from a trained model's prior.

use crate::checkpoint;
use crate::cli::Generate;
use crate::model::Vae;
use crate::report::png_grid;
use crate::run::RunFolder;
use crate::story;
use crate::train::{Use, noise};
use crate::whole_file;
use anyhow::{Context, Result};
use burn::tensor::Device;
use gumbel::Noise;

/// Writes a grid of images.
///
/// # Errors
/// A folder that is no finished run, a file that cannot be written.
pub fn run(options: &Generate) -> Result<()> {
    let run = RunFolder::open(&options.run)?;
    let (config, weights) = (run.config()?, run.file("model.safetensors"));
    let unfinished = "the run has no trained model; finish it with --resume";
    let size = checkpoint::image_size(&weights).context(unfinished)?;
    let shape = config.shape(size.height * size.width);
    let blank = Vae::new(&shape, &vec![0.5; shape.pixels], &mut Noise::from_seed(0), &Device::flex());
    let model = checkpoint::load_model(&weights, blank)?;
    let pixels =
        story::prior_samples(&model, options.count as usize, &mut noise(options.seed, Use::Pictures))?;
    let columns = (f64::from(options.count).sqrt().ceil() as usize).max(1);
    let png = png_grid(&pixels, options.count as usize, size.height, size.width, columns)?;
    whole_file::write(&options.out, &png).with_context(|| {
        format!("cannot write {}; free space or choose another --out", options.out.display())
    })?;
    println!("{} images in {}", options.count, options.out.display());
    Ok(())
}

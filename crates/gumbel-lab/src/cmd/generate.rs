//! `gumbel generate`: draws from a trained model.

use super::output;
use crate::experiment::of_run;
use crate::page::{Images, png_grid};
use crate::run::{DeviceName, Generated, RunFolder, Use, noise};
use crate::support::interrupt::exit_at_a_signal;
use crate::support::options::count;
use crate::support::text::on_one_line;
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};

/// `gumbel generate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gumbel generate runs/vae-1                                100 images in samples.png
  gumbel generate runs/text-1 --count 20 --out -            20 strings on standard output")]
pub struct Generate {
    /// Folder of a finished run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Number of images or strings, from 1 to 100000
    #[arg(long, default_value_t = 100, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub count: u32,
    /// File to write, or - for standard output: a PNG, or text with a string per line [default: samples.png or
    /// samples.txt]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Random seed
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = count::<u64>)]
    pub seed: u64,
    /// Device, as for gumbel train [default: that of the run]
    #[arg(long, value_name = "NAME[:N]")]
    pub device: Option<DeviceName>,
}

/// Writes a grid of images, or strings.
///
/// # Errors
/// A folder that is not a finished run, a file that cannot be written.
pub fn run(options: &Generate) -> Result<()> {
    exit_at_a_signal(|| eprintln!("stopped; nothing was written"));
    let run = RunFolder::open(&options.run)?;
    let noise = &mut noise(options.seed, Use::Pictures);
    let made = (of_run(&run)?.generate)(&run, options.device, options.count as usize, noise)?;
    let (bytes, name, what) = match made {
        Generated::Images(images) => (png(&images, options.count as usize)?, "samples.png", "images"),
        Generated::Strings(strings) => (lines(&strings), "samples.txt", "strings"),
    };
    let out = options.out.as_deref().unwrap_or(Path::new(name));
    output::write(out, &bytes, &format!("{} {what} in {}\n", options.count, out.display()))
}

fn png(images: &Images, count: usize) -> Result<Vec<u8>> {
    let columns = ((count as f64).sqrt().ceil() as usize).max(1);
    Ok(png_grid(&images.pixels, count, images.height, images.width, columns)?)
}

/// A string per line.
fn lines(strings: &[String]) -> Vec<u8> {
    strings.iter().map(|string| format!("{}\n", on_one_line(string))).collect::<String>().into_bytes()
}

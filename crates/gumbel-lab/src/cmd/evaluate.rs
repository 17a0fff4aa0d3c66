//! `gumbel evaluate`: a trained model on its own or other data, without training.

use super::output;
use crate::experiment::of_run;
use crate::parallel::pool;
use crate::run::{DeviceName, Evaluation, RunFolder};
use crate::support::interrupt::{Stop, exit_at_a_signal};
use crate::support::stdout::print;
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `gumbel evaluate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gumbel evaluate runs/vae-1                                the results of its summary.json again
  gumbel evaluate runs/vae-1 --importance-samples 5000      a tighter bound
  gumbel evaluate runs/mnist --data fashion-mnist           on other images of the same size
  gumbel evaluate runs/vae-1 --out results.json             also as JSON; - for standard output")]
pub struct Evaluate {
    /// Folder of a finished run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Data set, of the same form as that of the run [default: that of the run]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,
    /// Folder to search for data sets [default: that of the run]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Number of samples per example of the importance-weighted bound (M) [default: that of the run]
    #[arg(long, value_name = "M", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub importance_samples: Option<u32>,
    /// Number of test examples for that bound; 0 uses all [default: that of the run]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32))]
    pub importance_images: Option<u32>,
    /// Number of strings per generator of train gan [default: that of the run]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub strings: Option<u32>,
    /// Random seed [default: that of the run]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32))]
    pub seed: Option<u32>,
    /// Number of threads; 0 uses one per core; results do not depend on it
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(..=1024))]
    pub threads: u16,
    /// Device, as for gumbel train [default: that of the run]
    #[arg(long, value_name = "NAME[:N]")]
    pub device: Option<DeviceName>,
    /// JSON file to write, or - for standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Evaluates, prints the results, and writes them as JSON if a file is named.
///
/// # Errors
/// A folder that is not a finished run, data of another form, a file that cannot be written.
pub fn run(options: &Evaluate) -> Result<ExitCode> {
    let run = RunFolder::open(&options.run)?;
    exit_at_a_signal(|| eprintln!("stopped; nothing was written"));
    let (row, table) = (of_run(&run)?, changed(options));
    let evaluated = pool(options.threads.into())?.install(|| (row.evaluate)(&run, &table, &Stop::default()));
    announce(&evaluated?, options.out.as_deref())
}

fn announce(evaluation: &Evaluation, out: Option<&Path>) -> Result<ExitCode> {
    if out.is_none_or(|path| path.as_os_str() != "-") {
        print(&evaluation.announced)?;
    }
    if let Some(path) = out {
        let json = serde_json::to_string_pretty(&evaluation.results)? + "\n";
        output::write(path, json.as_bytes(), &format!("results in {}\n", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The options of the run that are replaced.
fn changed(options: &Evaluate) -> toml::Table {
    let number = |name: &str, number: Option<u32>| number.map(|n| (name.to_string(), i64::from(n).into()));
    let path = options.data_dir.as_ref().map(|path| path.to_string_lossy().into_owned());
    let text = |name: &str, text: &Option<String>| text.clone().map(|text| (name.to_string(), text.into()));
    let all = [
        text("data", &options.data),
        text("data-dir", &path),
        text("device", &options.device.map(|device| device.to_string())),
        number("importance-samples", options.importance_samples),
        number("importance-images", options.importance_images),
        number("strings", options.strings),
        number("seed", options.seed),
    ];
    all.into_iter().flatten().collect()
}

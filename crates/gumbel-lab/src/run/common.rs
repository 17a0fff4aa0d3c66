//! The options of every run.

use super::DeviceName;
use crate::support::options::{count, defaults};
use anyhow::{Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Data, length, seed and place of a run.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Common {
    /// Data set: digits (built in), mnist, binarized-mnist, fashion-mnist, omniglot, or a folder of IDX files
    #[arg(long, default_value = "digits", value_name = "NAME|DIR", help_heading = "Data")]
    pub data: String,
    /// Folder to search for data sets [default: $GUMBEL_DATA, then the cache folder of the system]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,

    /// Number of gradient steps, at least 1
    #[arg(long, default_value_t = 5000, value_parser = count::<u64>, value_name = "N", help_heading = "Training")]
    pub steps: u64,
    /// Random seed
    #[arg(long, default_value_t = 0, value_parser = count::<u64>, value_name = "N", help_heading = "Training")]
    pub seed: u64,
    /// Number of threads; 0 uses one per core; results do not depend on it
    #[arg(long, default_value_t = 0, value_parser = count::<usize>, value_name = "N", help_heading = "Training")]
    pub threads: usize,
    /// Number of shards of a batch, each with noise of its own, for threads and for processes under mpirun; results depend on it
    #[arg(long, default_value_t = 1, value_parser = count::<usize>, value_name = "N", help_heading = "Training")]
    pub shards: usize,
    /// Device: cpu, or, in a program built with that feature, cuda, wgpu, vulkan, metal or rocm, with a number where there are
    /// several; a run may be resumed on another
    #[arg(long, default_value_t, value_name = "NAME[:N]", help_heading = "Training")]
    pub device: DeviceName,
    /// TensorBoard event files in the folder of the run: every column of metrics.csv, and images at evaluations
    #[arg(long, default_value_t = false, default_missing_value = "true", num_args = 0..=1, value_name = "BOOL")]
    #[arg(action = clap::ArgAction::Set, hide_possible_values = true, help_heading = "Evaluation")]
    pub tensorboard: bool,
    /// Number of steps between evaluations of hard samples, and between checkpoints
    #[arg(long, default_value_t = 500, value_parser = count::<u64>, value_name = "N", help_heading = "Evaluation")]
    pub evaluate_every: u64,
}

impl Common {
    /// Makes the data's paths absolute, so that the run can be resumed from any folder. `known` names are not paths.
    ///
    /// # Errors
    /// A working directory that no longer exists.
    pub(super) fn make_absolute(&mut self, known: impl Fn(&str) -> bool) -> Result<()> {
        self.data_dir = self.data_dir.as_ref().map(std::path::absolute).transpose()?;
        if !known(&self.data) && Path::new(&self.data).exists() {
            // A path that is not text stays as it was: TOML could not hold it.
            let absolute = std::path::absolute(&self.data)?.into_os_string().into_string();
            self.data = absolute.unwrap_or(self.data.clone());
        }
        Ok(())
    }

    /// Rejects values that no run can have.
    ///
    /// # Errors
    /// The first option out of its range.
    pub fn check(&self) -> Result<()> {
        ensure!(self.steps >= 1, "--steps must be at least 1, got 0");
        ensure!(self.evaluate_every >= 1, "--evaluate-every must be at least 1, got 0");
        ensure!(self.shards >= 1, "--shards must be at least 1, got 0");
        let (shards, device) = (self.shards, self.device);
        ensure!(
            shards == 1 || device == DeviceName::default(),
            "--shards must be 1 on --device {device}, got {shards}: each shard is computed by a thread of the processor"
        );
        let threads = self.threads;
        ensure!(
            threads <= THREADS,
            "--threads must be at most {THREADS}, got {threads}; 0 uses one per core"
        );
        Ok(())
    }
}

impl Default for Common {
    fn default() -> Self {
        defaults()
    }
}

/// Rejects a batch that is larger than the data.
///
/// # Errors
/// The option, with the number of training examples.
pub fn check_batch(batch: usize, count: usize, examples: &str, data: &str) -> Result<()> {
    ensure!(batch <= count, "--batch must be at most the {count} training {examples} of {data}, got {batch}");
    Ok(())
}

/// The most threads: more than any machine gains from, fewer than any refuses.
const THREADS: usize = 1024;

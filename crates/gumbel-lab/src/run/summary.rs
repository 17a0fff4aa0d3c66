//! `summary.json`: a finished run in numbers.

use super::{DeviceName, RunFolder, read_checked};
use crate::page::number::grouped;
use anyhow::{Result, anyhow};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A finished run: what was trained (`S`), how fast, and the results on the test set (`R`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary<S, R> {
    /// The experiment, as `gumbel train` calls it.
    pub model: String,
    /// The data set.
    pub data: String,
    /// The properties that distinguish runs of this experiment, such as the estimator.
    #[serde(flatten)]
    pub setup: S,
    /// Gradient steps.
    pub steps: u64,
    /// Random seed.
    pub seed: u64,
    /// The device that finished the run; the processor in runs of versions that had no other.
    #[serde(default)]
    pub device: DeviceName,
    /// Trainable parameters.
    pub parameters: usize,
    /// Seconds of training, evaluations left out.
    pub seconds: f64,
    /// Steps per second of training.
    pub steps_per_second: f64,
    /// Seconds from the program's start to its first finished step; absent in a resumed run.
    pub seconds_to_first_step: Option<f64>,
    /// The peak memory of the process, where the system reports it.
    pub peak_memory_bytes: Option<u64>,
    /// Results on the test set, with hard samples.
    pub test: R,
    /// Version of this program.
    pub version: String,
}

impl<S, R> Summary<S, R> {
    /// Rounds times to milliseconds, and the pace to three decimals: more would be noise.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        let round = |number: &mut f64| *number = (*number * 1e3).round() / 1e3;
        round(&mut self.seconds);
        round(&mut self.steps_per_second);
        self.seconds_to_first_step.as_mut().map(round);
        self
    }

    /// Facts for a report beside the configuration: name and value.
    pub fn facts(&self, source: &str) -> Vec<(String, String)> {
        let pace = format!("{:.1} s, {:.0} steps per second", self.seconds, self.steps_per_second);
        let memory = self.peak_memory_bytes.map(|bytes| {
            ("peak memory".to_string(), format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20)))
        });
        let first = [("parameters".into(), grouped(self.parameters as f64)), ("training".into(), pace)];
        let last = [("data".into(), source.into()), ("version".into(), format!("gumbel {}", self.version))];
        first.into_iter().chain(memory).chain(last).collect()
    }
}

impl<S: DeserializeOwned, R: DeserializeOwned> Summary<S, R> {
    /// Reads the file of a finished run, by its folder.
    ///
    /// # Errors
    /// A file that is missing or damaged, or that is not such a summary.
    pub fn read(run: &Path) -> Result<Self> {
        let text = read_checked(run, RunFolder::SUMMARY)?;
        serde_json::from_slice(&text)
            .map_err(|error| anyhow!("{}/{}: {error}", run.display(), RunFolder::SUMMARY))
    }
}

/// The peak memory of this process in bytes, where the system reports it.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let peak = getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss();
        // Kilobytes, except on Apple's systems.
        let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
        u64::try_from(peak).ok().map(|peak| peak * unit)
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_milliseconds_and_the_file_is_flat() {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        struct Setup {
            estimator: String,
        }
        let summary = Summary {
            model: "vae".into(),
            data: "digits".into(),
            setup: Setup { estimator: "exact".into() },
            steps: 3,
            seed: 0,
            device: DeviceName::default(),
            parameters: 1,
            seconds: 1.234_567_8,
            steps_per_second: 2.43,
            seconds_to_first_step: Some(0.123_456),
            peak_memory_bytes: None,
            test: 80.5,
            version: String::new(),
        };
        let rounded = summary.rounded();
        assert_eq!((rounded.seconds, rounded.seconds_to_first_step), (1.235, Some(0.123)));
        let text = serde_json::to_string(&rounded).unwrap();
        assert!(text.contains(r#""estimator":"exact","steps":3"#), "{text}");
        assert_eq!(serde_json::from_str::<Summary<Setup, f64>>(&text).unwrap(), rounded);
    }

    #[cfg(unix)]
    #[test]
    fn peak_memory_is_in_bytes() {
        let peak = peak_memory_bytes().unwrap();
        assert!((1 << 20..1 << 38).contains(&peak), "{peak}");
    }
}

//! `metrics.csv`: the records of training.

use super::RunFolder;
use crate::support::atomic_file::refused;
use crate::support::csv_table::{header, line, rows_until};
use anyhow::{Context, Result, anyhow};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A row of `metrics.csv`.
pub trait Record: Serialize + DeserializeOwned + Clone + Default {
    /// Gradient steps done.
    fn step(&self) -> u64;

    /// Seconds of training, evaluations left out.
    fn seconds(&self) -> f64;

    /// Sets the step, and the seconds of training so far.
    fn stamp(&mut self, step: u64, seconds: f64);

    /// Whether hard samples were evaluated at that step.
    fn evaluated(&self) -> bool;

    /// The text of a progress line, with the results of the last evaluation.
    fn message(&self, evaluated: Option<&Self>) -> String;
}

/// A number without an exponent.
///
/// # Errors
/// Those of the serializer.
pub fn plain<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// A number without an exponent, if there is one.
///
/// # Errors
/// Those of the serializer.
pub fn plain_if_any<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.collect_str(number),
        None => serializer.serialize_none(),
    }
}

/// Seconds to the millisecond.
///
/// # Errors
/// Those of the serializer.
pub fn milliseconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{seconds:.3}"))
}

/// The open `metrics.csv`.
pub struct MetricsFile<R> {
    path: PathBuf,
    file: File,
    /// All rows so far.
    pub rows: Vec<R>,
}

impl<R: Record> MetricsFile<R> {
    /// The name of the file in the folder of a run.
    pub const NAME: &'static str = "metrics.csv";

    /// Opens the file with the rows up to `step`. What follows, from a run that stopped after its last checkpoint and
    /// perhaps in the middle of a line, is dropped.
    ///
    /// # Errors
    /// A file that cannot be read or written, or that is not one of ours.
    pub fn open(run: &RunFolder, step: u64) -> Result<Self> {
        let path = run.file(Self::NAME);
        let rows: Vec<R> = if path.exists() { read_metrics(&path, step)? } else { Vec::new() };
        let lines = rows.iter().map(line).collect::<Result<String>>()?;
        run.write(Self::NAME, format!("{}\n{lines}", header::<R>()?))?;
        let file =
            OpenOptions::new().append(true).open(&path).map_err(|error| anyhow!(refused(&path, &error)))?;
        Ok(Self { path, file, rows })
    }

    /// Takes the last row out of the file if it is `wanted`, to be added again.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn take_last(&mut self, wanted: impl Fn(&R) -> bool) -> Result<Option<R>> {
        let Some(row) = self.rows.pop_if(|row| wanted(row)) else { return Ok(None) };
        let length = line(&row)?.len() as u64;
        let cut = || self.file.set_len(self.file.metadata()?.len() - length);
        cut().map_err(|error| anyhow!(refused(&self.path, &error)))?;
        Ok(Some(row))
    }

    /// Appends a row, which other processes can read at once.
    ///
    /// # Errors
    /// A full disk.
    pub fn add(&mut self, row: R) -> Result<()> {
        let written = self.file.write_all(line(&row)?.as_bytes());
        written.map_err(|error| anyhow!(refused(&self.path, &error)))?;
        self.rows.push(row);
        Ok(())
    }
}

/// Reads a `metrics.csv` up to a step.
///
/// # Errors
/// A file that cannot be read, or the first line that is not as written before one that is wanted.
pub fn read_metrics<R: Record>(path: &Path, step: u64) -> Result<Vec<R>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    rows_until(path, &String::from_utf8_lossy(&bytes), |row: &R| row.step() <= step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bound::Metrics;

    /// Of runs begun before there was a gradient variance.
    const EARLIER: &str = "step,tau,training_loss,reconstruction,kl,hard_negative_elbo,seconds";
    const HEADER: &str =
        "step,tau,training_loss,reconstruction,kl,hard_negative_elbo,gradient_variance,seconds";

    fn metrics(step: u64, hard: Option<f64>) -> Metrics {
        Metrics {
            step,
            tau: hard.is_none().then_some(0.5),
            training_loss: 100.25,
            reconstruction: 80.0,
            kl: 20.25,
            hard_negative_elbo: hard,
            gradient_variance: hard.map(|_| 0.25),
            seconds: 1.5,
        }
    }

    fn run() -> (tempfile::TempDir, RunFolder) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(Some(&folder.path().join("run")), "x").unwrap();
        (folder, run)
    }

    #[test]
    fn metrics_are_read_as_written_and_cut_at_the_checkpoint() {
        let (_folder, run) = run();
        let mut file = MetricsFile::open(&run, 0).unwrap();
        for step in [10, 20, 30] {
            file.add(metrics(step, (step == 20).then_some(130.5))).unwrap();
        }
        let reopened = MetricsFile::open(&run, 20).unwrap();
        assert_eq!(reopened.rows, [metrics(10, None), metrics(20, Some(130.5))]);
        assert_eq!(read_metrics::<Metrics>(&run.file("metrics.csv"), 20).unwrap(), reopened.rows);
    }

    #[test]
    fn a_file_from_before_the_gradient_variance_is_read_and_continued_with_the_column() {
        let (_folder, run) = run();
        let path = run.file("metrics.csv");
        std::fs::write(&path, format!("{EARLIER}\n10,0.5,100.25,80,20.25,,1.500\n")).unwrap();
        let mut file = MetricsFile::open(&run, 10).unwrap();
        assert_eq!(file.rows, [metrics(10, None)]);
        file.add(metrics(20, Some(130.5))).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            format!("{HEADER}\n10,0.5,100.25,80,20.25,,,1.500\n20,,100.25,80,20.25,130.5,0.25,1.500\n")
        );
    }

    #[test]
    fn a_line_that_is_not_ours_is_named() {
        let (_folder, run) = run();
        let path = run.file("metrics.csv");
        std::fs::write(&path, format!("{HEADER}\n1,2,x\n{}", line(&metrics(10, None)).unwrap())).unwrap();
        let error = read_metrics::<Metrics>(&path, 10).unwrap_err().to_string();
        assert!(error.contains("line 2: expected 8 values under step,tau,"), "{error}");
        assert!(error.ends_with("got 1,2,x"), "{error}");
    }

    #[test]
    fn what_a_full_disk_garbled_after_the_checkpoint_is_dropped() {
        let (_folder, run) = run();
        let path = run.file("metrics.csv");
        let (wanted, later) = (metrics(10, None), line(&metrics(20, None)).unwrap());
        for tail in ["20,0.5,10", "20,0.5\n", "\0\0\0\n30", "\"20,\n\n", &later] {
            std::fs::write(&path, format!("{HEADER}\n{}{tail}", line(&wanted).unwrap())).unwrap();
            assert_eq!(read_metrics::<Metrics>(&path, 10).unwrap(), [wanted], "{tail:?}");
        }
    }
}

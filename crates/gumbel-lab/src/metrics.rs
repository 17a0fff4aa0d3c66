//! `metrics.csv`: what training saw on its way.

use crate::run::RunFolder;
use crate::support::atomic_file::refused;
use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// One line of `metrics.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Gradient steps done.
    pub step: u64,
    /// Temperature of the step, if the estimator has one.
    pub tau: Option<f64>,
    /// The training objective on its batch, in nats per image: relaxed if the estimator relaxes.
    pub training_loss: f64,
    /// Its part −ln p(x|z).
    pub reconstruction: f64,
    /// The rest of it.
    pub kl: f64,
    /// Negative ELBO of one hard sample per held-out image, in nats; at evaluations only.
    pub hard_negative_elbo: Option<f64>,
    /// Of the estimator on fixed held-out images, summed over coordinates; at evaluations only, and if asked for.
    pub gradient_variance: Option<f64>,
    /// Seconds of training, evaluations left out.
    pub seconds: f64,
}

const HEADER: &str = "step,tau,training_loss,reconstruction,kl,hard_negative_elbo,gradient_variance,seconds";
/// Of runs begun before there was a gradient variance.
const EARLIER: &str = "step,tau,training_loss,reconstruction,kl,hard_negative_elbo,seconds";

impl Metrics {
    fn line(&self) -> String {
        let text = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
        let (tau, hard, variance) =
            (text(self.tau), text(self.hard_negative_elbo), text(self.gradient_variance));
        let Self { step, training_loss, reconstruction, kl, seconds, .. } = self;
        format!("{step},{tau},{training_loss},{reconstruction},{kl},{hard},{variance},{seconds:.3}")
    }

    fn parse(line: &str, earlier: bool) -> Option<Self> {
        let mut fields = line.split(',');
        let mut next = || fields.next();
        let metrics = Self {
            step: next()?.parse().ok()?,
            tau: if_any(next()?)?,
            training_loss: next()?.parse().ok()?,
            reconstruction: next()?.parse().ok()?,
            kl: next()?.parse().ok()?,
            hard_negative_elbo: if_any(next()?)?,
            gradient_variance: if earlier { None } else { if_any(next()?)? },
            seconds: next()?.parse().ok()?,
        };
        next().is_none().then_some(metrics)
    }
}

/// The number in a field that may be empty; `None` if it is something else.
fn if_any(field: &str) -> Option<Option<f64>> {
    Some(field).filter(|text| !text.is_empty()).map(str::parse).transpose().ok()
}

/// The open `metrics.csv`.
pub struct MetricsFile {
    path: PathBuf,
    file: BufWriter<File>,
    /// All lines so far.
    pub lines: Vec<Metrics>,
}

impl MetricsFile {
    /// Opens the file with the lines up to `step`; what follows, of a run that stopped after its last
    /// checkpoint and perhaps in the middle of a line, is dropped.
    ///
    /// # Errors
    /// A file that cannot be read or written, or that is not one of ours.
    pub fn open(run: &RunFolder, step: u64) -> Result<Self> {
        let path = run.file("metrics.csv");
        let lines: Vec<Metrics> = match path.exists() {
            true => read_metrics(&path, step)?,
            false => Vec::new(),
        };
        let text: String = lines.iter().map(|line| line.line() + "\n").collect();
        run.write("metrics.csv", format!("{HEADER}\n{text}"))?;
        let file =
            OpenOptions::new().append(true).open(&path).map_err(|error| anyhow!(refused(&path, &error)))?;
        Ok(Self { file: BufWriter::new(file), path, lines })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// A full disk.
    pub fn add(&mut self, metrics: Metrics) -> Result<()> {
        let written = writeln!(self.file, "{}", metrics.line());
        self.done(written)?;
        self.lines.push(metrics);
        Ok(())
    }

    /// Writes out what was added.
    ///
    /// # Errors
    /// A full disk.
    pub fn flush(&mut self) -> Result<()> {
        let written = self.file.flush();
        self.done(written)
    }

    fn done(&self, written: io::Result<()>) -> Result<()> {
        written.map_err(|error| anyhow!(refused(&self.path, &error)))
    }
}

/// Reads a `metrics.csv` up to a step.
///
/// # Errors
/// A file that cannot be read, or the first line that is not as written before one that is wanted.
pub fn read_metrics(path: &Path, step: u64) -> Result<Vec<Metrics>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    // A last line without its end was cut.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let earlier = whole.lines().next() == Some(EARLIER);
    let parsed = |(n, line)| (n, line, Metrics::parse(line, earlier));
    let mut lines: Vec<_> = whole.lines().enumerate().skip(1).map(parsed).collect();
    let wanted = |parsed: &Option<Metrics>| parsed.is_some_and(|line| line.step <= step);
    lines.truncate(lines.iter().rposition(|(.., parsed)| wanted(parsed)).map_or(0, |last| last + 1));
    let sound = lines.into_iter().map(|(number, line, parsed)| match parsed {
        Some(metrics) => Ok(metrics),
        None => bail!("{}, line {}: not a line of metrics: {line}", path.display(), number + 1),
    });
    sound.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn metrics_are_read_as_written_and_cut_at_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(Some(&folder.path().join("run")), "x").unwrap();
        let mut file = MetricsFile::open(&run, 0).unwrap();
        for step in [10, 20, 30] {
            file.add(metrics(step, (step == 20).then_some(130.5))).unwrap();
        }
        file.flush().unwrap();
        let reopened = MetricsFile::open(&run, 20).unwrap();
        assert_eq!(reopened.lines, [metrics(10, None), metrics(20, Some(130.5))]);
        assert_eq!(read_metrics(&run.file("metrics.csv"), 20).unwrap(), reopened.lines);
    }

    #[test]
    fn a_file_from_before_the_gradient_variance_is_read_and_goes_on_with_the_column() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(Some(&folder.path().join("run")), "x").unwrap();
        let path = run.file("metrics.csv");
        std::fs::write(&path, format!("{EARLIER}\n10,0.5,100.25,80,20.25,,1.500\n")).unwrap();
        let mut file = MetricsFile::open(&run, 10).unwrap();
        assert_eq!(file.lines, [metrics(10, None)]);
        file.add(metrics(20, Some(130.5))).unwrap();
        file.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            format!("{HEADER}\n10,0.5,100.25,80,20.25,,,1.500\n20,,100.25,80,20.25,130.5,0.25,1.500\n")
        );
    }

    #[test]
    fn a_line_that_is_not_ours_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let sound = metrics(10, None).line();
        std::fs::write(&path, format!("{HEADER}\n1,2,x\n{sound}\n")).unwrap();
        let error = read_metrics(&path, 10).unwrap_err().to_string();
        assert!(error.contains("line 2: not a line of metrics: 1,2,x"), "{error}");
    }

    #[test]
    fn what_a_full_disk_garbled_after_the_checkpoint_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let (wanted, later) = (metrics(10, None), metrics(20, None).line());
        for tail in ["20,0.5,10", "20,0.5\n", "\0\0\0\n30", &later] {
            std::fs::write(&path, format!("{HEADER}\n{}\n{tail}", wanted.line())).unwrap();
            assert_eq!(read_metrics(&path, 10).unwrap(), [wanted], "{tail:?}");
        }
    }
}

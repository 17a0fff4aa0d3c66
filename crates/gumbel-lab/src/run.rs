//! The folder of a run: what is in it, and how it is written so that nothing is ever half there.

use crate::config::VaeConfig;
use crate::whole_file;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// A new folder: `out`, which must not hold anything yet, or else the next free `runs/NAME-N`.
    ///
    /// # Errors
    /// A folder in use, or one that cannot be made.
    pub fn create(out: Option<&Path>, name: &str) -> Result<Self> {
        let path = out.map_or_else(|| next_free(name), Path::to_path_buf);
        let in_use = path.is_file() || path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        ensure!(
            !in_use,
            "{0} exists already; choose another --out, or continue it with --resume {0}",
            path.display()
        );
        fs::create_dir_all(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self { path })
    }

    /// The folder of an earlier run.
    ///
    /// # Errors
    /// A path that is no run.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self { path: path.into() };
        if !run.file("config.toml").is_file() {
            bail!("{} is not the folder of a run: it has no config.toml", path.display());
        }
        Ok(run)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it, by its name with `/`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.file("checkpoint/training.safetensors")
    }

    /// Writes a file, in full or not at all, making its folder.
    ///
    /// # Errors
    /// A disk that is full, or a folder that cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        let path = self.file(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| whole_file::write(&path, contents.as_ref()));
        written
            .with_context(|| format!("cannot write {}; free space, or choose another --out", path.display()))
    }

    /// The configuration it was started with.
    ///
    /// # Errors
    /// A file that is missing or not a configuration.
    pub fn config(&self) -> Result<VaeConfig> {
        let path = self.file("config.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a configuration", path.display()))
    }
}

/// `runs/NAME-1`, or the first after it that does not exist.
fn next_free(name: &str) -> PathBuf {
    (1..)
        .map(|n| PathBuf::from(format!("runs/{name}-{n}")))
        .find(|path| !path.exists())
        .expect("numbers do not end")
}

/// One line of `metrics.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Gradient steps done.
    pub step: u64,
    /// Temperature of the step.
    pub tau: f64,
    /// The training objective on its batch, in nats per image: relaxed if the estimator relaxes.
    pub training_loss: f64,
    /// Its part −ln p(x|z).
    pub reconstruction: f64,
    /// The rest of it.
    pub kl: f64,
    /// Negative ELBO of one hard sample per held-out image, in nats; at evaluations only.
    pub hard_negative_elbo: Option<f64>,
    /// Seconds of training, evaluations left out.
    pub seconds: f64,
}

const HEADER: &str = "step,tau,training_loss,reconstruction,kl,hard_negative_elbo,seconds";

impl Metrics {
    fn line(&self) -> String {
        let hard = self.hard_negative_elbo.map_or(String::new(), |nats| nats.to_string());
        let Self { step, tau, training_loss, reconstruction, kl, seconds, .. } = self;
        format!("{step},{tau},{training_loss},{reconstruction},{kl},{hard},{seconds:.3}")
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(',');
        let mut next = || fields.next();
        let metrics = Self {
            step: next()?.parse().ok()?,
            tau: next()?.parse().ok()?,
            training_loss: next()?.parse().ok()?,
            reconstruction: next()?.parse().ok()?,
            kl: next()?.parse().ok()?,
            hard_negative_elbo: Some(next()?)
                .filter(|text| !text.is_empty())
                .map(str::parse)
                .transpose()
                .ok()?,
            seconds: next()?.parse().ok()?,
        };
        next().is_none().then_some(metrics)
    }
}

/// The open `metrics.csv`.
pub struct MetricsFile {
    path: PathBuf,
    file: BufWriter<File>,
    /// All lines so far.
    pub lines: Vec<Metrics>,
}

impl MetricsFile {
    /// Opens the file with the lines up to `step`; later ones, of a run that stopped after its last
    /// checkpoint, are dropped.
    ///
    /// # Errors
    /// A file that cannot be read or written, or that is not one of ours.
    pub fn open(run: &RunFolder, step: u64) -> Result<Self> {
        let path = run.file("metrics.csv");
        let lines: Vec<Metrics> = match path.exists() {
            true => read_metrics(&path)?.into_iter().filter(|line| line.step <= step).collect(),
            false => Vec::new(),
        };
        let text: String = lines.iter().map(|line| line.line() + "\n").collect();
        run.write("metrics.csv", format!("{HEADER}\n{text}"))?;
        let file = OpenOptions::new().append(true).open(&path).with_context(|| refused(&path))?;
        Ok(Self { file: BufWriter::new(file), path, lines })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// A full disk.
    pub fn add(&mut self, metrics: Metrics) -> Result<()> {
        writeln!(self.file, "{}", metrics.line()).with_context(|| refused(&self.path))?;
        self.lines.push(metrics);
        Ok(())
    }

    /// Writes out what was added.
    ///
    /// # Errors
    /// A full disk.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().with_context(|| refused(&self.path))
    }
}

fn refused(path: &Path) -> String {
    format!("cannot write {}; free space, or choose another --out", path.display())
}

/// Reads a `metrics.csv`.
///
/// # Errors
/// A file that cannot be read, or the first line that is not as written.
pub fn read_metrics(path: &Path) -> Result<Vec<Metrics>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate().skip(1) {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        match Metrics::parse(&line) {
            Some(metrics) => lines.push(metrics),
            None => bail!("{}, line {}: not a line of metrics: {line}", path.display(), number + 1),
        }
    }
    Ok(lines)
}

/// `summary.json`: a run in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `vae`.
    pub model: String,
    /// The data set.
    pub data: String,
    /// The estimator.
    pub estimator: String,
    /// Gradient steps.
    pub steps: u64,
    /// Seed of every random number.
    pub seed: u64,
    /// Numbers trained.
    pub parameters: usize,
    /// Seconds of training, evaluations left out.
    pub seconds: f64,
    /// Steps per second of training.
    pub steps_per_second: f64,
    /// From the program's start to its first finished step; absent in a resumed run.
    pub seconds_to_first_step: Option<f64>,
    /// The most memory the process held, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Results on the test set, hard samples.
    pub test: Test,
    /// Of this program.
    pub version: String,
}

/// What a run reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// Negative ELBO in nats per image, one hard sample per image of the whole test set.
    pub hard_negative_elbo: f64,
    /// Its standard error over images.
    pub hard_negative_elbo_standard_error: f64,
    /// Images in the test set.
    pub images: usize,
    /// The importance-weighted bound.
    pub importance_bound: ImportanceBound,
}

/// An importance-weighted bound on −ln p(x).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportanceBound {
    /// Hard samples per image, m.
    pub samples: usize,
    /// In nats per image.
    pub nats: f64,
    /// Over images.
    pub standard_error: f64,
    /// Test images it was taken over.
    pub images: usize,
}

/// The most memory this process has held, where the system tells.
pub fn peak_memory_bytes() -> Option<u64> {
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

    fn metrics(step: u64, hard: Option<f64>) -> Metrics {
        Metrics {
            step,
            tau: 0.5,
            training_loss: 100.25,
            reconstruction: 80.0,
            kl: 20.25,
            hard_negative_elbo: hard,
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
        assert_eq!(read_metrics(&run.file("metrics.csv")).unwrap(), reopened.lines);
    }

    #[test]
    fn a_line_that_is_not_ours_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        fs::write(&path, format!("{HEADER}\n1,2,x\n")).unwrap();
        assert!(
            read_metrics(&path).unwrap_err().to_string().contains("line 2: not a line of metrics: 1,2,x")
        );
    }

    #[test]
    fn a_folder_in_use_is_refused_with_both_remedies() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("something"), "x").unwrap();
        let message = RunFolder::create(Some(folder.path()), "x").unwrap_err().to_string();
        assert!(message.contains("choose another --out") && message.contains("--resume"), "{message}");
        assert!(RunFolder::open(folder.path()).unwrap_err().to_string().contains("no config.toml"));
    }

    #[cfg(unix)]
    #[test]
    fn peak_memory_is_in_bytes() {
        let peak = peak_memory_bytes().unwrap();
        assert!((1 << 20..1 << 38).contains(&peak), "{peak}");
    }
}

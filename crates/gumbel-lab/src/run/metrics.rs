//! `metrics.csv`: the records of training.

use super::{Cadence, Damaged, RunFolder};
use crate::support::atomic_file::refused;
use crate::support::csv_table::{header, line, rows_until};
use crate::support::fault;
use crate::support::hex::hex;
use anyhow::{Context, Result, anyhow, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
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

/// What rows of `metrics.csv` are recognised by. Of their names and numbers, not of the text of the file: a later version
/// may add a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowsMark(String);

/// The mark of the rows so far.
#[derive(Clone, Default)]
struct Marker(Sha256);

impl Marker {
    fn of<R: Record>(rows: &[R]) -> Result<Self> {
        let mut marker = Self::default();
        rows.iter().try_for_each(|row| marker.add(row)).map(|()| marker)
    }

    fn add<R: Record>(&mut self, row: &R) -> Result<()> {
        let Value::Object(mut fields) = serde_json::to_value(row)? else {
            unreachable!("a row has named fields");
        };
        fields.retain(|_, value| !value.is_null());
        self.0.update(serde_json::to_vec(&fields)?);
        Ok(())
    }

    fn mark(&self) -> RowsMark {
        RowsMark(hex(&self.0.clone().finalize()))
    }
}

/// The open `metrics.csv`.
pub struct MetricsFile<R> {
    path: PathBuf,
    file: File,
    marker: Marker,
    /// Of the bytes written.
    hash: Sha256,
    /// All rows so far.
    pub rows: Vec<R>,
}

impl<R: Record> MetricsFile<R> {
    /// Writes the file with these rows. What follows them, from a run that stopped after its last checkpoint and perhaps
    /// in the middle of a line, is dropped.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn begin(run: &RunFolder, rows: Vec<R>) -> Result<Self> {
        let (path, lines) =
            (run.file(RunFolder::METRICS), rows.iter().map(line).collect::<Result<String>>()?);
        let text = format!("{}\n{lines}", header::<R>()?);
        run.write(RunFolder::METRICS, &text)?;
        let file =
            OpenOptions::new().append(true).open(&path).map_err(|error| anyhow!(refused(&path, &error)))?;
        Ok(Self { path, file, marker: Marker::of(&rows)?, hash: Sha256::new_with_prefix(text), rows })
    }

    /// Appends a row, which other processes can read at once.
    ///
    /// # Errors
    /// A full disk.
    pub fn add(&mut self, row: R) -> Result<()> {
        let line = line(&row)?;
        self.written(|file| file.write_all(line.as_bytes()))?;
        self.hash.update(line);
        self.marker.add(&row)?;
        self.rows.push(row);
        Ok(())
    }

    /// The mark of all rows, once they are on the disk: a checkpoint that claims them must not outlive them.
    ///
    /// # Errors
    /// A full disk.
    pub fn synced(&mut self) -> Result<RowsMark> {
        self.written(|file| file.sync_data())?;
        Ok(self.marker.mark())
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    fn written(&mut self, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
        let done = fault::point(&self.path).and_then(|()| write(&mut self.file));
        done.map_err(|error| anyhow!(refused(&self.path, &error)))
    }

    /// The rows up to `step`, all of them and as they were written.
    ///
    /// # Errors
    /// [`Damaged`], with the row.
    pub fn until(run: &RunFolder, step: u64, cadence: Cadence, mark: Option<&RowsMark>) -> Result<Vec<R>> {
        let path = run.file(RunFolder::METRICS);
        let damaged = |problem: String| Damaged::new(&path, problem);
        ensure!(path.exists(), damaged("it is missing".into()));
        let rows: Vec<R> = rows(&path, step).map_err(|error| damaged(error.to_string()))?;
        if let Some(problem) = gap(&rows, step, cadence) {
            return Err(damaged(problem).into());
        }
        // Not of version 0.1.
        if let Some(mark) = mark {
            let same = Marker::of(&rows)?.mark() == *mark;
            ensure!(same, damaged(format!("its rows up to step {step} are not those that were written")));
        }
        Ok(rows)
    }
}

/// The first row that is missing, or is not one of the run, up to a step.
fn gap<R: Record>(rows: &[R], step: u64, cadence: Cadence) -> Option<String> {
    let mut last = 0;
    for (place, row) in rows.iter().enumerate() {
        let expected = cadence.next_row(last);
        if row.step() != expected {
            return Some(format!("row {} is of step {}, expected step {expected}", place + 1, row.step()));
        }
        last = expected;
    }
    let next = cadence.next_row(last);
    (next <= step).then(|| format!("row {} is missing, that of step {next}", rows.len() + 1))
}

/// Reads a `metrics.csv` up to a step.
///
/// # Errors
/// A file that cannot be read, or the first line that is not as written before one that is wanted.
pub fn read_metrics<R: Record>(path: &Path, step: u64) -> Result<Vec<R>> {
    rows(path, step).with_context(|| format!("cannot read {}", path.display()))
}

fn rows<R: Record>(path: &Path, step: u64) -> Result<Vec<R>> {
    rows_until(&String::from_utf8_lossy(&std::fs::read(path)?), |row: &R| row.step() <= step)
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

    const CADENCE: Cadence = Cadence { evaluate_every: 20 };

    /// A file with rows of the steps 1, 10, 20 and 30, and the mark of the first three.
    fn written(run: &RunFolder) -> (MetricsFile<Metrics>, RowsMark) {
        let mut file = MetricsFile::begin(run, Vec::new()).unwrap();
        for step in [1, 10, 20] {
            file.add(metrics(step, (step != 10).then_some(130.5))).unwrap();
        }
        let mark = file.synced().unwrap();
        file.add(metrics(30, None)).unwrap();
        (file, mark)
    }

    #[test]
    fn metrics_are_read_as_written_and_cut_at_the_checkpoint() {
        let (_folder, run) = run();
        let (file, mark) = written(&run);
        let rows = MetricsFile::until(&run, 20, CADENCE, Some(&mark)).unwrap();
        assert_eq!(rows, file.rows[..3]);
        let again = MetricsFile::begin(&run, rows).unwrap();
        assert_eq!(read_metrics::<Metrics>(&run.file("metrics.csv"), u64::MAX).unwrap(), again.rows);
        assert_eq!(again.marker.mark(), mark);
        assert_eq!(again.sha256(), hex(&Sha256::digest(std::fs::read(run.file("metrics.csv")).unwrap())));
    }

    #[test]
    fn every_flipped_bit_that_matters_is_found() {
        let (_folder, run) = run();
        let (file, mark) = written(&run);
        let bytes = std::fs::read(&file.path).unwrap();
        let claimed = bytes.len() - line(&file.rows[3]).unwrap().len();
        for bit in 0..8 * claimed {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&file.path, flipped).unwrap();
            match MetricsFile::<Metrics>::until(&run, 20, CADENCE, Some(&mark)) {
                // Such as the name of a column without numbers.
                Ok(rows) => assert_eq!(rows, file.rows[..3], "bit {bit}"),
                Err(error) => assert!(error.is::<Damaged>(), "bit {bit}: {error}"),
            }
        }
    }

    #[test]
    fn each_missing_repeated_or_foreign_row_is_named() {
        let (_folder, run) = run();
        let path = run.file("metrics.csv");
        let refused = |steps: &[u64]| {
            let lines: String = steps.iter().map(|&step| line(&metrics(step, None)).unwrap()).collect();
            std::fs::write(&path, format!("{HEADER}\n{lines}")).unwrap();
            MetricsFile::<Metrics>::until(&run, 40, CADENCE, None).err().map(|error| error.to_string())
        };
        assert_eq!(refused(&[1, 10, 20, 30, 40]), None);
        for (steps, problem) in [
            (&[][..], "row 1 is missing, that of step 1"),
            (&[10, 20, 30, 40], "row 1 is of step 10, expected step 1"),
            (&[1, 10, 30, 40], "row 3 is of step 30, expected step 20"),
            (&[1, 10, 20, 30], "row 5 is missing, that of step 40"),
            (&[1, 10, 10, 20, 30, 40], "row 3 is of step 10, expected step 20"),
            (&[1, 10, 15, 20, 30, 40], "row 3 is of step 15, expected step 20"),
        ] {
            let error = refused(steps).expect("refused");
            assert_eq!(error, format!("{} is damaged: {problem}", path.display()));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(refused_missing(&run).ends_with("metrics.csv is damaged: it is missing"));
    }

    fn refused_missing(run: &RunFolder) -> String {
        MetricsFile::<Metrics>::until(run, 1, CADENCE, None).unwrap_err().to_string()
    }

    #[test]
    fn a_file_from_before_the_gradient_variance_is_read_and_continued_with_the_column() {
        let (_folder, run) = run();
        let path = run.file("metrics.csv");
        std::fs::write(&path, format!("{EARLIER}\n1,0.5,100.25,80,20.25,,1.500\n")).unwrap();
        let mark = Marker::of(&[metrics(1, None)]).unwrap().mark();
        let rows = MetricsFile::until(&run, 1, CADENCE, Some(&mark)).unwrap();
        let mut file = MetricsFile::begin(&run, rows).unwrap();
        assert_eq!(file.rows, [metrics(1, None)]);
        file.add(metrics(10, Some(130.5))).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            format!("{HEADER}\n1,0.5,100.25,80,20.25,,,1.500\n10,,100.25,80,20.25,130.5,0.25,1.500\n")
        );
    }

    #[test]
    fn a_line_that_is_not_ours_is_named() {
        let (_folder, run) = run();
        let path = run.file("metrics.csv");
        std::fs::write(&path, format!("{HEADER}\n1,2,x\n{}", line(&metrics(10, None)).unwrap())).unwrap();
        let error = format!("{:#}", read_metrics::<Metrics>(&path, 10).unwrap_err());
        assert!(error.contains("metrics.csv: line 2: expected 8 values under step,tau,"), "{error}");
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

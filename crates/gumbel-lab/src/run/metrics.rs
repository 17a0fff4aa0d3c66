//! `metrics.csv`: the records of training.

use super::record::{Marker, Record, RowsMark};
use super::{RunFolder, StoredRows};
use crate::support::atomic_file::{self, refused};
use crate::support::csv_table::{header, line};
use crate::support::fault;
use crate::support::hex::hex;
use anyhow::{Result, anyhow};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::PathBuf;

/// The open `metrics.csv`. It holds no rows: whoever needs them reads the file.
pub struct MetricsFile<R> {
    path: PathBuf,
    file: File,
    sums: Sums,
    row: PhantomData<R>,
}

/// Sums over what has been written.
#[derive(Default)]
struct Sums {
    /// Of the rows.
    marker: Marker,
    /// Of the bytes.
    hash: Sha256,
}

impl Sums {
    /// The bytes of a row.
    fn line<R: Record>(&mut self, row: &R) -> Result<String> {
        self.marker.add(row)?;
        Ok(self.text(line(row)?))
    }

    fn text(&mut self, text: String) -> String {
        self.hash.update(&text);
        text
    }
}

impl<R: Record> MetricsFile<R> {
    /// Writes the file with these rows of it, if there are any. What follows them, from a run that stopped after its last
    /// checkpoint and perhaps in the middle of a line, is dropped.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn begin(run: &RunFolder, rows: Option<&StoredRows<R>>) -> Result<Self> {
        let (path, mut sums) = (run.file(RunFolder::METRICS), Sums::default());
        run.writing(RunFolder::METRICS, |path| {
            atomic_file::write_by(path, |file| copy(rows, &mut sums, file).map_err(as_io))
        })?;
        let file =
            OpenOptions::new().append(true).open(&path).map_err(|error| anyhow!(refused(&path, &error)))?;
        Ok(Self { path, file, sums, row: PhantomData })
    }

    /// Appends a row, which other processes can read at once.
    ///
    /// # Errors
    /// A full disk.
    pub fn add(&mut self, row: &R) -> Result<()> {
        let line = self.sums.line(row)?;
        self.written(|file| file.write_all(line.as_bytes()))
    }

    /// The mark of all rows, once they are on the disk: a checkpoint that claims them must not outlive them.
    ///
    /// # Errors
    /// A full disk.
    pub fn synced(&mut self) -> Result<RowsMark> {
        self.written(|file| file.sync_data())?;
        Ok(self.sums.marker.mark())
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> String {
        hex(&self.sums.hash.clone().finalize())
    }

    fn written(&mut self, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
        let done = fault::point(&self.path).and_then(|()| write(&mut self.file));
        done.map_err(|error| anyhow!(refused(&self.path, &error)))
    }
}

/// Writes a table with these rows.
fn copy<R: Record>(rows: Option<&StoredRows<R>>, sums: &mut Sums, file: &mut dyn Write) -> Result<()> {
    file.write_all(sums.text(format!("{}\n", header::<R>()?)).as_bytes())?;
    rows.map_or(Ok(()), |rows| rows.each(|row| Ok(file.write_all(sums.line(&row)?.as_bytes())?)))
}

/// The error of the system, which has its own remedy, if it is one.
fn as_io(error: anyhow::Error) -> io::Error {
    error.downcast().unwrap_or_else(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::super::{Cadence, Damaged};
    use super::*;
    use crate::experiment::bound::Metrics;
    use std::path::Path;

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
        let mut file = MetricsFile::begin(run, None).unwrap();
        first_three().iter().for_each(|row| file.add(row).unwrap());
        let mark = file.synced().unwrap();
        file.add(&metrics(30, None)).unwrap();
        (file, mark)
    }

    fn first_three() -> Vec<Metrics> {
        [1, 10, 20].map(|step| metrics(step, (step != 10).then_some(130.5))).to_vec()
    }

    fn collected(rows: &StoredRows<Metrics>) -> Vec<Metrics> {
        let mut all = Vec::new();
        rows.each(|row| {
            all.push(row);
            Ok(())
        })
        .unwrap();
        all
    }

    fn read(path: &Path, step: u64) -> Result<Vec<Metrics>> {
        StoredRows::read(path, step).map(|rows| collected(&rows))
    }

    #[test]
    fn metrics_are_read_as_written_and_cut_at_the_checkpoint() {
        let (_folder, run) = run();
        let (_, mark) = written(&run);
        let rows = StoredRows::of_run(&run, 20, CADENCE, Some(&mark)).unwrap();
        assert_eq!(collected(&rows), first_three());
        let again = MetricsFile::begin(&run, Some(&rows)).unwrap();
        assert_eq!(read(&run.file("metrics.csv"), u64::MAX).unwrap(), first_three());
        assert_eq!(again.sums.marker.mark(), mark);
        assert_eq!(again.sha256(), hex(&Sha256::digest(std::fs::read(run.file("metrics.csv")).unwrap())));
    }

    #[test]
    fn every_flipped_bit_that_matters_is_found() {
        let (_folder, run) = run();
        let (file, mark) = written(&run);
        let bytes = std::fs::read(&file.path).unwrap();
        let claimed = bytes.len() - line(&metrics(30, None)).unwrap().len();
        for bit in 0..8 * claimed {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&file.path, flipped).unwrap();
            match StoredRows::of_run(&run, 20, CADENCE, Some(&mark)) {
                // Such as the name of a column without numbers.
                Ok(rows) => assert_eq!(collected(&rows), first_three(), "bit {bit}"),
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
            StoredRows::<Metrics>::of_run(&run, 40, CADENCE, None).err().map(|error| error.to_string())
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
        StoredRows::<Metrics>::of_run(run, 1, CADENCE, None).err().expect("refused").to_string()
    }

    #[test]
    fn a_file_from_before_the_gradient_variance_is_read_and_continued_with_the_column() {
        let (_folder, run) = run();
        let path = run.file("metrics.csv");
        std::fs::write(&path, format!("{EARLIER}\n1,0.5,100.25,80,20.25,,1.500\n")).unwrap();
        let mut marker = Marker::default();
        marker.add(&metrics(1, None)).unwrap();
        let rows = StoredRows::of_run(&run, 1, CADENCE, Some(&marker.mark())).unwrap();
        let mut file = MetricsFile::begin(&run, Some(&rows)).unwrap();
        assert_eq!(read(&path, u64::MAX).unwrap(), [metrics(1, None)]);
        file.add(&metrics(10, Some(130.5))).unwrap();
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
        let error = format!("{:#}", read(&path, 10).unwrap_err());
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
            assert_eq!(read(&path, 10).unwrap(), [wanted], "{tail:?}");
        }
    }
}

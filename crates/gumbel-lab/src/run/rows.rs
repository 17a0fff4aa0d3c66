//! Rows of a `metrics.csv` that are read from the file each time: those of a long run are more than memory should hold.

use super::record::{Marker, Record, RowsMark};
use super::{Cadence, Course, Damaged, RunFolder};
use crate::support::csv_table::{each_line, lines_until};
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::marker::PhantomData;
use std::path::Path;

/// The rows of a `metrics.csv` up to a step. Those that are appended later are not among them. Walking them holds one.
pub struct StoredRows<R> {
    file: File,
    /// Bytes of the lines that have an end.
    bytes: u64,
    /// Lines up to the last row.
    lines: u64,
    row: PhantomData<R>,
}

impl<R: Record> StoredRows<R> {
    /// The rows of a file up to a step.
    ///
    /// # Errors
    /// A file that cannot be read, or the first line that is not as written before one that is wanted.
    pub fn read(path: &Path, step: u64) -> Result<Self> {
        Self::open(path, step).with_context(|| format!("cannot read {}", path.display()))
    }

    fn open(path: &Path, step: u64) -> Result<Self> {
        let file = File::open(path)?;
        let mut rows = Self { bytes: bytes_of_lines(&file)?, file, lines: 0, row: PhantomData };
        rows.lines = lines_until(rows.table()?, |row: &R| row.step() <= step)?;
        Ok(rows)
    }

    /// The rows of a run up to `step`, all of them and as they were written.
    ///
    /// # Errors
    /// [`Damaged`], with the row.
    pub fn of_run(run: &RunFolder, step: u64, cadence: Cadence, mark: Option<&RowsMark>) -> Result<Self> {
        let path = run.file(RunFolder::METRICS);
        let damaged = |problem: String| Damaged::new(&path, problem);
        ensure!(path.exists(), damaged("it is missing".into()));
        let rows = Self::open(&path, step).map_err(|error| damaged(error.to_string()))?;
        let marker = rows.check(step, cadence).map_err(|error| damaged(error.to_string()))?;
        // Not of version 0.1.
        if let Some(mark) = mark {
            let same = marker.mark() == *mark;
            ensure!(same, damaged(format!("its rows up to step {step} are not those that were written")));
        }
        Ok(rows)
    }

    /// The marker of the rows, or the first of them that is missing or is not one of the run, up to a step.
    fn check(&self, step: u64, cadence: Cadence) -> Result<Marker> {
        let (mut place, mut last, mut marker) = (0_u64, 0, Marker::default());
        self.each(|row: R| {
            let (step, expected) = (row.step(), cadence.next_row(last));
            (place, last) = (place + 1, expected);
            ensure!(step == expected, "row {place} is of step {step}, expected step {expected}");
            marker.add(&row)
        })?;
        let next = cadence.next_row(last);
        ensure!(next > step, "row {} is missing, that of step {next}", place + 1);
        Ok(marker)
    }

    /// Visits the rows in order.
    ///
    /// # Errors
    /// A file that cannot be read or has changed since; those of `visit`.
    pub fn each(&self, mut visit: impl FnMut(R) -> Result<()>) -> Result<()> {
        let mut left = self.lines;
        if left > 0 {
            each_line(self.table()?, |row| {
                left -= 1;
                visit(row?).map(|()| left > 0)
            })?;
        }
        ensure!(left == 0, "the file has {} rows, expected {}", self.lines - left, self.lines);
        Ok(())
    }

    /// What a page shows of them.
    ///
    /// # Errors
    /// As [`each`](Self::each).
    pub fn course(&self) -> Result<Course<R>> {
        Course::of(|visit| {
            self.each(|row| {
                visit(&row);
                Ok(())
            })
        })
    }

    fn table(&self) -> io::Result<Take<&File>> {
        let mut file = &self.file;
        file.rewind()?;
        Ok(file.take(self.bytes))
    }
}

/// The length of a file without its last line, if that has no end.
fn bytes_of_lines(mut file: &File) -> io::Result<u64> {
    const BLOCK: u64 = 1 << 12;
    let mut end = file.metadata()?.len();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut block = vec![0; (end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block)?;
        if let Some(last) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_last_line_end_is_found_wherever_blocks_begin() {
        for (before, after) in
            [(0, 0), (0, 5), (1, 0), (1, 4095), (1, 4096), (1, 4097), (4096, 9000), (9000, 1)]
        {
            let mut file = tempfile::tempfile().unwrap();
            let lines = vec![b'\n'; before];
            file.write_all(&[&lines[..], &vec![b'x'; after]].concat()).unwrap();
            assert_eq!(bytes_of_lines(&file).unwrap(), before as u64, "{before} {after}");
        }
    }
}

//! A part of a measurement: one estimator on one problem, in a folder of its own.

use super::report::{Found, TABLE, TRAINING, curves_head};
use crate::measure::problem::ProblemKind;
use crate::measure::{Case, MeasureOptions};
use crate::run::{RunFolder, RunLog, read_checked};
use crate::support::atomic_file;
use crate::support::csv_table::{rows_under, table_under};
use crate::support::hex::hex;
use crate::support::jobs::Lack;
use anyhow::{Context, Result};
use gumbel::estimator::EstimatorSpec;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const LEFT_OUT: &str = "left-out.txt";
const CURVES: &str = "curves.csv";

/// One estimator on one problem.
pub(super) struct Part {
    name: String,
    path: PathBuf,
    kind: ProblemKind,
    choice: EstimatorSpec,
    log: RunLog,
}

impl Part {
    /// The part in the folder of a list. Names of estimators have no commas, and not every file system allows colons.
    pub(super) fn new(folder: &Path, case: &Case, choice: &EstimatorSpec) -> Self {
        let name = format!("{},{choice}", case.name()).replace(':', ",");
        let log = RunLog::new(folder, &name);
        Self { path: folder.join(&name), kind: case.problem.kind(), choice: choice.clone(), log, name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The options that measure this part alone.
    pub(super) fn options(&self, all: &MeasureOptions) -> MeasureOptions {
        MeasureOptions { problem: vec![self.kind], estimator: vec![self.choice.clone()], ..all.clone() }
    }

    /// Whether it has been measured, or trained.
    pub(super) fn finished(&self, train: bool) -> bool {
        self.path.join(last(train)).is_file()
    }

    /// Why it cannot be collected, if so.
    pub(super) fn lack(&self, train: bool) -> Option<Lack> {
        if self.finished(train) {
            return self.read(train).err().map(|error| Lack::Damaged(format!("{error:#}")));
        }
        let begun = if self.path.exists() { Lack::Unfinished } else { Lack::Missing };
        Some(self.log.failure().map_or(begun, Lack::Failed))
    }

    /// Removes what a process left that was killed before it had written the last file.
    pub(super) fn clear(&self) -> Result<()> {
        [LEFT_OUT, CURVES, RunFolder::SUMS].into_iter().try_for_each(|name| {
            let path = self.path.join(name);
            atomic_file::remove(&path).with_context(|| format!("cannot remove {}", path.display()))
        })
    }

    /// Writes the results, the table last.
    pub(super) fn write(&self, folder: &RunFolder, train: bool, found: &Found) -> Result<()> {
        let reasons = found.skipped.iter().map(|reason| format!("{reason}\n")).collect::<String>();
        let mut others = vec![(LEFT_OUT, reasons.into_bytes())];
        let table = if train {
            table_under(TRAINING, &found.training)?
        } else {
            others.push((CURVES, table_under(&curves_head(), &found.points)?));
            table_under(TABLE, &found.rows)?
        };
        others.iter().try_for_each(|(name, text)| folder.write(name, text))?;
        let sums: Vec<_> = others.iter().map(|(name, text)| (*name, hex(&Sha256::digest(text)))).collect();
        folder.write_last(last(train), &table, &sums)
    }

    /// Reads the results.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub(super) fn read(&self, train: bool) -> Result<Found> {
        let read = |name: &str| read_checked(&self.path, name);
        let left_out = String::from_utf8_lossy(&read(LEFT_OUT)?).into_owned();
        let mut found = Found { skipped: left_out.lines().map(String::from).collect(), ..Found::default() };
        if train {
            found.training = rows_under(TRAINING, &read(last(train))?)?;
        } else {
            found.points = rows_under(&curves_head(), &read(CURVES)?)?;
            found.rows = rows_under(TABLE, &read(last(train))?)?;
        }
        Ok(found)
    }
}

/// The file that marks a part as finished.
fn last(train: bool) -> &'static str {
    if train { "train.csv" } else { "measure.csv" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::problem::Problem;
    use crate::measure::{Curve, CurvePoint, MeasureRow, TrainingPoint};

    fn row(std: f64) -> MeasureRow {
        MeasureRow {
            estimator: "rloo:samples=4".into(),
            problem: "mlp-1x2".into(),
            bias: None,
            bias_standard_error: Some(1.234_56e-300),
            bias_z: Some(-0.1),
            std,
            rmse: Some(f64::INFINITY),
            evaluations: u64::MAX,
            nanoseconds: 51.0,
        }
    }

    fn part(folder: &Path) -> Part {
        let case = Case::new(Problem::new(ProblemKind::Mlp, 1, 2).unwrap());
        Part::new(folder, &case, &"rloo:samples=4".parse().unwrap())
    }

    #[test]
    fn results_are_read_as_they_were_written() {
        let scratch = tempfile::tempdir().unwrap();
        let part = part(scratch.path());
        assert_eq!((part.name(), part.lack(false)), ("mlp-1x2,rloo,samples=4", Some(Lack::Missing)));
        let point = CurvePoint {
            curve: Curve::Latents,
            series: "rloo:samples=4".into(),
            kind: "mlp".into(),
            x: 0.1,
            row: row(3.5),
        };
        let found = Found {
            rows: vec![row(0.1)],
            points: vec![point],
            skipped: vec!["mlp-1x2 left out: no".into()],
            training: vec![],
        };
        let folder = RunFolder::create(Some(part.path()), "x").unwrap();
        part.write(&folder, false, &found).unwrap();
        assert_eq!((part.read(false).unwrap(), part.lack(false)), (found, None));
        for name in [LEFT_OUT, CURVES, "measure.csv"] {
            let kept = std::fs::read(folder.file(name)).unwrap();
            std::fs::write(folder.file(name), "x").unwrap();
            assert!(matches!(part.lack(false), Some(Lack::Damaged(_))), "{name}");
            std::fs::write(folder.file(name), kept).unwrap();
        }
        std::fs::remove_file(folder.file(CURVES)).unwrap();
        assert!(matches!(part.lack(false), Some(Lack::Damaged(_))));
        std::fs::remove_file(folder.file("measure.csv")).unwrap();
        assert_eq!(part.lack(false), Some(Lack::Unfinished));
        part.clear().unwrap();
        drop(folder);
        RunFolder::create(Some(part.path()), "x").unwrap();
    }

    #[test]
    fn learning_curves_are_read_as_they_were_written() {
        let scratch = tempfile::tempdir().unwrap();
        let part = part(scratch.path());
        let point = |step| TrainingPoint {
            estimator: "exact".into(),
            step,
            expected_loss: 0.1 + 0.2,
            expected_loss_standard_error: 1e-17 / 3.0,
            gradient_variance: f64::NAN,
        };
        let found = Found { training: vec![point(0), point(7)], ..Found::default() };
        let folder = RunFolder::create(Some(part.path()), "x").unwrap();
        part.write(&folder, true, &found).unwrap();
        let read = part.read(true).unwrap();
        assert_eq!(format!("{read:?}"), format!("{found:?}"));
    }
}

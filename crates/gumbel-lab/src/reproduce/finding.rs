//! The results of the runs so far.

use super::{Cell, Content, Number, Place, Plan, PlannedRun, ResultTable};
use crate::run::read_checked;
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::path::Path;

/// A cell with the result of each seed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The cell.
    pub cell: Cell,
    /// The results, for seeds from 0.
    pub seeds: Vec<State>,
}

/// The result of a seed.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// A number.
    Done(Value),
    /// The reason of a failure.
    Failed(String),
    /// Not finished.
    Waiting,
}

/// A number of a finished run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Value {
    /// The number.
    pub number: f64,
    /// Standard error, where the number is a mean.
    pub error: Option<f64>,
    /// Gradient steps of the run.
    pub steps: Option<u64>,
    /// Seconds of training.
    pub seconds: Option<f64>,
}

impl Entry {
    /// The numbers of the finished seeds, in order.
    pub fn numbers(&self) -> Vec<f64> {
        values(&self.seeds).map(|(_, value)| value.number).collect()
    }

    /// The median of the numbers.
    pub fn median(&self) -> Option<f64> {
        let mut numbers = self.numbers();
        numbers.sort_by(f64::total_cmp);
        let last = numbers.len().checked_sub(1)?;
        Some((numbers[last / 2] + numbers[last.div_ceil(2)]) / 2.0)
    }

    /// The lowest and the highest number, where there are at least two.
    pub fn spread(&self) -> Option<(f64, f64)> {
        let numbers = self.numbers();
        let (low, high) =
            (numbers.iter().copied().reduce(f64::min)?, numbers.iter().copied().reduce(f64::max)?);
        (numbers.len() > 1).then_some((low, high))
    }
}

/// The finished seeds with their values.
pub fn values(seeds: &[State]) -> impl Iterator<Item = (usize, Value)> {
    seeds.iter().enumerate().filter_map(|(seed, state)| match state {
        State::Done(value) => Some((seed, *value)),
        _ => None,
    })
}

/// The results of each cell of a table, given the folder of each run and seed, or why it failed.
///
/// # Errors
/// A file of a finished run that cannot be read, or without the number.
pub fn found(
    plan: &Plan,
    table: &ResultTable,
    seeds: u64,
    run: impl Fn(&PlannedRun, u64) -> Result<std::path::PathBuf, String>,
) -> Result<Vec<Entry>> {
    let state = |number: &Number, seed| {
        let known = plan.runs.iter().find(|known| known.name == number.run);
        let known = known.expect("cells refer to runs of their plan");
        match run(known, seed) {
            Ok(folder) if folder.join(known.last_file()).is_file() => {
                read(&folder, number.place).map(State::Done)
            }
            Ok(_) => Ok(State::Waiting),
            Err(reason) => Ok(State::Failed(reason)),
        }
    };
    let entry = |cell: &Cell| {
        let seeds = (0..seeds).map(|seed| match &cell.content {
            Content::Of(number) => state(number, seed),
            Content::Ratio(above, below) => Ok(ratio(state(above, seed)?, state(below, seed)?)),
            Content::Refused { .. } => Ok(State::Waiting),
        });
        Ok(Entry { cell: cell.clone(), seeds: seeds.collect::<Result<_>>()? })
    };
    table.cells.iter().map(entry).collect()
}

fn ratio(above: State, below: State) -> State {
    match (above, below) {
        (State::Done(above), State::Done(below)) => {
            State::Done(Value { number: above.number / below.number, error: None, ..above })
        }
        (State::Failed(reason), _) | (_, State::Failed(reason)) => State::Failed(reason),
        _ => State::Waiting,
    }
}

/// The number at a place in the files of a finished run.
fn read(folder: &Path, place: Place) -> Result<Value> {
    match place {
        Place::Summary(number, error) => {
            let path = folder.join("summary.json");
            let json: Json = serde_json::from_slice(&read_checked(folder, "summary.json")?)
                .map_err(|error| anyhow!("{}: {error}", path.display()))?;
            let at = |pointer: &str| {
                let found = json.pointer(pointer).and_then(Json::as_f64);
                found.with_context(|| format!("{} has no number at {pointer}", path.display()))
            };
            let (steps, seconds) = (json["steps"].as_u64(), json["seconds"].as_f64());
            Ok(Value { number: at(number)?, error: error.map(at).transpose()?, steps, seconds })
        }
        Place::Measured(number, error) => {
            let path = folder.join("measure.csv");
            let line = only_line(&path, &read_checked(folder, "measure.csv")?)?;
            let at = |column: &str| {
                let number = line.get(column).and_then(|text| text.parse().ok());
                number.with_context(|| format!("{} has no number in column {column}", path.display()))
            };
            Ok(Value { number: at(number)?, error: error.map(at).transpose()?, ..Value::default() })
        }
    }
}

/// The fields of the only line of a table, by their headings.
fn only_line(path: &Path, text: &[u8]) -> Result<HashMap<String, String>> {
    let mut lines = csv::Reader::from_reader(text).into_deserialize().collect::<Result<Vec<_>, _>>()?;
    ensure!(lines.len() == 1, "{} must have one line, got {}", path.display(), lines.len());
    Ok(lines.remove(0))
}

#[cfg(test)]
impl Entry {
    /// An entry of column c with these numbers.
    pub(super) fn with(row: &'static str, numbers: &[f64], paper: Option<f64>) -> Self {
        let cell = Cell::new(row, "c", Content::of("a", Place::Summary("/x", None)), 2).beside(paper);
        Self { cell, seeds: numbers.iter().copied().map(State::done).collect() }
    }
}

#[cfg(test)]
impl State {
    pub(super) fn done(number: f64) -> Self {
        Self::Done(Value { number, ..Value::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(numbers: &[f64]) -> Entry {
        let mut entry = Entry::with("r", numbers, None);
        entry.seeds.push(State::Waiting);
        entry
    }

    #[test]
    fn the_median_and_the_spread_are_of_the_finished_seeds() {
        assert_eq!((entry(&[]).median(), entry(&[]).spread()), (None, None));
        assert_eq!((entry(&[3.0]).median(), entry(&[3.0]).spread()), (Some(3.0), None));
        assert_eq!(entry(&[3.0, 1.0]).median(), Some(2.0));
        let three = entry(&[3.0, 9.0, 1.0]);
        assert_eq!((three.median(), three.spread()), (Some(3.0), Some((1.0, 9.0))));
    }

    #[test]
    fn numbers_are_read_from_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("summary.json"), r#"{"steps": 7, "test": {"nats": 2.5, "se": 0.25}}"#)
            .unwrap();
        let value = read(path, Place::Summary("/test/nats", Some("/test/se"))).unwrap();
        assert_eq!(value, Value { number: 2.5, error: Some(0.25), steps: Some(7), seconds: None });
        let missing = read(path, Place::Summary("/test/accuracy", None)).unwrap_err().to_string();
        assert!(missing.ends_with("summary.json has no number at /test/accuracy"), "{missing}");
        std::fs::write(path.join("measure.csv"), "estimator,bias,std\nzgr,-0.5,2\n").unwrap();
        assert_eq!(read(path, Place::Measured("bias", Some("std"))).unwrap().number, -0.5);
        std::fs::write(path.join("measure.csv"), "estimator,bias\nzgr,1\nrloo,2\n").unwrap();
        let error = read(path, Place::Measured("bias", None)).unwrap_err().to_string();
        assert!(error.contains("must have one line, got 2"), "{error}");
    }

    #[test]
    fn a_ratio_is_there_when_both_its_numbers_are() {
        let done = State::done;
        assert_eq!(ratio(done(6.0), done(2.0)), done(3.0));
        assert_eq!(ratio(done(6.0), State::Waiting), State::Waiting);
        assert_eq!(ratio(State::Waiting, State::Failed("x".into())), State::Failed("x".into()));
    }
}

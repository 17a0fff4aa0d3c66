//! What the runs have found so far.

use super::{Cell, Content, Number, Place, Plan, Run, Table};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value as Json;
use std::path::Path;

/// A cell with what each seed found.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The cell.
    pub cell: Cell,
    /// One for each seed, from 0.
    pub seeds: Vec<State>,
}

/// What a seed found.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Its number.
    Done(Value),
    /// Why there is none.
    Failed(String),
    /// It has not been run to its end.
    Waiting,
}

/// A number of a finished run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// The number.
    pub number: f64,
    /// Its standard error, where it is a mean.
    pub error: Option<f64>,
    /// Gradient steps of the run.
    pub steps: Option<u64>,
    /// Seconds of training.
    pub seconds: Option<f64>,
}

impl Entry {
    /// The numbers there are, by seed.
    pub fn numbers(&self) -> Vec<f64> {
        values(&self.seeds).map(|(_, value)| value.number).collect()
    }

    /// Their median.
    pub fn median(&self) -> Option<f64> {
        let mut numbers = self.numbers();
        numbers.sort_by(f64::total_cmp);
        let last = numbers.len().checked_sub(1)?;
        Some((numbers[last / 2] + numbers[last.div_ceil(2)]) / 2.0)
    }

    /// The lowest and the highest, where there are two.
    pub fn spread(&self) -> Option<(f64, f64)> {
        let numbers = self.numbers();
        let (low, high) =
            (numbers.iter().copied().reduce(f64::min)?, numbers.iter().copied().reduce(f64::max)?);
        (numbers.len() > 1).then_some((low, high))
    }
}

/// The finished ones with their seeds.
pub fn values(seeds: &[State]) -> impl Iterator<Item = (usize, Value)> {
    seeds.iter().enumerate().filter_map(|(seed, state)| match state {
        State::Done(value) => Some((seed, *value)),
        _ => None,
    })
}

/// What each cell of a table holds, where `run` says where a run of a seed is, or why it failed.
///
/// # Errors
/// A file of a finished run that cannot be read, or lacks the number.
pub fn found(
    plan: &Plan,
    table: &Table,
    seeds: u64,
    run: impl Fn(&Run, u64) -> Result<std::path::PathBuf, String>,
) -> Result<Vec<Entry>> {
    let state = |number: &Number, seed| {
        let known = plan.runs.iter().find(|known| known.name == number.run);
        let known = known.expect("a cell is of a run of its plan");
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

/// The number at a place of a finished run.
fn read(folder: &Path, place: Place) -> Result<Value> {
    match place {
        Place::Summary(number, error) => {
            let path = folder.join("summary.json");
            let json: Json = serde_json::from_slice(&bytes(&path)?)
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
            let (head, line) = only_line(&path)?;
            let at = |column: &str| {
                let field = head.iter().position(|name| name == column).and_then(|place| line.get(place));
                let number = field.and_then(|text| text.parse().ok());
                number.with_context(|| format!("{} has no number in column {column}", path.display()))
            };
            Ok(Value { number: at(number)?, error: error.map(at).transpose()?, steps: None, seconds: None })
        }
    }
}

/// Head and line of a table that has one.
fn only_line(path: &Path) -> Result<(csv::StringRecord, csv::StringRecord)> {
    let text = bytes(path)?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let head = reader.headers()?.clone();
    let lines = reader.records().collect::<Result<Vec<_>, _>>()?;
    ensure!(lines.len() == 1, "{} has {} lines, not one", path.display(), lines.len());
    Ok((head, lines[0].clone()))
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(numbers: &[f64]) -> Entry {
        let number = Number { run: "a".into(), place: Place::Summary("/x", None) };
        let cell = Cell { row: "r", column: "c", content: Content::Of(number), paper: None, decimals: 2 };
        let done = |&number| State::Done(Value { number, error: None, steps: None, seconds: None });
        Entry { cell, seeds: numbers.iter().map(done).chain([State::Waiting]).collect() }
    }

    #[test]
    fn the_median_and_the_spread_are_of_the_finished_seeds() {
        assert_eq!((entry(&[]).median(), entry(&[]).spread()), (None, None));
        assert_eq!((entry(&[3.0]).median(), entry(&[3.0]).spread()), (Some(3.0), None));
        assert_eq!(entry(&[3.0, 1.0]).median(), Some(2.0));
        assert_eq!(
            (entry(&[3.0, 9.0, 1.0]).median(), entry(&[3.0, 9.0, 1.0]).spread()),
            (Some(3.0), Some((1.0, 9.0)))
        );
    }

    #[test]
    fn numbers_are_read_from_where_they_stand() {
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
        assert!(
            read(path, Place::Measured("bias", None))
                .unwrap_err()
                .to_string()
                .contains("has 2 lines, not one")
        );
    }

    #[test]
    fn a_ratio_is_there_when_both_its_numbers_are() {
        let done = |number| State::Done(Value { number, error: None, steps: None, seconds: None });
        assert_eq!(ratio(done(6.0), done(2.0)), done(3.0));
        assert_eq!(ratio(done(6.0), State::Waiting), State::Waiting);
        assert_eq!(ratio(State::Waiting, State::Failed("x".into())), State::Failed("x".into()));
    }
}

//! A row of `metrics.csv`, and the mark of several.

use crate::support::hex::hex;
use anyhow::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A column that is drawn, and its number in a row.
pub type Column<R> = (&'static str, fn(&R) -> Option<f64>);

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

    /// The numbers that pages draw over the steps, by the names of their columns.
    fn columns() -> Vec<Column<Self>>;

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
pub(super) struct Marker(Sha256);

impl Marker {
    pub(super) fn add<R: Record>(&mut self, row: &R) -> Result<()> {
        let Value::Object(mut fields) = serde_json::to_value(row)? else {
            unreachable!("a row has named fields");
        };
        fields.retain(|_, value| !value.is_null());
        self.0.update(serde_json::to_vec(&fields)?);
        Ok(())
    }

    pub(super) fn mark(&self) -> RowsMark {
        RowsMark(hex(&self.0.clone().finalize()))
    }
}

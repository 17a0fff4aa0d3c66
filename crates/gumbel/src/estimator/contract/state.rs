//! What estimators learn, to be saved with a run.

use crate::{Error, StateFault};
use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an estimator has learned: tensors by name, in double precision.
///
/// It can be saved with `serde`, or tensor by tensor in the format of the run's own checkpoints.
///
/// ```
/// use gumbel::estimator::State;
/// let state = State::new().with("average", vec![3.5, 1.0]);
/// let saved: Vec<_> = state.iter().map(|(name, tensor)| (name.to_string(), tensor.clone())).collect();
/// let restored: State = saved.into_iter().collect();
/// assert_eq!(restored.numbers::<2>("average")?, [3.5, 1.0]);
/// assert!(restored.numbers::<2>("coefficient").is_err());
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State {
    tensors: BTreeMap<String, TensorData>,
}

impl State {
    /// Without tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same state with one more tensor `[N]`.
    #[must_use]
    pub fn with(mut self, name: &str, numbers: Vec<f64>) -> Self {
        let length = numbers.len();
        self.tensors.insert(name.into(), TensorData::new(numbers, [length]));
        self
    }

    /// The tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TensorData)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The elements of a tensor.
    ///
    /// # Errors
    /// [`Error::State`] if it is missing.
    pub fn vec(&self, name: &str) -> Result<Vec<f64>, Error> {
        let tensor = self.tensors.get(name).ok_or_else(|| fault(name, StateFault::Missing))?;
        Ok(tensor.clone().convert::<f64>().try_to_vec().expect("converted"))
    }

    /// The elements of a tensor `[N]`.
    ///
    /// # Errors
    /// [`Error::State`] if it is missing or has another length.
    pub fn numbers<const N: usize>(&self, name: &str) -> Result<[f64; N], Error> {
        let numbers = self.vec(name)?;
        let got = numbers.len();
        numbers.try_into().map_err(|_| fault(name, StateFault::Length { got, expected: N }))
    }

    /// Returns an error for a tensor with any other name.
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn expect_names(&self, names: &[&str]) -> Result<(), Error> {
        match self.tensors.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) => Err(fault(name, StateFault::Unexpected)),
            None => Ok(()),
        }
    }
}

fn fault(tensor: &str, fault: StateFault) -> Error {
    Error::State { tensor: tensor.into(), fault }
}

impl FromIterator<(String, TensorData)> for State {
    fn from_iter<I: IntoIterator<Item = (String, TensorData)>>(tensors: I) -> Self {
        Self { tensors: tensors.into_iter().collect() }
    }
}

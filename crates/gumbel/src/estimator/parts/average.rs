//! A moving average, for a baseline.

use super::super::contract::State;
use crate::Error;

/// A memory of about 100 steps.
const DECAY: f64 = 0.99;

/// Decayed sums of the numbers seen and of their weights: so it is corrected for its start at zero, as Adam's moments
/// are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in super::super) struct Average {
    total: f64,
    weight: f64,
}

impl Average {
    /// Its tensor in a state.
    pub const NAME: &str = "average";

    /// 0 until something has been learned.
    pub fn value(self) -> f64 {
        if self.weight == 0.0 { 0.0 } else { self.total / self.weight }
    }

    pub fn learn(&mut self, number: f64) {
        // A number that overflowed is ignored.
        if number.is_finite() {
            self.total = DECAY * self.total + (1.0 - DECAY) * number;
            self.weight = DECAY * self.weight + (1.0 - DECAY);
        }
    }

    pub fn save(self, state: State) -> State {
        state.with(Self::NAME, vec![self.total, self.weight])
    }

    pub fn load(state: &State) -> Result<Self, Error> {
        let [total, weight] = state.numbers(Self::NAME)?;
        Ok(Self { total, weight })
    }
}

//! A moving average, for a baseline.

/// A memory of about 100 steps.
const DECAY: f64 = 0.99;

/// Decayed sum of the numbers seen, and of their weights: so it is corrected for its start at zero, as Adam's moments
/// are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in super::super) struct Average {
    total: f64,
    weight: f64,
}

impl Average {
    /// Numbers in its state.
    pub const LEN: usize = 2;

    /// 0 until something has been learned.
    pub fn value(self) -> f64 {
        if self.weight == 0.0 { 0.0 } else { self.total / self.weight }
    }

    pub fn learn(&mut self, number: f64) {
        // A number that overflowed teaches nothing.
        if number.is_finite() {
            self.total = DECAY * self.total + (1.0 - DECAY) * number;
            self.weight = DECAY * self.weight + (1.0 - DECAY);
        }
    }

    pub fn state(self) -> [f64; Self::LEN] {
        [self.total, self.weight]
    }

    pub fn from_state(state: &[f64]) -> Self {
        Self { total: state[0], weight: state[1] }
    }
}

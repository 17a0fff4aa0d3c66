//! A moving average, for a baseline.

use super::super::contract::State;
use super::memory::{Memory, beside, ratio};
use crate::Error;
use burn::tensor::Tensor;

/// A memory of about 100 steps.
const DECAY: f64 = 0.99;

/// Decayed sums of the numbers seen and of their weights: so it is corrected for its start at zero, as Adam's moments
/// are.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Average(Memory);

impl Default for Average {
    fn default() -> Self {
        Self(Memory::new(vec![0.0; 2]))
    }
}

impl Average {
    /// Its tensor in a state.
    pub const NAME: &str = "average";

    /// 0 until something has been learned. Waits for the device.
    pub fn value(&self) -> f64 {
        let sums = self.0.numbers();
        if sums[1] == 0.0 { 0.0 } else { sums[0] / sums[1] }
    }

    /// The same as a tensor beside `like`, of its type, in which every axis has one place.
    pub fn beside<const D: usize>(&self, like: &Tensor<D>) -> Tensor<D> {
        let sums = self.0.on(&like.device());
        beside(ratio(sums.clone().narrow(0, 0, 1), sums.narrow(0, 1, 1)), like)
    }

    /// Learns from a number `[1]`; ignores one that overflowed.
    pub fn learn(&mut self, number: Tensor<1>) {
        let number = number.inner();
        let weight = number.ones_like();
        self.0.decay(DECAY, Tensor::cat(vec![number, weight], 0));
    }

    pub fn save(&self, state: State) -> State {
        state.with(Self::NAME, self.0.numbers())
    }

    pub fn load(state: &State) -> Result<Self, Error> {
        Memory::load(state, Self::NAME, 2).map(Self)
    }
}

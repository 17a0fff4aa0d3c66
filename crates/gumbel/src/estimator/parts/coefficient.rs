//! The coefficient of a control variate, learned in closed form.
//!
//! An estimate `a + c·b` with `E b = 0` has the least variance at `c = −E[a·b] / E[b·b]`. Both means are
//! remembered with exponential decay, so `c` follows training, and it is 0 until something has been learned.
//! The estimate that a step uses has the `c` of earlier steps: it stays unbiased.

use crate::Error;
use burn::tensor::Tensor;
use std::{fmt, str::FromStr};

/// A memory of about 100 steps.
const DECAY: f64 = 0.99;

/// The weight of a control variate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Weight {
    /// The one of least variance, as far as it is known from earlier steps; 0 at first.
    #[default]
    Learned,
    /// Always this one.
    Fixed(f64),
}

impl Weight {
    /// The fixed one, or else what has been learned.
    pub(in super::super) fn or(self, learned: Coefficient) -> f64 {
        match self {
            Self::Learned => learned.value(),
            Self::Fixed(weight) => weight,
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Learned => f.pad("learned"),
            Self::Fixed(weight) => write!(f, "{weight}"),
        }
    }
}

impl FromStr for Weight {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse::<f64>() {
            Ok(weight) if weight.is_finite() => Ok(Self::Fixed(weight)),
            _ => Error::named("weight", text, &["learned"]).map(|_| Self::Learned),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in super::super) struct Coefficient {
    cross: f64,
    square: f64,
}

impl Coefficient {
    /// Numbers in its state and in a lesson.
    pub const LEN: usize = 2;

    pub fn value(self) -> f64 {
        if self.square > 0.0 { -self.cross / self.square } else { 0.0 }
    }

    /// What it learns from: the sums of `a·b` and of `b·b`, `[2]`.
    pub fn lesson<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<1> {
        let (a, b) = (a.detach(), b.detach());
        Tensor::cat(vec![(a * b.clone()).sum(), b.square().sum()], 0)
    }

    pub fn learn(&mut self, lesson: &[f64]) {
        // Numbers that overflowed teach nothing.
        if lesson.iter().all(|number| number.is_finite()) {
            self.cross = DECAY * self.cross + (1.0 - DECAY) * lesson[0];
            self.square = DECAY * self.square + (1.0 - DECAY) * lesson[1];
        }
    }

    pub fn state(self) -> [f64; Self::LEN] {
        [self.cross, self.square]
    }

    pub fn from_state(state: &[f64]) -> Self {
        Self { cross: state[0], square: state[1] }
    }
}

//! The coefficient of a control variate, learned in closed form.
//!
//! An estimate `a + c·b` with `E b = 0` has the least variance at `c = −E[a·b] / E[b·b]`. Both means are
//! remembered with exponential decay, so `c` follows training; it is 0 until something has been learned.
//! An estimate uses the `c` of earlier steps, so it stays unbiased.

use super::super::contract::State;
use super::memory::{Memory, beside, ratio};
use crate::Error;
use burn::tensor::Tensor;
use std::{fmt, str::FromStr};

/// A memory of about 100 steps.
const DECAY: f64 = 0.99;

/// The coefficient of a control variate: learned, or fixed.
///
/// ```
/// use gumbel::Schedule;
/// use gumbel::estimator::{ControlCoefficient, Rebar};
/// assert_eq!("0.5".parse::<ControlCoefficient>()?, ControlCoefficient::Fixed(0.5));
/// let rebar = Rebar::new(1, Schedule::Constant(0.3), ControlCoefficient::Learned)?;
/// assert_eq!(rebar.coefficient(), 0.0); // until it has learned
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum ControlCoefficient {
    /// The one of least variance, as estimated from earlier steps; 0 at first.
    #[default]
    Learned,
    /// Always this one.
    Fixed(f64),
}

impl ControlCoefficient {
    /// The fixed one, or else the learned one. Waits for the device.
    pub(in super::super) fn or(self, learned: &Coefficient) -> f64 {
        match self {
            Self::Learned => learned.value(),
            Self::Fixed(coefficient) => coefficient,
        }
    }

    /// A control variate times the coefficient.
    pub(in super::super) fn times<const D: usize>(
        self,
        learned: &Coefficient,
        control: Tensor<D>,
    ) -> Tensor<D> {
        match self {
            Self::Fixed(coefficient) => control * coefficient,
            Self::Learned => {
                let means = learned.0.on(&control.device());
                let value = ratio(means.clone().narrow(0, 0, 1).neg(), means.narrow(0, 1, 1));
                control.clone() * beside(value, &control)
            }
        }
    }
}

impl fmt::Display for ControlCoefficient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Learned => f.pad("learned"),
            Self::Fixed(coefficient) => write!(f, "{coefficient}"),
        }
    }
}

impl FromStr for ControlCoefficient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse::<f64>() {
            Ok(coefficient) if coefficient.is_finite() => Ok(Self::Fixed(coefficient)),
            _ => Error::find("coefficient", text, &["learned"]).map(|_| Self::Learned),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Coefficient(Memory);

impl Default for Coefficient {
    fn default() -> Self {
        Self(Memory::new(vec![0.0; Self::LEN]))
    }
}

impl Coefficient {
    /// Its tensor in a state.
    pub const NAME: &str = "coefficient";
    /// Numbers in its statistics: the moving means of `a·b` and of `b·b`.
    pub const LEN: usize = 2;

    /// Waits for the device.
    pub fn value(&self) -> f64 {
        let means = self.0.numbers();
        if means[1] > 0.0 { -means[0] / means[1] } else { 0.0 }
    }

    /// What it learns from: the sums of `a·b` and of `b·b`, `[2]`.
    pub fn statistics<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<1> {
        let (a, b) = (a.detach(), b.detach());
        Tensor::cat(vec![(a * b.clone()).sum(), b.square().sum()], 0)
    }

    /// Learns from [`statistics`](Self::statistics); ignores those that overflowed.
    pub fn learn(&mut self, statistics: Tensor<1>) {
        self.0.decay(DECAY, statistics);
    }

    pub fn save(&self, state: State) -> State {
        state.with(Self::NAME, self.0.numbers())
    }

    pub fn load(state: &State) -> Result<Self, Error> {
        Memory::load(state, Self::NAME, Self::LEN).map(Self)
    }
}

//! Division by the temperature, as the CPU divides.

use cubecl::prelude::*;

/// A temperature, prepared for many divisions.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Temperature {
    pub tau: f32,
    /// `1 / tau` in two parts.
    pub high: f32,
    low: f32,
}

/// How gaps are divided: outside of a moderate range `1 / tau` or a gap overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Range {
    /// From 1e-30 to 1e30: by multiplication.
    Moderate,
    /// Below.
    Low,
    /// Above: perturbed logits are halved.
    High,
}

impl Range {
    pub fn of(tau: f32) -> Self {
        match tau {
            1e-30..=1e30 => Self::Moderate,
            _ if tau < 1.0 => Self::Low,
            _ => Self::High,
        }
    }
}

pub(crate) fn temperature_argument(tau: f32) -> TemperatureLaunch {
    let inverse = 1.0 / f64::from(tau);
    let high = inverse as f32;
    TemperatureLaunch::new(tau, high, (inverse - f64::from(high)) as f32)
}

/// `(key − max) / tau` for a key that is not above `max`.
#[cube]
pub(crate) fn divided(key: f32, max: f32, temperature: &Temperature, #[comptime] range: Range) -> f32 {
    match comptime!(range) {
        Range::Moderate => {
            let gap = finite(key - max);
            fma(gap, temperature.low, gap * temperature.high)
        }
        Range::High => {
            let halved = (key - max) / temperature.tau;
            halved + halved
        }
        Range::Low => {
            let halved = (key * 0.5f32 - max * 0.5f32) / temperature.tau;
            halved + halved
        }
    }
}

/// The lowest finite number in place of −∞. NaN stays.
#[cube]
pub(crate) fn finite(gap: f32) -> f32 {
    select(gap < f32::MIN, f32::MIN, gap)
}

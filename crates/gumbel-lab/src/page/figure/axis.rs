//! Ticks of an axis, their labels, and the place of a value on it.

use super::drawing::{Anchor, TEXT, label, line, text_width};
use super::range::Range;
use crate::page::number::separated;
use maud::{Markup, html};

/// An axis from data to drawing units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Ends of the axis in data units.
    pub range: Range,
    /// Whether equal ratios, rather than equal differences, have equal lengths.
    pub log: bool,
    /// Drawing unit of the low end.
    pub start: f64,
    /// Drawing unit of the high end.
    pub end: f64,
}

impl Axis {
    /// Drawing unit of `value`, held within a few axis lengths so that no renderer meets huge numbers.
    pub fn at(&self, value: f64) -> f64 {
        let scale = |v: f64| if self.log { v.max(f64::MIN_POSITIVE).log10() } else { v };
        let (low, high) = (scale(self.range.low), scale(self.range.high));
        // Halves, because the difference of two huge numbers may not be finite.
        let share = (scale(value) / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        let share = share.clamp(-3.0, 4.0);
        self.start + share * (self.end - self.start)
    }

    /// Tick values with their labels, about `target` of them.
    pub fn ticks(&self, target: usize) -> Vec<(f64, String)> {
        if self.log { log_ticks(self.range) } else { linear_ticks(self.range, target) }
    }

    /// A line across the frame, and a label left of it, for each tick of a vertical axis.
    pub fn grid(&self, left: f64, right: f64, target: usize) -> Markup {
        html! {
            @for (value, text) in self.ticks(target) {
                (line((left, self.at(value)), (right, self.at(value)), "grid"))
                (label(left - 8.0, self.at(value) + 4.5, Anchor::End, "", &text))
            }
        }
    }

    /// Room for the labels of a vertical axis, left of the frame.
    pub fn margin(&self, target: usize) -> f64 {
        let widths = self.ticks(target).into_iter().map(|(_, text)| text_width(&text, TEXT));
        widths.fold(24.0, f64::max) + 10.0
    }
}

/// Multiples of 1, 2 or 5 times a power of ten inside the range, at most about `target` of them.
fn linear_ticks(range: Range, target: usize) -> Vec<(f64, String)> {
    let target = target.max(1);
    let step = nice_step((range.high - range.low) / target as f64);
    let (first, last) = ((range.low / step - 1e-9).ceil(), (range.high / step + 1e-9).floor());
    if !(step > 0.0 && step.is_finite() && last - first <= 3.0 * target as f64) {
        return Vec::new(); // the range is too wide or too narrow for the float format
    }
    (0..=(last - first) as usize).map(|i| (first + i as f64) * step).map(|v| (v, tick(v, step))).collect()
}

/// The smallest 1, 2 or 5 times a power of ten that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let magnitude = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * magnitude >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * magnitude
}

/// Powers of ten; over less than two decades 2 and 5 times them too; over less than half a decade, linear ticks.
fn log_ticks(range: Range) -> Vec<(f64, String)> {
    let (low, high) = (range.low.log10(), range.high.log10());
    if high - low < 0.5 {
        return linear_ticks(range, 5);
    }
    let factors: &[f64] = if high - low < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = ((high - low) / 8.0).ceil() as usize;
    (low.floor() as i32..=high.ceil() as i32)
        .step_by(every)
        .flat_map(|power| factors.iter().map(move |f| f * 10f64.powi(power)))
        .filter(|v| *v >= range.low * (1.0 - 1e-9) && *v <= range.high * (1.0 + 1e-9))
        .map(|v| (v, tick(v, nice_step(v * 0.9))))
        .collect()
}

/// `value` with as many decimals as a `step` needs.
fn tick(value: f64, step: f64) -> String {
    let decimals = (-step.log10() - 1e-9).ceil().max(0.0);
    if value == 0.0 {
        "0".into()
    } else if value.abs() >= 1e7 || decimals > 5.0 {
        // As many digits as tell neighbouring ticks apart.
        let digits = (value.abs().log10().floor() - step.log10().floor()).clamp(0.0, 15.0);
        format!("{value:.*e}", digits as usize)
    } else {
        separated(&format!("{value:.*}", decimals as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, log: bool, target: usize) -> Vec<String> {
        let axis = Axis { range: Range { low, high }, log, start: 0.0, end: 1.0 };
        axis.ticks(target).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(0.0, 20_000.0, false, 5), ["0", "5,000", "10,000", "15,000", "20,000"]);
        assert_eq!(labels(91.3, 118.9, false, 6), ["95", "100", "105", "110", "115"]);
        assert_eq!(labels(0.31, 1.02, false, 5), ["0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(-12.0, 7.0, false, 5), ["−10", "−5", "0", "5"]);
    }

    #[test]
    fn log_ticks_thicken_as_the_range_narrows() {
        assert_eq!(labels(0.5, 2e4, true, 5), ["1", "10", "100", "1,000", "10,000"]);
        assert_eq!(labels(0.1, 1.0, true, 5), ["0.1", "0.2", "0.5", "1"]);
        assert_eq!(labels(90.0, 120.0, true, 5), ["90", "100", "110", "120"]);
        assert!(labels(1e-300, 1e300, true, 5).len() <= 9);
    }

    #[test]
    fn extreme_ranges_give_few_or_no_ticks() {
        assert_eq!(labels(2e8, 3e8, false, 4), ["2.0e8", "2.5e8", "3.0e8"]);
        assert!(labels(f64::MIN, f64::MAX, false, 5).is_empty());
    }

    #[test]
    fn values_map_to_drawing_units() {
        let axis = Axis { range: Range { low: 1.0, high: 100.0 }, log: true, start: 50.0, end: 0.0 };
        assert_eq!(axis.at(10.0), 25.0);
        assert_eq!(axis.at(0.0), 200.0);
        assert_eq!(Axis { log: false, ..axis }.at(100.0), 0.0);
    }
}

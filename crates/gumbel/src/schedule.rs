//! Schedules of temperatures and learning rates as plain values: no hidden counter, the step is an argument.

use crate::{Error, ScheduleFault};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A positive number that changes with the training step.
///
/// Its text is `0.5`, `exp:1:1e-4:0.5:500`, `linear:1:0.3:10000` or `cosine:1:0.3:10000`, which is also how it is saved.
///
/// ```
/// use gumbel::Schedule;
/// let tau: Schedule = "exp:1:1e-4:0.5:500".parse()?;
/// assert_eq!(tau.at(499), 1.0); // updated every 500 steps
/// assert_eq!(tau.at(1000), (-0.1f64).exp());
/// assert_eq!(tau.at(1_000_000), 0.5); // the floor
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "String")]
#[doc(alias = "annealing")]
#[non_exhaustive]
pub enum Schedule {
    /// The same value at every step.
    Constant(f64),
    /// `max(floor, start · exp(-rate · t))`, with `t` the step rounded down to a multiple of `every`
    /// (Jang, Gu and Poole 2017, section 4: start 1, floor 0.5, rate 1e-5 or 1e-4, every 500 or 1000).
    Exponential {
        /// Value at step 0.
        start: f64,
        /// Decay per step.
        rate: f64,
        /// Smallest value.
        floor: f64,
        /// Steps between updates.
        every: u64,
    },
    /// From `start` to `end` in equal steps over `steps`, then `end`.
    Linear {
        /// Value at step 0.
        start: f64,
        /// Value from step `steps` on.
        end: f64,
        /// Length of the descent.
        steps: u64,
    },
    /// From `start` to `end` along half a cosine over `steps`, then `end`.
    Cosine {
        /// Value at step 0.
        start: f64,
        /// Value from step `steps` on.
        end: f64,
        /// Length of the descent.
        steps: u64,
    },
}

impl Schedule {
    /// The value at `step`.
    pub fn at(&self, step: u64) -> f64 {
        let share = |steps: u64| (step as f64 / steps.max(1) as f64).min(1.0);
        match *self {
            Self::Constant(value) => value,
            Self::Exponential { start, rate, floor, every } => {
                let t = step - step % every.max(1);
                (start * (-rate * t as f64).exp()).max(floor)
            }
            // Written so that the end is reached exactly.
            Self::Linear { start, end, steps } => {
                between(start, end, start * (1.0 - share(steps)) + end * share(steps))
            }
            Self::Cosine { start, end, steps } => {
                let height = 0.5 * (1.0 + (std::f64::consts::PI * share(steps)).cos());
                between(start, end, end + (start - end) * height)
            }
        }
    }

    /// The smallest and the largest value over all steps.
    ///
    /// ```
    /// let tau: gumbel::Schedule = "exp:1:1e-4:0.5:500".parse()?;
    /// assert_eq!(tau.range(), (0.5, 1.0));
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn range(&self) -> (f64, f64) {
        match *self {
            Self::Constant(value) => (value, value),
            Self::Exponential { start, floor, rate, .. } => {
                (if rate > 0.0 { floor } else { start.max(floor) }, start.max(floor))
            }
            Self::Linear { start, end, .. } | Self::Cosine { start, end, .. } => {
                (start.min(end), start.max(end))
            }
        }
    }

    /// Checks that every value it will take is positive and finite.
    fn check(self) -> Result<Self, ScheduleFault> {
        match self {
            Self::Constant(value) => positive("the value", value)?,
            Self::Exponential { start, rate, floor, .. } => {
                positive("START", start)?;
                positive("FLOOR", floor)?;
                if !(rate.is_finite() && rate >= 0.0) {
                    return Err(ScheduleFault::Rate { value: rate });
                }
            }
            Self::Linear { start, end, .. } | Self::Cosine { start, end, .. } => {
                positive("START", start)?;
                positive("END", end)?;
            }
        }
        Ok(self)
    }
}

/// The value, which rounding must not lead beyond an end: to zero, where one is far below the other.
fn between(start: f64, end: f64, value: f64) -> f64 {
    value.clamp(start.min(end), start.max(end))
}

fn positive(part: &'static str, value: f64) -> Result<(), ScheduleFault> {
    match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(ScheduleFault::NotPositive { part, value }),
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).and_then(Self::check).map_err(|fault| Error::Schedule { text: text.into(), fault })
    }
}

fn parse(text: &str) -> Result<Schedule, ScheduleFault> {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    match parts[..] {
        [value] => Ok(Schedule::Constant(number(value)?)),
        ["exp", start, rate, floor] => exponential(start, rate, floor, "1"),
        ["exp", start, rate, floor, every] => exponential(start, rate, floor, every),
        ["linear", start, end, length] => {
            Ok(Schedule::Linear { start: number(start)?, end: number(end)?, steps: steps(length)? })
        }
        ["cosine", start, end, length] => {
            Ok(Schedule::Cosine { start: number(start)?, end: number(end)?, steps: steps(length)? })
        }
        _ => Err(ScheduleFault::Form),
    }
}

fn exponential(start: &str, rate: &str, floor: &str, every: &str) -> Result<Schedule, ScheduleFault> {
    Ok(Schedule::Exponential {
        start: number(start)?,
        rate: number(rate)?,
        floor: number(floor)?,
        every: steps(every)?,
    })
}

fn number(text: &str) -> Result<f64, ScheduleFault> {
    text.parse().map_err(|_| ScheduleFault::NotANumber { got: text.into() })
}

fn steps(text: &str) -> Result<u64, ScheduleFault> {
    let steps = text.parse().ok().filter(|&steps| steps > 0);
    steps.ok_or_else(|| ScheduleFault::NotSteps { got: text.into() })
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Constant(value) => write!(f, "{value}"),
            Self::Exponential { start, rate, floor, every } => {
                write!(f, "exp:{start}:{rate}:{floor}:{every}")
            }
            Self::Linear { start, end, steps } => write!(f, "linear:{start}:{end}:{steps}"),
            Self::Cosine { start, end, steps } => write!(f, "cosine:{start}:{end}:{steps}"),
        }
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

/// In a configuration file: `tau = 0.5` or `tau = "exp:…"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Number(f64),
    Words(String),
}

impl TryFrom<Text> for Schedule {
    type Error = Error;

    fn try_from(text: Text) -> Result<Self, Error> {
        match text {
            Text::Number(value) => value.to_string().parse(),
            Text::Words(words) => words.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> Schedule {
        text.parse().expect("a valid schedule")
    }

    #[test]
    fn values_at_chosen_steps() {
        let linear = schedule("linear:1:0.3:10000");
        assert_eq!(
            [linear.at(0), linear.at(5000), linear.at(10_000), linear.at(99_999)],
            [1.0, 0.65, 0.3, 0.3]
        );
        let cosine = schedule("cosine:2:1:100");
        assert_eq!([cosine.at(0), cosine.at(100), cosine.at(1000)], [2.0, 1.0, 1.0]);
        assert!((cosine.at(50) - 1.5).abs() < 1e-15);
        assert_eq!(schedule("0.5").at(123), 0.5);
        assert_eq!(schedule("exp:1:0.1:0.5").at(3), (-0.1f64 * 3.0).exp());
    }

    #[test]
    fn every_value_is_within_the_range() {
        let ends = [5e-324, 1e-308, 1e-17, 0.1, 1.0 / 3.0, 0.7, 1.0, 1e17, f64::MAX];
        for (start, end) in ends.into_iter().flat_map(|start| ends.map(|end| (start, end))) {
            for form in ["linear:S:E:97", "cosine:S:E:97", "exp:S:0.1:E:3", "exp:S:0:E:3", "exp:S:1e300:E"] {
                let schedule =
                    schedule(&form.replace('S', &start.to_string()).replace('E', &end.to_string()));
                let (least, most) = schedule.range();
                for step in (0..200).chain([u64::MAX]) {
                    let value = schedule.at(step);
                    assert!((least..=most).contains(&value), "{value} of {schedule} at {step}");
                }
            }
        }
    }

    #[test]
    fn text_and_value_round_trip() {
        for text in ["0.5", "exp:1:0.0001:0.5:500", "linear:1:0.3:10000", "cosine:2:1:100"] {
            assert_eq!(schedule(text).to_string(), text);
        }
    }

    #[test]
    fn errors_name_the_part_and_its_value() {
        let cases = [
            ("0", "positive and finite, got 0"),
            ("-1", "got -1"),
            ("nan", "got NaN"),
            ("inf", "got inf"),
            ("exp:1:x:0.5", "'x' is not a number"),
            ("exp:1:-0.1:0.5", "RATE must be finite and not negative, got -0.1"),
            ("exp:1:0.1:0.5:0", "a whole number from 1, got '0'"),
            ("linear:1:0:10", "END must be positive and finite, got 0"),
            ("linear:1:0.5", "not a schedule"),
            ("sine:1:2:3", "not a schedule"),
        ];
        for (text, part) in cases {
            let message = text.parse::<Schedule>().expect_err(text).to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn configuration_files_hold_numbers_or_text() {
        #[derive(Deserialize, Serialize)]
        struct File {
            tau: Schedule,
        }
        let read = |text: &str| toml::from_str::<File>(text).map(|file| file.tau);
        assert_eq!(read("tau = 0.5").unwrap(), Schedule::Constant(0.5));
        assert_eq!(read("tau = \"linear:1:0.5:10\"").unwrap(), schedule("linear:1:0.5:10"));
        assert!(read("tau = 0").is_err());
        assert_eq!(toml::to_string(&File { tau: Schedule::Constant(0.5) }).unwrap(), "tau = \"0.5\"\n");
    }
}

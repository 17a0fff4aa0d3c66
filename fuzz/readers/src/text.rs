//! Corpora, and the values of options: estimators, schedules, lists.

use crate::images::scratch;
use crate::message;
use gumbel::Schedule;
use gumbel::estimator::EstimatorSpec;
use gumbel_lab::data::Binarization;
use gumbel_lab::data::text::load;
use gumbel_lab::measure::List;
use gumbel_lab::measure::problem::ProblemKind;
use gumbel_lab::model::Widths;
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// A list of strings, and running text in windows: strings of the stated length and alphabet, which come back from their
/// codes.
pub fn corpus(data: &[u8]) {
    let file = scratch(data);
    let path = file.path().to_str().expect("a path in ASCII");
    for length in [None, Some(3), Some(usize::from(*data.first().unwrap_or(&0)))] {
        let Some(corpus) = message::ok(load(path, None, length)) else { continue };
        assert!(corpus.count() > 0 && !corpus.test.is_empty() && corpus.length > 0);
        assert_eq!(corpus.train.len(), corpus.count() * corpus.length);
        assert!(corpus.train.iter().all(|&code| usize::from(code) < corpus.alphabet.len()));
        for string in corpus.strings().iter().chain(&corpus.test) {
            let codes = corpus.alphabet.encode(string, corpus.length).expect("a string of the corpus");
            assert_eq!(&corpus.alphabet.decode(&codes), string);
        }
        message::ok(corpus.dataset());
    }
}

/// The text of an estimator: it comes back from what it parses to, and what it builds can be asked.
pub fn spec(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(spec) = message::ok(text.parse::<EstimatorSpec>()) else { return };
    again(&spec, |spec| spec.to_string());
    let complete = spec.clone().complete();
    again(&complete, |spec| spec.to_string());
    message::ok(spec.schedule());
    if let Some(estimator) = message::ok(spec.build()) {
        assert!(estimator.properties().samples > 0);
        spec.evaluations(u64::MAX, u64::MAX);
    }
}

/// The text of a schedule: positive, finite and within its range at every step, and the same when written.
pub fn schedule(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(schedule) = message::ok(text.parse::<Schedule>()) else { return };
    again(&schedule, |schedule| format!("{schedule:?}"));
    let (least, most) = schedule.range();
    let ends = [0, 1, 2, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
    for step in ends.into_iter().chain((0..64).map(|bit| 1 << bit)) {
        let value = schedule.at(step);
        assert!(value > 0.0 && (least..=most).contains(&value), "{value} of {schedule} at {step}");
    }
}

/// Lists of widths, of numbers, and the words of options.
pub fn lists(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    written::<Widths>(text);
    written::<List<f64>>(text);
    written::<List<u64>>(text);
    written::<Binarization>(text);
    written::<ProblemKind>(text);
    written::<gumbel::kl::Kl>(text);
    message::ok(gumbel_lab::data::registry::find(text));
}

fn written<T: FromStr<Err: Display> + Display + Debug>(text: &str) {
    message::ok(text.parse::<T>()).iter().for_each(|value| again(value, |value| format!("{value:?}")));
}

/// Parses what the value is written as.
fn again<T: FromStr<Err: Display> + Display>(value: &T, compared: impl Fn(&T) -> String) {
    let text = value.to_string();
    match text.parse::<T>() {
        Ok(parsed) => assert_eq!(compared(&parsed), compared(value), "{text}"),
        Err(error) => panic!("{text} does not parse: {error}"),
    }
}

//! Text of a caller inside a message: never whole, never raw.

const LONGEST: usize = 60;

/// The first 60 characters, with what a terminal would obey escaped.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).map(escaped).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn escaped(character: char) -> String {
    match character {
        '\'' | '"' | '\\' => character.into(),
        other => other.escape_debug().collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::Schedule;
    use crate::estimator::EstimatorSpec;
    use crate::kl::Kl;

    /// The text of an option in every place where one is parsed.
    #[test]
    fn errors_quote_little_of_a_text_and_nothing_raw() {
        for bad in ['\u{1b}', '\n', '\r', '\u{7}', '\u{9b}', '\u{202e}'] {
            let long = format!("{bad}x{}", "9".repeat(100_000));
            let schedules = ["", "exp:", "linear:1:1:"].map(|begin| format!("{begin}{long}:1"));
            let specs = ["", "rloo:", "rloo:samples=", "rloo:x", "gumbel-softmax:tau=", "relax:hidden="];
            let specs =
                specs.map(|begin| format!("{begin}{long}")).into_iter().chain([format!("rloo:{long}=1")]);
            let errors = specs.map(|text| match text.parse::<EstimatorSpec>() {
                Ok(spec) => spec.build().map(drop).unwrap_err().to_string(),
                Err(error) => error.to_string(),
            });
            let errors =
                errors.chain(schedules.map(|text| text.parse::<Schedule>().unwrap_err().to_string()));
            for error in errors.chain([long.parse::<Kl>().unwrap_err().to_string()]) {
                assert!(error.chars().count() < 1500, "{} characters", error.chars().count());
                assert!(!error.contains(bad), "{error:?}");
            }
        }
    }
}

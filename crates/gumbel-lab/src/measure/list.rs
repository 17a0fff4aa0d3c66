//! Lists of numbers on the command line.

use crate::support::excerpt::excerpt;
use std::fmt::{self, Display};
use std::str::FromStr;

/// Numbers separated by commas, or `none`.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<T: FromStr<Err: Display>> FromStr for List<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let number = |part: &str| {
            let expected = "expected numbers separated by commas, or none";
            part.trim().parse().map_err(|error| format!("'{}': {error}; {expected}", excerpt(part)))
        };
        text.split(',').map(number).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: Display> Display for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let numbers: Vec<String> = self.0.iter().map(T::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_written() {
        for text in ["1,10,100", "none", "0.5"] {
            assert_eq!(text.parse::<List<f64>>().unwrap().to_string(), text);
        }
        assert!("1,x".parse::<List<u32>>().unwrap_err().contains("'x'"));
    }
}

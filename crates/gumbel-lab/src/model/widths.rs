//! Widths of hidden layers.

use crate::support::excerpt::excerpt;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Widths of hidden layers, each at least 1; `none` for none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Vec<usize>")]
pub struct Widths(Vec<usize>);

/// The forms of widths in a file.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a list of widths such as [512, 256], or \"none\"")]
enum Written {
    List(Vec<i64>),
    Text(String),
}

impl Widths {
    /// The widths in order, from the input to the code.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }
}

impl Default for Widths {
    fn default() -> Self {
        Self(vec![256])
    }
}

impl TryFrom<Written> for Widths {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::List(widths) => widths.iter().map(|width| parse(&width.to_string())).collect(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<Widths> for Vec<usize> {
    fn from(widths: Widths) -> Self {
        widths.0
    }
}

impl FromIterator<usize> for Widths {
    fn from_iter<I: IntoIterator<Item = usize>>(widths: I) -> Self {
        Self(widths.into_iter().collect())
    }
}

impl FromStr for Widths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" { Ok(Self(Vec::new())) } else { text.split(',').map(parse).collect() }
    }
}

fn parse(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(width) if width > 0 => Ok(width),
        _ => Err(format!("'{}' is not a width; write whole numbers such as 512,256, or none", excerpt(text))),
    }
}

impl fmt::Display for Widths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(if widths.is_empty() { "none" } else { "" })?;
        f.write_str(&widths.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(value: &str) -> Result<Widths, toml::de::Error> {
        let mut table: toml::Table = toml::from_str(&format!("hidden = {value}"))?;
        table.remove("hidden").expect("put there").try_into()
    }

    #[test]
    fn a_file_gives_them_as_a_list_or_as_text() {
        let two = Widths(vec![512, 256]);
        assert_eq!((file("[512, 256]").unwrap(), file("\"512,256\"").unwrap()), (two.clone(), two));
        assert_eq!((file("[]").unwrap(), file("\"none\"").unwrap()), (Widths(vec![]), Widths(vec![])));
    }

    #[test]
    fn a_width_of_zero_or_less_is_refused_in_a_file_too() {
        for (value, named) in
            [("[0]", "'0'"), ("[8, -1]", "'-1'"), ("\"8,x\"", "'x'"), ("7", "such as [512, 256]")]
        {
            let error = file(value).unwrap_err().message().to_string();
            assert!(error.contains(named), "{value}: {error}");
        }
    }
}

//! The options of the program.

use gumbel_kernels::Stream;

pub const TESTS: &[&str] = &["tails", "argmax", "independence", "finite", "words"];

pub struct Options {
    pub test: String,
    /// Numbers to draw.
    pub count: u64,
    pub seed: u64,
    /// Whether numbers are `f64` rather than `f32`.
    pub double: bool,
    pub layout: String,
}

impl Options {
    /// From words such as `tails --count 1e9 --seed 1 --type f64`.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let test = words.next().ok_or_else(|| unknown("test", "", TESTS))?;
        let mut options =
            Self { test, count: 1_000_000_000, seed: 1, double: false, layout: "stream".into() };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} requires a value"))?;
            options.set(&name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match (name, value.as_str()) {
            ("--count", _) => self.count = count(&value)?,
            ("--seed", _) => self.seed = value.parse().map_err(|error| format!("--seed {value}: {error}"))?,
            ("--type", "f32") => self.double = false,
            ("--type", "f64") => self.double = true,
            ("--type", _) => return Err(unknown("--type", &value, &["f32", "f64"])),
            ("--layout", _) => self.layout = value,
            _ => return Err(unknown("option", name, &["--count", "--seed", "--type", "--layout"])),
        }
        Ok(())
    }

    /// The stream of a part of the test.
    pub fn stream(&self, part: u64) -> Stream {
        Stream::new(self.seed).split(part)
    }

    /// The name of the type, or types.
    pub fn number(&self) -> &'static str {
        match (self.test.as_str(), self.double) {
            ("finite", _) => "every type",
            (_, false) => "f32",
            (_, true) => "f64",
        }
    }
}

/// A count such as `1000` or `1e9`.
fn count(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(count) if (1.0..=1e18).contains(&count) => Ok(count as u64),
        _ => Err(format!("--count must be from 1 to 1e18, got {text}")),
    }
}

pub fn unknown(kind: &str, word: &str, known: &[&str]) -> String {
    format!("unknown {kind} '{word}'; expected one of: {}", known.join(", "))
}

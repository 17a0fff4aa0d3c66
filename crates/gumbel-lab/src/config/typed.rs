//! Options that are a command line, a TOML file and the record of a run at once, whatever the model.

use super::file;
use crate::support::shell::quoted;
use anyhow::Result;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The options of `gumbel train MODEL`; each has a default.
pub trait Typed: Args + FromArgMatches + Serialize + DeserializeOwned {
    /// MODEL.
    const MODEL: &'static str;

    /// Refuses what is wrong with a part of a file, where the whole could not tell its line.
    ///
    /// # Errors
    /// An option of the part that is malformed.
    fn check_parts(_text: &str) -> Result<(), toml::de::Error> {
        Ok(())
    }

    /// The defaults of every option.
    fn defaults() -> Self {
        let matches = Self::command_line().try_get_matches_from::<_, &str>([]);
        let parsed = matches.and_then(|matches| Self::from_arg_matches(&matches));
        parsed.expect("every option has a default")
    }

    /// The options alone, as a command without a name.
    fn command_line() -> clap::Command {
        Self::add_options(clap::Command::new(Self::MODEL).no_binary_name(true))
    }

    /// Adds the options to a command.
    fn add_options(command: clap::Command) -> clap::Command {
        add_options::<Self>(command)
    }

    /// Every option and its value, as one would type them.
    fn typed(&self) -> Vec<(String, String)> {
        let table = toml::Table::try_from(self).expect("a configuration is made of strings and numbers");
        table.into_iter().map(|(name, value)| (name, text(value))).collect()
    }

    /// The command that makes the same run: the options that differ from the defaults.
    fn command(&self) -> String {
        let defaults = Self::defaults().typed();
        let chosen = self.typed().into_iter().filter(|option| !defaults.contains(option));
        chosen.fold(format!("gumbel train {}", Self::MODEL), |command, (name, value)| {
            format!("{command} --{name} {}", quoted(&value))
        })
    }

    /// Command-line options over those of a file over the defaults.
    ///
    /// # Errors
    /// A file that cannot be read or that has unknown or malformed keys.
    fn read(matches: &ArgMatches, file: Option<&Path>) -> Result<Self> {
        let from_arguments = Self::from_arg_matches(matches)?;
        let Some(path) = file else { return Ok(from_arguments) };
        let (_, mut merged) = file::read::<Self>(path)?;
        for (key, value) in toml::Table::try_from(&from_arguments)? {
            if matches.value_source(&key.replace('-', "_")) == Some(ValueSource::CommandLine) {
                merged.insert(key, value);
            }
        }
        Ok(merged.try_into()?)
    }

    /// A file over the defaults.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn from_file(path: &Path) -> Result<Self> {
        file::read(path).map(|(options, _)| options)
    }
}

/// Adds the options as they are declared.
pub(super) fn add_options<A: Args>(command: clap::Command) -> clap::Command {
    // A number below zero should meet its range, not pass for an option.
    A::augment_args(command).mut_args(|option| option.allow_negative_numbers(true))
}

fn text(value: toml::Value) -> String {
    match value {
        toml::Value::String(text) => text,
        toml::Value::Array(all) if all.is_empty() => "none".into(),
        toml::Value::Array(all) => all.into_iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

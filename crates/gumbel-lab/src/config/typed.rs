//! Options that are a command line, a TOML file and the record of a run at once, whatever the model.

use crate::nearest::{meant, nearest};
use anyhow::{Context, Result, anyhow};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The options of `gumbel train MODEL`; each has a default.
pub trait Typed: Args + FromArgMatches + Serialize + DeserializeOwned {
    /// MODEL.
    const MODEL: &'static str;

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
        // A number below zero should meet its range, not pass for an option.
        Self::augment_args(command).mut_args(|option| option.allow_negative_numbers(true))
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
            format!("{command} --{name} {}", super::quoted(&value))
        })
    }

    /// Command-line options over those of a file over the defaults.
    ///
    /// # Errors
    /// A file that cannot be read or that has unknown or malformed keys.
    fn read(matches: &ArgMatches, file: Option<&Path>) -> Result<Self> {
        let from_arguments = Self::from_arg_matches(matches)?;
        let Some(path) = file else { return Ok(from_arguments) };
        let (_, mut merged) = parse::<Self>(path)?;
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
        parse(path).map(|(options, _)| options)
    }
}

fn text(value: toml::Value) -> String {
    match value {
        toml::Value::String(text) => text,
        toml::Value::Array(all) if all.is_empty() => "none".into(),
        toml::Value::Array(all) => all.into_iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// The file's options over the defaults, and which of them it names.
fn parse<O: Typed>(path: &Path) -> Result<(O, toml::Table)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let explain = |error: toml::de::Error| anyhow!("{}", explain::<O>(path, &text, &error));
    Ok((toml::from_str(&text).map_err(explain)?, toml::from_str(&text).map_err(explain)?))
}

/// `FILE, line L: what is wrong`.
fn explain<O: Typed>(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let place = error.span().unwrap_or_default();
    let line = text[..place.start].matches('\n').count() + 1;
    let message = error.message().replace('\n', ", ");
    let what = if message.starts_with("unknown field") { unknown::<O>(&text[place]) } else { message };
    format!("{}, line {line}: {what}", path.display())
}

fn unknown<O: Typed>(key: &str) -> String {
    let command = O::command_line();
    let known: Vec<&str> = command.get_arguments().filter_map(|option| option.get_long()).collect();
    let key = key.trim_matches(['"', '\'']);
    let question = meant(&nearest(key, known));
    format!("no option is called {key}{question}; gumbel train {} --help lists them", O::MODEL)
}

//! Options that are a command line, a TOML file and the record of a run at once, for any experiment.

use super::Common;
use crate::support::shell::quoted;
use anyhow::Result;
use clap::{Arg, Args, FromArgMatches};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The headings of options in the order of the help, which is not that of the structs that declare them.
const HEADINGS: [&str; 7] = ["Data", "Labels", "Model", "Game", "Estimator", "Training", "Evaluation"];

/// Options that may change when a run is resumed: no result depends on them, but for the number of steps.
pub(super) const FREE: [&str; 5] = ["steps", "threads", "device", "tensorboard", "data-dir"];
/// The place of the data may change too: they are recognised by their digest.
const DATA: &str = "data";

/// The options of `gumbel train NAME`; each has a default.
pub trait RunConfig: Args + FromArgMatches + Serialize + DeserializeOwned + Clone + Send + Sync {
    /// NAME.
    const NAME: &'static str;
    /// Options of the evaluation at the end only, on which training does not depend.
    const FINAL: &'static [&'static str] = &[];

    /// The options that every run has.
    fn common(&self) -> &Common;

    /// The same, to be changed.
    fn common_mut(&mut self) -> &mut Common;

    /// Adapts defaults and help of options that several experiments have.
    fn adapt(command: clap::Command) -> clap::Command {
        command
    }

    /// Whether data are known by that name, and need no path.
    fn knows(data: &str) -> bool;

    /// Rejects what is malformed in a flattened part of a file, where the whole could not name its line.
    ///
    /// # Errors
    /// An option of the part that is malformed.
    fn check_parts(text: &str) -> Result<(), toml::de::Error>;

    /// Rejects what cannot be trained, with the remedy.
    ///
    /// # Errors
    /// The first option out of its range, or two that are incompatible.
    fn check(&self) -> Result<()>;

    /// The defaults of every option.
    fn defaults() -> Self {
        let matches = Self::command_line().try_get_matches_from::<_, &str>([]);
        let parsed = matches.and_then(|matches| Self::from_arg_matches(&matches));
        parsed.expect("every option has a default")
    }

    /// The options alone, as a command without a name.
    fn command_line() -> clap::Command {
        Self::add_options(clap::Command::new(Self::NAME).no_binary_name(true))
    }

    /// Adds the options to a command.
    fn add_options(command: clap::Command) -> clap::Command {
        let own = Self::adapt(Self::augment_args(clap::Command::new(Self::NAME)));
        let mut options: Vec<Arg> = own.get_arguments().cloned().collect();
        let heading =
            |option: &Arg| HEADINGS.iter().position(|&name| option.get_help_heading() == Some(name));
        options.sort_by_key(heading);
        // A number below zero gets an error with its range, and is not taken for an option.
        command.args(options.into_iter().map(|option| option.allow_negative_numbers(true)))
    }

    /// Every option and its value, as one would type them.
    fn typed(&self) -> Vec<(String, String)> {
        let table = toml::Table::try_from(self).expect("a configuration is made of strings and numbers");
        table.into_iter().map(|(name, value)| (name, text(value))).collect()
    }

    /// The options that training depends on, with their values.
    fn decisive(&self) -> BTreeMap<String, String> {
        let free = |name: &str| FREE.contains(&name) || Self::FINAL.contains(&name) || name == DATA;
        self.typed().into_iter().filter(|(name, _)| !free(name)).collect()
    }

    /// The command that makes the same run: the options that differ from the defaults.
    fn command(&self) -> String {
        let defaults = Self::defaults().typed();
        let chosen = self.typed().into_iter().filter(|option| !defaults.contains(option));
        chosen.fold(format!("gumbel train {}", Self::NAME), |command, (name, value)| {
            format!("{command} --{name} {}", quoted(&value))
        })
    }

    /// The contents of `config.toml`: the experiment, and every option.
    ///
    /// # Errors
    /// Only if TOML refuses its own types.
    fn record(&self) -> Result<String> {
        Ok(format!("model = \"{}\"\n{}", Self::NAME, toml::to_string(self)?))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{bound, gan, vqvae};
    use crate::model::{SbnConfig, SemiConfig, TextConfig, VaeConfig};

    /// A name that is no option would let none change; one that is missing here is decisive.
    #[test]
    fn options_that_may_change_exist() {
        fn check<C: RunConfig>() {
            let command = C::command_line();
            let known: Vec<&str> = command.get_arguments().filter_map(Arg::get_long).collect();
            for name in FREE.iter().chain(C::FINAL).chain([&DATA]) {
                assert!(known.contains(name), "train {} has no --{name}", C::NAME);
                assert!(!C::defaults().decisive().contains_key(*name), "train {}: --{name}", C::NAME);
            }
            assert!(C::defaults().decisive().contains_key("seed"));
        }
        check::<bound::Config<VaeConfig>>();
        check::<bound::Config<SbnConfig>>();
        check::<bound::Config<SemiConfig>>();
        check::<bound::Config<TextConfig>>();
        check::<gan::Config>();
        check::<vqvae::Config>();
    }
}

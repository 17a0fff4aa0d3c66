//! A configuration from a TOML file, with an error of one line for each mistake.

use super::RunConfig;
use crate::support::excerpt::{excerpt, message};
use crate::support::suggest::nearest;
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

/// The key that names the experiment.
const MODEL: &str = "model";

/// Command-line options over those of a file over the defaults.
///
/// # Errors
/// A file that cannot be read or that has unknown or malformed keys.
pub fn read_config<C: RunConfig>(matches: &ArgMatches, file: Option<&Path>) -> Result<C> {
    let from_arguments = C::from_arg_matches(matches)?;
    let Some(path) = file else { return Ok(from_arguments) };
    let mut merged = table::<C>(path)?;
    for (key, value) in toml::Table::try_from(&from_arguments)? {
        if matches.value_source(&key.replace('-', "_")) == Some(ValueSource::CommandLine) {
            merged.insert(key, value);
        }
    }
    Ok(merged.try_into()?)
}

/// The configuration of a file over the defaults.
///
/// # Errors
/// As [`read_config`].
pub fn config_of<C: RunConfig>(path: &Path) -> Result<C> {
    Ok(table::<C>(path)?.try_into()?)
}

/// The file's options over the defaults, as a table.
fn table<C: RunConfig>(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let explain = |error: toml::de::Error| {
        let place = error.span().unwrap_or_default();
        anyhow!("{}: {}", line(path, &text, &place), message(&error.message().replace('\n', ", ")))
    };
    let named: BTreeMap<Spanned<String>, IgnoredAny> = toml::from_str(&text).map_err(explain)?;
    let mut table: toml::Table = toml::from_str(&text).map_err(explain)?;
    check_model::<C>(path, table.remove(MODEL).as_ref())?;
    let options = options::<C>();
    let known = |key: &str| {
        key == MODEL || options.iter().any(|(name, also)| name == key || also.contains(&key.into()))
    };
    if let Some(key) = named.keys().find(|key| !known(key.get_ref())) {
        bail!("{}: {}", line(path, &text, &key.span()), unknown_option::<C>(key.get_ref(), &options));
    }
    C::check_parts(&text).map_err(explain)?;
    toml::from_str::<C>(&text).map_err(explain)?;
    Ok(merged(toml::Table::try_from(C::defaults())?, table, &options))
}

/// Rejects the configuration of another experiment.
fn check_model<C: RunConfig>(path: &Path, model: Option<&toml::Value>) -> Result<()> {
    let model = model.and_then(toml::Value::as_str).unwrap_or(C::NAME);
    let named = excerpt(model);
    ensure!(
        model == C::NAME,
        "{} is a configuration of gumbel train {named}, not of gumbel train {}; use gumbel train {named}",
        path.display(),
        C::NAME
    );
    Ok(())
}

/// The file's values in place of the defaults, by the present names of the options.
fn merged(mut defaults: toml::Table, file: toml::Table, options: &[(String, Vec<String>)]) -> toml::Table {
    for (key, value) in file {
        let present = options.iter().find(|(_, also)| also.contains(&key)).map(|(name, _)| name.clone());
        defaults.insert(present.unwrap_or(key), value);
    }
    defaults
}

/// `FILE, line L`.
fn line(path: &Path, text: &str, place: &Range<usize>) -> String {
    format!("{}, line {}", path.display(), text[..place.start].matches('\n').count() + 1)
}

/// The options by name, each with the names that it had before.
fn options<C: RunConfig>() -> Vec<(String, Vec<String>)> {
    let command = C::command_line();
    let named = command.get_arguments().filter_map(|option| {
        let earlier = option.get_all_aliases().unwrap_or_default();
        Some((option.get_long()?.to_string(), earlier.into_iter().map(str::to_string).collect()))
    });
    named.collect()
}

fn unknown_option<C: RunConfig>(key: &str, options: &[(String, Vec<String>)]) -> String {
    let near = nearest(key, options.iter().map(|(name, _)| name.as_str()));
    let meant = near.first().map_or(String::new(), |near| format!(", did you mean '{near}'?"));
    format!("unknown option '{}'{meant}; see gumbel train {} --help", excerpt(key), C::NAME)
}

/// The configuration of typed options over those of a file's text.
#[cfg(test)]
pub(crate) fn parsed<C: RunConfig>(arguments: &[&str], file: Option<&str>) -> Result<C> {
    let matches = C::command_line().try_get_matches_from(arguments)?;
    let written = tempfile::NamedTempFile::new()?;
    std::fs::write(written.path(), file.unwrap_or_default())?;
    read_config(&matches, file.map(|_| written.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bound::Config;
    use crate::model::VaeConfig;

    #[test]
    fn mistakes_are_one_line_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        let cases = [
            ("seed = 1\nstpes = 3", ", line 2: unknown option 'stpes', did you mean 'steps'?"),
            ("\"learning-rate\" = 3", ", line 1: unknown option 'learning-rate'"),
            ("\"a\\u001b\" = 3", ", line 1: unknown option 'a\\u{1b}'; see"),
            ("device = \"\\u001b[2J\"", ", line 1: unknown device '\\u{1b}[2J'; expected one of: cpu, cuda"),
            ("\n\nsteps = \"many\"", ", line 3: invalid type: string \"many\""),
            ("seed = 1\nsteps = ", ", line 2: "),
            ("steps = 1\nsteps = 2", ", line 2: duplicate key"),
            ("hidden = [0]", ", line 1: '0' is not a width"),
            ("binarize = \"dynamc\"", ", line 1: unknown"),
            ("tau = -1", ", line 1: "),
            ("device = \"cdua\"", ", line 1: unknown device 'cdua'; did you mean 'cuda'?"),
            ("model = \"sbn\"", " is a configuration of gumbel train sbn, not of gumbel train vae"),
        ];
        for (text, part) in cases {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", table::<Config<VaeConfig>>(&path).unwrap_err());
            assert!(error.starts_with(&format!("{}{part}", path.display())), "{text:?}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}

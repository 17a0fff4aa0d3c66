//! What `gumbel compare` compares, from its options.

use super::options::{Compare, Compared};
use crate::cmd::train::Train;
use crate::compare::Record;
use crate::experiment::Row;
use crate::run::Shared;
use crate::support::shell::quoted;
use anyhow::{Result, bail, ensure};
use clap::parser::ValueSource;

/// Draws of the gradient at each evaluation, unless the user chooses otherwise.
const DRAWS: i64 = 10;

/// What is compared.
pub(super) struct Chosen {
    /// The model.
    pub(super) row: &'static Row,
    /// Its values and its command.
    pub(super) record: Record,
    /// The options that all runs share.
    pub(super) options: toml::Table,
}

/// What the command line names. With `check`, the values are checked as a run would, which needs the data.
///
/// # Errors
/// Options that are missing or incompatible; values that are unknown or, with `check`, cannot be trained.
pub(super) fn chosen(options: &Compare, check: bool) -> Result<Chosen> {
    let Some(Compared::Train(train)) = &options.what else {
        let example = match (options.generators.as_slice(), options.quantizers.as_slice()) {
            ([], []) => "vae",
            ([], _) => "vqvae",
            _ => "gan",
        };
        bail!("no model to train; append it: gumbel compare --estimators A,B train {example}");
    };
    let row = train.row;
    let values = values(options, row)?;
    distinct(values, row)?;
    let shared = common(train)?;
    if check {
        (row.comparison.check)(&train.matches, values)?;
    }
    let record = Record::new(row.name, shared.command, values.to_vec());
    Ok(Chosen { row, record, options: shared.options })
}

/// The values to compare.
fn values<'a>(options: &'a Compare, row: &Row) -> Result<&'a [String]> {
    let option = row.comparison.option;
    let all = [
        ("estimator", &options.estimators),
        ("generator", &options.generators),
        ("quantizer", &options.quantizers),
    ];
    if let Some((name, _)) = all.iter().find(|(name, values)| *name != option && !values.is_empty()) {
        bail!("train {} does not take --{name}s; compare it by --{option}s", row.name);
    }
    let given = all.into_iter().find(|(name, _)| *name == option);
    let (_, given) = given.expect("every experiment is compared by one of them");
    ensure!(!given.is_empty(), "--{option}s is missing: name at least two, separated by commas");
    Ok(given)
}

/// Rejects fewer than two values, and one that is named twice.
fn distinct(values: &[String], row: &Row) -> Result<()> {
    let option = row.comparison.option;
    let mut seen: Vec<(String, &String)> = Vec::new();
    for value in values {
        let full = (row.comparison.in_full)(value)?;
        if let Some((_, earlier)) = seen.iter().find(|(known, _)| *known == full) {
            bail!("--{option}s has {earlier} and {value}, which are the same; leave one of them out");
        }
        seen.push((full, value));
    }
    ensure!(
        values.len() >= 2,
        "--{option}s needs at least two values, got {}; for one, use gumbel train {} --{option} {0}",
        quoted(&values.join(",")),
        row.name
    );
    Ok(())
}

/// The options that all runs share.
fn common(train: &Train) -> Result<Shared> {
    let comparison = &train.row.comparison;
    let option = comparison.option;
    ensure!(!given(train, option), "--{option} is for a single run; name the values in --{option}s instead");
    for name in ["out", "resume"] {
        ensure!(!given(train, name), "--{name} is for a single run; give it before train");
    }
    let mut shared = (comparison.shared)(&train.matches)?;
    shared.options.remove(option);
    for name in comparison.of_one {
        ensure!(
            !shared.options.contains_key(*name),
            "--{name} is a parameter of single {option}s; give it to those, as in --{option}s NAME:{name}=VALUE"
        );
    }
    measure_variance(&mut shared, given(train, "gradient_variance"));
    Ok(shared)
}

/// Whether an option was given on the command line.
fn given(train: &Train, name: &str) -> bool {
    let typed = |id: &clap::Id| train.matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    train.matches.ids().any(|id| id == name && typed(id))
}

/// Switches the gradient's variance on for a model that can measure it, unless it has been `chosen`.
fn measure_variance(shared: &mut Shared, chosen: bool) {
    match shared.options.get_mut("gradient-variance") {
        // It is the default of a single run: the command does not have it yet.
        Some(toml::Value::Integer(0)) if chosen => shared.command += " --gradient-variance 0",
        Some(draws @ toml::Value::Integer(0)) => *draws = DRAWS.into(),
        _ => {}
    }
}

//! A measurement as a list of commands, one for each problem and estimator: the list, a part of it, and the table of all parts.

use super::part::Part;
use super::report::{self, Found};
use super::work::{self, Supported};
use crate::cmd::AllOrNothing;
use crate::measure::{Case, Curve, CurvePoint, MeasureOptions};
use crate::run::{RunFolder, RunLog, begun_once};
use crate::support::interrupt::exit_at_a_signal;
use crate::support::jobs::{Incomplete, absolute, called, finished_earlier, line, note, print_list};
use crate::support::shell::option;
use crate::support::stdout::print;
use crate::support::suggest::unknown;
use anyhow::{Context, Result, ensure};
use gumbel::estimator::EstimatorSpec;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// `measure.toml`: the options of the parts in a folder.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    command: String,
}

const RECORD: &str = "measure.toml";

/// Prints a command for each part.
pub(super) fn list(options: &MeasureOptions, out: &Path) -> Result<ExitCode> {
    let cases = options.cases()?;
    let Supported { choices, skipped } = work::supported(options, &cases)?;
    skipped.iter().for_each(|reason| note(reason));
    let mut words = called(None)?;
    words.push("measure".into());
    words.extend(options.words().into_iter().map(OsString::from));
    // The scheduler has the other threads.
    words.push(format!("--threads={}", options.threads.max(1)).into());
    words.push(option("--out=", &absolute(out)?));
    print_list(distinct(parts(out, &cases, &choices)).into_iter().map(|part| {
        let run = OsString::from(format!("--run={}", part.name()));
        Ok(line(words.iter().chain([&run]))?)
    }))?;
    Ok(ExitCode::SUCCESS)
}

/// The parts, in the order of the table.
fn parts(folder: &Path, cases: &[Case], choices: &[Vec<EstimatorSpec>]) -> Vec<Part> {
    let of_case = |(case, choices): (&Case, &Vec<EstimatorSpec>)| -> Vec<Part> {
        choices.iter().map(|choice| Part::new(folder, case, choice)).collect()
    };
    cases.iter().zip(choices).flat_map(of_case).collect()
}

/// The parts without those of an estimator that was named twice.
fn distinct(parts: Vec<Part>) -> Vec<Part> {
    let mut seen: Vec<Part> = Vec::new();
    for part in parts {
        if seen.iter().all(|known| known.name() != part.name()) {
            seen.push(part);
        }
    }
    seen
}

/// Measures one part, unless it has been measured.
///
/// # Errors
/// An unknown part; one that another process measures; a folder of another measurement.
pub(super) fn make_one(options: &MeasureOptions, out: &Path, name: &str) -> Result<ExitCode> {
    let cases = options.cases()?;
    let parts = parts(out, &cases, &vec![options.choices(); cases.len()]);
    let names: Vec<&str> = parts.iter().map(Part::name).collect();
    let part =
        parts.iter().find(|part| part.name() == name).with_context(|| unknown("part", name, &names))?;
    begun_once(
        || recorded(out, options),
        || {
            let folder = RunFolder::create(Some(out), "measure")?;
            folder.write(RECORD, toml::to_string(&Record { command: command(options) })?)?;
            Ok(folder.unlocked())
        },
    )?;
    let alone = part.options(options);
    let finished = || part.finished(options.train);
    let done = RunLog::new(out, name).make_once(finished, || measure(&alone, part))?;
    done.map_or_else(|| finished_earlier(name), |()| Ok(ExitCode::SUCCESS))
}

fn measure(options: &MeasureOptions, part: &Part) -> Result<()> {
    part.clear()?;
    let (results, cases) = (AllOrNothing::new(), options.cases()?);
    results.within(Some(part.path()), "measure", |folder| {
        let found = work::all(options, &cases)?;
        let _undisturbed = results.undisturbed.hold();
        part.write(folder, options.train, &found)
    })
}

/// The command without folders.
fn command(options: &MeasureOptions) -> String {
    format!("measure {}", options.words().join(" "))
}

/// The folder, if it holds parts of this measurement.
///
/// # Errors
/// Parts of another measurement.
fn recorded(path: &Path, options: &MeasureOptions) -> Result<Option<RunFolder>> {
    let file = path.join(RECORD);
    if !file.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let record: Record = toml::from_str(&text).with_context(|| format!("cannot read {}", file.display()))?;
    let expected = command(options);
    ensure!(
        record.command == expected,
        "{} contains another measurement: gumbel {}; expected gumbel {expected}; choose another folder, or its options",
        path.display(),
        record.command
    );
    Ok(Some(RunFolder::at(path)))
}

/// Writes the tables and the page of all parts, or nothing.
///
/// # Errors
/// [`Incomplete`]; a folder without such parts.
pub(super) fn collect(options: &MeasureOptions, path: &Path, command: &str) -> Result<ExitCode> {
    let undisturbed = exit_at_a_signal(|| eprintln!("stopped; nothing was written"));
    let cases = options.cases()?;
    let folder = recorded(path, options)?.with_context(|| {
        format!("{} has no {RECORD}; expected the --out of a list of --jobs", path.display())
    })?;
    let folder = folder.locked()?;
    let supported = work::supported(options, &cases)?;
    let parts = parts(path, &cases, &supported.choices);
    let lack = |part: Part| (part.name().to_string(), part.lack(options.train));
    Incomplete::check(path, distinct(parts).into_iter().map(lack))?;
    let found = gathered(options, path, &cases, &supported)?;
    let _held = undisturbed.hold();
    report::write(&folder, options, found, command)?;
    Ok(ExitCode::SUCCESS)
}

/// The results of all parts in the order in which one process measures them; prints what it prints.
fn gathered(options: &MeasureOptions, path: &Path, cases: &[Case], supported: &Supported) -> Result<Found> {
    let mut all = Found { skipped: supported.skipped.clone(), ..Found::default() };
    all.skipped.iter().try_for_each(|reason| print(&format!("{reason}\n")))?;
    for (case, choices) in cases.iter().zip(&supported.choices) {
        if !options.train {
            print(&work::heading(options, case))?;
        }
        let mut points = Vec::new();
        for choice in choices {
            let found = Part::new(path, case, choice).read(options.train)?;
            print(&said(&found))?;
            all.rows.extend(found.rows);
            all.training.extend(found.training);
            all.skipped.extend(found.skipped);
            points.extend(found.points);
        }
        points.sort_by_key(|point| place(options, point));
        all.points.extend(points);
    }
    Ok(all)
}

/// The lines of a part on the terminal.
fn said(found: &Found) -> String {
    let skipped = found.skipped.iter().map(|reason| format!("{reason}\n"));
    let rows = found.rows.iter().map(|row| row.line());
    let curve = (!found.training.is_empty()).then(|| work::end_of(&found.training));
    skipped.chain(rows).chain(curve).collect()
}

/// The place of a point along the curves of a problem.
fn place(options: &MeasureOptions, point: &CurvePoint) -> (bool, Option<usize>) {
    match point.curve {
        Curve::Tau => (false, options.taus.0.iter().position(|tau| *tau == point.x)),
        Curve::Latents => {
            (true, options.curve_latents.0.iter().position(|latents| f64::from(*latents) == point.x))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::support::fault::{Fault, plan};
    use clap::Parser;

    const PART: &str = "mlp-2x2,zgr";

    fn options(out: &Path) -> MeasureOptions {
        let words = "gumbel measure --estimator zgr,rloo --latents 2 --replicates 32 --warm-up 0 --taus none \
                     --curve-latents 1 --curve-replicates 32";
        let mut words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        words.push(option("--out=", out));
        match Cli::try_parse_from(words).unwrap().command {
            Command::Measure(options) => *options,
            _ => unreachable!("the first argument is measure"),
        }
    }

    /// A kill at each change of a file: the same line measures the part afterwards.
    #[test]
    fn what_a_kill_leaves_recovers() {
        for place in 0.. {
            let scratch = tempfile::tempdir().unwrap();
            let out = scratch.path().join("here");
            let options = options(&out);
            let planned = plan(&out, Fault::Killed, place);
            let outcome = make_one(&options, &out, PART);
            let happened = planned.happened();
            drop(planned);
            if !happened {
                outcome.unwrap();
                assert!(place > 5, "only {place} changes were seen");
                break;
            }
            make_one(&options, &out, PART).unwrap();
            let part = Part::new(&out, &options.cases().unwrap()[0], &options.choices()[0]);
            assert_eq!((part.name(), part.lack(false)), (PART, None));
        }
    }

    #[test]
    fn the_words_are_the_options() {
        let given = options(Path::new("here"));
        let words = [String::from("gumbel"), "measure".into()].into_iter().chain(given.words());
        let Command::Measure(again) = Cli::try_parse_from(words).unwrap().command else {
            unreachable!("the first argument is measure")
        };
        assert_eq!(again.words(), given.words());
        assert_eq!(given.words()[..2], ["--estimator=zgr,rloo", "--problem=mlp"]);
    }
}

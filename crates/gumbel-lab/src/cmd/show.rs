//! `gumbel show`.

use super::measure::{command_line, finish};
use crate::claims::{ALL, Claim, ClaimsPage, Finding, ShowOptions};
use crate::page::number::grouped;
use crate::run::RunFolder;
use crate::support::csv_table::table_under;
use crate::support::interrupt::Stop;
use crate::support::stdout::print;
use anyhow::Result;
use std::process::ExitCode;

const HEADER: &str = "claim,quantity,setting,measured,standard_error,expected,z,source,test,holds";

/// Computes the claims, prints the outcomes, writes the CSV and the page; returns 1 if a claim fails. Interrupted, it
/// writes nothing and returns 130.
///
/// # Errors
/// An unknown claim; a full disk.
pub fn run(options: &ShowOptions) -> Result<ExitCode> {
    if options.list {
        let lines: Vec<String> =
            ALL.iter().map(|claim| format!("{:<25} {}\n", claim.name, claim.title)).collect();
        return print(&lines.concat()).map(|()| ExitCode::SUCCESS);
    }
    let claims = options.claims()?;
    let stop = Stop::at_a_signal();
    let folder = RunFolder::create(options.out.as_deref(), "show")?;
    let outcome =
        crate::run::pool(options.threads as usize)?.install(|| show(options, &claims, &folder, &stop));
    if outcome.is_err() {
        folder.discard();
    }
    super::or_stopped(outcome.map(|holds| if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
}

/// Whether every claim holds.
fn show(options: &ShowOptions, claims: &[&'static Claim], folder: &RunFolder, stop: &Stop) -> Result<bool> {
    let mut findings = Vec::new();
    for &claim in claims {
        let finding = claim.find(options.seed, options.samples as usize)?;
        print(&line(claim, &finding))?;
        findings.push((claim, finding));
        stop.check()?;
    }
    let holds = findings.iter().all(|(_, finding)| finding.holds());
    let lines: Vec<_> =
        findings.iter().flat_map(|(_, finding)| &finding.rows).map(|row| row.line()).collect();
    folder.write("claims.csv", table_under(HEADER, &lines)?)?;
    let (command, method) = (command_line(), method(options));
    finish(folder, &ClaimsPage { command, method, findings }.render())?;
    Ok(holds)
}

fn line(claim: &Claim, finding: &Finding) -> String {
    let (tests, held) = finding.score();
    let verdict = if finding.holds() { "holds" } else { "FAILS" };
    let z = finding.largest_z().map_or(String::new(), |z| format!(", largest |z| {z:.1}"));
    let mut text = format!("{verdict}  {:<25} {held} of {tests} tests pass{z}\n", claim.name);
    for row in finding.rows.iter().filter(|row| !row.holds()) {
        let expected = row.expected.map_or(String::new(), |expected| format!(" {expected}"));
        text += &format!(
            "       {}, {}: {}, expected {}{expected}\n",
            row.quantity,
            row.setting,
            row.measured,
            row.claimed()
        );
    }
    text
}

fn method(options: &ShowOptions) -> String {
    format!(
        "Monte Carlo means have {} samples, a tenth of that where each sample is a gradient. A number that is claimed to \
         equal a known one must be within 4 standard errors of it; one that is claimed to differ must not. Numbers \
         without a standard error are sums or integrals and have a tolerance.",
        grouped(options.samples as f64)
    )
}

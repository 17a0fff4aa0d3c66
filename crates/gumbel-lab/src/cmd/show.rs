//! `gumbel show`.

use super::AllOrNothing;
use super::measure::{command_line, finish};
use crate::claims::{ALL, Claim, ClaimsPage, Finding, ShowOptions};
use crate::page::number::grouped;
use crate::run::RunFolder;
use crate::support::csv_table::table_under;
use crate::support::stdout::print;
use anyhow::Result;
use std::process::ExitCode;

const HEADER: &str = "claim,quantity,setting,measured,standard_error,expected,z,source,test,holds";

/// Computes the claims, prints the outcomes, writes the CSV and the page; returns 1 if a claim fails. A signal ends it at once:
/// it has written nothing and exits with 130.
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
    let (results, pool) = (AllOrNothing::new(), crate::parallel::pool(options.threads as usize)?);
    let holds = results.within(options.out.as_deref(), "show", |folder| {
        let findings = pool.install(|| find(options, &claims))?;
        let _undisturbed = results.undisturbed.hold();
        write(options, findings, folder)
    })?;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Computes the claims and prints each outcome.
fn find(options: &ShowOptions, claims: &[&'static Claim]) -> Result<Vec<(&'static Claim, Finding)>> {
    let find = |&claim: &&'static Claim| {
        let finding = claim.find(options.seed, options.samples as usize)?;
        print(&line(claim, &finding))?;
        Ok((claim, finding))
    };
    claims.iter().map(find).collect()
}

/// Writes the CSV and the page; returns whether every claim holds.
fn write(
    options: &ShowOptions,
    findings: Vec<(&'static Claim, Finding)>,
    folder: &RunFolder,
) -> Result<bool> {
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

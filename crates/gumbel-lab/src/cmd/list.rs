//! `gumbel list` and `gumbel cite`: the table of estimators.

use crate::output::print;
use anyhow::Result;
use gumbel::estimator::{ALL, Info, find};

/// Prints one line for each estimator.
///
/// # Errors
/// A full disk behind standard output.
pub fn table() -> Result<()> {
    let head = row(["name", "serves", "unbiased", "evaluations", "gradient", "paper"]);
    let lines = ALL.iter().map(|info| {
        let papers = info.papers[0].to_string();
        let (serves, evaluations) = (info.serves.to_string(), info.evaluations.to_string());
        row([info.name, &serves, yes(info.unbiased), &evaluations, yes(info.needs_gradient), &papers])
    });
    let table = lines.fold(head, |table, line| table + &line);
    print(
        &(table + "\ngradient: whether it needs that of the objective in z.  gumbel list NAME tells more.\n"),
    )
}

fn row([name, serves, unbiased, evaluations, gradient, paper]: [&str; 6]) -> String {
    format!("{name:<24} {serves:<12} {unbiased:<9} {evaluations:<14} {gradient:<9} {paper}\n")
}

fn yes(claim: bool) -> &'static str {
    if claim { "yes" } else { "no" }
}

/// Prints what there is to know of one estimator.
///
/// # Errors
/// An unknown name, with the nearest.
pub fn one(name: &str) -> Result<()> {
    let info = find(name)?;
    let parameters = info.parameters.iter().map(|one| {
        let name = format!("{}={}", one.name, one.default);
        format!("  {name:<32} {}\n", one.meaning)
    });
    let parameters: String = parameters.collect();
    let taken = if parameters.is_empty() { String::new() } else { format!("\nParameters\n{parameters}") };
    print(&format!("{}{taken}\n{}", info.header(), sources(info)))
}

fn sources(info: &Info) -> String {
    let line = |paper: &gumbel::estimator::Paper| format!("  {paper}, {}\n", paper.title);
    format!("Sources ({})\n{}", info.place, info.papers.iter().map(line).collect::<String>())
}

/// Prints the BibTeX entries of these estimators, or of all, each once.
///
/// # Errors
/// An unknown name, with the nearest.
pub fn cite(names: &[String]) -> Result<()> {
    let named = names.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
    let wanted = if named.is_empty() { ALL } else { &named };
    let mut papers: Vec<_> = wanted.iter().flat_map(|info| info.papers).collect();
    papers.sort_by_key(|paper| paper.key);
    papers.dedup_by_key(|paper| paper.key);
    let entries: Vec<String> = papers.iter().map(|paper| paper.bibtex()).collect();
    print(&entries.join("\n"))
}

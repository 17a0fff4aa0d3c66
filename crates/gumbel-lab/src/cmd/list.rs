//! `gumbel list` and `gumbel cite`: the table of estimators.

use crate::support::stdout::print;
use anyhow::Result;
use gumbel::estimator::{ALL, Entry, Paper, find};

/// Prints one line for each estimator.
///
/// # Errors
/// A full disk behind standard output.
pub fn table() -> Result<()> {
    let head = row(["name", "latents", "unbiased", "evaluations", "gradient", "where", "paper"]);
    let lines = ALL.iter().map(|entry| {
        let properties = entry.properties;
        let (latents, cost) = (properties.latents.to_string(), properties.cost.to_string());
        let (unbiased, gradient) = (yes(properties.unbiased), yes(properties.needs_gradient));
        let (device, paper) = (properties.device.to_string(), short(&entry.papers[0]));
        row([entry.name(), &latents, unbiased, &cost, gradient, &device, &paper])
    });
    let table = lines.fold(head, |table, line| table + &line);
    print(&(table + NOTES))
}

/// The columns that need a word.
const NOTES: &str = "
gradient: whether it requires that of the objective in z. where: for logits on a GPU, that device, or the
host, which then waits for it in every step. Details: gumbel list NAME
";

fn row([name, latents, unbiased, evaluations, gradient, device, paper]: [&str; 7]) -> String {
    format!("{name:<24} {latents:<12} {unbiased:<8} {evaluations:<13} {gradient:<8} {device:<6} {paper}\n")
}

/// A paper by its first author, where there are more than two.
fn short(paper: &Paper) -> String {
    let names = paper.to_string();
    match names.split_once(", ") {
        Some((first, _)) => format!("{first} et al. {}", paper.year),
        None => names,
    }
}

fn yes(claim: bool) -> &'static str {
    if claim { "yes" } else { "no" }
}

/// Prints the documentation of one estimator, its parameters and its sources.
///
/// # Errors
/// An unknown name, with the nearest.
pub fn one(name: &str) -> Result<()> {
    let entry = find(name)?;
    let parameters = entry.parameters.iter().map(|one| {
        let name = format!("{}={}", one.name, one.default);
        format!("  {name:<32} {}\n", one.range)
    });
    let parameters: String = parameters.collect();
    let listed = if parameters.is_empty() { String::new() } else { format!("\nParameters\n{parameters}") };
    let device = format!("\nComputes on the {}\n", entry.properties.device);
    print(&format!("{}{device}{listed}\n{}", plain(&entry.doc()), sources(entry)))
}

/// Markdown as plain text: formulas indented, bold as it is.
fn plain(markdown: &str) -> String {
    let mut formula = false;
    let mut text = String::new();
    for line in markdown.trim_end().lines() {
        if line.starts_with("```") {
            formula = !formula;
        } else if formula {
            text += &format!("    {line}\n");
        } else {
            text += &(line.replace("**", "").replace('`', "") + "\n");
        }
    }
    text
}

fn sources(entry: &Entry) -> String {
    let line = |paper: &Paper| format!("  {paper}, {}\n", paper.title);
    format!("Sources ({})\n{}", entry.place, entry.papers.iter().map(line).collect::<String>())
}

/// Prints the BibTeX entries of these estimators, or of all, each once.
///
/// # Errors
/// An unknown name, with the nearest.
pub fn cite(names: &[String]) -> Result<()> {
    let named = names.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
    let chosen = if named.is_empty() { ALL } else { &named };
    let mut papers: Vec<_> = chosen.iter().flat_map(|entry| entry.papers).collect();
    papers.sort_by_key(|paper| paper.key);
    papers.dedup_by_key(|paper| paper.key);
    let entries: Vec<String> = papers.iter().map(|paper| paper.bibtex()).collect();
    print(&entries.join("\n"))
}

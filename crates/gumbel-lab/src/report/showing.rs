//! The page of `gumbel show`: a summary, then every claim with its figures and its numbers.

use super::page::{Rendered, command, fitted_figure, page};
use crate::claims::{Claim, Figure, Finding, Row, Test};
use maud::{Markup, html};

/// Rows of a table that is open from the start.
const OPEN: usize = 9;

/// What `gumbel show` found.
#[derive(Clone, Debug)]
pub struct Showing {
    /// The command that makes the same numbers.
    pub command: String,
    /// How the numbers were made, in a sentence.
    pub method: String,
    /// The claims, in order.
    pub findings: Vec<(&'static Claim, Finding)>,
}

impl Showing {
    /// One page and its figures.
    pub fn render(&self) -> Rendered {
        let title = "Gumbel-Softmax, claim by claim";
        let body = html! {
            header { p.over { "Gumbel · show" } h1 { (title) } p.lede { (self.lede()) } p { (self.method) } }
            (self.summary())
            @for (claim, finding) in &self.findings { (section(claim, finding)) }
            section { h2 { "Reproduce" } (command(&self.command)) }
            footer { "One page, no scripts, nothing loaded from elsewhere. The numbers are in claims.csv beside it." }
        };
        Rendered { html: page(title, &body), figures: self.files() }
    }

    fn lede(&self) -> String {
        let scores = self.findings.iter().map(|(_, finding)| finding.score());
        let (tests, held) = scores.fold((0, 0), |sum, score| (sum.0 + score.0, sum.1 + score.1));
        let claims = self.findings.len();
        let holding = self.findings.iter().filter(|(_, finding)| finding.holds()).count();
        format!("{holding} of {claims} claims hold, by {held} of {tests} tests of their numbers.")
    }

    fn summary(&self) -> Markup {
        html! {
            section {
                h2 { "The claims" }
                div.scroll { table.numbers {
                    thead { tr { th { "claim" } th { "largest |z|" } th { "tests held" } } }
                    tbody { @for (claim, finding) in &self.findings { tr {
                        th scope="row" { a href={ "#" (claim.name) } { (claim.title) } }
                        td { (finding.largest_z().map_or("–".into(), |z| format!("{z:.1}"))) }
                        td { (held(finding)) }
                    } } }
                } }
                p { "Largest |z|: where equality with a known number is claimed and there is chance in it." }
            }
        }
    }

    fn files(&self) -> Vec<(String, String)> {
        let figures = self.findings.iter().flat_map(|(_, finding)| &finding.figures);
        figures.map(|figure| (format!("{}.svg", figure.name), figure.wide.file())).collect()
    }
}

fn held(finding: &Finding) -> String {
    let (tests, held) = finding.score();
    format!("{held} of {tests} {}", if finding.holds() { "✓" } else { "✗" })
}

fn verdict(finding: &Finding) -> &'static str {
    if finding.holds() { "holds" } else { "fails" }
}

fn section(claim: &Claim, finding: &Finding) -> Markup {
    html! {
        section id=(claim.name) {
            p.over { (claim.name) }
            h2 { (claim.title) }
            @for paragraph in finding.said.lines() { p { (paragraph) } }
            @for Figure { wide, narrow, caption, .. } in &finding.figures { (fitted_figure(wide, narrow, caption)) }
            details open[finding.rows.len() <= OPEN || !finding.holds()] {
                summary { "The claim " (verdict(finding)) ": " (held(finding)) }
                (table(&finding.rows))
            }
        }
    }
}

fn table(rows: &[Row]) -> Markup {
    html! {
        div.scroll { table.numbers.claims {
            thead { tr {
                th { "quantity" } th { "measured" } th { "± se" } th { "expected" } th { "z" } th { "test" } th { "" }
            } }
            tbody { @for row in rows { tr {
                th scope="row" { (row.quantity) small { (row.setting) } }
                td { (number(row.measured)) }
                td { (row.standard_error.map_or("–".into(), error)) }
                td { (row.expected.map_or("–".into(), number)) @if !row.source.is_empty() { small { (row.source) } } }
                td { (row.z().map_or("–".into(), deviation)) }
                td { (row.claimed().replace('-', "−")) }
                td { @if row.test != Test::None { @if row.holds() { "✓" } @else { "✗ fails" } } }
            } } }
        } }
    }
}

/// Six digits.
fn number(number: f64) -> String {
    significant(number, 6)
}

/// A z-score, with one decimal.
fn deviation(z: f64) -> String {
    format!("{z:.1}").replace("-0.0", "0.0").replace('-', "−")
}

/// Two digits.
fn error(number: f64) -> String {
    significant(number, 2)
}

fn significant(number: f64, digits: i32) -> String {
    let text = match number.abs() {
        0.0 => "0".into(),
        size if !size.is_finite() => "not finite".into(),
        size if (1e-4..1e7).contains(&size) => {
            let decimals = (digits - 1 - size.log10().floor() as i32).max(0) as usize;
            let text = format!("{number:.decimals$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
        }
        _ => format!("{number:.1e}"),
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_no_more() {
        let cases = [0.0, 0.125, -1234.5678, 156.25, 1e-9, 123_456_789.0, 20.0, f64::INFINITY];
        let texts = ["0", "0.125", "−1234.57", "156.25", "1.0e−9", "1.2e8", "20", "not finite"];
        assert_eq!(cases.map(number), texts);
        assert_eq!(error(0.000_512_3), "0.00051");
    }
}

//! The page of `gumbel show`: a summary, then every claim with its figures and its numbers.

use super::{Claim, ClaimRow, Finding, Relation};
use crate::page::number::{or_dash, significant, z_score};
use crate::page::{Page, Rendered, Section, Table};
use maud::html;

/// Rows of a table that is open at first.
const OPEN: usize = 9;

/// The page of the claims.
#[derive(Clone, Debug)]
pub struct ClaimsPage {
    /// The command that reproduces the numbers.
    pub command: String,
    /// How the numbers were computed, in a sentence.
    pub method: String,
    /// The claims, in order.
    pub findings: Vec<(&'static Claim, Finding)>,
}

impl ClaimsPage {
    /// Renders the page and its figures.
    pub fn render(&self) -> Rendered {
        let mut page = Page::new("show", "Gumbel-Softmax: claims and tests");
        page.lede(self.score()).opening(&self.method);
        page.section("Summary").add(self.summary()).paragraph(LARGEST);
        for (claim, finding) in &self.findings {
            section(page.section(claim.title).named(claim.name), finding);
        }
        page.reproduce(&self.command);
        page.note("The numbers are in claims.csv in the same folder.");
        page.render()
    }

    fn score(&self) -> String {
        let scores = self.findings.iter().map(|(_, finding)| finding.score());
        let (tests, held) = scores.fold((0, 0), |sum, score| (sum.0 + score.0, sum.1 + score.1));
        let claims = self.findings.len();
        let holding = self.findings.iter().filter(|(_, finding)| finding.holds()).count();
        format!("{holding} of {claims} claims hold; {held} of {tests} tests of their numbers pass.")
    }

    fn summary(&self) -> Table {
        let mut table = Table::new(["claim", "largest |z|", "tests passed"]);
        for (claim, finding) in &self.findings {
            let name = html! { a href={ "#" (claim.name) } { (claim.title) } };
            table.row(name, [or_dash(finding.largest_z(), z_score), passed(finding)]);
        }
        table
    }
}

const LARGEST: &str = "Largest |z|: over the Monte Carlo means that are claimed to equal a known number; – where there are none.";

fn passed(finding: &Finding) -> String {
    let (tests, held) = finding.score();
    format!("{held} of {tests} {}", if finding.holds() { "✓" } else { "✗" })
}

fn section(section: &mut Section, finding: &Finding) {
    for paragraph in finding.text.lines() {
        section.paragraph(paragraph);
    }
    for figure in &finding.figures {
        section.drawn(figure.name, &figure.drawings, &figure.caption);
    }
    let verdict = if finding.holds() { "holds" } else { "fails" };
    let summary = format!("The claim {verdict}: {}", passed(finding));
    let open = finding.rows.len() <= OPEN || !finding.holds();
    section.details(&summary, open, table(&finding.rows));
}

fn table(rows: &[ClaimRow]) -> Table {
    let mut table = Table::new(["quantity", "measured", "± standard error", "expected", "z", "test", ""])
        .styled("numbers claims");
    for row in rows {
        let holds = if row.holds() { "✓" } else { "✗ fails" };
        let expected = or_dash(row.expected, |number| trimmed(number, 6));
        table.row(
            html! { (row.quantity) small { (row.setting) } },
            [
                html! { (trimmed(row.measured, 6)) },
                html! { (or_dash(row.standard_error, |error| trimmed(error, 2))) },
                html! { (expected) @if !row.source.is_empty() { small { (row.source) } } },
                html! { (or_dash(row.z(), z_score)) },
                html! { (row.claimed().replace('-', "−")) },
                html! { @if row.test != Relation::None { (holds) } },
            ],
        );
    }
    table
}

/// At most `digits` significant digits, without zeros at the end.
fn trimmed(number: f64, digits: i32) -> String {
    let text = significant(number, digits);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_at_the_end_are_dropped() {
        let cases = [0.0, 0.125, -1234.5678, 156.25, 1e-9, 20.0, f64::INFINITY];
        let texts = ["0", "0.125", "−1234.57", "156.25", "1.0e−9", "20", "not finite"];
        assert_eq!(cases.map(|number| trimmed(number, 6)), texts);
        assert_eq!(trimmed(0.000_512_3, 2), "0.00051");
    }
}

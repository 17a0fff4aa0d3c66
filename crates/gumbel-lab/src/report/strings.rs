//! What a model of strings has to show: costs beside those of counting, and the strings themselves.

use super::data::Report;
use super::figure::axis::measured;
use super::page::Section;
use maud::{Markup, html};

/// Strings of a model and beside them.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    /// Test strings.
    pub originals: Vec<String>,
    /// The likeliest symbols for a hard sample of each one's latents, in the same order.
    pub reconstructions: Vec<String>,
    /// Strings drawn from the model.
    pub samples: Vec<String>,
    /// What a test string costs: by what, in nats, and in bits per character.
    pub table: Vec<(String, f64, f64)>,
    /// What else there is to say, in sentences.
    pub notes: String,
}

/// Costs, and the strings in three columns.
pub(super) fn section(report: &Report) -> Section {
    let Some(strings) = &report.strings else { return Section { body: html! {}, figures: vec![] } };
    let body = html! {
        section {
            h2 { "What a test string costs" }
            (table(strings))
            p { (COSTS) " " (strings.notes) }
        }
        section {
            h2 { "What it reads and writes" }
            p { (COLUMNS) }
            (columns(strings))
        }
    };
    Section { body, figures: vec![] }
}

fn table(strings: &Strings) -> Markup {
    html! {
        div.scroll { table.numbers {
            thead { tr { th { "by" } th { "nats per string" } th { "bits per character" } } }
            tbody { @for (name, nats, bits) in &strings.table {
                tr { th scope="row" { (name) } td { (measured(*nats)) } td { (format!("{bits:.3}")) } }
            } }
        } }
    }
}

fn columns(strings: &Strings) -> Markup {
    let columns = [
        ("test", &strings.originals),
        ("reconstructed", &strings.reconstructions),
        ("drawn from the model", &strings.samples),
    ];
    html! {
        div.pair.strings { @for (name, strings) in columns {
            figure { pre { (lines(strings)) } figcaption { (name) } }
        } }
    }
}

/// One string a line, and the ends of lines within them made visible.
fn lines(strings: &[String]) -> String {
    let shown = strings.iter().map(|string| string.replace('\n', "↵").replace('\r', "␍").replace('\t', "⇥"));
    shown.collect::<Vec<_>>().join("\n")
}

const COSTS: &str = "Mean over all test strings, each coded alone. Counting single symbols and pairs in the training text \
     is what a model with latents should beat. All places of a string count as characters, padding too.";
const COLUMNS: &str = "Test strings; beside each what the model makes of it, the likeliest character at each place for one \
     hard sample of its latents; and strings that are drawn, latents from the prior and each character from its \
     distribution. ↵ is the end of a line.";

#[cfg(test)]
mod tests {
    use super::super::page::render;
    use super::*;

    #[test]
    fn a_page_of_strings_says_strings_shows_line_ends_and_escapes() {
        let strings = Strings {
            originals: vec!["a<b\nc".into()],
            reconstructions: vec!["a<c\nc".into()],
            samples: vec!["zz".into()],
            table: vec![("pairs".into(), 41.5, 3.7421)],
            notes: "All is well.".into(),
        };
        let report = Report { strings: Some(strings), kl: Some("the KL".into()), ..Report::default() };
        let html = render(&report).unwrap().html;
        for part in
            ["a&lt;b↵c", "<td>41.50</td><td>3.742</td>", "nats per string", "All is well.", "coding a string"]
        {
            assert!(html.contains(part), "{part} is missing");
        }
        assert!(!html.contains("per image") && !html.contains(" images"), "{html}");
        assert!(render(&Report::default()).unwrap().html.contains("nats per image"));
    }
}

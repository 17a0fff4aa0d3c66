//! The sections of a model of strings: costs, with those of counts as baselines, and strings.

use crate::page::number::measured;
use crate::page::{Page, Table};

/// Strings and costs of a model of strings.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    /// Test strings; in the same order, the most probable symbols given a hard sample of the latents of each; strings drawn
    /// from the model.
    pub columns: [Vec<String>; 3],
    /// Cost of a test string: name of the model or baseline, nats, and bits per character.
    pub table: Vec<(String, f64, f64)>,
    /// Further remarks, in sentences.
    pub notes: String,
}

/// Costs, and the strings in three columns.
pub(super) fn sections(page: &mut Page, strings: &Strings) {
    let mut table = Table::new(["by", "nats per string", "bits per character"]);
    for (name, nats, bits) in &strings.table {
        table.row(name, [measured(*nats), format!("{bits:.3}")]);
    }
    page.section("Cost of a test string")
        .add(table)
        .paragraph(format!("{COSTS} {}", strings.notes).trim_end());
    let columns = strings.columns.each_ref().map(|strings| visible(strings));
    let named = ["test", "reconstructed", "samples from the model"]
        .into_iter()
        .zip(columns.iter().map(Vec::as_slice));
    page.section("Test strings, reconstructions and samples").paragraph(COLUMNS).columns(named);
}

/// The strings with visible ends of lines and tabs.
fn visible(strings: &[String]) -> Vec<String> {
    let shown = |string: &String| string.replace('\n', "↵").replace('\r', "␍").replace('\t', "⇥");
    strings.iter().map(shown).collect()
}

const COSTS: &str = "Mean over all test strings, each coded alone. Counts of single symbols and of pairs in the training text \
     are the baselines for a model with latents. All positions of a string count as characters, padding included.";
const COLUMNS: &str = "Test strings; their reconstructions, the most probable character at each position given one hard sample \
     of the latents; and samples, with latents from the prior and each character from its distribution. ↵ is the end of \
     a line.";

#[cfg(test)]
mod tests {
    use super::super::data::Report;
    use super::super::page::render;
    use super::*;

    #[test]
    fn a_page_of_strings_says_strings_shows_line_ends_and_escapes() {
        let strings = Strings {
            columns: ["a<b\nc", "a<c\nc", "zz"].map(|string| vec![string.into()]),
            table: vec![("pairs".into(), 41.5, 3.7421)],
            notes: "All is well.".into(),
        };
        let report = Report {
            example: "string",
            strings: Some(strings),
            kl: Some("the KL".into()),
            ..Report::default()
        };
        let html = render(&report).unwrap().html;
        for part in
            ["a&lt;b↵c", "<td>41.50</td><td>3.742</td>", "nats per string", "All is well.", "coding a string"]
        {
            assert!(html.contains(part), "{part} is missing");
        }
        assert!(!html.contains("per image") && !html.contains(" images"), "{html}");
        let images = Report { example: "image", ..Report::default() };
        assert!(render(&images).unwrap().html.contains("nats per image"));
    }
}

//! The document: one self-contained file.

use super::figure;
use super::number::measured;
use super::section::{Section, command};
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

const STYLE: &str = include_str!("page.css");

/// A page ready to be written to files.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The page.
    pub html: String,
    /// Name and text of each figure as a separate SVG file; the page does not need them.
    pub figures: Vec<(String, String)>,
}

impl Rendered {
    /// Path and text of each file: the figures in `figures/`, then `report.html`.
    pub fn files(&self) -> impl Iterator<Item = (String, &str)> {
        let figures = self.figures.iter().map(|(name, svg)| (format!("figures/{name}"), svg.as_str()));
        figures.chain([("report.html".to_owned(), self.html.as_str())])
    }
}

/// One number in large type and its meaning.
#[derive(Clone, Copy, Debug)]
pub struct Card<'a> {
    /// Name of the number.
    pub label: &'a str,
    /// The number, shown with two decimals.
    pub value: f64,
    /// Standard error, if known.
    pub standard_error: Option<f64>,
    /// Unit.
    pub unit: &'a str,
    /// What it is, in a sentence or two.
    pub meaning: &'a str,
}

impl Render for Card<'_> {
    fn render(&self) -> Markup {
        html! {
            div.card {
                h3 { (self.label) }
                p.value {
                    (measured(self.value))
                    @if let Some(error) = self.standard_error { small { " ± " (measured(error)) } }
                }
                p.unit { (self.unit) }
                p.meaning { (self.meaning) }
            }
        }
    }
}

/// A page under construction.
///
/// ```
/// use gumbel_lab::page::{LineChart, Page, Series, Table};
///
/// let chart = LineChart {
///     title: "Loss over steps".into(),
///     series: vec![Series::new("loss", [(0.0, 2.0), (1.0, 1.5)])],
///     ..LineChart::default()
/// };
/// let mut page = Page::new("training", "A model");
/// page.lede("Two steps.");
/// page.section("Training curve").chart("loss", &chart, "Lower is better.");
/// page.reproduce("gumbel train vae").sides(&[("Configuration", Table::facts(&[("steps", "2")]))]);
/// let rendered = page.render();
/// assert_eq!(rendered.figures[0].0, "loss.svg");
/// assert!(rendered.html.contains("<h2>Training curve</h2>"));
/// ```
#[derive(Debug)]
pub struct Page {
    kind: String,
    title: String,
    opening: Vec<Markup>,
    cards: Vec<Markup>,
    sections: Vec<Section>,
    note: String,
}

impl Page {
    /// A page with its kind, in a line above the title, and its title.
    pub fn new(kind: &str, title: impl Into<String>) -> Self {
        let (opening, cards, sections) = (Vec::new(), Vec::new(), Vec::new());
        Self { kind: kind.into(), title: title.into(), opening, cards, sections, note: String::new() }
    }

    /// A sentence or two below the title.
    pub fn lede(&mut self, text: impl Render) -> &mut Self {
        self.opening.push(html! { p.lede { (text) } });
        self
    }

    /// A paragraph below the title.
    pub fn opening(&mut self, text: impl Render) -> &mut Self {
        self.opening.push(html! { p { (text) } });
        self
    }

    /// A number below the title.
    pub fn card(&mut self, card: &Card) -> &mut Self {
        self.cards.push(card.render());
        self
    }

    /// A section, to be filled.
    pub fn section(&mut self, heading: &str) -> &mut Section {
        self.sections.push(Section { heading: heading.into(), ..Section::default() });
        self.sections.last_mut().expect("it was just added")
    }

    /// The last section if it has this heading, else a new one.
    pub fn section_once(&mut self, heading: &str) -> &mut Section {
        if self.sections.last().is_none_or(|section| section.heading != heading) {
            self.section(heading);
        }
        self.sections.last_mut().expect("it was just added")
    }

    /// The section with the command that makes the same numbers.
    pub fn reproduce(&mut self, line: &str) -> &mut Section {
        self.section("Reproduce").add(command(line))
    }

    /// A sentence at the foot of the page.
    pub fn note(&mut self, text: impl Into<String>) -> &mut Self {
        self.note = text.into();
        self
    }

    /// The document and the figures placed in it, in their order.
    pub fn render(self) -> Rendered {
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) (PreEscaped(figure::style())) }
                }
                body { main {
                    (self.header())
                    @for section in &self.sections { (section) }
                    footer { "One file, without scripts or external resources. " (self.note) }
                } }
            }
        };
        let figures = self.sections.into_iter().flat_map(|section| section.figures).collect();
        // A null character is no text in HTML.
        Rendered { html: document.into_string().replace('\0', ""), figures }
    }

    fn header(&self) -> Markup {
        html! {
            header {
                p.over { "Gumbel · " (self.kind) }
                h1 { (self.title) }
                @for paragraph in &self.opening { (paragraph) }
                @if !self.cards.is_empty() { div.cards { @for card in &self.cards { (card) } } }
            }
        }
    }
}

#[cfg(test)]
impl Rendered {
    /// The names of the figures, once the page is known to load nothing and each figure to be XML.
    pub(crate) fn checked(&self) -> Vec<&str> {
        for mark in ["://", "url(", "@import", "<link", "<script", "src=", "NaN"] {
            assert!(!self.html.contains(mark), "{mark}");
        }
        for (name, svg) in &self.figures {
            assert!(roxmltree::Document::parse(svg).is_ok(), "{name}");
        }
        self.figures.iter().map(|(name, _)| name.as_str()).collect()
    }
}

//! A section of a page. A figure is placed and registered as a file by one call.

use super::Table;
use super::figure::{Chart, Drawing, LineChart, Width};
use maud::{Markup, Render, html};

/// A section under construction: each method adds a part below the others.
#[derive(Debug, Default)]
pub struct Section {
    pub(super) id: Option<&'static str>,
    pub(super) over: Option<&'static str>,
    pub(super) heading: String,
    pub(super) parts: Vec<Markup>,
    pub(super) figures: Vec<(String, String)>,
}

impl Section {
    /// Names the section: the target of links, and a line above the heading.
    pub fn named(&mut self, name: &'static str) -> &mut Self {
        (self.id, self.over) = (Some(name), Some(name));
        self
    }

    /// Adds any markup.
    pub fn add(&mut self, part: impl Render) -> &mut Self {
        self.parts.push(part.render());
        self
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: impl Render) -> &mut Self {
        self.add(html! { p { (text) } })
    }

    /// A smaller heading.
    pub fn subheading(&mut self, text: &str) -> &mut Self {
        self.add(html! { h3 { (text) } })
    }

    /// A list of statements.
    pub fn list<T: Render>(&mut self, items: impl IntoIterator<Item = T>) -> &mut Self {
        self.add(html! { ul { @for item in items { li { (item) } } } })
    }

    /// Terms with their meanings.
    pub fn terms<T: Render, M: Render>(&mut self, terms: impl IntoIterator<Item = (T, M)>) -> &mut Self {
        self.add(html! { dl { @for (term, meaning) in terms { dt { (term) } dd { (meaning) } } } })
    }

    /// A figure in one drawing, with its file; where the column is narrow it scrolls.
    pub fn figure(&mut self, file: &str, drawing: &Drawing, caption: &str) -> &mut Self {
        self.file(file, drawing);
        self.add(html! { figure { div.wide { (drawing.element()) } (figcaption(caption)) } })
    }

    /// A sheet of images, which shrinks with the column, with its file.
    pub fn sheet(&mut self, file: &str, drawing: &Drawing) -> &mut Self {
        self.file(file, drawing);
        self.add(html! { figure { (drawing.element()) } })
    }

    /// A chart in two drawings, of which the page shows the one that fits, with the file of the wide one.
    pub fn chart(&mut self, file: &str, chart: &impl Chart, caption: &str) -> &mut Self {
        self.drawn(file, &[Width::Full, Width::Half].map(|width| chart.draw(width)), caption)
    }

    /// The same of a chart that has been drawn, wide and narrow.
    pub fn drawn(&mut self, file: &str, [wide, narrow]: &[Drawing; 2], caption: &str) -> &mut Self {
        self.file(file, wide);
        self.add(html! {
            figure {
                div.roomy { (wide.element()) }
                div.narrow { (narrow.element()) }
                (figcaption(caption))
            }
        })
    }

    /// Charts side by side, each with its file and its caption.
    pub fn pair(&mut self, charts: &[(impl AsRef<str>, LineChart, &str)]) -> &mut Self {
        let drawn: Vec<_> = charts.iter().map(|(_, chart, _)| chart.draw(Width::Half)).collect();
        charts.iter().zip(&drawn).for_each(|((file, ..), drawing)| self.file(file.as_ref(), drawing));
        self.add(html! {
            div.pair { @for ((_, _, caption), drawing) in charts.iter().zip(&drawn) {
                figure { (drawing.element()) (figcaption(caption)) }
            } }
        })
    }

    /// Lists of text side by side, an entry a line, each with its name.
    pub fn columns<'a>(&mut self, columns: impl IntoIterator<Item = (&'a str, &'a [String])>) -> &mut Self {
        self.add(html! {
            div.pair.strings { @for (name, lines) in columns {
                figure { pre { (lines.join("\n")) } (figcaption(name)) }
            } }
        })
    }

    /// Tables side by side under their names; empty ones are left out.
    pub fn sides(&mut self, tables: &[(&str, Table)]) -> &mut Self {
        let shown = tables.iter().filter(|(_, table)| !table.is_empty());
        self.add(html! { div.sides { @for (name, table) in shown { div { h3 { (name) } (table) } } } })
    }

    /// A part that is hidden at first, unless it is `open`.
    pub fn details(&mut self, summary: &str, open: bool, part: impl Render) -> &mut Self {
        self.add(html! { details open[open] { summary { (summary) } (part) } })
    }

    fn file(&mut self, name: &str, drawing: &Drawing) {
        self.figures.push((format!("{name}.svg"), drawing.file()));
    }
}

impl Render for Section {
    fn render(&self) -> Markup {
        html! {
            section id=[self.id] {
                @if let Some(over) = self.over { p.over { (over) } }
                h2 { (self.heading) }
                @for part in &self.parts { (part) }
            }
        }
    }
}

fn figcaption(text: &str) -> Markup {
    html! { figcaption { (text) } }
}

/// A command line that breaks between its words and after their commas only, and never at a hyphen.
pub fn command(line: &str) -> Markup {
    html! { pre { code { @for word in line.split_inclusive([' ', ',']) { span { (word) } } } } }
}

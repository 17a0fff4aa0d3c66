//! Tables of a page.

use maud::{Markup, Render, html};

/// A table: numbers under headings, or facts with their names.
#[derive(Clone, Debug)]
pub struct Table {
    class: &'static str,
    heads: Vec<String>,
    rows: Vec<(Markup, Vec<Markup>)>,
}

impl Table {
    /// A table of numbers, each column under its heading. The first column names the rows.
    pub fn new<T: Into<String>>(heads: impl IntoIterator<Item = T>) -> Self {
        Self { class: "numbers", heads: heads.into_iter().map(T::into).collect(), rows: Vec::new() }
    }

    /// Names and values.
    pub fn facts<N: Render, V: Render>(rows: &[(N, V)]) -> Self {
        let rows = rows.iter().map(|(name, value)| (name.render(), vec![value.render()]));
        Self { class: "named", heads: Vec::new(), rows: rows.collect() }
    }

    /// The same table with another class of the style sheet.
    pub fn styled(self, class: &'static str) -> Self {
        Self { class, ..self }
    }

    /// Adds a row.
    pub fn row<C: Render>(&mut self, name: impl Render, cells: impl IntoIterator<Item = C>) -> &mut Self {
        let cells = cells.into_iter().map(|cell| cell.render()).collect();
        self.rows.push((name.render(), cells));
        self
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Render for Table {
    fn render(&self) -> Markup {
        html! {
            div.scroll { table class=(self.class) {
                @if !self.heads.is_empty() { thead { tr { @for head in &self.heads { th { (head) } } } } }
                tbody { @for (name, cells) in &self.rows {
                    tr { th scope="row" { (name) } @for cell in cells { td { (cell) } } }
                } }
            } }
        }
    }
}

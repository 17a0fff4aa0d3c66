//! A finished figure, and the parts that all figures share.

use maud::{Markup, PreEscaped, html};

/// Colours and type of all figures: classes, not attributes, so that they follow the reader's scheme.
const STYLE: &str = include_str!("figure.css");

/// Font size of labels in drawing units.
pub(super) const TEXT: f64 = 13.0;

/// Font size of notes.
pub(super) const NOTE: f64 = 11.5;

/// Number of distinct colours of series.
pub(super) const COLOURS: usize = 6;

/// Margin around a figure in its own file.
const MARGIN: f64 = 16.0;

/// A figure: SVG without its outermost element.
#[derive(Clone, Debug)]
pub struct Drawing {
    title: String,
    width: f64,
    height: f64,
    body: Markup,
}

/// Width of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// The full column of a page.
    #[default]
    Full,
    /// Half of it, or a phone.
    Half,
}

impl Width {
    /// Drawing units.
    pub(super) fn units(self) -> f64 {
        match self {
            Self::Full => 720.0,
            Self::Half => 380.0,
        }
    }
}

/// A figure that is drawn for the width it gets.
pub trait Chart {
    /// Draws the figure.
    fn draw(&self, width: Width) -> Drawing;
}

impl Drawing {
    pub(super) fn new(title: &str, width: f64, height: f64, body: Markup) -> Self {
        // XML has no way to write most control characters, not even escaped.
        let legal = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
        let body = PreEscaped(body.into_string().chars().filter(legal).collect());
        Self { title: title.chars().filter(legal).collect(), width, height, body }
    }

    /// The text of a self-contained SVG file.
    pub fn file(&self) -> String {
        let svg = html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox=(self.view_box(MARGIN))
                width=(self.width + 2.0 * MARGIN) height=(self.height + 2.0 * MARGIN) class="gumbel-figure" {
                title { (self.title) }
                style { (PreEscaped(STYLE)) }
                rect class="paper" x=(-MARGIN) y=(-MARGIN) width="100%" height="100%" {}
                (self.body)
            }
        };
        svg.into_string()
    }

    /// The element for a page whose style sheet includes [`style`].
    pub(in crate::page) fn element(&self) -> Markup {
        html! {
            svg viewBox=(self.view_box(0.0)) width=(self.width) height=(self.height) class="gumbel-figure"
                role="img" aria-label=(self.title) { (self.body) }
        }
    }

    fn view_box(&self, margin: f64) -> String {
        let (start, across) = (0.0 - margin, 2.0 * margin);
        format!("{start} {start} {} {}", short(self.width + across), short(self.height + across))
    }
}

/// The style sheet of all figures.
pub(in crate::page) fn style() -> &'static str {
    STYLE
}

/// A length with at most two decimals.
pub(super) fn short(length: f64) -> f64 {
    (length * 100.0).round() / 100.0
}

/// Where a label is anchored.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A label with its baseline at (`x`, `y`).
pub(super) fn label(x: f64, y: f64, anchor: Anchor, class: &str, text: &str) -> Markup {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    html! { text x=(short(x)) y=(short(y)) text-anchor=(anchor) class=(class) { (text) } }
}

/// A straight line.
pub(super) fn line(from: (f64, f64), to: (f64, f64), class: &str) -> Markup {
    html! { line x1=(short(from.0)) y1=(short(from.1)) x2=(short(to.0)) y2=(short(to.1)) class=(class) {} }
}

/// A point.
pub(super) fn dot((x, y): (f64, f64), colour: usize, radius: f64) -> Markup {
    html! { circle class={ "dot c" (colour) } cx=(short(x)) cy=(short(y)) r=(radius) {} }
}

/// The shades of a heat map between their ends, at the right of the title line.
pub(super) fn shades(
    title: &str,
    [low, high]: [&str; 2],
    right: f64,
    width: f64,
    opacities: &[f64],
) -> Markup {
    let end = right - text_width(high, TEXT) - 8.0;
    let left = end - width * opacities.len() as f64;
    html! {
        (label(0.0, 14.0, Anchor::Start, "strong", title))
        (label(left - 8.0, 14.0, Anchor::End, "", low))
        @for (i, opacity) in opacities.iter().enumerate() {
            rect class="heat" x=(short(left + width * i as f64)) y="4" width=(width) height="12"
                fill-opacity=(opacity) {}
        }
        rect class="cell" x=(short(left)) y="4" width=(width * opacities.len() as f64) height="12" {}
        (label(right, 14.0, Anchor::End, "", high))
    }
}

/// A legend from left to right in as many rows as it needs, and the top of the frame below it.
///
/// `sample` is the width of the mark before a name, `gap` the space after the name; `draw` draws the mark.
pub(super) fn legend<T>(
    entries: impl IntoIterator<Item = (String, T)>,
    width: f64,
    (sample, gap): (f64, f64),
    draw: impl Fn(T, f64, f64) -> Markup,
) -> (Markup, f64) {
    const ROW: f64 = 21.0;
    let (mut x, mut y) = (0.0, 38.0);
    let mut drawn = Vec::new();
    for (name, entry) in entries {
        let room = sample + 8.0 + text_width(&name, TEXT);
        if x > 0.0 && x + room > width {
            (x, y) = (0.0, y + ROW);
        }
        let mark = draw(entry, x, y);
        drawn.push(html! { (mark) (label(x + sample + 8.0, y, Anchor::Start, "ink", &name)) });
        x += room + gap;
    }
    (html! { @for entry in drawn { (entry) } }, y + 18.0)
}

/// Width of `text` at font size `size`: no font is at hand, so that of a wide sans serif.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    0.62 * size * text.chars().count() as f64
}

/// `text` broken at spaces into lines no wider than `width`.
pub(super) fn wrapped(text: &str, width: f64, size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(line, size) + text_width(word, size) + size < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
impl Drawing {
    /// The file, once it is known to be XML without a place that is not finite.
    pub(super) fn checked(&self) -> String {
        let file = self.file();
        assert!(roxmltree::Document::parse(&file).is_ok(), "{file}");
        assert!(!file.contains("NaN") && !file.contains("inf"), "{file}");
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_well_formed_whatever_the_text() {
        let body = label(1.0, 2.0, Anchor::Start, "ink", "a < b & \"c\" \u{0}\u{7}</text>");
        let file = Drawing::new("<title> & \u{1}co", 10.0, 20.0, body).file();
        let document = roxmltree::Document::parse(&file).unwrap();
        let text = document.descendants().find(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "text")));
        assert_eq!(text.unwrap().text(), Some("a < b & \"c\" </text>"));
        assert_eq!(document.root_element().attribute("viewBox"), Some("-16 -16 42 52"));
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrapped("one two three", 65.0, 10.0), ["one two", "three"]);
        assert!(wrapped("  ", 60.0, 10.0).is_empty());
    }
}

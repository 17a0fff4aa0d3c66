//! Numbered points over a logarithmic horizontal axis, with their names below.

use super::axis::Axis;
use super::drawing::{Anchor, Drawing, NOTE, TEXT, dot, label, line, text_width, wrapped};
use super::plot::Plot;
use super::range::Range;
use maud::{Markup, html};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 340.0;
const TOP: f64 = 34.0;
const ROW: f64 = 19.0;
const COLUMNS: usize = 3;
const RADIUS: f64 = 4.0;
/// Values this many times smaller than the largest would stretch the axis, and leave the others on one spot.
const SMALLEST: f64 = 1e-6;

/// A point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark {
    /// Name in the list below.
    pub name: String,
    /// Horizontal place, positive.
    pub x: f64,
    /// Vertical place.
    pub y: f64,
    /// Half the length of its vertical bar.
    pub error: f64,
    /// Which of the groups it is in.
    pub group: usize,
}

/// Points whose names are in a list.
#[derive(Clone, Debug, Default)]
pub struct Scatter {
    /// What the figure shows, for readers who cannot see it.
    pub title: String,
    /// Horizontal quantity.
    pub x_label: String,
    /// Vertical quantity.
    pub y_label: String,
    /// Names of the groups, distinguished by colour.
    pub groups: Vec<String>,
    /// The points, in the order of the list.
    pub marks: Vec<Mark>,
}

/// A rectangle that is taken: left, top, width, height.
type Taken = [f64; 4];

impl Scatter {
    /// Draws it.
    pub fn draw(&self) -> Drawing {
        let most = self.marks.iter().map(|mark| mark.x).filter(|x| x.is_finite()).fold(0.0, f64::max);
        let shown = |mark: &Mark| mark.x > SMALLEST * most && mark.x.is_finite() && mark.y.is_finite();
        let shown: Vec<(usize, &Mark)> =
            self.marks.iter().enumerate().filter(|(_, mark)| shown(mark)).collect();
        let list = self.marks.len().div_ceil(COLUMNS) as f64 * ROW;
        let below = TOP + HEIGHT + 72.0;
        let note = wrapped(&self.left_out(&shown), WIDTH, NOTE);
        let body = html! {
            (label(0.0, 14.0, Anchor::Start, "strong", &self.y_label))
            (self.key())
            @match self.plot(&shown) {
                Some(plot) => { (plot) }
                None => { (label(WIDTH / 2.0, TOP + HEIGHT / 2.0, Anchor::Middle, "ink", "nothing was measured")) }
            }
            (self.list(below))
            @for (i, text) in note.iter().enumerate() {
                (label(0.0, below + list + 16.0 * i as f64, Anchor::Start, "note", text))
            }
        };
        Drawing::new(&self.title, WIDTH, below + list + 16.0 * note.len() as f64, body)
    }

    /// The colours of the groups, at the right of the title line.
    fn key(&self) -> Markup {
        let mut right = WIDTH;
        let entries = self.groups.iter().enumerate().rev().map(|(group, name)| {
            right -= text_width(name, TEXT);
            let left = right;
            right -= 26.0;
            html! { (dot((left - 9.0, 9.5), group, RADIUS)) (label(left, 14.0, Anchor::Start, "ink", name)) }
        });
        let entries: Vec<Markup> = entries.collect();
        html! { @for entry in entries { (entry) } }
    }

    fn plot(&self, shown: &[(usize, &Mark)]) -> Option<Markup> {
        let xs = Range::of(shown.iter().map(|(_, mark)| mark.x))?.padded(true);
        let ends = |(_, mark): &(usize, &Mark)| [mark.y - mark.error, mark.y + mark.error];
        let ys = Range::of(shown.iter().flat_map(ends).chain([0.0]))?.padded(false);
        let y = Axis { range: ys, log: false, start: TOP + HEIGHT, end: TOP };
        let x = Axis { range: xs, log: true, start: y.margin(6), end: WIDTH - 24.0 };
        let plot = Plot { x, y };
        let places: Vec<(f64, f64)> = shown.iter().map(|(_, mark)| (x.at(mark.x), y.at(mark.y))).collect();
        let bars = shown.iter().zip(&places).map(|((_, mark), &(at, _))| {
            let class = format!("curve c{}", mark.group);
            line((at, y.at(mark.y - mark.error)), (at, y.at(mark.y + mark.error)), &class)
        });
        Some(html! {
            (plot.frame(&self.x_label))
            @for bar in bars { (bar) }
            @for ((_, mark), &place) in shown.iter().zip(&places) { (dot(place, mark.group, RADIUS)) }
            @for (text, (x, y)) in numbers(shown, &places) { (label(x, y, Anchor::Middle, "ink note", &text)) }
        })
    }

    /// The names with their numbers, down the columns.
    fn list(&self, top: f64) -> Markup {
        let rows = self.marks.len().div_ceil(COLUMNS).max(1);
        html! {
            @for (i, mark) in self.marks.iter().enumerate() {
                @let x = (i / rows) as f64 * WIDTH / COLUMNS as f64;
                @let y = top + (i % rows) as f64 * ROW;
                (label(x + 20.0, y, Anchor::End, "strong", &(i + 1).to_string()))
                (label(x + 28.0, y, Anchor::Start, "ink", &mark.name))
            }
        }
    }

    fn left_out(&self, shown: &[(usize, &Mark)]) -> String {
        let hidden = (0..self.marks.len()).filter(|i| shown.iter().all(|(known, _)| known != i));
        let names: Vec<&str> = hidden.map(|i| self.marks[i].name.as_str()).collect();
        if names.is_empty() {
            String::new()
        } else {
            format!("Without variance, and not drawn: {}.", names.join(", "))
        }
    }
}

/// A place for the number of every point: as near to it as nothing else is.
fn numbers(shown: &[(usize, &Mark)], places: &[(f64, f64)]) -> Vec<(String, (f64, f64))> {
    let mut taken: Vec<Taken> = places.iter().map(|(x, y)| [x - 4.0, y - 4.0, 8.0, 8.0]).collect();
    let numbered = shown.iter().zip(places).map(|((i, _), &(x, y))| {
        let text = (i + 1).to_string();
        let (width, height) = (text_width(&text, NOTE), 10.0);
        let boxed = |(dx, dy): (f64, f64)| [x + dx - width / 2.0, y + dy - height / 2.0, width, height];
        let free = |at: &(f64, f64)| taken.iter().all(|other| apart(&boxed(*at), other));
        let at = around().find(free).unwrap_or((0.0, -12.0));
        taken.push(boxed(at));
        (text, (x + at.0, y + at.1 + 4.0))
    });
    numbered.collect()
}

/// Offsets ring by ring, the first above.
fn around() -> impl Iterator<Item = (f64, f64)> {
    let ring = |radius: f64| {
        (0..12).map(move |i| {
            let angle = f64::from(i) * std::f64::consts::PI / 6.0;
            (radius * angle.sin(), -radius * angle.cos())
        })
    };
    (0..8).map(|i| 12.0 + 8.0 * f64::from(i)).flat_map(ring)
}

fn apart(a: &Taken, b: &Taken) -> bool {
    a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scatter(marks: Vec<Mark>) -> Scatter {
        Scatter { marks, groups: vec!["one".into(), "two".into()], ..Scatter::default() }
    }

    fn mark(name: &str, x: f64, y: f64) -> Mark {
        Mark { name: name.into(), x, y, error: 0.1, group: 1 }
    }

    #[test]
    fn points_are_numbered_named_and_left_out_where_they_have_no_place() {
        let marks = vec![mark("a<b", 0.5, 0.1), mark("exact", 1e-12, 0.0), mark("c", 5.0, f64::NAN)];
        let file = scatter(marks).draw().checked();
        assert!(file.contains("a&lt;b") && file.contains("not drawn: exact, c."));
        assert!(scatter(vec![]).draw().checked().contains("nothing was measured"));
    }

    #[test]
    fn numbers_of_points_on_one_spot_stand_apart() {
        let marks: Vec<Mark> = (0..9).map(|_| mark("same", 1.0, 0.0)).collect();
        let shown: Vec<(usize, &Mark)> = marks.iter().enumerate().collect();
        let placed = numbers(&shown, &[(100.0, 100.0); 9]);
        let boxes: Vec<Taken> = placed
            .iter()
            .map(|(text, (x, y))| [x - text_width(text, NOTE) / 2.0, y - 9.0, text_width(text, NOTE), 10.0])
            .collect();
        for (i, a) in boxes.iter().enumerate() {
            assert!(boxes[..i].iter().all(|b| apart(a, b)), "{placed:?}");
        }
    }
}

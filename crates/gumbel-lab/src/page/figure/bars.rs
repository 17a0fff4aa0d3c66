//! Groups of bars from zero, each with its error, and a mark across a group where it should end.

use super::axis::Axis;
use super::drawing::{Anchor, COLOURS, Chart, Drawing, Width, label, legend, line, short};
use super::range::Range;
use maud::{Markup, html};

const SAMPLE: f64 = 14.0;

/// One bar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bar {
    /// Its length, not below zero.
    pub value: f64,
    /// Half the length of the line across its end.
    pub error: f64,
}

/// A bar chart.
#[derive(Clone, Debug, Default)]
pub struct Bars {
    /// What the figure shows, for readers who cannot see it.
    pub title: String,
    /// What the bars measure.
    pub y_label: String,
    /// Names of the bars of each group, distinguished by colour.
    pub series: Vec<String>,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// For each group a bar for each series.
    pub bars: Vec<Vec<Bar>>,
    /// Where all bars of a group should end; may be empty.
    pub marks: Vec<f64>,
    /// Name of the mark in the legend.
    pub mark: String,
}

impl Chart for Bars {
    fn draw(&self, width: Width) -> Drawing {
        let (width, height) = (width.units(), if width == Width::Full { 260.0 } else { 200.0 });
        let (legend, top) = self.key(width);
        let ends =
            self.bars.iter().flatten().map(|bar| bar.value + bar.error).chain(self.marks.iter().copied());
        let most = Range::of(ends.chain([0.0])).map_or(1.0, |range| range.high);
        let most = if most > 0.0 { 1.04 * most } else { 1.0 };
        let y = Axis { range: Range { low: 0.0, high: most }, log: false, start: top + height, end: top };
        let body = html! {
            (label(0.0, 14.0, Anchor::Start, "strong", &self.y_label))
            (legend)
            (self.plot(&y, width))
        };
        Drawing::new(&self.title, width, top + height + 28.0, body)
    }
}

impl Bars {
    fn plot(&self, y: &Axis, width: f64) -> Markup {
        let left = y.margin(5);
        let group = (width - left) / self.groups.len().max(1) as f64;
        html! {
            (y.grid(left, width, 5))
            @for (i, bars) in self.bars.iter().enumerate() {
                (self.group(i, bars, y, (left + group * i as f64, group)))
            }
            (line((left, y.start), (width, y.start), "axis"))
        }
    }

    /// A group between `start` and `start + width`.
    fn group(&self, i: usize, bars: &[Bar], y: &Axis, (start, width): (f64, f64)) -> Markup {
        let bar = 0.76 * width / bars.len().max(1) as f64;
        let first = start + 0.12 * width;
        let middle = |j: usize| first + bar * (j as f64 + 0.5);
        html! {
            @for (j, one) in bars.iter().enumerate().filter(|(_, bar)| bar.value.is_finite()) {
                rect class={ "column f" (j % COLOURS) } x=(short(middle(j) - 0.44 * bar)) width=(short(0.88 * bar))
                    y=(short(y.at(one.value))) height=(short(y.start - y.at(one.value))) {}
                @if one.error > 0.0 {
                    (line((middle(j), y.at(one.value - one.error)), (middle(j), y.at(one.value + one.error)), "whisker"))
                }
            }
            @if let Some(mark) = self.marks.get(i) {
                (line((first - 0.04 * width, y.at(*mark)), (first + 0.8 * width, y.at(*mark)), "reference"))
            }
            @if let Some(name) = self.groups.get(i) {
                (label(start + width / 2.0, y.start + 20.0, Anchor::Middle, "ink", name))
            }
        }
    }

    /// The legend, and the top of the frame below it.
    fn key(&self, width: f64) -> (Markup, f64) {
        let mark = (!self.marks.is_empty()).then(|| (self.mark.clone(), None));
        let names = self.series.iter().enumerate().map(|(j, name)| (name.clone(), Some(j)));
        legend(names.chain(mark), width, (SAMPLE, 18.0), |colour, x, y| {
            html! {
                @match colour {
                    Some(j) => {
                        rect class={ "column f" (j % COLOURS) } x=(short(x)) y=(y - 10.0) width=(SAMPLE) height="11" {}
                    }
                    None => { (line((x, y - 4.5), (x + SAMPLE, y - 4.5), "reference")) }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[f64]) -> String {
        let bars = vec![values.iter().map(|&value| Bar { value, error: 0.1 }).collect()];
        let names = (0..values.len()).map(|i| format!("<{i}>")).collect();
        let groups = vec!["a & b".into()];
        Bars { series: names, groups, bars, marks: vec![0.5], ..Bars::default() }.draw(Width::Full).checked()
    }

    #[test]
    fn bars_have_lengths_in_proportion() {
        let file = bars(&[1.0, 0.5]);
        let heights: Vec<f64> = file
            .match_indices("class=\"column")
            .map(|(at, _)| &file[at..])
            .skip(2)
            .map(|text| text.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!((heights[0] / heights[1] - 2.0).abs() < 0.001, "{heights:?}");
        assert!(file.contains("a &amp; b") && file.contains("&lt;1&gt;"));
    }

    #[test]
    fn what_is_not_a_number_has_no_bar_and_nothing_still_draws() {
        bars(&[f64::NAN, 1.0]);
        Bars::default().draw(Width::Full).checked();
    }
}

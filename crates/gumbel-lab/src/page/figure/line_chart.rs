//! Named series over a common horizontal axis.

use super::axis::Axis;
use super::drawing::{
    Anchor, COLOURS, Chart, Drawing, NOTE, Width, dot, label, legend, line, short, wrapped,
};
use super::plot::Plot;
use super::range::Range;
use super::thinned::Thinned;
use crate::page::number::measured;
use maud::{Markup, html};

/// Series with no more points than this are drawn with a mark at each.
const MOST_MARKS: usize = 40;
const RADIUS: f64 = 3.2;
const NOTE_LINE: f64 = 16.0;

/// One curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// (horizontal, vertical) in order; a vertical value that is not finite breaks the curve.
    pub records: Thinned,
    /// Whether the curve is dashed.
    pub dashed: bool,
}

impl Series {
    /// A solid curve.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { name: name.into(), records: points.into_iter().collect(), dashed: false }
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The same curve, dashed.
    pub fn dashed(self) -> Self {
        Self { dashed: true, ..self }
    }
}

/// A line chart.
#[derive(Clone, Debug, Default)]
pub struct LineChart {
    /// What the chart shows, for readers who cannot see it.
    pub title: String,
    /// Horizontal quantity.
    pub x_label: String,
    /// Vertical quantity with its unit.
    pub y_label: String,
    /// The curves, in the order of the legend.
    pub series: Vec<Series>,
    /// Whether the horizontal axis is logarithmic; places that are not positive are then left out.
    pub log_x: bool,
    /// Whether the vertical axis is logarithmic; values that are not positive are then left out.
    pub log_y: bool,
    /// Whether the vertical axis may be cut where few values lie far beyond the others; a note says so.
    pub robust: bool,
    /// A remark below the chart; may be empty.
    pub note: String,
}

/// A series ready to draw: unbroken runs of finite points.
struct Curve<'a> {
    series: &'a Series,
    colour: usize,
    runs: Vec<Vec<(f64, f64)>>,
}

impl Chart for LineChart {
    fn draw(&self, width: Width) -> Drawing {
        let (width, plot_height) = (width.units(), if width == Width::Full { 300.0 } else { 210.0 });
        let curves: Vec<Curve> = self.series.iter().enumerate().map(|(i, s)| self.curve(s, i)).collect();
        let (legend, top) = key(&curves, width);
        let bottom = top + plot_height;
        let (plot, mut notes) = self.plot(&curves, top, bottom, width);
        notes.push(self.note.clone());
        let notes: Vec<String> = notes.iter().flat_map(|note| wrapped(note, width, NOTE)).collect();
        let height =
            bottom + 44.0 + NOTE_LINE * notes.len() as f64 + if notes.is_empty() { 0.0 } else { 8.0 };
        let body = html! {
            (label(0.0, 14.0, Anchor::Start, "strong", &self.y_label))
            (legend)
            (plot)
            @for (i, text) in notes.iter().enumerate() {
                (label(0.0, bottom + 62.0 + NOTE_LINE * i as f64, Anchor::Start, "note", text))
            }
        };
        Drawing::new(&self.title, width, height, body)
    }
}

impl LineChart {
    /// A chart with linear axes.
    pub fn new(
        title: impl Into<String>,
        x_label: impl Into<String>,
        y_label: impl Into<String>,
        series: impl IntoIterator<Item = Series>,
    ) -> Self {
        let (title, x_label, y_label) = (title.into(), x_label.into(), y_label.into());
        Self { title, x_label, y_label, series: series.into_iter().collect(), ..Self::default() }
    }

    /// The same chart with a logarithmic horizontal axis.
    pub fn log_x(self) -> Self {
        Self { log_x: true, ..self }
    }

    /// The same chart with a logarithmic vertical axis.
    pub fn log_y(self) -> Self {
        Self { log_y: true, ..self }
    }

    /// The same chart with a vertical axis that may be cut.
    pub fn robust(self) -> Self {
        Self { robust: true, ..self }
    }

    /// The series in charts of at most `most`, in order.
    pub fn split(&self, most: usize) -> Vec<Self> {
        let parts = self.series.chunks(most);
        parts.map(|series| Self { series: series.to_vec(), ..self.clone() }).collect()
    }

    fn curve<'a>(&self, series: &'a Series, colour: usize) -> Curve<'a> {
        let points: Vec<_> = series.records.points().collect();
        let fits = |value: f64, log: bool| value.is_finite() && (!log || value > 0.0);
        let shown = |p: &(f64, f64)| fits(p.0, self.log_x) && fits(p.1, self.log_y);
        let runs = points.chunk_by(|a, b| shown(a) == shown(b)).filter(|run| shown(&run[0]));
        Curve { series, colour: colour % COLOURS, runs: runs.map(<[_]>::to_vec).collect() }
    }

    /// The frame with its curves, and the notes that belong to it.
    fn plot(&self, curves: &[Curve], top: f64, bottom: f64, width: f64) -> (Markup, Vec<String>) {
        // All steps, whether their values can be drawn or not; averaged points begin a little later.
        let xs = Range::of(self.series.iter().flat_map(|series| series.records.places(self.log_x)));
        let (Some(xs), Some(ys)) = (xs, self.vertical(curves)) else {
            let empty =
                label(width / 2.0, (top + bottom) / 2.0, Anchor::Middle, "ink", "nothing was recorded");
            return (html! { (line((0.0, bottom), (width, bottom), "axis")) (empty) }, Vec::new());
        };
        let y = Axis { range: ys.padded(self.log_y), log: self.log_y, start: bottom, end: top };
        // Half a label stands out beyond the last horizontal tick.
        let xs = if xs.low == xs.high { xs.padded(self.log_x) } else { xs };
        let x = Axis { range: xs, log: self.log_x, start: y.margin(6), end: width - 24.0 };
        let plot = Plot { x, y };
        let drawn = html! { (plot.frame(&self.x_label)) (drawn_curves(&plot, curves)) };
        (drawn, self.notes(curves, ys))
    }

    /// The interval of values to show: each series counts by itself, so that a sparse one is never an outlier.
    fn vertical(&self, curves: &[Curve]) -> Option<Range> {
        let range = |curve: &Curve| {
            let values: Vec<f64> = curve.points().map(|p| p.1).collect();
            if self.robust { Range::robust(&values) } else { Range::of(values) }
        };
        curves.iter().filter_map(range).reduce(Range::union)
    }

    fn notes(&self, curves: &[Curve], shown: Range) -> Vec<String> {
        // Cut or not is a matter of what would be drawn; the value named is that of the records themselves.
        let drawn = Range::of(curves.iter().flat_map(Curve::points).map(|p| p.1)).unwrap_or(shown);
        let records = self.series.iter().flat_map(|series| series.records.values(self.log_y));
        let all = Range::of(records).unwrap_or(drawn);
        let mut notes = Vec::new();
        if drawn.high > shown.high {
            notes.push(format!("Axis cut; highest value {}.", measured(all.high)));
        }
        if drawn.low < shown.low {
            notes.push(format!("Axis cut; lowest value {}.", measured(all.low)));
        }
        let averaged = curves.iter().map(|curve| curve.series.records.group()).max().unwrap_or(1);
        if averaged > 1 {
            notes.push(format!("Means of up to {averaged} neighbouring records."));
        }
        let hidden: usize = curves.iter().map(Curve::hidden).sum();
        if hidden > 0 {
            let why = if self.log_x || self.log_y { "not finite or not positive" } else { "not finite" };
            notes.push(format!("Not drawn because {why}: {hidden}."));
        }
        notes
    }
}

impl Curve<'_> {
    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.runs.iter().flatten().copied()
    }

    fn hidden(&self) -> usize {
        self.series.records.points().count() - self.points().count()
    }

    fn marked(&self) -> bool {
        self.points().count() <= MOST_MARKS
    }

    fn class(&self) -> String {
        format!("curve c{}{}", self.colour, if self.series.dashed { " dashed" } else { "" })
    }
}

/// The curves in an inner `svg`, which cuts them at the frame without an identifier that could clash with
/// those of other figures on the page. The margin leaves room for the marks on the frame.
fn drawn_curves(plot: &Plot, curves: &[Curve]) -> Markup {
    const MARGIN: f64 = 5.0;
    let (x, y) = (short(plot.x.start - MARGIN), short(plot.y.end - MARGIN));
    let width = short(plot.x.end - plot.x.start + 2.0 * MARGIN);
    let height = short(plot.y.start - plot.y.end + 2.0 * MARGIN);
    html! {
        svg x=(x) y=(y) width=(width) height=(height) viewBox={ (x) " " (y) " " (width) " " (height) } {
            @for curve in curves { (drawn_curve(plot, curve)) }
        }
    }
}

fn drawn_curve(plot: &Plot, curve: &Curve) -> Markup {
    let at = |p: &(f64, f64)| (short(plot.x.at(p.0)), short(plot.y.at(p.1)));
    let path = |run: &Vec<(f64, f64)>| {
        let places: Vec<String> = run.iter().map(at).map(|(x, y)| format!("{x},{y}")).collect();
        places.join(" ")
    };
    html! {
        @for run in &curve.runs {
            @if run.len() > 1 { polyline class=(curve.class()) points=(path(run)) {} }
            @if curve.marked() || run.len() == 1 {
                @for place in run.iter().map(at) { (dot(place, curve.colour, RADIUS)) }
            }
        }
    }
}

/// The legend, and the top of the frame below it.
fn key(curves: &[Curve], width: f64) -> (Markup, f64) {
    const SAMPLE: f64 = 26.0;
    let entries = curves.iter().map(|curve| (curve.series.name.clone(), curve));
    legend(entries, width, (SAMPLE, 20.0), |curve, x, y| {
        html! {
            (line((x, y - 4.5), (x + SAMPLE, y - 4.5), &curve.class()))
            @if curve.marked() { (dot((x + SAMPLE / 2.0, y - 4.5), curve.colour, RADIUS)) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> LineChart {
        let series = vec![Series::new("loss <b>", points).dashed()];
        LineChart { series, robust: true, y_label: "nats & more".into(), ..LineChart::default() }
    }

    fn parsed(chart: &LineChart) -> String {
        chart.draw(Width::Full).checked()
    }

    #[test]
    fn a_cut_axis_is_announced() {
        let fall = (0..1000).map(|i| (f64::from(i), 100.0 + 440.0 * (-f64::from(i) / 20.0).exp())).collect();
        let file = parsed(&chart(fall));
        assert!(file.contains("Axis cut; highest value 540.00"));
        assert!(file.contains("Means of up to 3 neighbouring records"));
        assert!(file.contains("loss &lt;b&gt;") && !file.contains("<b>"));
    }

    #[test]
    fn empty_and_broken_series_draw() {
        assert!(parsed(&chart(vec![])).contains("nothing was recorded"));
        assert!(parsed(&chart(vec![(0.0, f64::NAN)])).contains("nothing was recorded"));
        assert!(parsed(&LineChart::default()).contains("nothing was recorded"));
        let holed = parsed(&chart(vec![(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, 1.5)]));
        assert_eq!(holed.matches("<polyline").count(), 2);
        assert!(holed.contains("Not drawn because not finite: 1."));
        assert!(parsed(&chart(vec![(5.0, 1.0)])).contains("<circle"));
    }

    #[test]
    fn extreme_values_keep_finite_places() {
        let points = vec![(0.0, f64::MAX), (1.0, f64::MIN), (2.0, 0.0), (3.0, 1e-320), (4.0, 1.0)];
        for (log_x, log_y) in [(false, false), (false, true), (true, false)] {
            parsed(&LineChart { log_x, log_y, ..chart(points.clone()) });
        }
    }
}

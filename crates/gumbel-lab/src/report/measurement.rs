//! The page of `gumbel measure`: the table, bias against variance, and the curves.

use super::figure::{Drawing, LineChart, Mark, Scatter, Series, Width};
use super::page::{Rendered, command, figure, half_figure, page};
use crate::measure::{Curve, Fit, Point, Row, TrainingPoint, fits};
use gumbel::estimator::find;
use maud::{Markup, html};

/// Series on one chart: as many as there are colours.
const AT_ONCE: usize = 6;

/// What `gumbel measure` found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The command that makes the same numbers.
    pub command: String,
    /// Estimates behind each row, warm-up, and budget, in a sentence.
    pub method: String,
    /// The table.
    pub rows: Vec<Row>,
    /// The curves.
    pub points: Vec<Point>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

/// What `gumbel measure --train` found.
#[derive(Clone, Debug)]
pub struct Training {
    /// The command that makes the same numbers.
    pub command: String,
    /// Steps, learning rate and runs, in a sentence.
    pub method: String,
    /// The curves of all estimators, one after the other.
    pub points: Vec<TrainingPoint>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

/// The page in the making: its sections, and the figures as files.
#[derive(Default)]
struct Sections {
    bodies: Vec<Markup>,
    figures: Vec<(String, String)>,
}

impl Sections {
    fn wide(&mut self, name: &str, drawing: &Drawing, caption: &str) -> Markup {
        self.figures.push((format!("{name}.svg"), drawing.file()));
        figure(drawing, caption)
    }

    /// Charts side by side, six series on each.
    fn pairs(&mut self, name: &str, chart: &LineChart, caption: &str) -> Markup {
        let charts: Vec<LineChart> = chart
            .series
            .chunks(AT_ONCE)
            .map(|series| LineChart { series: series.to_vec(), width: Width::Half, ..chart.clone() })
            .collect();
        for (i, chart) in charts.iter().enumerate() {
            self.figures.push((format!("{name}-{}.svg", i + 1), chart.draw().file()));
        }
        html! {
            div.pair { @for chart in &charts { (half_figure(&chart.draw(), caption)) } }
        }
    }

    fn page(self, title: &str, head: &Markup, command_line: &str) -> Rendered {
        let body = html! {
            (head)
            @for body in &self.bodies { (body) }
            section { h2 { "Reproduce" } (command(command_line)) }
            footer { "One page, no scripts, nothing loaded from elsewhere." }
        };
        Rendered { html: page(title, &body), figures: self.figures }
    }
}

fn head(title: &str, method: &str, skipped: &[String]) -> Markup {
    html! {
        header { p.over { "Gumbel · measure" } h1 { (title) } p.lede { (method) } }
        @if !skipped.is_empty() {
            section { h2 { "Left out" } @for reason in skipped { p { (reason) } } }
        }
    }
}

impl Findings {
    /// One page and its figures.
    pub fn render(&self) -> Rendered {
        let mut sections = Sections::default();
        for rows in self.rows.chunk_by(|a, b| a.problem == b.problem) {
            let body = self.problem(rows, &mut sections);
            sections.bodies.push(body);
        }
        for points in self.points.chunk_by(|a, b| (a.curve, &a.kind) == (b.curve, &b.kind)) {
            let body = match points[0].curve {
                Curve::Tau => temperature(points, &mut sections),
                Curve::Dims => dimension(points, &mut sections),
            };
            sections.bodies.push(body);
        }
        let title = "Bias and variance of gradient estimators";
        sections.page(title, &head(title, &self.method, &self.skipped), &self.command)
    }

    fn problem(&self, rows: &[Row], sections: &mut Sections) -> Markup {
        let scatter = bias_against_variance(rows);
        let drawn = if scatter.marks.is_empty() {
            html! {}
        } else {
            let caption = "Lower left is better. Bars are two standard errors. A single estimate of each; what they cost is in the table.";
            sections.wide(&format!("bias-variance-{}", rows[0].problem), &scatter.draw(), caption)
        };
        html! { section { h2 { (rows[0].problem) } (drawn) (table(rows)) } }
    }
}

/// The estimators of one problem, each a point.
pub(crate) fn bias_against_variance(rows: &[Row]) -> Scatter {
    let problem = rows.first().map_or("", |row| &row.problem);
    Scatter {
        title: format!("Bias against variance on {problem}"),
        x_label: "variance of one estimate, summed over coordinates".into(),
        y_label: format!("bias, {problem}"),
        groups: ["unbiased, f as a black box", "unbiased, ∇f", "biased"].map(String::from).into(),
        marks: rows.iter().filter_map(mark).collect(),
    }
}

fn mark(row: &Row) -> Option<Mark> {
    let group = match find(row.name()) {
        Ok(info) if info.properties.unbiased && info.properties.needs_gradient => 1,
        Ok(info) if info.properties.unbiased => 0,
        _ => 2,
    };
    let (y, error) = (row.bias?, 2.0 * row.bias_se?);
    Some(Mark { name: row.estimator.clone(), x: row.variance(), y, error, group })
}

fn table(rows: &[Row]) -> Markup {
    let number = |number: Option<f64>| number.map_or("–".into(), significant);
    html! {
        div.scroll { table.numbers {
            thead { tr {
                th { "estimator" } th { "bias" } th { "± se" } th { "z" } th { "std" } th { "rmse" }
                th { "evaluations" } th { "ns" }
            } }
            tbody { @for row in rows { tr {
                th scope="row" { (row.estimator) }
                td { (number(row.bias)) } td { (number(row.bias_se)) }
                td { (row.bias_z.map_or("–".into(), |z| format!("{z:.1}").replace('-', "−"))) }
                td { (significant(row.std)) } td { (number(row.rmse)) }
                td { (row.evaluations) } td { (format!("{:.0}", row.nanoseconds)) }
            } } }
        } }
    }
}

/// Three digits.
fn significant(number: f64) -> String {
    if number == 0.0 || (1e-3..1e5).contains(&number.abs()) {
        let decimals = (2.0 - number.abs().max(1e-9).log10().floor()).clamp(0.0, 5.0) as usize;
        return format!("{number:.decimals$}").replace('-', "−");
    }
    format!("{number:.1e}").replace('-', "−")
}

/// Variance and bias along the temperature.
fn temperature(points: &[Point], sections: &mut Sections) -> Markup {
    let kind = &points[0].kind;
    let chart = |title: &str, y_label: &str, log_y, value: fn(&Row) -> Option<f64>| LineChart {
        title: format!("{title} against temperature on {kind}"),
        x_label: "temperature τ".into(),
        y_label: y_label.into(),
        series: series(points, value),
        log_x: true,
        log_y,
        ..LineChart::default()
    };
    let variance = chart("Variance", "variance of one estimate", true, |row| Some(row.variance()));
    let bias = chart("Bias", "bias", false, |row| row.bias);
    let slope = |fit: Fit| format!("{} {}", fit.series, format!("{:.2}", fit.slope).replace('-', "−"));
    let slopes: Vec<String> = fits(points).into_iter().map(slope).collect();
    let slopes = format!("Slopes of ln variance over ln τ, up to τ = 0.1: {}.", slopes.join(", "));
    let variance = sections.pairs(&format!("variance-tau-{kind}"), &variance, "Variance against τ.");
    let bias = sections.pairs(&format!("bias-tau-{kind}"), &bias, "Bias against τ.");
    html! { section { h2 { "Along the temperature: " (kind) } p { (slopes) } (variance) (bias) } }
}

/// Variance along the number of latents.
fn dimension(points: &[Point], sections: &mut Sections) -> Markup {
    let kind = &points[0].kind;
    let chart = LineChart {
        title: format!("Variance against the number of latents on {kind}"),
        x_label: "latents D".into(),
        y_label: "variance of one estimate".into(),
        series: series(points, |row| Some(row.variance()).filter(|variance| *variance > 1e-12)),
        log_x: true,
        log_y: true,
        ..LineChart::default()
    };
    let charts = sections.pairs(&format!("variance-dims-{kind}"), &chart, "Variance against D.");
    html! {
        section {
            h2 { "As latents are added: " (kind) }
            p {
                "The loss keeps its size as D grows. A variance that grows with D is that of a signal which reaches \
                 every latent with the noise of all the others."
            }
            (charts)
        }
    }
}

/// One series for each name, in the order of first appearance.
fn series(points: &[Point], value: impl Fn(&Row) -> Option<f64>) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for Point { series, x, row, .. } in points {
        let place = all.iter().position(|known| known.name == *series).unwrap_or_else(|| {
            all.push(Series { name: series.clone(), ..Series::default() });
            all.len() - 1
        });
        all[place].points.extend(value(row).map(|y| (*x, y)));
    }
    all.retain(|series| !series.points.is_empty());
    all
}

impl Training {
    /// One page and its figures.
    pub fn render(&self) -> Rendered {
        let mut sections = Sections::default();
        let chart = |y_label: &str, log_y, value: fn(&TrainingPoint) -> f64| LineChart {
            title: format!("{y_label} over steps"),
            x_label: "step".into(),
            y_label: y_label.into(),
            series: self.series(value),
            log_y,
            ..LineChart::default()
        };
        let loss = chart("E f(b), mean over runs", false, |point| point.expected_loss);
        let variance = chart("variance of the gradient", true, |point| point.gradient_variance);
        let loss = sections.pairs("loss", &loss, "The exact expected loss. Lower is better.");
        let variance = sections.pairs("variance", &variance, "Summed variances of one estimate.");
        sections.bodies.push(html! { section { h2 { "Learning curves" } (loss) } });
        sections
            .bodies
            .push(html! { section { h2 { "Variance of the gradient along the way" } (variance) } });
        let title = "The toy problem, f(b) = (b − 0.499)²";
        sections.page(title, &head(title, &self.method, &self.skipped), &self.command)
    }

    fn series(&self, value: fn(&TrainingPoint) -> f64) -> Vec<Series> {
        let curves = self.points.chunk_by(|a, b| a.estimator == b.estimator);
        let series = curves.map(|points| Series {
            name: points[0].estimator.clone(),
            points: points.iter().map(|point| (point.step as f64, value(point))).collect(),
            dashed: false,
        });
        series.collect()
    }
}

//! The pages of `gumbel measure`: the table with bias against variance and the curves, and the learning curves.

use super::curve::{Curve, CurvePoint, Fit, fits};
use super::row::MeasureRow;
use super::toy::TrainingPoint;
use crate::page::number::{fixed, or_dash, significant, z_score};
use crate::page::{LineChart, Mark, Page, Rendered, Scatter, Section, Series, Table};
use gumbel::estimator::find;

/// Series on one chart: the number of colours.
const AT_ONCE: usize = 6;

/// The page of a measurement.
#[derive(Clone, Debug)]
pub struct MeasurePage {
    /// The command that reproduces the numbers.
    pub command: String,
    /// Estimates behind each row, warm-up, and budget, in a sentence.
    pub method: String,
    /// The table.
    pub rows: Vec<MeasureRow>,
    /// The curves.
    pub points: Vec<CurvePoint>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

/// The page of training with `gumbel measure --train`.
#[derive(Clone, Debug)]
pub struct TrainingPage {
    /// The command that reproduces the numbers.
    pub command: String,
    /// Steps, learning rate and runs, in a sentence.
    pub method: String,
    /// The curves of all estimators, one after the other.
    pub points: Vec<TrainingPoint>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

fn page(title: &str, method: &str, skipped: &[String]) -> Page {
    let mut page = Page::new("measure", title);
    page.lede(method);
    if !skipped.is_empty() {
        page.section("Left out").list(skipped);
    }
    page
}

impl MeasurePage {
    /// Renders the page and its figures.
    pub fn render(&self) -> Rendered {
        let mut page = page("Bias and variance of gradient estimators", &self.method, &self.skipped);
        for rows in self.rows.chunk_by(|a, b| a.problem == b.problem) {
            problem(page.section(&rows[0].problem), rows);
        }
        for points in self.points.chunk_by(|a, b| (a.curve, &a.kind) == (b.curve, &b.kind)) {
            match points[0].curve {
                Curve::Tau => temperature(&mut page, points),
                Curve::Latents => latents(&mut page, points),
            }
        }
        page.reproduce(&self.command);
        page.render()
    }
}

fn problem(section: &mut Section, rows: &[MeasureRow]) {
    let scatter = bias_against_variance(rows);
    if !scatter.marks.is_empty() {
        section.figure(&format!("bias-variance-{}", rows[0].problem), &scatter.draw(), SCATTER);
    }
    section.add(table(rows));
}

const SCATTER: &str = "Lower left is better. Bars are two standard errors. Each point is a single estimate; the table has the cost.";

/// The estimators of one problem, each a point.
pub(super) fn bias_against_variance(rows: &[MeasureRow]) -> Scatter {
    let problem = rows.first().map_or("", |row| &row.problem);
    Scatter {
        title: format!("Bias against variance on {problem}"),
        x_label: "variance of one estimate, summed over coordinates".into(),
        y_label: format!("bias, {problem}"),
        groups: ["unbiased, f as a black box", "unbiased, ∇f", "biased"].map(String::from).into(),
        marks: rows.iter().filter_map(mark).collect(),
    }
}

fn mark(row: &MeasureRow) -> Option<Mark> {
    let group = match find(row.name()) {
        Ok(info) if info.properties.unbiased && info.properties.needs_gradient => 1,
        Ok(info) if info.properties.unbiased => 0,
        _ => 2,
    };
    let (y, error) = (row.bias?, 2.0 * row.bias_standard_error?);
    Some(Mark { name: row.estimator.clone(), x: row.variance(), y, error, group })
}

fn table(rows: &[MeasureRow]) -> Table {
    let three = |number| significant(number, 3);
    let mut table =
        Table::new(["estimator", "bias", "± standard error", "z", "std", "rmse", "evaluations", "ns"]);
    for row in rows {
        table.row(
            &row.estimator,
            [
                or_dash(row.bias, three),
                or_dash(row.bias_standard_error, three),
                or_dash(row.bias_z, z_score),
                three(row.std),
                or_dash(row.rmse, three),
                row.evaluations.to_string(),
                fixed(row.nanoseconds, 0),
            ],
        );
    }
    table
}

/// Variance and bias against the temperature.
fn temperature(page: &mut Page, points: &[CurvePoint]) {
    let kind = &points[0].kind;
    let chart = |title: &str, y_label: &str, value: fn(&MeasureRow) -> Option<f64>| {
        let title = format!("{title} against temperature on {kind}");
        LineChart::new(title, "temperature τ", y_label, series(points, value)).log_x()
    };
    let variance = chart("Variance", "variance of one estimate", |row| Some(row.variance())).log_y();
    let bias = chart("Bias", "bias", |row| row.bias);
    let slope = |fit: Fit| format!("{} {}", fit.series, fixed(fit.slope, 2));
    let slopes: Vec<String> = fits(points).into_iter().map(slope).collect();
    page.section(&format!("Bias and variance against temperature: {kind}"))
        .paragraph(format!("Slopes of ln variance over ln τ, up to τ = 0.1: {}.", slopes.join(", ")))
        .pair(&parts(&format!("variance-tau-{kind}"), &variance, "Variance against τ."))
        .pair(&parts(&format!("bias-tau-{kind}"), &bias, "Bias against τ."));
}

/// Variance against the number of latents.
fn latents(page: &mut Page, points: &[CurvePoint]) {
    let kind = &points[0].kind;
    let title = format!("Variance against the number of latents on {kind}");
    let series = series(points, |row| Some(row.variance()).filter(|variance| *variance > 1e-12));
    let chart = LineChart::new(title, "latents D", "variance of one estimate", series).log_x().log_y();
    let charts = parts(&format!("variance-latents-{kind}"), &chart, "Variance against D.");
    page.section(&format!("Variance against the number of latents: {kind}")).paragraph(GROWTH).pair(&charts);
}

const GROWTH: &str = "The scale of the loss does not depend on D. The variance of an estimator grows with D where its signal \
     reaches every latent together with the noise of all the others.";

/// The series of a chart, six at a time.
fn parts<'a>(file: &str, chart: &LineChart, caption: &'a str) -> Vec<(String, LineChart, &'a str)> {
    let charts = chart.split(AT_ONCE).into_iter().enumerate();
    charts.map(|(i, chart)| (format!("{file}-{}", i + 1), chart, caption)).collect()
}

/// One series for each name, in the order of first appearance.
fn series(points: &[CurvePoint], value: impl Fn(&MeasureRow) -> Option<f64>) -> Vec<Series> {
    let mut all: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for CurvePoint { series, x, row, .. } in points {
        let place = all.iter().position(|(known, _)| known == series).unwrap_or_else(|| {
            all.push((series, Vec::new()));
            all.len() - 1
        });
        all[place].1.extend(value(row).map(|y| (*x, y)));
    }
    let drawn = all.into_iter().map(|(name, points)| Series::new(name, points));
    drawn.filter(|series| !series.is_empty()).collect()
}

impl TrainingPage {
    /// Renders the page and its figures.
    pub fn render(&self) -> Rendered {
        let chart = |y_label: &str, value: fn(&TrainingPoint) -> f64| {
            LineChart::new(format!("{y_label} over steps"), "step", y_label, self.series(value))
        };
        let loss = chart("E f(b), mean over runs", |point| point.expected_loss);
        let variance = chart("variance of the gradient", |point| point.gradient_variance).log_y();
        let mut page = page("The toy problem, f(b) = (b − 0.499)²", &self.method, &self.skipped);
        page.section("Learning curves").pair(&parts("loss", &loss, LOSS));
        page.section("Gradient variance during training").pair(&parts("variance", &variance, VARIANCE));
        page.reproduce(&self.command);
        page.render()
    }

    fn series(&self, value: fn(&TrainingPoint) -> f64) -> Vec<Series> {
        let curves = self.points.chunk_by(|a, b| a.estimator == b.estimator);
        let place = |point: &TrainingPoint| (point.step as f64, value(point));
        curves.map(|points| Series::new(&points[0].estimator, points.iter().map(place))).collect()
    }
}

const LOSS: &str = "The exact expected loss. Lower is better.";
const VARIANCE: &str = "Variances of one estimate, summed over coordinates.";

//! The parts of the page, in the order they are read.

use super::data::{Classes, Headline, Images, Point, Report};
use super::figure::axis::{grouped, measured};
use super::figure::{ImageGrid, LineChart, Series, Width, usage_map};
use super::page::{Section, chart_figure, command, figure, half_figure};
use super::{Error, text};
use maud::{Markup, html};

const ROWS_OF_TABLE: usize = 20;

/// Heading and headline numbers.
pub(super) fn header(report: &Report) -> Markup {
    html! {
        header {
            p.over { "Gumbel · " (report.estimator) }
            h1 { (report.title) }
            @if !report.summary.is_empty() { p.lede { (report.summary) } }
            div.cards { @for number in &report.headline { (card(number)) } }
        }
    }
}

fn card(number: &Headline) -> Markup {
    html! {
        div.card {
            h3 { (number.label) }
            p.value {
                (measured(number.value))
                @if let Some(error) = number.standard_error { small { " ± " (measured(error)) } }
            }
            p.unit { (number.unit) }
            p.meaning { (number.meaning) }
        }
    }
}

/// Training and held-out objective together.
pub(super) fn objective(report: &Report) -> Section {
    let training = series(text::training_name(report), report, |point| Some(point.loss));
    let hard = series("held out, hard samples", report, |point| point.hard);
    let chart = LineChart {
        title: format!("Training objective and hard objective of held-out {}s over steps", report.example()),
        y_label: format!("objective (nats per {})", report.example()),
        series: vec![training, hard],
        ..over_steps()
    };
    let body = html! {
        section {
            h2 { "The objective, as trained and as it counts" }
            p { (text::objective(report)) }
            (chart_figure(&chart, &course(report)))
            (evaluations(report))
        }
    };
    Section { body, figures: vec![("objective.svg", chart.draw())] }
}

/// Reconstruction and KL, if it has both, and the temperature, if there is one.
pub(super) fn parts(report: &Report) -> Section {
    let tempered = report.metrics.iter().any(|point| point.tau.is_some());
    let Some(kl) = &report.kl else { return temperature_alone(report, tempered) };
    let parts = LineChart {
        title: "Reconstruction and KL parts of the training objective over steps".into(),
        y_label: format!("nats per {}", report.example()),
        series: vec![
            series("reconstruction", report, |point| Some(point.reconstruction)),
            series("KL", report, |point| Some(point.kl)),
        ],
        ..over_steps()
    };
    let caption =
        format!("The two parts of the training objective. The KL term: {}.", kl.trim_end_matches('.'));
    if !tempered {
        let body = html! { section { h2 { "Its parts" } (chart_figure(&parts, &caption)) } };
        return Section { body, figures: vec![("parts.svg", parts.draw())] };
    }
    let (parts, temperature) = (LineChart { width: Width::Half, ..parts }.draw(), temperature(report).draw());
    let body = html! {
        section {
            h2 { "Its parts, and the temperature" }
            div.pair {
                (half_figure(&parts, &caption))
                (half_figure(&temperature, TEMPERATURE))
            }
        }
    };
    Section { body, figures: vec![("parts.svg", parts), ("temperature.svg", temperature)] }
}

const TEMPERATURE: &str = "The temperature τ: lower is nearer to hard samples.";

fn temperature_alone(report: &Report, tempered: bool) -> Section {
    if !tempered {
        return Section { body: html! {}, figures: vec![] };
    }
    let chart = LineChart { width: Width::default(), ..temperature(report) };
    let body = html! { section { h2 { "The temperature" } (chart_figure(&chart, TEMPERATURE)) } };
    Section { body, figures: vec![("temperature.svg", chart.draw())] }
}

fn temperature(report: &Report) -> LineChart {
    LineChart {
        title: "Temperature over steps".into(),
        y_label: "temperature τ".into(),
        series: vec![series("τ", report, |point| point.tau)],
        robust: false,
        width: Width::Half,
        ..over_steps()
    }
}

/// How much the gradient varied, where that was measured.
pub(super) fn variance(report: &Report) -> Section {
    if !report.metrics.iter().any(|point| point.variance.is_some()) {
        return Section { body: html! {}, figures: vec![] };
    }
    let chart = LineChart {
        title: "Variance of the gradient over steps".into(),
        y_label: "total variance of the gradient (nats²)".into(),
        series: vec![series(&report.estimator, report, |point| point.variance)],
        log_y: true,
        ..over_steps()
    };
    let body = html! {
        section { h2 { "How much the gradient varies" } (chart_figure(&chart, text::VARIANCE)) }
    };
    Section { body, figures: vec![("variance.svg", chart.draw())] }
}

fn over_steps() -> LineChart {
    LineChart { x_label: "step".into(), robust: true, ..LineChart::default() }
}

fn series(name: &str, report: &Report, value: impl Fn(&Point) -> Option<f64>) -> Series {
    let points = report.metrics.iter().filter_map(|point| Some((point.step as f64, value(point)?)));
    Series { name: name.into(), points: points.collect(), dashed: false }
}

/// How long training took, in a sentence.
fn course(report: &Report) -> String {
    let Some(last) = report.metrics.last() else {
        return "No step was recorded.".into();
    };
    let hard = report.metrics.iter().rev().find_map(|point| Some((point.step, point.hard?)));
    let hard = hard.map_or("The hard objective was not evaluated on the way.".into(), |(step, value)| {
        format!("Last held-out value: {} at step {}.", measured(value), grouped(step as f64))
    });
    format!(
        "{} steps in {} seconds. {hard} Lower is better.",
        grouped(last.step as f64),
        grouped(last.seconds)
    )
}

/// The held-out evaluations as numbers, at most a page of them, always with the last.
fn evaluations(report: &Report) -> Markup {
    let points: Vec<&Point> = report.metrics.iter().filter(|point| point.hard.is_some()).collect();
    let every = points.len().div_ceil(ROWS_OF_TABLE).max(1);
    let rows = points.iter().enumerate().filter(|(i, _)| (points.len() - 1 - i).is_multiple_of(every));
    html! {
        @if !points.is_empty() {
            details {
                summary { "The same in numbers" }
                div.scroll { table.numbers {
                    thead { tr {
                        th { "step" } th { (text::training_name(report)) } th { "held out, hard" }
                        th { "seconds" }
                    } }
                    tbody { @for (_, point) in rows { (evaluation(point)) } }
                } }
            }
        }
    }
}

fn evaluation(point: &Point) -> Markup {
    html! {
        tr {
            th scope="row" { (grouped(point.step as f64)) }
            td { (measured(point.loss)) }
            td { (point.hard.map_or(String::new(), measured)) }
            td { (measured(point.seconds)) }
        }
    }
}

/// Test images above what the model makes of them.
pub(super) fn reconstructions(report: &Report) -> Result<Section, Error> {
    let Some(pairs) = &report.reconstructions else {
        return Ok(Section { body: html! {}, figures: vec![] });
    };
    const COLUMNS: usize = 12;
    let images = pairs.interleaved(COLUMNS)?;
    let columns = COLUMNS.min(pairs.originals.count());
    let words = "Each test image above its reconstruction: the image is encoded, one hard sample of its code is \
                 drawn, and the mean of the decoder’s distribution is shown.";
    let grid = ImageGrid {
        title: "Test images and reconstructions",
        images: &images,
        columns,
        row_labels: &["test", "model"],
    };
    sheet("Reconstructions", words, "reconstructions.svg", &grid)
}

/// Test images above what the model makes of their lower halves.
pub(super) fn completions(report: &Report) -> Result<Section, Error> {
    let Some(completions) = &report.completions else {
        return Ok(Section { body: html! {}, figures: vec![] });
    };
    const COLUMNS: usize = 12;
    let images = completions.interleaved(COLUMNS)?;
    let row_labels = [&["test"][..], &vec!["model"; completions.drawn.len()]].concat();
    let words = "Each test image above its upper half with lower halves of the model’s: each time one hard sample of \
                 all latents is drawn from what the upper half says, and the mean of the lower half is shown. Where \
                 the upper half leaves a choice, the draws differ.";
    let grid = ImageGrid {
        title: "Test images and completions of their upper halves",
        images: &images,
        columns: COLUMNS.min(completions.originals.count()),
        row_labels: &row_labels,
    };
    sheet("Completions", words, "completions.svg", &grid)
}

/// Each class in several styles.
pub(super) fn classes(report: &Report) -> Result<Section, Error> {
    let Some(Classes { images, classes }) = &report.classes else {
        return Ok(Section { body: html! {}, figures: vec![] });
    };
    let words = "One style drawn from the prior for each row, decoded with every class in turn: the class should \
                 decide what is written, the style how.";
    let grid = ImageGrid { title: "Classes and styles", images, columns: *classes, row_labels: &[] };
    sheet("Classes and styles", words, "classes.svg", &grid)
}

/// Images from the prior.
pub(super) fn samples(report: &Report) -> Result<Section, Error> {
    let Some(images) = &report.samples else {
        return Ok(Section { body: html! {}, figures: vec![] });
    };
    let words = "Codes drawn from the prior, with no image to start from, and the mean of the decoder’s \
                 distribution for each. This is what the model thinks its data look like.";
    let grid = ImageGrid { title: "Samples from the prior", images, columns: 16, row_labels: &[] };
    sheet("Samples from the prior", words, "samples.svg", &grid)
}

fn sheet(heading: &str, words: &str, file: &'static str, grid: &ImageGrid) -> Result<Section, Error> {
    if grid.images == &(Images { pixels: Vec::new(), ..*grid.images }) {
        return Ok(Section {
            body: html! { section { h2 { (heading) } p { "No images." } } },
            figures: vec![],
        });
    }
    let drawing = grid.draw()?;
    let body = html! { section { h2 { (heading) } p { (words) } figure { (drawing.element()) } } };
    Ok(Section { body, figures: vec![(file, drawing)] })
}

/// How much each category of each latent is used.
pub(super) fn usage(report: &Report) -> Result<Section, Error> {
    let Some(usage) = &report.usage else {
        return Ok(Section { body: html! {}, figures: vec![] });
    };
    let drawing = usage_map(usage)?;
    let all = usage.probabilities.len();
    let caption = format!(
        "{} of {} categories are dead: their mean probability is below a tenth of an even share.",
        grouped(usage.dead() as f64),
        grouped(all as f64)
    );
    let words = format!(
        "The posterior probability of each category, averaged over the test set, one column per latent. The perplexity \
         below says how many categories a latent uses in effect: 1 if it always gives the same one, K if all are used \
         alike. Even use alone is no merit: a latent that ignores the {} is even too, but then its KL is near zero.",
        report.example()
    );
    let body =
        html! { section { h2 { "Use of the categories" } p { (words) } (figure(&drawing, &caption)) } };
    Ok(Section { body, figures: vec![("usage.svg", drawing)] })
}

/// Command, configuration and facts.
pub(super) fn settings(report: &Report) -> Section {
    let body = html! {
        section {
            h2 { "Reproduce" }
            (command(&report.command))
            div.sides {
                (named("Configuration", &report.configuration))
                (named("Facts", &report.facts))
            }
        }
    };
    Section { body, figures: vec![] }
}

fn named(heading: &str, rows: &[(String, String)]) -> Markup {
    html! {
        @if !rows.is_empty() {
            div {
                h3 { (heading) }
                table.named { tbody {
                    @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } }
                } }
            }
        }
    }
}

/// What each number means.
pub(super) fn glossary(report: &Report) -> Section {
    let body = html! {
        section {
            h2 { "What each number means" }
            dl { @for (term, meaning) in text::glossary(report) { dt { (term) } dd { (meaning) } } }
        }
    };
    Section { body, figures: vec![] }
}

//! The page of a training run.

use super::data::{Classes, Report};
use super::{strings, words};
use crate::experiment::bound::Metrics;
use crate::page::number::{grouped, measured};
use crate::page::{Card, Error, ImageGrid, Images, LineChart, Page, Rendered, Series, Table, usage_map};

/// Rows of the table of evaluations.
const ROWS: usize = 20;
/// Images in a row of a sheet whose rows have names.
const COLUMNS: usize = 12;

/// Renders the page of a training run and its figures.
///
/// # Errors
/// [`Error::Pixels`], [`Error::Pairs`] or [`Error::Usage`] where a table does not have its stated size.
pub fn render(report: &Report) -> Result<Rendered, Error> {
    let mut page = Page::new(&report.estimator, &report.title);
    if !report.summary.is_empty() {
        page.lede(&report.summary);
    }
    for number in &report.headline {
        let (label, unit, meaning) = (&number.label, &number.unit, &number.meaning);
        page.card(&Card { label, value: number.value, standard_error: number.standard_error, unit, meaning });
    }
    objective(&mut page, report);
    parts(&mut page, report);
    variance(&mut page, report);
    images(&mut page, report)?;
    if let Some(strings) = &report.strings {
        strings::sections(&mut page, strings);
    }
    usage(&mut page, report)?;
    let (configuration, facts) = (Table::facts(&report.configuration), Table::facts(&report.facts));
    page.reproduce(&report.command).sides(&[("Configuration", configuration), ("Facts", facts)]);
    page.section("Glossary").terms(words::glossary(report));
    page.note(format!("All numbers in nats are per {}.", report.example));
    Ok(page.render())
}

/// Training and held-out objective.
fn objective(page: &mut Page, report: &Report) {
    let one = report.example;
    let title = format!("Training objective and hard objective of held-out {one}s over steps");
    let curves = [
        series(words::training_name(report), report, |point| Some(point.training_loss)),
        series("held out, hard samples", report, |point| point.hard_negative_elbo),
    ];
    let chart = LineChart::new(title, "step", format!("objective (nats per {one})"), curves).robust();
    let section = page.section("Training and evaluation objective");
    section.paragraph(words::objective(report)).chart("objective", &chart, &course(report));
    let evaluations = evaluations(report);
    if !evaluations.is_empty() {
        section.details("Table", false, evaluations);
    }
}

/// Reconstruction and KL, if there is a KL, and the temperature, if there is one.
fn parts(page: &mut Page, report: &Report) {
    let mut charts = Vec::new();
    let caption = report.kl.as_deref().map(|kl| {
        format!("The two parts of the training objective. The KL term: {}.", kl.trim_end_matches('.'))
    });
    if let Some(caption) = &caption {
        let title = "Reconstruction and KL parts of the training objective over steps";
        let curves = [
            series("reconstruction", report, |point| Some(point.reconstruction)),
            series("KL", report, |point| Some(point.kl)),
        ];
        let chart = LineChart::new(title, "step", format!("nats per {}", report.example), curves);
        charts.push(("parts", chart.robust(), caption.as_str()));
    }
    if report.tempered() {
        let curve = [series("τ", report, |point| point.tau)];
        let chart = LineChart::new("Temperature over steps", "step", "temperature τ", curve);
        charts.push(("temperature", chart, words::TEMPERATURE));
    }
    match charts.as_slice() {
        [] => {}
        [("parts", chart, caption)] => {
            page.section("Reconstruction and KL").chart("parts", chart, caption);
        }
        [(file, chart, caption)] => {
            page.section("Temperature").chart(file, chart, caption);
        }
        both => {
            page.section("Reconstruction, KL and temperature").pair(both);
        }
    }
}

/// Variance of the gradient, where it was measured.
fn variance(page: &mut Page, report: &Report) {
    let curve = series(&report.estimator, report, |point| point.gradient_variance);
    if !curve.points.is_empty() {
        page.section("Gradient variance").chart("variance", &words::variance([curve]), words::VARIANCE);
    }
}

fn series(name: &str, report: &Report, value: impl Fn(&Metrics) -> Option<f64>) -> Series {
    let points = report.metrics.iter().filter_map(|point| Some((point.step as f64, value(point)?)));
    Series::new(name, points)
}

/// Duration of training and the last evaluation, in a sentence or two.
fn course(report: &Report) -> String {
    let Some(last) = report.metrics.last() else { return "No step was recorded.".into() };
    let hard = report.metrics.iter().rev().find_map(|point| Some((point.step, point.hard_negative_elbo?)));
    let hard = hard
        .map_or("The hard objective was not evaluated during training.".into(), |(step, value)| {
            format!("Last held-out value: {} at step {}.", measured(value), grouped(step as f64))
        });
    format!(
        "{} steps in {} seconds. {hard} Lower is better.",
        grouped(last.step as f64),
        grouped(last.seconds)
    )
}

/// The held-out evaluations as numbers: evenly spaced where there are many, always with the last.
fn evaluations(report: &Report) -> Table {
    let mut table = Table::new(["step", words::training_name(report), "held out, hard", "seconds"]);
    let points: Vec<&Metrics> =
        report.metrics.iter().filter(|point| point.hard_negative_elbo.is_some()).collect();
    let every = points.len().div_ceil(ROWS).max(1);
    for (i, point) in points.iter().enumerate() {
        if (points.len() - 1 - i).is_multiple_of(every) {
            let cells = [Some(point.training_loss), point.hard_negative_elbo, Some(point.seconds)];
            table.row(grouped(point.step as f64), cells.map(|value| value.map_or(String::new(), measured)));
        }
    }
    table
}

/// The sheets of images that there are.
fn images(page: &mut Page, report: &Report) -> Result<(), Error> {
    if let Some(pairs) = &report.reconstructions {
        let images = Images::interleaved(&[&pairs.originals, &pairs.means], COLUMNS)?;
        let columns = COLUMNS.min(pairs.originals.count());
        let labels = ["test", "model"];
        let title = "Test images and reconstructions";
        let grid = ImageGrid { title, images: &images, columns, row_labels: &labels };
        sheet(page, "Reconstructions", RECONSTRUCTIONS, "reconstructions", &grid)?;
    }
    if let Some(completions) = &report.completions {
        let all: Vec<&Images> = [&completions.originals].into_iter().chain(&completions.drawn).collect();
        let images = Images::interleaved(&all, COLUMNS)?;
        let columns = COLUMNS.min(completions.originals.count());
        let labels = [&["test"][..], &vec!["model"; completions.drawn.len()]].concat();
        let title = "Test images and completions of their upper halves";
        let grid = ImageGrid { title, images: &images, columns, row_labels: &labels };
        sheet(page, "Completions", COMPLETIONS, "completions", &grid)?;
    }
    if let Some(Classes { images, classes }) = &report.classes {
        let grid = ImageGrid { title: "Classes and styles", images, columns: *classes, row_labels: &[] };
        sheet(page, grid.title, CLASSES, "classes", &grid)?;
    }
    if let Some(images) = &report.samples {
        let grid = ImageGrid { title: "Samples from the prior", images, columns: 16, row_labels: &[] };
        sheet(page, grid.title, SAMPLES, "samples", &grid)?;
    }
    Ok(())
}

const RECONSTRUCTIONS: &str = "Each test image above its reconstruction: the image is encoded, one hard sample of its code is \
     drawn, and the mean of the decoder’s distribution is shown.";
const COMPLETIONS: &str = "Each test image above completions of its upper half: for each, one hard sample of all latents is \
     drawn given the upper half, and the mean of the lower half is shown. Where the upper half leaves a choice, the \
     completions differ.";
const CLASSES: &str = "One style drawn from the prior for each row, decoded with every class in turn: the class should \
     determine which symbol is written, the style how.";
const SAMPLES: &str = "Codes drawn from the prior, and the mean of the decoder’s distribution for each: the model’s own \
     examples of its data, without an image as input.";

fn sheet(page: &mut Page, heading: &str, words: &str, file: &str, grid: &ImageGrid) -> Result<(), Error> {
    let section = page.section(heading);
    if grid.images.pixels.is_empty() {
        section.paragraph("No images.");
    } else {
        section.paragraph(words).sheet(file, &grid.draw()?);
    }
    Ok(())
}

/// Use of the categories of each latent.
fn usage(page: &mut Page, report: &Report) -> Result<(), Error> {
    let Some(usage) = &report.usage else { return Ok(()) };
    let drawing = usage_map(usage)?;
    let (dead, all) = (grouped(usage.dead() as f64), grouped(usage.probabilities.len() as f64));
    let caption = format!(
        "{dead} of {all} categories are dead: their mean probability is below a tenth of an even share."
    );
    let words = format!(
        "The posterior probability of each category, averaged over the test set, one column per latent. The perplexity \
         below is the effective number of categories in use: 1 if a latent always has the same one, K if all are used \
         equally. Even use alone is not a merit: a latent that ignores the {} is even too, but then its KL is near zero.",
        report.example
    );
    page.section("Use of the categories").paragraph(words).figure("usage", &drawing, &caption);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::data::{Completions, Reconstructions};
    use super::super::headline::Headline;
    use super::*;
    use crate::experiment::bound::{ImportanceBound, Results};
    use crate::page::Usage;
    use gumbel::estimator::SampleKind;

    fn empty() -> Report {
        Report {
            title: "Title <i>&".into(),
            command: "gumbel train --out '<script>alert(1)</script>'".into(),
            estimator: "gumbel-softmax".into(),
            kl: Some("the \"KL\" <of> q".into()),
            configuration: vec![("<k>".into(), "<v>".into())],
            ..Report::default()
        }
    }

    fn test() -> Results {
        Results {
            hard_negative_elbo: f64::NAN,
            hard_negative_elbo_standard_error: 0.5,
            images: 10_000,
            importance_bound: ImportanceBound {
                samples: 1000,
                nats: 92.149,
                standard_error: 0.5,
                images: 10_000,
            },
            accuracy: None,
            text: None,
        }
    }

    fn full() -> Report {
        let images = Images { pixels: vec![9; 4 * 6], height: 2, width: 3 };
        let point = |i: u64| Metrics {
            step: 10 * i,
            training_loss: 100.0 - i as f64,
            reconstruction: if i == 3 { f64::NAN } else { 80.0 },
            kl: f64::INFINITY,
            hard_negative_elbo: i.is_multiple_of(5).then_some(f64::NAN),
            gradient_variance: i.is_multiple_of(5).then_some(0.5),
            tau: Some(1.0),
            seconds: i as f64,
        };
        Report {
            headline: vec![Headline::hard_elbo(&test()), Headline::importance_bound(&test())],
            metrics: (0..20).map(point).collect(),
            reconstructions: Some(Reconstructions { originals: images.clone(), means: images.clone() }),
            samples: Some(images),
            usage: Some(Usage { latents: 2, categories: 2, probabilities: vec![0.5, 0.5, 1.0, f64::NAN] }),
            ..empty()
        }
    }

    #[test]
    fn user_text_is_escaped() {
        let html = render(&empty()).unwrap().html;
        assert!(html.contains("&lt;script&gt;alert(1)") && !html.contains("<script"));
        assert!(html.contains("<h1>Title &lt;i&gt;&amp;</h1>"));
        assert!(html.contains("&lt;k&gt;") && html.contains("&lt;of&gt; q"));
    }

    #[test]
    fn numbers_that_are_not_finite_are_marked() {
        let html = render(&full()).unwrap().html;
        assert!(html.contains("not finite") && html.contains("92.15"));
        assert!(!html.contains("NaN") && !html.contains("inf,"));
    }

    #[test]
    fn figures_are_xml_and_the_same_each_time() {
        let (first, second) = (render(&full()).unwrap(), render(&full()).unwrap());
        assert_eq!((&first.html, &first.figures), (&second.html, &second.figures));
        let names = ["objective", "parts", "temperature", "variance", "reconstructions", "samples", "usage"];
        assert_eq!(first.checked(), names.map(|name| format!("{name}.svg")));
    }

    #[test]
    fn every_kind_of_training_is_described() {
        let kinds = [SampleKind::Relaxed, SampleKind::Hard];
        let html = |training_samples, training_is_bound| {
            render(&Report { training_samples, training_is_bound, ..full() }).unwrap().html
        };
        assert!(html(kinds[0], false).contains("is not a bound on a likelihood"));
        assert!(html(kinds[0], true).contains("latents are the relaxed points"));
        assert!(html(kinds[1], true).contains("training, hard samples"));
        assert!(!html(kinds[1], true).contains("relaxed samples, points"));
        let weighted = render(&Report { training_bound: Some(5), ..full() }).unwrap().html;
        assert!(
            weighted.contains("log-mean-exp of 5 samples") && !html(kinds[0], false).contains("log-mean-exp")
        );
    }

    #[test]
    fn a_model_without_a_divergence_mentions_none() {
        let images = Images { pixels: vec![9; 4 * 6], height: 2, width: 3 };
        let completions =
            Some(Completions { originals: images.clone(), drawn: vec![images.clone(), images] });
        let headline = vec![Headline::conditional(&test()), Headline::conditional_bound(&test())];
        let (reconstructions, samples, usage) = (None, None, None);
        let report = Report {
            kl: None,
            training_is_bound: true,
            completions,
            headline,
            reconstructions,
            samples,
            usage,
            ..full()
        };
        let page = render(&report).unwrap();
        assert_eq!(page.checked(), ["objective.svg", "temperature.svg", "variance.svg", "completions.svg"]);
        for absent in ["KL", "ELBO", "posterior", "dead category"] {
            assert!(!page.html.contains(absent), "{absent}");
        }
    }

    #[test]
    fn sizes_that_disagree_are_errors() {
        let samples = Some(Images { pixels: vec![0; 7], height: 2, width: 2 });
        assert!(matches!(render(&Report { samples, ..empty() }), Err(Error::Pixels { len: 7, .. })));
    }
}

//! The page of a training run.

use super::data::{Report, Sheet};
use super::{headline, strings, words};
use crate::page::number::{fixed, grouped, measured};
use crate::page::{Error, ImageGrid, Images, LineChart, Page, Rendered, Table, usage_map};

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
    if let Some((quantity, results)) = &report.results {
        headline::cards(&mut page, *quantity, results);
    }
    objective(&mut page, report);
    parts(&mut page, report);
    variance(&mut page, report);
    report.sheets.iter().try_for_each(|sheet| images(&mut page, sheet))?;
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
        report.course.series(words::training_name(report), "training_loss"),
        report.course.series("held out, hard samples", "hard_negative_elbo"),
    ];
    let chart = LineChart::new(title, "step", format!("objective (nats per {one})"), curves).robust();
    let section = page.section("Training and evaluation objective");
    section.paragraph(words::objective(report)).chart("objective", &chart, &course(report));
    if !report.course.evaluations.is_empty() {
        section.details("Table", false, evaluations(report));
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
        let curves =
            [report.course.series("reconstruction", "reconstruction"), report.course.series("KL", "kl")];
        let chart = LineChart::new(title, "step", format!("nats per {}", report.example), curves);
        charts.push(("parts", chart.robust(), caption.as_str()));
    }
    if report.tempered() {
        let curve = [report.course.series("τ", "tau")];
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
    let curve = report.course.series(&report.estimator, "gradient_variance");
    if !curve.is_empty() {
        page.section("Gradient variance").chart("variance", &words::variance([curve]), words::VARIANCE);
    }
}

/// Duration of training and the last evaluation, in a sentence or two.
fn course(report: &Report) -> String {
    let Some(last) = &report.course.last else { return "No step was recorded.".into() };
    let hard = report.course.evaluations.last();
    let hard = hard
        .and_then(|point| Some((point.step, point.hard_negative_elbo?)))
        .map_or("The hard objective was not evaluated during training.".into(), |(step, value)| {
            format!("Last held-out value: {} at step {}.", measured(value), grouped(step as f64))
        });
    format!("{} steps in {} s. {hard} Lower is better.", grouped(last.step as f64), fixed(last.seconds, 1))
}

/// The held-out evaluations as numbers.
fn evaluations(report: &Report) -> Table {
    let mut table = Table::new(["step", words::training_name(report), "held out, hard", "seconds"]);
    for point in &report.course.evaluations {
        let cells = [Some(point.training_loss), point.hard_negative_elbo, Some(point.seconds)];
        table.row(grouped(point.step as f64), cells.map(|value| value.map_or(String::new(), measured)));
    }
    table
}

/// A sheet of images in a section.
fn images(page: &mut Page, sheet: &Sheet) -> Result<(), Error> {
    match sheet {
        Sheet::Reconstructions(pair) => {
            rows(page, "Reconstructions", RECONSTRUCTIONS, "Test images and reconstructions", pair)
        }
        Sheet::Completions(sets) => {
            rows(page, "Completions", COMPLETIONS, "Test images and completions of their upper halves", sets)
        }
        Sheet::Classes(images, classes) => {
            let grid = ImageGrid { title: "Classes and styles", images, columns: *classes, row_labels: &[] };
            section(page, grid.title, CLASSES, "classes", &grid)
        }
        Sheet::Samples(images) => {
            let grid = ImageGrid { title: "Samples from the prior", images, columns: 16, row_labels: &[] };
            section(page, grid.title, SAMPLES, "samples", &grid)
        }
    }
}

/// Sets of images below each other, the first of them test images.
fn rows(page: &mut Page, heading: &str, words: &str, title: &str, sets: &[Images]) -> Result<(), Error> {
    let images = Images::interleaved(&sets.iter().collect::<Vec<_>>(), COLUMNS)?;
    let columns = COLUMNS.min(sets[0].count());
    let row_labels = [&["test"][..], &vec!["model"; sets.len() - 1]].concat();
    let grid = ImageGrid { title, images: &images, columns, row_labels: &row_labels };
    section(page, heading, words, &heading.to_lowercase(), &grid)
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

fn section(page: &mut Page, heading: &str, words: &str, file: &str, grid: &ImageGrid) -> Result<(), Error> {
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
    use super::*;
    use crate::experiment::bound::{Metrics, Results};
    use crate::model::Quantity;
    use crate::page::Usage;

    fn empty() -> Report {
        Report {
            title: "Title <i>&".into(),
            command: "gumbel train --out '<script>alert(1)</script>'".into(),
            estimator: "gumbel-softmax".into(),
            example: "image",
            kl: Some("the \"KL\" <of> q".into()),
            configuration: vec![("<k>".into(), "<v>".into())],
            ..Report::default()
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
            results: Some((Quantity::NegativeElbo, Results::of_images(f64::NAN, 92.149))),
            course: (0..20).map(point).collect(),
            sheets: vec![Sheet::Reconstructions([images.clone(), images.clone()]), Sheet::Samples(images)],
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
        let html = |relaxed, training_is_bound| {
            render(&Report { relaxed, training_is_bound, ..full() }).unwrap().html
        };
        assert!(html(true, false).contains("is not a bound on a likelihood"));
        assert!(html(true, true).contains("latents are the relaxed points"));
        assert!(html(false, true).contains("training, hard samples"));
        assert!(!html(false, true).contains("relaxed samples, points"));
        let weighted = render(&Report { training_bound: Some(5), ..full() }).unwrap().html;
        assert!(
            weighted.contains("log-mean-exp of 5 samples") && !html(true, false).contains("log-mean-exp")
        );
    }

    #[test]
    fn a_model_without_a_divergence_mentions_none() {
        let images = Images { pixels: vec![9; 4 * 6], height: 2, width: 3 };
        let report = Report {
            kl: None,
            training_is_bound: true,
            results: Some((Quantity::Conditional, Results::of_images(f64::NAN, 92.149))),
            sheets: vec![Sheet::Completions(vec![images.clone(), images.clone(), images])],
            usage: None,
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
        let sheets = vec![Sheet::Samples(Images { pixels: vec![0; 7], height: 2, width: 2 })];
        assert!(matches!(render(&Report { sheets, ..empty() }), Err(Error::Pixels { len: 7, .. })));
    }
}

//! The page as a whole: one file that needs nothing beside it.

use super::data::Report;
use super::figure::{self, Drawing, LineChart, Width};
use super::{Error, section, strings};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("report.css");

/// A report ready to be written to files.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The page.
    pub html: String,
    /// Name and text of each figure as an SVG file of its own; the page does not need them.
    pub figures: Vec<(String, String)>,
}

/// A part of the page with the figures it shows.
pub(super) struct Section {
    pub(super) body: Markup,
    pub(super) figures: Vec<(&'static str, Drawing)>,
}

/// Makes the page of a report and its figures.
///
/// # Errors
/// [`Error::Pixels`], [`Error::Pairs`] or [`Error::Usage`] where a table does not have the size it claims.
pub fn render(report: &Report) -> Result<Rendered, Error> {
    let sections = [
        section::objective(report),
        section::parts(report),
        section::variance(report),
        section::reconstructions(report)?,
        section::completions(report)?,
        section::classes(report)?,
        section::samples(report)?,
        strings::section(report),
        section::usage(report)?,
        section::settings(report),
        section::glossary(report),
    ];
    let body = html! {
        (section::header(report))
        @for section in &sections { (section.body) }
        footer { "One page, no scripts, nothing loaded from elsewhere. All numbers in nats are per " (report.example()) "." }
    };
    let figures = sections.iter().flat_map(|section| &section.figures);
    let figures = figures.map(|(name, drawing)| (name.to_string(), drawing.file())).collect();
    Ok(Rendered { html: page(&report.title, &body), figures })
}

/// The document around `body`.
pub(super) fn page(title: &str, body: &Markup) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(figure::style())) }
            }
            body { main { (body) } }
        }
    };
    // A null character is no text in HTML.
    document.into_string().replace('\0', "")
}

/// A figure as wide as the column, with its caption.
pub(super) fn figure(drawing: &Drawing, caption: &str) -> Markup {
    html! { figure { div.wide { (drawing.element()) } figcaption { (caption) } } }
}

/// A chart as wide as the column; where the column is narrow, the chart drawn anew for that width.
pub(super) fn chart_figure(chart: &LineChart, caption: &str) -> Markup {
    let narrow = LineChart { width: Width::Half, ..chart.clone() };
    fitted_figure(&chart.draw(), &narrow.draw(), caption)
}

/// A figure in two drawings, of which the page shows the one that fits.
pub(super) fn fitted_figure(wide: &Drawing, narrow: &Drawing, caption: &str) -> Markup {
    html! {
        figure {
            div.roomy { (wide.element()) }
            div.narrow { (narrow.element()) }
            figcaption { (caption) }
        }
    }
}

/// A figure that shares its row with another.
pub(super) fn half_figure(drawing: &Drawing, caption: &str) -> Markup {
    html! { figure { (drawing.element()) figcaption { (caption) } } }
}

/// A command line that breaks between its words and after their commas only, and never at a hyphen.
pub(super) fn command(line: &str) -> Markup {
    html! { pre { code { @for word in line.split_inclusive([' ', ',']) { span { (word) } } } } }
}

#[cfg(test)]
mod tests {
    use super::super::data::{Completions, Headline, Images, Point, Reconstructions, SampleKind, Usage};
    use super::*;
    use crate::run::{ImportanceBound, Test};

    fn empty() -> Report {
        Report {
            title: "Title <i>&".into(),
            summary: String::new(),
            command: "gumbel train --out '<script>alert(1)</script>'".into(),
            estimator: "gumbel-softmax".into(),
            training_samples: SampleKind::Relaxed,
            training_is_bound: false,
            training_bound: None,
            kl: Some("the \"KL\" <of> q".into()),
            headline: vec![],
            metrics: vec![],
            reconstructions: None,
            completions: None,
            classes: None,
            samples: None,
            usage: None,
            strings: None,
            configuration: vec![("<k>".into(), "<v>".into())],
            facts: vec![],
        }
    }

    fn test() -> Test {
        Test {
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
        let point = |i: u64| Point {
            step: 10 * i,
            loss: 100.0 - i as f64,
            reconstruction: if i == 3 { f64::NAN } else { 80.0 },
            kl: f64::INFINITY,
            hard: i.is_multiple_of(5).then_some(f64::NAN),
            variance: i.is_multiple_of(5).then_some(0.5),
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
    fn the_page_loads_nothing() {
        let html = render(&full()).unwrap().html;
        for mark in ["://", "url(", "@import", "<link", "<script", "src="] {
            assert!(!html.contains(mark), "{mark}");
        }
    }

    #[test]
    fn numbers_that_are_not_numbers_are_said_to_be_so() {
        let html = render(&full()).unwrap().html;
        assert!(html.contains("not finite") && html.contains("92.15"));
        assert!(!html.contains("NaN") && !html.contains("inf,"));
    }

    #[test]
    fn figures_are_xml_and_the_same_each_time() {
        let (first, second) = (render(&full()).unwrap(), render(&full()).unwrap());
        assert_eq!((&first.html, &first.figures), (&second.html, &second.figures));
        let names: Vec<&str> = first.figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "objective.svg",
                "parts.svg",
                "temperature.svg",
                "variance.svg",
                "reconstructions.svg",
                "samples.svg",
                "usage.svg"
            ]
        );
        for (name, svg) in &first.figures {
            assert!(roxmltree::Document::parse(svg).is_ok(), "{name}");
        }
    }

    #[test]
    fn every_kind_of_training_is_described() {
        let kinds = [SampleKind::Relaxed, SampleKind::Hard];
        let html = |training_samples, training_is_bound| {
            render(&Report { training_samples, training_is_bound, ..full() }).unwrap().html
        };
        assert!(html(kinds[0], false).contains("bounds no likelihood"));
        assert!(html(kinds[0], true).contains("latents are those relaxed points"));
        assert!(html(kinds[1], true).contains("training, hard samples"));
        assert!(!html(kinds[1], true).contains("relaxed samples, points"));
        let weighted = render(&Report { training_bound: Some(5), ..full() }).unwrap().html;
        assert!(
            weighted.contains("log-mean-exp of 5 samples") && !html(kinds[0], false).contains("log-mean-exp")
        );
    }

    #[test]
    fn a_model_without_a_divergence_is_told_without_one() {
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
        let names: Vec<&str> = page.figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["objective.svg", "temperature.svg", "variance.svg", "completions.svg"]);
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

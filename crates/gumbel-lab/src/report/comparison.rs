//! Several runs on one page, judged by the one objective they share.

use super::figure::axis::{grouped, measured};
use super::figure::{LineChart, Series};
use super::page::{Rendered, chart_figure, command, page};
use super::text;
use crate::run::Summary;
use maud::{Markup, html};

/// One run of a comparison.
#[derive(Clone, Debug)]
pub struct Run {
    /// The estimator with its parameters.
    pub name: String,
    /// The evaluations while it was trained, in order of steps.
    pub evaluations: Vec<Evaluation>,
    /// Where it ended.
    pub summary: Summary,
}

/// An evaluation while a run was trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Gradient steps done.
    pub step: u64,
    /// Seconds of training, evaluations left out.
    pub seconds: f64,
    /// Negative ELBO of held-out images with hard samples, in nats per image.
    pub hard: f64,
    /// Total variance of the estimator's gradient, if it was measured.
    pub variance: Option<f64>,
}

/// Runs on the same data and model.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Heading of the page.
    pub title: String,
    /// The exact command line that reproduces the comparison.
    pub command: String,
    /// The runs, in the order to show them.
    pub runs: Vec<Run>,
}

/// Whether runs name classes, of which some are known.
pub(crate) fn any_accuracy(runs: &[Run]) -> bool {
    runs.iter().any(|run| run.summary.test.accuracy.is_some())
}

impl Comparison {
    /// One page with the ends of the runs and their courses.
    pub fn render(&self) -> Rendered {
        let (steps, seconds, variance) = (self.over_steps(), self.over_seconds(), self.variance());
        let charts = [Some(("steps.svg", &steps)), Some(("seconds.svg", &seconds))];
        let measured = variance.series.iter().any(|series| !series.points.is_empty());
        let charts = charts.into_iter().chain([measured.then_some(("variance.svg", &variance))]).flatten();
        let body = html! {
            (self.header())
            section {
                h2 { "Where they ended" }
                (self.table())
                p { (self.caution()) }
            }
            section {
                h2 { "How they got there" }
                (chart_figure(&steps, &format!("The same measure for every run: hard samples on held-out {}s. Lower is \
                    better.", self.example())))
                (chart_figure(&seconds, "The same against the time of training, evaluations left out: what a step costs \
                    counts here. The runs took their turns on one machine."))
            }
            @if measured {
                section { h2 { "How much their gradients vary" } (chart_figure(&variance, text::VARIANCE)) }
            }
            section { h2 { "Reproduce" } (command(&self.command)) }
            footer { "One page, no scripts, nothing loaded from elsewhere. All numbers in nats are per " (self.example()) "." }
        };
        let figures = charts.map(|(name, chart)| (name.to_owned(), chart.draw().file())).collect();
        Rendered { html: page(&self.title, &body), figures }
    }

    /// What one of the examples is.
    fn example(&self) -> &'static str {
        self.runs.first().map_or("image", |run| run.summary.test.example())
    }

    fn header(&self) -> Markup {
        html! {
            header {
                p.over { "Gumbel · comparison" }
                h1 { (self.title) }
                @if let Some(Run { summary, .. }) = self.runs.first() {
                    p.lede {
                        "One model with " (grouped(summary.parameters as f64)) " parameters, the same data, seed and "
                        (grouped(summary.steps as f64)) " steps for each of " (self.runs.len()) " estimators."
                    }
                }
            }
        }
    }

    fn over_steps(&self) -> LineChart {
        LineChart {
            title: "Held-out hard objective over steps".into(),
            ..self.hard(|point| point.step as f64, "step")
        }
    }

    fn over_seconds(&self) -> LineChart {
        let title = "Held-out hard objective over seconds of training".into();
        LineChart { title, ..self.hard(|point| point.seconds, "seconds of training") }
    }

    fn hard(&self, place: fn(&Evaluation) -> f64, x_label: &str) -> LineChart {
        LineChart {
            x_label: x_label.into(),
            y_label: format!("held out, hard samples (nats per {})", self.example()),
            series: self.series(|point| Some((place(point), point.hard))),
            robust: true,
            ..LineChart::default()
        }
    }

    fn variance(&self) -> LineChart {
        LineChart {
            title: "Variance of the gradient over steps".into(),
            x_label: "step".into(),
            y_label: "total variance of the gradient (nats²)".into(),
            series: self.series(|point| Some((point.step as f64, point.variance?))),
            log_y: true,
            ..LineChart::default()
        }
    }

    fn series(&self, place: impl Fn(&Evaluation) -> Option<(f64, f64)>) -> Vec<Series> {
        let series = |(i, run): (usize, &Run)| Series {
            name: run.name.clone(),
            points: run.evaluations.iter().filter_map(&place).collect(),
            dashed: i >= 6, // the colours begin again
        };
        self.runs.iter().enumerate().map(series).collect()
    }

    fn table(&self) -> Markup {
        let samples = self.runs.first().map_or(0, |run| run.summary.test.importance_bound.samples);
        html! {
            div.scroll { table.numbers {
                thead { tr {
                    th { "estimator" }
                    th { "one hard sample" }
                    th { "bound, m\u{a0}=\u{a0}" (grouped(samples as f64)) }
                    @if any_accuracy(&self.runs) { th { "accuracy, %" } }
                    th { "steps/s" }
                    th { "seconds" }
                } }
                tbody { @for run in &self.runs { (row(run)) } }
            } }
        }
    }

    fn caution(&self) -> String {
        let Some(Run { summary, .. }) = self.runs.first() else { return "No run has ended.".into() };
        let (test, bound) = (&summary.test, &summary.test.importance_bound);
        let one = self.example();
        format!(
            "Nats per {one} on the test set, both upper bounds on −log p and lower better: with one hard sample for each \
             of {} {one}s, and the bound of m\u{a0}=\u{a0}{} samples on {}. ± is the standard error over {one}s. They are the same for all runs, so differences between runs are surer than that; but each \
             run is one seed, and another seed moves it too.",
            grouped(test.images as f64),
            grouped(bound.samples as f64),
            grouped(bound.images as f64)
        )
    }
}

fn row(run: &Run) -> Markup {
    let (test, bound) = (&run.summary.test, &run.summary.test.importance_bound);
    html! {
        tr {
            th scope="row" { (run.name) }
            td { (measured(test.hard_negative_elbo)) " ± " (measured(test.hard_negative_elbo_standard_error)) }
            td { (measured(bound.nats)) " ± " (measured(bound.standard_error)) }
            @if let Some([share, error]) = test.accuracy.map(|accuracy| accuracy.per_cent()) {
                td { (measured(share)) " ± " (measured(error)) }
            }
            td { (grouped(run.summary.steps_per_second)) }
            td { (measured(run.summary.seconds)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{ImportanceBound, Test};

    fn run(name: &str, variance: Option<f64>) -> Run {
        let hard = [540.0, 98.5, f64::NAN, 99.25];
        let evaluation = |(i, &hard): (usize, &f64)| {
            let step = 1000 * i as u64;
            Evaluation { step, seconds: step as f64 / 400.0, hard, variance }
        };
        let importance_bound =
            ImportanceBound { samples: 1000, nats: 90.5, standard_error: 0.25, images: 100 };
        let summary = Summary {
            model: "vae".into(),
            data: "digits".into(),
            estimator: name.into(),
            steps: 3000,
            seed: 0,
            parameters: 1234,
            seconds: 7.5,
            steps_per_second: 400.0,
            seconds_to_first_step: None,
            peak_memory_bytes: None,
            test: Test {
                hard_negative_elbo: 99.75,
                hard_negative_elbo_standard_error: 0.5,
                images: 1000,
                importance_bound,
                accuracy: None,
                text: None,
            },
            version: String::new(),
        };
        Run { name: name.into(), evaluations: hard.iter().enumerate().map(evaluation).collect(), summary }
    }

    fn page_of(runs: Vec<Run>) -> Rendered {
        Comparison { title: "Runs".into(), command: "gumbel compare".into(), runs }.render()
    }

    #[test]
    fn the_table_has_the_numbers_of_the_test_set_and_names_are_escaped() {
        let page = page_of(vec![run("rebar & co", Some(0.5)), run("other", Some(2.0))]);
        assert!(page.html.contains("<td>99.75 ± 0.50</td><td>90.50 ± 0.25</td><td>400</td><td>7.50</td>"));
        assert!(page.html.contains("rebar &amp; co") && page.html.contains("1,234 parameters"));
    }

    #[test]
    fn figures_are_xml_and_variances_are_drawn_where_there_are_any() {
        let names = |page: &Rendered| page.figures.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let page = page_of(vec![run("one", None), run("two", Some(2.0))]);
        assert_eq!(names(&page), ["steps.svg", "seconds.svg", "variance.svg"]);
        for (name, svg) in &page.figures {
            assert!(roxmltree::Document::parse(svg).is_ok(), "{name}");
        }
        assert_eq!(names(&page_of(vec![run("one", None)])), ["steps.svg", "seconds.svg"]);
        assert!(page_of(vec![]).html.contains("No run has ended."));
    }
}

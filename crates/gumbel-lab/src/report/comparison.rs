//! Several runs on one chart, judged by the one objective they share.

use super::figure::axis::{grouped, measured};
use super::figure::{LineChart, Series};
use super::page::{Rendered, chart_figure, command, page};
use maud::{Markup, html};

/// One run of a comparison.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name, such as the estimator.
    pub name: String,
    /// (step, held-out negative ELBO with hard samples, nats per image), in order of steps.
    pub hard: Vec<(u64, f64)>,
    /// Seconds of training.
    pub seconds: f64,
}

/// Runs on the same data and model.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Heading of the page.
    pub title: String,
    /// What the runs have in common; may be empty.
    pub summary: String,
    /// The exact command line that reproduces the comparison.
    pub command: String,
    /// The runs, in the order to show them.
    pub runs: Vec<Run>,
}

impl Comparison {
    /// The hard objective of all runs over steps.
    pub fn chart(&self) -> LineChart {
        let series = |(i, run): (usize, &Run)| Series {
            name: run.name.clone(),
            points: run.hard.iter().map(|(step, value)| (*step as f64, *value)).collect(),
            dashed: i >= 6, // the colours begin again
        };
        LineChart {
            title: "Held-out negative ELBO of all runs".into(),
            x_label: "step".into(),
            y_label: "held-out negative ELBO, hard samples (nats per image)".into(),
            series: self.runs.iter().enumerate().map(series).collect(),
            robust: true,
            ..LineChart::default()
        }
    }

    /// One page with the chart and a table of the runs.
    pub fn render(&self) -> Rendered {
        let chart = self.chart();
        let body = html! {
            header { p.over { "Gumbel · comparison" } h1 { (self.title) } p.lede { (self.summary) } }
            section {
                (chart_figure(&chart, "Hard samples on held-out images: the same measure for every run. Lower is better."))
                (self.table())
            }
            section { h2 { "Reproduce" } (command(&self.command)) }
        };
        Rendered {
            html: page(&self.title, &body),
            figures: vec![("comparison.svg".into(), chart.draw().file())],
        }
    }

    fn table(&self) -> Markup {
        html! {
            div.scroll { table.numbers {
                thead { tr { th { "run" } th { "last" } th { "best" } th { "at step" } th { "seconds" } } }
                tbody { @for run in &self.runs { (row(run)) } }
            } }
        }
    }
}

fn row(run: &Run) -> Markup {
    let finite = run.hard.iter().filter(|(_, value)| value.is_finite());
    let best = finite.min_by(|a, b| a.1.total_cmp(&b.1));
    html! {
        tr {
            th scope="row" { (run.name) }
            td { (run.hard.last().map_or("–".into(), |last| measured(last.1))) }
            td { (best.map_or("–".into(), |best| measured(best.1))) }
            td { (best.map_or("–".into(), |best| grouped(best.0 as f64))) }
            td { (measured(run.seconds)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_value_and_its_step_are_named() {
        let run = |name: &str, hard| Run { name: name.into(), hard, seconds: 12.5 };
        let runs = vec![
            run("rebar & co", vec![(0, 540.0), (1000, 98.5), (2000, f64::NAN), (3000, 99.25)]),
            run("empty", vec![]),
        ];
        let (title, summary, command) = ("Runs".into(), String::new(), "gumbel compare".into());
        let page = Comparison { title, summary, command, runs }.render();
        assert!(page.html.contains("<td>99.25</td><td>98.50</td><td>1,000</td><td>12.50</td>"));
        assert!(page.html.contains("rebar &amp; co"));
        roxmltree::Document::parse(&page.figures[0].1).unwrap();
    }
}

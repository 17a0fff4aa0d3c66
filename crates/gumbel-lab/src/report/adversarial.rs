//! The page of an adversarial run: two generators and true strings side by side.

use super::figure::axis::{grouped, measured};
use super::figure::{LineChart, Series, Width};
use super::page::{Rendered, chart_figure, command, half_figure, page};
use crate::adversarial::{Judged, Line, STARTS, Summary, Way};
use crate::data::text::{Quality, Runs};
use maud::{Markup, html};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Adversarial {
    /// The exact command line that reproduces the run.
    pub command: String,
    /// Where the strings come from.
    pub source: String,
    /// Settings of the run, in the order to show them.
    pub configuration: Vec<(String, String)>,
    /// The course of training in order of steps.
    pub lines: Vec<Line>,
    /// How it ended.
    pub summary: Summary,
    /// Strings of the generator, of the baseline, and true ones.
    pub strings: [Vec<String>; 3],
}

const PLAYED: &str = "adversarial";
const LIKELY: &str = "maximum likelihood";
const TRUE: &str = "true strings";

/// A row of the table.
type Figure = (&'static str, fn(&Quality) -> String);
type Value = fn(&Line) -> Option<f64>;

impl Adversarial {
    /// One page with the ends of both generators, their courses and their strings.
    pub fn render(&self) -> Rendered {
        let charts: Vec<(&str, LineChart)> = [self.losses()].into_iter().chain(self.temperature()).collect();
        let judged = self.judged();
        let body = html! {
            (self.header())
            section { h2 { "Where they ended" } (self.table()) p { (self.caution()) } }
            section { h2 { "What they write" } p { (WRITING) } (self.columns()) }
            section {
                h2 { "How they got there" }
                @for (_, chart, caption) in &judged { (chart_figure(chart, caption)) }
            }
            section { h2 { "The game" } p { (GAME) } div.pair {
                @for (_, chart) in &charts { (half_figure(&chart.draw(), &chart.title)) }
            } }
            @if !self.grammar() { section { h2 { "Runs of symbols" } (self.runs()) p { (RUNS) } } }
            (self.settings())
            footer { "One page, no scripts, nothing loaded from elsewhere." }
        };
        let judged = judged.iter().map(|(name, chart, _)| (*name, chart));
        let figures = judged.chain(charts.iter().map(|(name, chart)| (*name, chart)));
        let figures = figures.map(|(name, chart)| (name.to_owned(), chart.draw().file())).collect();
        Rendered { html: page(&self.title(), &body), figures }
    }

    fn grammar(&self) -> bool {
        self.summary.test.generator.quality.valid.is_some()
    }

    fn title(&self) -> String {
        format!("Discrete sequences by a game: {}", self.summary.data)
    }

    fn header(&self) -> Markup {
        let Summary { steps, parameters, .. } = self.summary;
        html! {
            header {
                p.over { "Gumbel · adversarial" }
                h1 { (self.title()) }
                p.lede { (self.source) ". " (grouped(steps as f64)) " steps of two players with " (grouped(parameters as f64))
                    " parameters; " (way(self.summary.generator)) "." }
            }
        }
    }

    /// Both generators and true strings, a figure a row.
    fn table(&self) -> Markup {
        let test = &self.summary.test;
        let (game, likely) = (&test.generator, &test.maximum_likelihood);
        let nats =
            |judged: &Judged| format!("{} ± {}", measured(judged.nats), measured(judged.nats_standard_error));
        let truth = test.truth_nats.map_or(String::new(), measured);
        html! {
            div.scroll { table.numbers {
                thead { tr { th { "hard samples" } th { (PLAYED) } th { (LIKELY) } th { (TRUE) } } }
                tbody {
                    @for (name, value) in self.figures() {
                        tr { th scope="row" { (name) }
                            @for quality in [&game.quality, &likely.quality, &test.truth] { td { (value(quality)) } } }
                    }
                    tr { th scope="row" { "held-out strings, nats" } td { "≤ " (nats(game)) } td { (nats(likely)) } td { (truth) } }
                }
            } }
        }
    }

    fn figures(&self) -> Vec<Figure> {
        let common: [Figure; 3] = [
            ("distinct", |q| format!("{} of {}", grouped(q.distinct as f64), grouped(q.strings as f64))),
            ("distance of the lengths", |q| format!("{:.3}", q.length_distance)),
            ("distance of the symbols", |q| format!("{:.3}", q.symbol_distance)),
        ];
        let (first, last): (Figure, Option<Figure>) = if self.grammar() {
            let law = |q: &Quality| q.law_nats.map_or("none valid".into(), measured);
            let valid = |q: &Quality| q.valid.map_or(String::new(), percent);
            (("valid", valid), Some(("−ln p of the valid ones under the law", law)))
        } else {
            (("not among the training strings", |q| percent(q.novel)), None)
        };
        [first].into_iter().chain(common).chain(last).collect()
    }

    fn caution(&self) -> String {
        let Summary { seed, .. } = self.summary;
        let test = &self.summary.test;
        let measure = if self.grammar() { "of the law" } else { "of held-out strings" };
        let valid = if self.grammar() {
            "A generator that always writes x is valid; it has one distinct string and costs true ones dearly. "
        } else {
            ""
        };
        format!(
            "{valid}Distances are total variation, 0 to 1, from the shares {measure}; true strings are not at 0 because \
             there are finitely many of them. The last row is −ln p(x) of {} held-out strings: exact for maximum \
             likelihood, an upper bound from {STARTS} starts for the game. One run with seed {seed}.",
            grouped(test.held_out as f64)
        )
    }

    fn columns(&self) -> Markup {
        let names = [PLAYED, LIKELY, TRUE];
        html! {
            div.pair.strings { @for (name, strings) in names.iter().zip(&self.strings) {
                figure { pre { (strings.join("\n")) } figcaption { (name) } }
            } }
        }
    }

    /// What was judged on the way.
    fn judged(&self) -> Vec<(&'static str, LineChart, &'static str)> {
        let chart = |title: &str, values: [Value; 2], truth: Option<f64>| LineChart {
            title: title.into(),
            x_label: "step".into(),
            y_label: title.into(),
            series: self.both(values, truth),
            ..LineChart::default()
        };
        let truth = &self.summary.test.truth;
        let distinct: [Value; 2] =
            [|line| line.distinct.map(|n| n as f64), |line| line.baseline_distinct.map(|n| n as f64)];
        let lengths: [Value; 2] = [|line| line.length_distance, |line| line.baseline_length_distance];
        let distinct =
            ("distinct.svg", chart("distinct strings", distinct, Some(truth.distinct as f64)), DISTINCT);
        if self.grammar() {
            let valid: [Value; 2] = [|line| line.valid, |line| line.baseline_valid];
            let lengths = chart("distance of the lengths", lengths, Some(truth.length_distance));
            return vec![
                ("valid.svg", chart("share of valid strings", valid, Some(1.0)), VALID),
                distinct,
                ("lengths.svg", lengths, LENGTHS),
            ];
        }
        let made_up: [Value; 2] = [|line| line.made_up, |line| line.baseline_made_up];
        let missed: [Value; 2] = [|line| line.missed, |line| line.baseline_missed];
        let [_, trigrams, _] = truth.runs;
        let made_up =
            chart("generated trigrams that no held-out string has", made_up, Some(trigrams.made_up));
        let missed = chart("held-out trigrams that no generated string has", missed, Some(trigrams.missed));
        vec![("made-up.svg", made_up, MADE_UP), ("missed.svg", missed, MISSED), distinct]
    }

    fn both(&self, [game, likely]: [Value; 2], truth: Option<f64>) -> Vec<Series> {
        let level = |level: f64| {
            let steps = [self.lines.first(), self.lines.last()].into_iter().flatten();
            steps.map(|line| (line.step as f64, level)).collect()
        };
        let truth = Series { name: TRUE.into(), points: truth.map_or(vec![], level), dashed: true };
        vec![self.series(PLAYED, game), self.series(LIKELY, likely), truth]
    }

    fn series(&self, name: &str, value: Value) -> Series {
        let points = self.lines.iter().filter_map(|line| Some((line.step as f64, value(line)?)));
        Series { name: name.into(), points: points.collect(), dashed: false }
    }

    fn losses(&self) -> (&'static str, LineChart) {
        let series = vec![
            self.series("generator", |line| Some(line.generator_loss)),
            self.series("discriminator", |line| Some(line.discriminator_loss)),
        ];
        let y_label = "loss (nats)".into();
        ("losses.svg", LineChart { title: "The two losses over steps.".into(), y_label, series, ..half() })
    }

    fn temperature(&self) -> Option<(&'static str, LineChart)> {
        self.lines.iter().any(|line| line.tau.is_some()).then(|| {
            let title = "The temperature τ: lower is nearer to hard samples.".into();
            let series = vec![self.series("τ", |line| line.tau)];
            (
                "temperature.svg",
                LineChart { title, y_label: "temperature τ".into(), series, robust: false, ..half() },
            )
        })
    }

    fn runs(&self) -> Markup {
        let test = &self.summary.test;
        let all = [
            (PLAYED, &test.generator.quality),
            (LIKELY, &test.maximum_likelihood.quality),
            (TRUE, &test.truth),
        ];
        let row = |name: &str, runs: &Runs| {
            html! { tr {
                th scope="row" { (name) }
                td { (runs.n) } td { (percent(runs.made_up)) } td { (percent(runs.missed)) }
                td { (format!("{:.3}", runs.distance)) }
            } }
        };
        html! { div.scroll { table.numbers {
            thead { tr { th { "strings" } th { "n" } th { "made up" } th { "missed" } th { "distance" } } }
            tbody { @for n in 0..3 { @for (name, quality) in all { (row(name, &quality.runs[n])) } } }
        } } }
    }

    fn settings(&self) -> Markup {
        let Summary { seconds, steps_per_second, version, .. } = &self.summary;
        let facts = [
            ("seconds of training, the baseline's included", measured(*seconds)),
            ("steps per second", measured(*steps_per_second)),
            ("version", version.clone()),
        ];
        html! { section {
            h2 { "Reproduce" }
            (command(&self.command))
            div.sides {
                div { h3 { "Configuration" } table.named { tbody {
                    @for (name, value) in &self.configuration { tr { th scope="row" { (name) } td { (value) } } }
                } } }
                div { h3 { "Facts" } table.named { tbody {
                    @for (name, value) in &facts { tr { th scope="row" { (name) } td { (value) } } }
                } } }
            }
        } }
    }
}

fn half() -> LineChart {
    LineChart { x_label: "step".into(), robust: true, width: Width::Half, ..LineChart::default() }
}

fn percent(share: f64) -> String {
    format!("{:.2}\u{a0}%", 100.0 * share)
}

fn way(way: Way) -> &'static str {
    match way {
        Way::Relaxed => "the generator learns through relaxed samples",
        Way::StraightThrough => {
            "the generator learns through one-hot samples with the gradient of relaxed ones"
        }
        Way::ScoreFunction => "the generator learns by the score function, from hard samples",
    }
}

const WRITING: &str =
    "The first strings that each wrote, not chosen. A blank within a string is padding before its end.";
const GAME: &str =
    "A loss of the game says little of the strings: it tells how one player does against the other.";
const VALID: &str = "The share of hard samples that are of the grammar.";
const DISTINCT: &str = "Different strings, of the grammar where there is one. Far below the dashed line the generator has \
     collapsed; above it, it is more even than the law.";
const LENGTHS: &str = "Total variation between the lengths and their law. Lower is better.";
const MADE_UP: &str = "From the generated strings to the held-out ones: lower is more pronounceable.";
const MISSED: &str = "From the held-out strings to the generated ones: lower is more varied.";
const RUNS: &str = "Runs of n symbols; the ends of a string are symbols too. Made up: of the generated runs, those that no \
     held-out string has. Missed: of the held-out runs, those that no generated string has. A collapsed generator \
     makes nothing up and misses nearly everything. Distance: total variation between the two.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversarial::{Loss, Test};
    use crate::data::text::{Corpus, measure};

    fn report(way: Way) -> Adversarial {
        let quality = measure(&Corpus::grammar(), &["x".to_string(), "x<x".to_string()]);
        let judged = Judged { quality: quality.clone(), nats: 5.5, nats_standard_error: 0.25 };
        let test = Test {
            generator: judged.clone(),
            maximum_likelihood: judged,
            truth: quality.clone(),
            truth_nats: Some(5.2575),
            held_out: 1000,
        };
        let summary = Summary {
            model: "gan".into(),
            data: "grammar".into(),
            generator: way,
            loss: Loss::Relativistic,
            penalty: 1.0,
            steps: 3000,
            baseline_steps: 1500,
            seed: 0,
            parameters: 12_345,
            seconds: 70.0,
            steps_per_second: 40.0,
            seconds_to_first_step: None,
            peak_memory_bytes: None,
            test,
            version: String::new(),
        };
        let tau = (way != Way::ScoreFunction).then_some(0.5);
        let line = |i: u64| Line { step: 10 * i, tau, ..Line::default() }.judged(&quality, &quality);
        Adversarial {
            command: "gumbel train gan".into(),
            source: "strings".into(),
            configuration: vec![],
            lines: (0..5).map(line).collect(),
            summary,
            strings: [vec!["x<x".into()], vec!["x".into()], vec!["x+x".into()]],
        }
    }

    #[test]
    fn the_page_has_the_figures_of_all_three_and_strings_are_escaped() {
        let page = report(Way::Relaxed).render();
        for part in ["<td>50.00\u{a0}%</td>", "<td>1 of 2</td>", "<td>≤ 5.50 ± 0.25</td>", "x&lt;x"] {
            assert!(page.html.contains(part), "{part}");
        }
        let names: Vec<&str> = page.figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["valid.svg", "distinct.svg", "lengths.svg", "losses.svg", "temperature.svg"]);
        for (name, svg) in &page.figures {
            assert!(roxmltree::Document::parse(svg).is_ok(), "{name}");
        }
    }

    #[test]
    fn text_without_a_grammar_has_runs_and_hard_samples_have_no_temperature() {
        let mut report = report(Way::ScoreFunction);
        let test = &mut report.summary.test;
        [&mut test.generator.quality, &mut test.maximum_likelihood.quality, &mut test.truth]
            .into_iter()
            .for_each(|quality| quality.valid = None);
        let page = report.render();
        let names: Vec<&str> = page.figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["made-up.svg", "missed.svg", "distinct.svg", "losses.svg"]);
        assert!(page.html.contains("Runs of symbols") && !page.html.contains("always writes x"));
    }
}

//! The page of an adversarial run: the generator, the maximum-likelihood baseline and true strings side by side.

use super::{Config, Evaluated, GeneratorGradient, Metrics, Results, STARTS};
use crate::data::text::{Corpus, Quality};
use crate::experiment::bound::TEMPERATURE;
use crate::page::number::{fixed, grouped, measured, with_error};
use crate::page::{LineChart, Page, Rendered, Series, Table};
use crate::run::{Course, RunConfig};

/// The data of the page.
pub struct Adversarial<'a> {
    /// The options of the run.
    pub config: &'a Config,
    /// The strings.
    pub corpus: &'a Corpus,
    /// Trainable parameters of generator and discriminator.
    pub parameters: usize,
    /// Training over the steps.
    pub course: &'a Course<Metrics>,
    /// The results, once the run has finished.
    pub ending: Option<Ending>,
}

/// The page's data of a finished run.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Results on hard samples.
    pub results: Results,
    /// Other facts: parameters, seconds, memory, data source, version.
    pub facts: Vec<(String, String)>,
    /// Strings of the generator, of the baseline, and true ones.
    pub strings: [Vec<String>; 3],
}

const NAMES: [&str; 3] = ["adversarial", "maximum likelihood", "true strings"];

/// A row of the table of results.
type Measure = (&'static str, fn(&Quality) -> String);

impl Adversarial<'_> {
    /// Renders the page and its figures.
    pub fn render(&self) -> Rendered {
        let title = format!("Adversarial training of discrete sequences: {}", self.corpus.name);
        let mut page = Page::new("adversarial", title);
        page.lede(self.lede());
        if let Some(ending) = &self.ending {
            let results = &ending.results;
            page.section("Final results").add(self.results(results)).paragraph(self.caution(results));
            let strings = NAMES.into_iter().zip(ending.strings.iter().map(Vec::as_slice));
            page.section("Samples").paragraph(SAMPLES).columns(strings);
        }
        let curves = page.section("Training curves");
        for (file, chart, caption) in self.evaluations() {
            curves.chart(file, &chart, caption);
        }
        page.section("Adversarial losses").paragraph(LOSSES).pair(&self.game());
        if let Some(Ending { results, .. }) = self.ending.as_ref().filter(|_| !self.corpus.arithmetic()) {
            page.section("Runs of symbols").add(runs(results)).paragraph(RUNS);
        }
        let facts = self.ending.as_ref().map_or(&[][..], |ending| &ending.facts);
        let (configuration, facts) = (Table::facts(&self.config.typed()), Table::facts(facts));
        page.reproduce(&self.config.command()).sides(&[("Configuration", configuration), ("Facts", facts)]);
        page.render()
    }

    fn lede(&self) -> String {
        let (steps, parameters) = (grouped(self.config.common.steps as f64), grouped(self.parameters as f64));
        let gradient = match self.config.generator {
            GeneratorGradient::Relaxed => "relaxed samples",
            GeneratorGradient::StraightThrough => "one-hot samples with the gradient of relaxed ones",
            GeneratorGradient::ScoreFunction => "the score function, from hard samples",
        };
        format!(
            "{}. {steps} steps of a generator and a discriminator with {parameters} parameters in total; gradient of \
             the generator: {gradient}.",
            self.corpus.source
        )
    }

    fn results(&self, results: &Results) -> Table {
        let mut table = Table::new(["hard samples"].into_iter().chain(NAMES));
        for (name, value) in self.measures() {
            table.row(name, qualities(results).map(value));
        }
        let nats = |one: &Evaluated| with_error(one.nats, one.nats_standard_error);
        let [game, likely] = [&results.generator, &results.maximum_likelihood].map(nats);
        let truth = results.truth_nats.map_or(String::new(), measured);
        table.row("held-out strings, nats", [format!("≤ {game}"), likely, truth]);
        table
    }

    fn measures(&self) -> Vec<Measure> {
        let common: [Measure; 3] = [
            ("distinct", |q| format!("{} of {}", grouped(q.distinct as f64), grouped(q.strings as f64))),
            ("distance of the lengths", |q| fixed(q.length_distance, 3)),
            ("distance of the symbols", |q| fixed(q.symbol_distance, 3)),
        ];
        let (first, last): (Measure, Option<Measure>) = if self.corpus.arithmetic() {
            let nats = |q: &Quality| q.law_nats.map_or("none valid".into(), measured);
            let valid = |q: &Quality| q.valid.map_or(String::new(), per_cent);
            (("valid", valid), Some(("−ln p of the valid ones under the grammar’s distribution", nats)))
        } else {
            (("not among the training strings", |q| per_cent(q.novel)), None)
        };
        [first].into_iter().chain(common).chain(last).collect()
    }

    fn caution(&self, results: &Results) -> String {
        let (valid, measure) = match self.corpus.arithmetic() {
            true => (
                "A generator that only ever writes x is valid, but it has one distinct string and assigns a high cost \
                 to true ones. ",
                "the grammar’s distribution",
            ),
            false => ("", "held-out strings"),
        };
        format!(
            "{valid}Distances are total variation, 0 to 1, from the frequencies of {measure}; those of true strings are \
             above 0 because their number is finite. The last row is −ln p(x) of {} held-out strings: exact for maximum \
             likelihood, an upper bound from {STARTS} noise vectors for the adversarial generator. One run with seed {}.",
            grouped(results.held_out as f64),
            self.config.common.seed
        )
    }

    /// Evaluations during training: file, chart and caption.
    fn evaluations(&self) -> Vec<(&'static str, LineChart, &'static str)> {
        let truth = self.ending.as_ref().map(|ending| &ending.results.truth);
        let distinct =
            self.compared("distinct strings", "distinct", truth.map(|truth| truth.distinct as f64));
        if self.corpus.arithmetic() {
            let valid = self.compared("share of valid strings", "valid", Some(1.0));
            let lengths = self.compared(
                "distance of the lengths",
                "length_distance",
                truth.map(|truth| truth.length_distance),
            );
            return vec![
                ("valid", valid, VALID),
                ("distinct", distinct, DISTINCT),
                ("lengths", lengths, LENGTHS),
            ];
        }
        let trigrams = truth.map(|truth| truth.runs[1]);
        let made_up = self.compared(
            "share of generated trigrams absent from held-out strings",
            "made_up",
            trigrams.map(|runs| runs.made_up),
        );
        let missed = self.compared(
            "share of held-out trigrams absent from generated strings",
            "missed",
            trigrams.map(|runs| runs.missed),
        );
        vec![("made-up", made_up, MADE_UP), ("missed", missed, MISSED), ("distinct", distinct, DISTINCT)]
    }

    /// A column of both generators over steps, and the level of true strings, where it is known.
    fn compared(&self, title: &str, column: &str, truth: Option<f64>) -> LineChart {
        let course = self.course;
        let ends = [&course.first, &course.last].into_iter().flatten();
        let level = ends.filter_map(|row| Some((row.step as f64, truth?)));
        let truth = Series::new(NAMES[2], level).dashed();
        let baseline = course.series(NAMES[1], &format!("baseline_{column}"));
        LineChart::new(title, "step", title, [course.series(NAMES[0], column), baseline, truth])
    }

    /// Losses of both networks, and the temperature, if there is one.
    fn game(&self) -> Vec<(&'static str, LineChart, &'static str)> {
        let losses = [
            self.course.series("generator", "generator_loss"),
            self.course.series("discriminator", "discriminator_loss"),
        ];
        let tau = self.course.series("τ", "tau");
        let losses = LineChart::new("Losses over steps", "step", "loss (nats)", losses).robust();
        let mut charts = vec![("losses", losses, "The two losses.")];
        if !tau.is_empty() {
            let chart = LineChart::new("Temperature over steps", "step", "temperature τ", [tau]);
            charts.push(("temperature", chart, TEMPERATURE));
        }
        charts
    }
}

/// Quality of the samples of both generators and of true strings.
fn qualities(results: &Results) -> [&Quality; 3] {
    [&results.generator.quality, &results.maximum_likelihood.quality, &results.truth]
}

/// A share in per cent: thousands of strings determine one decimal.
fn per_cent(share: f64) -> String {
    format!("{}\u{a0}%", fixed(100.0 * share, 1))
}

fn runs(results: &Results) -> Table {
    let mut table = Table::new(["strings", "n", "made up", "missed", "distance"]);
    for n in 0..3 {
        for (name, quality) in NAMES.into_iter().zip(qualities(results)) {
            let runs = &quality.runs[n];
            let shares = [per_cent(runs.made_up), per_cent(runs.missed), fixed(runs.distance, 3)];
            table.row(name, [runs.n.to_string()].into_iter().chain(shares));
        }
    }
    table
}

const SAMPLES: &str =
    "The first strings of each, not selected. A blank within a string is padding before its end.";
const LOSSES: &str =
    "The losses do not measure the quality of the strings, only how one network does against the other.";
const VALID: &str = "Share of hard samples that the grammar accepts.";
const DISTINCT: &str = "Number of different strings, only valid ones where there is a grammar. Far below the dashed line the \
     generator has collapsed; above it, it is more uniform than the grammar’s distribution.";
const LENGTHS: &str = "Total variation between the lengths and their true distribution. Lower is better.";
const MADE_UP: &str = "From the generated strings to the held-out ones: the lower, the more pronounceable.";
const MISSED: &str = "From the held-out strings to the generated ones: the lower, the more varied.";
const RUNS: &str = "Runs of n symbols; the ends of a string count as symbols. Made up: share of the generated runs that no \
     held-out string contains. Missed: share of the held-out runs that no generated string contains. A collapsed \
     generator makes nothing up and misses nearly everything. Distance: total variation between the two.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::text::measure;

    /// The page of strings of a corpus, of a run that may have finished.
    fn rendered(generator: GeneratorGradient, corpus: &Corpus, finished: bool) -> Rendered {
        let quality = measure(&Corpus::grammar(), &["x".to_string(), "x<x".to_string()]);
        let evaluated = Evaluated { quality: quality.clone(), nats: 5.5, nats_standard_error: 0.25 };
        let results = Results {
            generator: evaluated.clone(),
            maximum_likelihood: evaluated,
            truth: quality.clone(),
            truth_nats: Some(5.2575),
            held_out: 1000,
        };
        let config = Config { generator, ..Config::default() };
        let row = |i: u64| Metrics { step: 10 * i, tau: config.tau_at(i), ..Metrics::default() };
        let course: Course<Metrics> = (0..5).map(|i| row(i).with_quality(&quality, &quality)).collect();
        let strings = [vec!["x<x".into()], vec!["x".into()], vec!["x+x".into()]];
        let ending = finished.then_some(Ending { results, facts: vec![], strings });
        Adversarial { config: &config, corpus, parameters: 12_345, course: &course, ending }.render()
    }

    #[test]
    fn the_page_has_the_figures_of_all_three_and_strings_are_escaped() {
        let page = rendered(GeneratorGradient::Relaxed, &Corpus::grammar(), true);
        for part in ["<td>50.0\u{a0}%</td>", "<td>1 of 2</td>", "<td>≤ 5.50 ± 0.25</td>", "x&lt;x"] {
            assert!(page.html.contains(part), "{part}");
        }
        assert_eq!(
            page.checked(),
            ["valid.svg", "distinct.svg", "lengths.svg", "losses.svg", "temperature.svg"]
        );
    }

    #[test]
    fn text_without_a_grammar_has_runs_and_hard_samples_have_no_temperature() {
        let page = rendered(GeneratorGradient::ScoreFunction, &Corpus::sentences(), true);
        assert_eq!(page.checked(), ["made-up.svg", "missed.svg", "distinct.svg", "losses.svg"]);
        assert!(page.html.contains("Runs of symbols") && !page.html.contains("only ever writes x"));
    }

    #[test]
    fn a_run_that_has_not_finished_has_its_curves_alone() {
        let page = rendered(GeneratorGradient::Relaxed, &Corpus::grammar(), false);
        assert!(page.html.contains("Training curves") && !page.html.contains("Final results"));
        assert_eq!(page.figures.len(), 5);
    }
}

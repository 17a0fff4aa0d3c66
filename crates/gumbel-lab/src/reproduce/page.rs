//! The page of `gumbel reproduce`: our numbers compared with the paper's.

use super::finding::{Entry, State, values};
use super::plan::{Axes, Content, Reproduction, ResultTable};
use super::ranking::Ranking;
use crate::page::number::fixed;
use crate::page::{self, LineChart, Page, Rendered, Section, Series};
use maud::{Markup, html};

/// The data of the page.
#[derive(Clone, Debug)]
pub struct ReproductionPage<'a> {
    /// The published result.
    pub experiment: &'a Reproduction,
    /// What the budget means, in a sentence.
    pub method: String,
    /// Whether the numbers are from the paper's data, so that they can be compared.
    pub comparable: bool,
    /// The command that makes the page.
    pub command: String,
    /// Each table with its results.
    pub tables: Vec<(ResultTable, Vec<Entry>)>,
    /// The command of each run.
    pub runs: Vec<String>,
    /// Number of runs that have finished, and of all, counting every seed.
    pub finished: (usize, usize),
    /// Facts about the machine and the program: name and value.
    pub environment: Vec<(&'static str, String)>,
}

const NOT_COMPARABLE: &str = "This is the smoke budget: other data, or only a few steps. It shows that everything runs; its \
     numbers cannot be compared with the paper’s.";

impl ReproductionPage<'_> {
    /// Renders the page and its figures.
    pub fn render(&self) -> Rendered {
        let mut page = Page::new("reproduction", self.experiment.title);
        page.lede(self.experiment.question);
        page.opening(format!("{}. {}", self.experiment.source, self.method)).opening(self.progress());
        if !self.comparable {
            page.opening(html! { strong { (NOT_COMPARABLE) } });
        }
        for (table, entries) in &self.tables {
            self.fill(page.section(table.title), table, entries);
        }
        page.section("Differences from the paper").list(self.experiment.differences);
        let commands = html! { @for line in &self.runs { (page::command(line)) } };
        page.reproduce(&self.command)
            .paragraph(html! {
                "Each seed of each run is made by one of these commands, with " code { "--seed" } ", "
                code { "--threads 1" } " and " code { "--out" } " added:"
            })
            .details(&format!("{} commands", self.runs.len()), false, commands);
        page.section("Environment").add(page::Table::facts(&self.environment));
        page.render()
    }

    fn progress(&self) -> String {
        match self.finished {
            (done, all) if done < all => {
                format!("{done} of {all} runs have finished; the others are marked in the tables.")
            }
            (_, all) => format!("All {all} runs have finished."),
        }
    }

    fn fill(&self, section: &mut Section, table: &ResultTable, entries: &[Entry]) {
        let ranked = table.ordered && self.comparable;
        section.paragraph(format!("{} {}", table.meaning, spread_of(entries)));
        section.add(numbers(table, entries, ranked));
        if let Some(axes) = table.chart {
            section.chart(axes.name, &chart(table, entries, axes), "Medians over seeds.");
        }
        if ranked {
            order(section, table, entries);
        }
        for reason in failures(entries) {
            section.paragraph(html! { strong { "Failed: " } (reason) });
        }
    }
}

/// The meaning of the second line of a cell.
fn spread_of(entries: &[Entry]) -> &'static str {
    match entries.iter().map(|entry| entry.seeds.len()).max() {
        Some(2..) => "Each cell has the median over seeds, and below it the lowest and the highest.",
        _ => "One seed; ± is the standard error of its mean, where it is a mean.",
    }
}

/// Our numbers above the paper's; if the table is `ranked`, the lowest of each column is bold.
fn numbers(table: &ResultTable, entries: &[Entry], ranked: bool) -> page::Table {
    let columns = table.columns();
    let lowest: Vec<_> =
        columns.iter().map(|column| in_column(entries, column).best().filter(|_| ranked)).collect();
    let heads = [table.rows_are].into_iter().chain(columns.iter().copied());
    let mut numbers = page::Table::new(heads).styled("numbers beside");
    for row in table.rows() {
        let cells = columns.iter().zip(&lowest).map(|(column, lowest)| {
            let entry = entries.iter().find(|entry| (entry.cell.row, entry.cell.column) == (row, *column));
            html! { @if let Some(entry) = entry { (cell(entry, *lowest == Some(row))) } }
        });
        numbers.row(row, cells);
    }
    numbers
}

fn cell(entry: &Entry, lowest: bool) -> Markup {
    let digits = |number: f64| fixed(number, entry.cell.decimals);
    html! {
        @match (&entry.cell.content, entry.median()) {
            (Content::Refused { reason, .. }, _) => { "not run" small { (reason) } }
            (_, Some(median)) if lowest => { strong { (digits(median)) } small { (around(entry)) } }
            (_, Some(median)) => { (digits(median)) small { (around(entry)) } }
            (_, None) if entry.seeds.iter().any(|seed| matches!(seed, State::Failed(_))) => { "failed" }
            (_, None) => { "not yet run" }
        }
        @if let Some(paper) = entry.cell.paper { small.paper { "paper " (format!("{paper:?}")) } }
    }
}

/// The spread over seeds, or the error of the only one.
fn around(entry: &Entry) -> String {
    let digits = |number| fixed(number, entry.cell.decimals);
    let missing = entry.seeds.len() - entry.numbers().len();
    let waiting = if missing > 0 { format!(", {missing} to come") } else { String::new() };
    match (entry.spread(), values(&entry.seeds).next().and_then(|(_, value)| value.error)) {
        (Some((low, high)), _) => format!("{} to {}{waiting}", digits(low), digits(high)),
        (None, Some(error)) => format!("± {}{waiting}", digits(error)),
        (None, None) => waiting.trim_start_matches(", ").into(),
    }
}

/// The order of the rows in each column, ours and the paper's.
fn order(section: &mut Section, table: &ResultTable, entries: &[Entry]) {
    let columns = table.columns().into_iter().map(|column| (column, in_column(entries, column)));
    let columns: Vec<_> = columns.filter(|(_, order)| order.best().is_some()).collect();
    if columns.is_empty() {
        return;
    }
    let terms = columns.iter().map(|(column, order)| {
        let meaning = html! {
            "Ours: " (line(&order.ours, 2)) "."
            @if order.paper.len() > 1 { br; "Paper: " (line(&order.paper, 1)) "." }
            @if order.pairs > 0 {
                br; (order.same) " of the " (order.pairs) " pairs with different numbers in the paper are in the same "
                "order by our medians, " (order.every_seed) " at every seed."
            }
        };
        (*column, meaning)
    });
    section.subheading("Ranking, lowest first").terms(terms);
}

fn in_column(entries: &[Entry], column: &str) -> Ranking {
    Ranking::of(&entries.iter().filter(|entry| entry.cell.column == column).collect::<Vec<_>>())
}

fn line(rows: &[(&str, f64)], decimals: usize) -> String {
    let rows = rows.iter().map(|(row, number)| format!("{row} {}", fixed(*number, decimals)));
    rows.collect::<Vec<_>>().join(", ")
}

/// Row, column, seed and reason of each failure.
fn failures(entries: &[Entry]) -> Vec<String> {
    let of_entry = |entry: &Entry| {
        let (row, column) = (entry.cell.row, entry.cell.column);
        let failed = entry.seeds.iter().enumerate().filter_map(move |(seed, state)| match state {
            State::Failed(reason) => Some(format!("{row}, {column}, seed {seed}: {reason}")),
            _ => None,
        });
        failed.collect::<Vec<_>>()
    };
    entries.iter().flat_map(of_entry).collect()
}

/// The columns over the rows, the paper's dashed.
fn chart(table: &ResultTable, entries: &[Entry], axes: Axes) -> LineChart {
    let points = |column: &str, number: fn(&Entry) -> Option<f64>| {
        let of = entries.iter().filter(|entry| entry.cell.column == column);
        of.filter_map(|entry| Some((entry.cell.row.parse().ok()?, number(entry)?))).collect::<Vec<_>>()
    };
    let columns = table.columns();
    let ours = columns.iter().map(|column| Series::new(*column, points(column, Entry::median)));
    let paper = columns.iter().map(|column| {
        Series::new(format!("{column}, paper"), points(column, |entry| entry.cell.paper)).dashed()
    });
    let drawn = ours.chain(paper).filter(|series| !series.is_empty());
    let chart = LineChart::new(table.title, axes.x_label, axes.y_label, drawn).log_x();
    if axes.log_y { chart.log_y() } else { chart }
}

#[cfg(test)]
mod tests {
    use super::super::{Budget, Value, find};
    use super::*;

    fn reproduction(name: &str, finished: impl Fn(usize) -> Vec<State>) -> Rendered {
        let experiment = find(name).unwrap();
        let plan = (experiment.plan)(Budget::Short);
        let tables = plan.tables.into_iter().map(|table| {
            let cells = table.cells.iter().cloned().enumerate();
            let entries = cells.map(|(i, cell)| Entry { cell, seeds: finished(i) }).collect();
            (table, entries)
        });
        let (tables, runs) = (tables.collect(), plan.runs.into_iter().map(|run| run.command).collect());
        let page = ReproductionPage {
            experiment,
            method: plan.method,
            comparable: true,
            command: "gumbel reproduce <x>".into(),
            tables,
            runs,
            finished: (1, 2),
            environment: vec![("version", "1".into())],
        };
        page.render()
    }

    fn done(number: f64) -> State {
        State::Done(Value { number, error: Some(0.25), ..Value::default() })
    }

    #[test]
    fn cells_have_both_numbers_and_missing_ones_are_marked() {
        let page = reproduction("jang-table-1", |cell| match cell {
            0 => vec![done(72.5), done(71.5), done(73.0)],
            1 => vec![done(80.0), State::Waiting, State::Waiting],
            2 => vec![State::Failed("the bound is inf".into()); 3],
            _ => vec![State::Waiting; 3],
        });
        page.checked();
        let html = page.html;
        for part in [
            "72.50<small>71.50 to 73.00</small><small class=\"paper\">paper 72.0</small>",
            "80.00<small>± 0.25, 2 to come</small><small class=\"paper\">paper 73.1</small>",
            "<td>failed<small class=\"paper\">paper 112.2</small>",
            "SF, VAE, Bernoulli, seed 1: the bound is inf",
            "not run<small>does not support a chain of layers</small>",
            "1 of 2 runs have finished",
            "&lt;x&gt;",
        ] {
            assert!(html.contains(part), "{part} is missing from {html}");
        }
    }

    #[test]
    fn the_order_is_compared_with_the_papers() {
        let html =
            reproduction("maddison-structured", |cell| vec![done([60.0, 55.0, 62.0, 54.0][cell])]).html;
        for part in [
            "Ours: Concrete 60.00, NVIL; VIMCO for m &gt; 1 62.00.",
            "Paper: Concrete 58.5, NVIL; VIMCO for m &gt; 1 61.4.",
            "<td><strong>60.00</strong><small>± 0.25</small>",
            "1 of the 1 pairs with different numbers in the paper are in the same order by our medians, 1 at every seed.",
        ] {
            assert!(html.contains(part), "{part} is missing from {html}");
        }
    }

    #[test]
    fn every_table_with_axes_has_a_figure() {
        let page = reproduction("tau-tradeoff", |cell| vec![done(cell as f64 + 1.0)]);
        assert_eq!(page.checked(), ["bias.svg", "deviation.svg"]);
    }
}

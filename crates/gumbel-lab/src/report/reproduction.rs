//! The page of `gumbel reproduce`: our numbers beside the paper's.

use super::figure::{LineChart, Series};
use super::page::{Rendered, chart_figure, command, page};
use crate::reproduce::{Axes, Content, Entry, Experiment, Order, State, Table, values};
use maud::{Markup, html};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Reproduction<'a> {
    /// What is reproduced.
    pub experiment: &'a Experiment,
    /// What the budget means, in a sentence.
    pub method: String,
    /// Whether the numbers are of the paper's data, so that they may be compared.
    pub comparable: bool,
    /// The command that makes the page.
    pub command: String,
    /// Each table with what was found.
    pub tables: Vec<(Table, Vec<Entry>)>,
    /// Name and command of each run.
    pub runs: Vec<(String, String)>,
    /// Runs that have finished, and all of them, every seed counted.
    pub finished: (usize, usize),
    /// Where it was made: name and value.
    pub environment: Vec<(&'static str, String)>,
}

const NOT_COMPARABLE: &str = "This is the smoke budget: other data or a handful of steps. The numbers show that everything runs; \
     to compare them with the paper's would be idle.";

impl Reproduction<'_> {
    /// One page and its figures.
    pub fn render(&self) -> Rendered {
        let body = html! {
            (self.header())
            @for (table, entries) in &self.tables { (self.section(table, entries)) }
            section {
                h2 { "What differs from the paper" }
                ul { @for difference in self.experiment.differences { li { (difference) } } }
            }
            section {
                h2 { "Reproduce" }
                (command(&self.command))
                p { "Each seed of each run is made by one of these, with " code { "--seed" } ", " code { "--threads 1" } " and " code { "--out" } " added:" }
                details {
                    summary { "The " (self.runs.len()) " commands" }
                    @for (_, line) in &self.runs { (command(line)) }
                }
            }
            section { h2 { "Where" } (self.environment()) }
            footer { "One page, no scripts, nothing loaded from elsewhere." }
        };
        let drawn = |(table, entries): &(Table, Vec<Entry>)| {
            let axes = table.chart?;
            Some((format!("{}.svg", axes.name), chart(table, entries, axes).draw().file()))
        };
        Rendered {
            html: page(self.experiment.title, &body),
            figures: self.tables.iter().filter_map(drawn).collect(),
        }
    }

    fn header(&self) -> Markup {
        let (done, all) = self.finished;
        html! {
            header {
                p.over { "Gumbel · reproduction" }
                h1 { (self.experiment.title) }
                p.lede { (self.experiment.question) }
                p { (self.experiment.source) ". " (self.method) }
                p {
                    @if done < all { "So far " (done) " of " (all) " runs have finished; the others are shown as such." }
                    @else { "All " (all) " runs have finished." }
                }
                @if !self.comparable { p { strong { (NOT_COMPARABLE) } } }
            }
        }
    }

    fn section(&self, table: &Table, entries: &[Entry]) -> Markup {
        let chart = table.chart.map(|axes| chart(table, entries, axes));
        html! {
            section {
                h2 { (table.title) }
                p { (table.meaning) " " (what_stands(entries)) }
                (numbers(table, entries, table.ordered && self.comparable))
                @if let Some(chart) = chart { (chart_figure(&chart, "Medians over seeds.")) }
                @if table.ordered && self.comparable { (order(table, entries)) }
                (failures(entries))
            }
        }
    }

    fn environment(&self) -> Markup {
        html! {
            table.named { tbody { @for (name, value) in &self.environment { tr { th scope="row" { (name) } td { (value) } } } } }
        }
    }
}

/// What the second line of a cell is.
fn what_stands(entries: &[Entry]) -> &'static str {
    match entries.iter().map(|entry| entry.seeds.len()).max() {
        Some(2..) => "Each cell has the median over seeds, and the lowest and the highest below it.",
        _ => "One seed; ± is the standard error of its mean, where it is a mean.",
    }
}

/// The rows and columns, ours above and the paper's below; the lowest of a column is bold if that is `judged`.
fn numbers(table: &Table, entries: &[Entry], judged: bool) -> Markup {
    let at = |row, column| entries.iter().find(|entry| (entry.cell.row, entry.cell.column) == (row, column));
    let lowest = |column| judged.then(|| in_column(entries, column).best()).flatten();
    html! {
        div.scroll { table.numbers.beside {
            thead { tr { th { (table.rows_are) } @for column in table.columns() { th { (column) } } } }
            tbody { @for row in table.rows() { tr {
                th scope="row" { (row) }
                @for column in table.columns() { td { @if let Some(entry) = at(row, column) { (cell(entry, lowest(column) == Some(row))) } } }
            } } }
        } }
    }
}

fn cell(entry: &Entry, lowest: bool) -> Markup {
    let digits = |number: f64| digits(number, entry.cell.decimals);
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
    let decimals = entry.cell.decimals;
    let missing = entry.seeds.len() - entry.numbers().len();
    let waits = if missing > 0 { format!(", {missing} to come") } else { String::new() };
    match (entry.spread(), values(&entry.seeds).next().and_then(|(_, value)| value.error)) {
        (Some((low, high)), _) => format!("{} to {}{waits}", digits(low, decimals), digits(high, decimals)),
        (None, Some(error)) => format!("± {}{waits}", digits(error, decimals)),
        (None, None) => waits.trim_start_matches(", ").into(),
    }
}

fn digits(number: f64, decimals: usize) -> String {
    format!("{number:.decimals$}").replace('-', "−")
}

/// In which order each column has its rows, ours and the paper's.
fn order(table: &Table, entries: &[Entry]) -> Markup {
    let columns = table.columns().into_iter().map(|column| (column, in_column(entries, column)));
    let columns: Vec<_> = columns.filter(|(_, order)| order.best().is_some()).collect();
    html! {
        @if !columns.is_empty() {
            h3 { "In order, the lowest first" }
            dl { @for (column, order) in &columns {
                dt { (column) }
                dd {
                    "Ours: " (line(&order.ours, 2)) "."
                    @if order.paper.len() > 1 { br; "Paper: " (line(&order.paper, 1)) "." }
                    @if order.pairs > 0 {
                        br; (order.same) " of the " (order.pairs) " pairs that the paper tells apart are in its order by our medians, "
                        (order.every_seed) " at every seed."
                    }
                }
            } }
        }
    }
}

fn in_column(entries: &[Entry], column: &str) -> Order {
    Order::of(&entries.iter().filter(|entry| entry.cell.column == column).collect::<Vec<_>>())
}

fn line(rows: &[(&str, f64)], decimals: usize) -> String {
    rows.iter()
        .map(|(row, number)| format!("{row} {}", digits(*number, decimals)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Why seeds have no number.
fn failures(entries: &[Entry]) -> Markup {
    let failed = entries.iter().flat_map(|entry| {
        entry.seeds.iter().enumerate().filter_map(move |(seed, state)| match state {
            State::Failed(reason) => {
                Some(format!("{}, {}, seed {seed}: {reason}", entry.cell.row, entry.cell.column))
            }
            _ => None,
        })
    });
    html! { @for reason in failed { p { strong { "Failed: " } (reason) } } }
}

/// The columns over the rows, and the paper's dashed.
fn chart(table: &Table, entries: &[Entry], axes: Axes) -> LineChart {
    let series = |column, number: fn(&Entry) -> Option<f64>| -> Vec<(f64, f64)> {
        let of = entries.iter().filter(|entry| entry.cell.column == column);
        of.filter_map(|entry| Some((entry.cell.row.parse().ok()?, number(entry)?))).collect()
    };
    let ours = table.columns().into_iter().map(|column| Series {
        name: column.into(),
        points: series(column, Entry::median),
        dashed: false,
    });
    let paper = table.columns().into_iter().map(|column| Series {
        name: format!("{column}, paper"),
        points: series(column, |entry| entry.cell.paper),
        dashed: true,
    });
    LineChart {
        title: table.title.into(),
        x_label: axes.x_label.into(),
        y_label: axes.y_label.into(),
        series: ours.chain(paper).filter(|series| !series.points.is_empty()).collect(),
        log_x: true,
        log_y: axes.log_y,
        ..LineChart::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproduce::{Budget, Value, find};

    fn reproduction(name: &str, finished: impl Fn(usize) -> Vec<State>) -> Rendered {
        let experiment = find(name).unwrap();
        let plan = (experiment.plan)(Budget::Short);
        let tables = plan.tables.into_iter().map(|table| {
            let entry = |(i, cell): (usize, &crate::reproduce::Cell)| Entry {
                cell: cell.clone(),
                seeds: finished(i),
            };
            let entries = table.cells.iter().enumerate().map(entry).collect();
            (table, entries)
        });
        let (tables, runs) =
            (tables.collect(), plan.runs.into_iter().map(|run| (run.name, run.command)).collect());
        let page = Reproduction {
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
        State::Done(Value { number, error: Some(0.25), steps: Some(10), seconds: None })
    }

    #[test]
    fn ours_stands_beside_the_papers_and_what_is_missing_is_said() {
        let page = reproduction("jang-table-1", |cell| match cell {
            0 => vec![done(72.5), done(71.5), done(73.0)],
            1 => vec![done(80.0), State::Waiting, State::Waiting],
            2 => vec![State::Failed("the bound is inf".into()); 3],
            _ => vec![State::Waiting; 3],
        });
        let html = page.html;
        for part in [
            "72.50<small>71.50 to 73.00</small><small class=\"paper\">paper 72.0</small>",
            "80.00<small>± 0.25, 2 to come</small><small class=\"paper\">paper 73.1</small>",
            "<td>failed<small class=\"paper\">paper 112.2</small>",
            "SF, VAE, Bernoulli, seed 1: the bound is inf",
            "not run<small>does not support a chain of layers</small>",
            "So far 1 of 2 runs",
            "&lt;x&gt;",
        ] {
            assert!(html.contains(part), "{part} is missing from {html}");
        }
        for mark in ["://", "url(", "<script", "src=", "NaN"] {
            assert!(!html.contains(mark), "{mark}");
        }
    }

    #[test]
    fn the_order_is_told_beside_the_papers() {
        let html =
            reproduction("maddison-structured", |cell| vec![done([60.0, 55.0, 62.0, 54.0][cell])]).html;
        for part in [
            "Ours: Concrete 60.00, NVIL, of a bound VIMCO 62.00.",
            "Paper: Concrete 58.5, NVIL, of a bound VIMCO 61.4.",
            "<td><strong>60.00</strong><small>± 0.25</small>",
            "1 of the 1 pairs that the paper tells apart are in its order by our medians, 1 at every seed.",
        ] {
            assert!(html.contains(part), "{part} is missing from {html}");
        }
    }

    #[test]
    fn figures_are_xml() {
        let page = reproduction("tau-tradeoff", |cell| vec![done(cell as f64 + 1.0)]);
        assert_eq!(page.figures.len(), 2);
        for (name, svg) in &page.figures {
            assert!(roxmltree::Document::parse(svg).is_ok(), "{name}");
        }
    }
}

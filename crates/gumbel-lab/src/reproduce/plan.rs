//! What a reproduction is made of.

use super::budget::Budget;

/// A published result that can be reproduced.
#[derive(Debug)]
pub struct Reproduction {
    /// Name on the command line.
    pub name: &'static str,
    /// Title of its page.
    pub title: &'static str,
    /// Paper, and the table, figure or section.
    pub source: &'static str,
    /// The question that it answers.
    pub question: &'static str,
    /// Approximate time on two cores, for each budget.
    pub costs: [&'static str; 3],
    /// The data set that all but the smallest budget need, unless it is built in.
    pub data: Option<&'static str>,
    /// Whether it measures time, so that its runs are made one at a time.
    pub timed: bool,
    /// The runs and tables of a budget.
    pub plan: fn(Budget) -> Plan,
    /// Differences from the paper, for every budget.
    pub differences: &'static [&'static str],
}

/// The runs of a reproduction, and the tables read from them.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The meaning of the budget, in a sentence or two.
    pub method: String,
    /// The runs, in order.
    pub runs: Vec<PlannedRun>,
    /// The tables of the page.
    pub tables: Vec<ResultTable>,
}

/// A command to run with each seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRun {
    /// Name of the run and of its folder.
    pub name: String,
    /// `train …` or `measure …`, without seed, threads and folders.
    pub command: String,
}

/// A table of our numbers and the paper's.
#[derive(Clone, Debug)]
pub struct ResultTable {
    /// Heading.
    pub title: &'static str,
    /// Meaning of the numbers, and which are better.
    pub meaning: &'static str,
    /// Heading of the rows.
    pub rows_are: &'static str,
    /// Whether the rows are ranked within each column, the lowest first.
    pub ordered: bool,
    /// Axes of the chart of the columns over the rows, where the rows are numbers.
    pub chart: Option<Axes>,
    /// The cells, in the order of the rows.
    pub cells: Vec<Cell>,
}

/// Axes of the chart of a table.
#[derive(Clone, Copy, Debug)]
pub struct Axes {
    /// File of the figure, without its ending.
    pub name: &'static str,
    /// Label of the rows.
    pub x_label: &'static str,
    /// Label of the numbers.
    pub y_label: &'static str,
    /// Whether the axis of the numbers is logarithmic.
    pub log_y: bool,
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Row.
    pub row: &'static str,
    /// Column.
    pub column: &'static str,
    /// Source of our number.
    pub content: Content,
    /// The paper's number, if it has one.
    pub paper: Option<f64>,
    /// Decimals of our number.
    pub decimals: usize,
}

/// The source of a number.
#[derive(Clone, Debug)]
pub enum Content {
    /// A number of a run.
    Of(Number),
    /// The ratio of two numbers of runs.
    Ratio(Number, Number),
    /// No number: the program rejects the command.
    Refused {
        /// The command.
        command: String,
        /// Part of the error message.
        reason: &'static str,
    },
}

impl Cell {
    /// A cell without a number of the paper.
    pub(super) fn new(row: &'static str, column: &'static str, content: Content, decimals: usize) -> Self {
        Self { row, column, content, paper: None, decimals }
    }

    /// The same cell with the paper's number.
    pub(super) fn beside(self, paper: impl Into<Option<f64>>) -> Self {
        Self { paper: paper.into(), ..self }
    }
}

impl Content {
    /// A number of a run.
    pub(super) fn of(run: impl Into<String>, place: Place) -> Self {
        Self::Of(Number { run: run.into(), place })
    }

    /// The numbers of runs that it needs.
    pub fn numbers(&self) -> Vec<&Number> {
        match self {
            Self::Of(number) => vec![number],
            Self::Ratio(above, below) => vec![above, below],
            Self::Refused { .. } => vec![],
        }
    }
}

/// A number of a run.
#[derive(Clone, Debug)]
pub struct Number {
    /// Name of the run.
    pub run: String,
    /// Place in the files of the run.
    pub place: Place,
}

/// The place of a number in the files of a run.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// JSON pointers into `summary.json`: the number, and its standard error if it has one.
    Summary(&'static str, Option<&'static str>),
    /// Columns of the one line of `measure.csv`, likewise.
    Measured(&'static str, Option<&'static str>),
}

impl Place {
    /// The bound with many hard samples on the test set.
    pub const BOUND: Self =
        Self::Summary("/test/importance_bound/nats", Some("/test/importance_bound/standard_error"));
    /// The objective with one hard sample on the test set.
    pub const ONE_SAMPLE: Self =
        Self::Summary("/test/hard_negative_elbo", Some("/test/hard_negative_elbo_standard_error"));
}

impl PlannedRun {
    pub(super) fn new(name: impl Into<String>, command: String) -> Self {
        Self { name: name.into(), command }
    }

    /// The file that a finished run has.
    pub fn last_file(&self) -> &'static str {
        if self.command.starts_with("measure") { "measure.csv" } else { "summary.json" }
    }
}

impl ResultTable {
    /// A table whose rows are not ranked, without a chart.
    pub(super) fn new(
        title: &'static str,
        meaning: &'static str,
        rows_are: &'static str,
        cells: Vec<Cell>,
    ) -> Self {
        Self { title, meaning, rows_are, ordered: false, chart: None, cells }
    }

    /// The same table with ranked rows.
    pub(super) fn ordered(self) -> Self {
        Self { ordered: true, ..self }
    }

    /// The same table with a chart.
    pub(super) fn chart(self, axes: Axes) -> Self {
        Self { chart: Some(axes), ..self }
    }

    /// The rows, in order.
    pub fn rows(&self) -> Vec<&'static str> {
        distinct(self.cells.iter().map(|cell| cell.row))
    }

    /// The columns, in order.
    pub fn columns(&self) -> Vec<&'static str> {
        distinct(self.cells.iter().map(|cell| cell.column))
    }
}

fn distinct(all: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut seen = Vec::new();
    all.for_each(|one| {
        if !seen.contains(&one) {
            seen.push(one);
        }
    });
    seen
}

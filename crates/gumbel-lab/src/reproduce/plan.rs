//! What an experiment is made of.

/// What is run, and what is read from it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What this budget means, in a sentence or two.
    pub method: String,
    /// The runs, in the order in which they are made.
    pub runs: Vec<Run>,
    /// The tables of the page.
    pub tables: Vec<Table>,
}

/// A run of the program; each seed gets one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its name, also that of its folder.
    pub name: String,
    /// `train …` or `measure …`, without seed, threads and folders.
    pub command: String,
}

/// A table with ours beside the paper's.
#[derive(Clone, Debug)]
pub struct Table {
    /// Heading.
    pub title: &'static str,
    /// What the numbers are, and which are better.
    pub meaning: &'static str,
    /// What the rows are.
    pub rows_are: &'static str,
    /// Whether rows are put in order within a column, the lowest first.
    pub ordered: bool,
    /// How the columns are drawn over the rows, where those are numbers.
    pub chart: Option<Axes>,
    /// The cells, in the order of the rows.
    pub cells: Vec<Cell>,
}

/// A chart of a table.
#[derive(Clone, Copy, Debug)]
pub struct Axes {
    /// File of the figure, without its ending.
    pub name: &'static str,
    /// The rows.
    pub x_label: &'static str,
    /// The numbers.
    pub y_label: &'static str,
    /// Whether the numbers are drawn on a logarithmic axis.
    pub log_y: bool,
}

/// A place in a table.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its row.
    pub row: &'static str,
    /// Its column.
    pub column: &'static str,
    /// What of ours stands there.
    pub content: Content,
    /// The paper's number, if it has one.
    pub paper: Option<f64>,
    /// Digits of ours after the point.
    pub decimals: usize,
}

/// What a cell is made of.
#[derive(Clone, Debug)]
pub enum Content {
    /// A number of a run.
    Of(Number),
    /// One number over another.
    Ratio(Number, Number),
    /// Nothing: the program refuses this command.
    Refused {
        /// The command.
        command: String,
        /// The reason, in the program's own words.
        reason: &'static str,
    },
}

impl Content {
    /// The numbers it is made of.
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
    /// The run's name.
    pub run: String,
    /// Where it stands.
    pub place: Place,
}

/// Where a number stands among a run's files.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// JSON pointers into `summary.json`: the number, and its standard error if it has one.
    Summary(&'static str, Option<&'static str>),
    /// Columns of the one line of `measure.csv`, likewise.
    Measured(&'static str, Option<&'static str>),
}

impl Place {
    /// The bound of many hard samples on the test set.
    pub const BOUND: Self =
        Self::Summary("/test/importance_bound/nats", Some("/test/importance_bound/standard_error"));
    /// The objective at one hard sample on the test set.
    pub const ONE_SAMPLE: Self =
        Self::Summary("/test/hard_negative_elbo", Some("/test/hard_negative_elbo_standard_error"));
}

impl Run {
    /// The file that a finished run has.
    pub fn last_file(&self) -> &'static str {
        if self.command.starts_with("measure") { "measure.csv" } else { "summary.json" }
    }
}

impl Table {
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

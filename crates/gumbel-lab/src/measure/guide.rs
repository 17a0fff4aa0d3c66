//! `docs/choosing.md`: a guide to choosing an estimator, from the table of estimators and the measurements.

use super::page::bias_against_variance;
use super::row::MeasureRow;
use anyhow::{Context, Result};
use gumbel::estimator::{ALL, Entry, Properties, Reduction, SampleKind};
use std::path::Path;

/// The page and its figures.
#[derive(Clone, Debug)]
pub struct Guide {
    /// Markdown.
    pub page: String,
    /// Name and text of each figure.
    pub figures: Vec<(String, String)>,
}

/// The problem whose measurements a branch quotes.
const PROBLEM: &str = "mlp";

/// The answers that lead to a group of estimators.
struct Branch {
    title: &'static str,
    advice: &'static str,
    holds: fn(&Properties) -> bool,
}

const BRANCHES: [Branch; 5] = [
    Branch {
        title: "Are the states few?",
        advice: "If a row has few states, K^D up to some hundreds, sum over them: no bias, no variance, K^D evaluations \
                 of f. Summing over one latent at a time is the next best, at D(K−1)+1 evaluations.",
        holds: |of| of.enumerates,
    },
    Branch {
        title: "Is f a black box?",
        advice: "These require only values of f. With one evaluation per row, use a baseline. With two or more, `rloo` \
                 has nothing to learn. For binary latents the antithetic pairs do better. The noise of every latent \
                 enters the gradient of every other, so the variance grows with D.",
        holds: |of| of.unbiased && !of.needs_gradient && !of.enumerates && of.supports(Reduction::Mean),
    },
    Branch {
        title: "Must the gradient be unbiased?",
        advice: "The gradient of f is a control variate. It helps as far as f is smooth between the vertices, and it \
                 costs further evaluations: compare with the previous group, which is unbiased as well. A learned \
                 coefficient cannot do harm for long; with a fixed one, measure the variance first.",
        holds: |of| of.unbiased && of.needs_gradient,
    },
    Branch {
        title: "Is f meaningful at hard samples only?",
        advice: "One evaluation, one backward pass, and a variance that does not grow with D. More samples do not reduce \
                 the bias: for a linear or quadratic f `zgr` has none; for a strongly curved f all have about the \
                 same. Check with `gumbel measure` on a problem like yours.",
        holds: |of| !of.unbiased && of.sample_kind == SampleKind::Hard,
    },
    Branch {
        title: "Is f meaningful inside the simplex?",
        advice: "A relaxed sample uses f inside the simplex too, not only at its vertices. Its bias vanishes as the \
                 temperature falls, while its variance grows as 1/τ. Report the objective on hard samples whatever \
                 you train with.",
        holds: |of| !of.unbiased && of.sample_kind == SampleKind::Relaxed,
    },
];

impl Guide {
    /// The guide from the `categorical.csv` and `binary.csv` of a folder.
    ///
    /// # Errors
    /// A file that is missing or not such a table.
    pub fn read(folder: &Path) -> Result<Self> {
        let [categorical, binary] = ["categorical.csv", "binary.csv"].map(|name| rows(&folder.join(name)));
        Ok(Self::new(&categorical?, &binary?))
    }

    fn new(categorical: &[MeasureRow], binary: &[MeasureRow]) -> Self {
        let branches: String = BRANCHES.iter().map(|branch| branch.text(categorical, binary)).collect();
        let bound: Vec<&str> =
            ALL.iter().filter(|info| !info.properties.supports(Reduction::Mean)).map(|i| i.name()).collect();
        let page = format!(
            "# Which estimator\n\nAsk in this order; the first yes decides. Within a group the smallest measured rmse \
             comes first.\n\nstd: standard deviation of one estimate. rmse: root-mean-square error, bias included, of \
             the average of as many estimates as 100 evaluations of f allow. f is curved, of two latents with four \
             categories, or of four binary latents. |z| > 4 indicates bias.\n\n![bias against variance, categories](choosing-categorical.svg)\n\n![bias against \
             variance, binary](choosing-binary.svg)\n\n{branches}## The objective is a log-mean-exp over samples\n\nAn \
             importance-weighted bound is another problem: use `{}`, which is made for it, or another estimator that \
             supports it according to `gumbel list NAME`.\n\n---\n\nMade by `gumbel measure --guide results/measure --out docs` from \
             `results/measure/`; do not edit.\n",
            bound.join("`, `")
        );
        let figures = [("categorical", categorical), ("binary", binary)].map(|(name, rows)| {
            let rows: Vec<MeasureRow> =
                rows.iter().filter(|row| row.problem.starts_with(PROBLEM)).cloned().collect();
            (format!("choosing-{name}.svg"), bias_against_variance(&rows).draw().file())
        });
        Self { page, figures: figures.into() }
    }
}

fn rows(path: &Path) -> Result<Vec<MeasureRow>> {
    let cannot = || format!("cannot read {}; make it with results/measure/run.sh", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(cannot)?;
    reader.deserialize().collect::<Result<_, _>>().with_context(cannot)
}

impl Branch {
    fn text(&self, categorical: &[MeasureRow], binary: &[MeasureRow]) -> String {
        let mut members: Vec<&Entry> =
            ALL.iter().copied().filter(|info| (self.holds)(&info.properties)).collect();
        let error = |info: &Entry| find(binary, info).and_then(|row| row.rmse).unwrap_or(f64::INFINITY);
        members.sort_by(|a, b| error(a).total_cmp(&error(b)));
        let lines: String = members.iter().map(|info| line(info, categorical, binary)).collect();
        format!(
            "## {}\n\n{}\n\n| estimator | latents | evaluations | z | std | rmse | z, binary | std | rmse |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n{lines}\n",
            self.title, self.advice
        )
    }
}

fn find<'a>(rows: &'a [MeasureRow], info: &Entry) -> Option<&'a MeasureRow> {
    rows.iter().find(|row| row.estimator == info.name() && row.problem.starts_with(PROBLEM))
}

fn line(info: &Entry, categorical: &[MeasureRow], binary: &[MeasureRow]) -> String {
    let cells = |rows| match find(rows, info) {
        Some(row) => {
            let number =
                |number: Option<f64>, digits| number.map_or("–".into(), |x| format!("{x:.digits$}"));
            format!("{} | {:.3} | {}", number(row.bias_z, 1), row.std, number(row.rmse, 3)).replace('-', "−")
        }
        None => "– | – | –".into(),
    };
    let (categorical, binary) = (cells(categorical), cells(binary));
    let Properties { latents, cost, .. } = &info.properties;
    format!("| `{}`, {} | {latents} | {cost} | {categorical} | {binary} |\n", info.name(), info.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_estimator_has_its_place_and_only_one() {
        for info in ALL.iter().filter(|info| info.properties.supports(Reduction::Mean)) {
            let branches = BRANCHES.iter().filter(|branch| (branch.holds)(&info.properties));
            assert_eq!(branches.count(), 1, "{}", info.name());
        }
    }

    #[test]
    fn the_committed_page_is_the_one_that_the_committed_results_make() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let guide = Guide::read(&root.join("results/measure")).unwrap();
        let committed = std::fs::read_to_string(root.join("docs/choosing.md")).unwrap();
        assert!(
            guide.page == committed,
            "run results/measure/run.sh, or for the page alone: gumbel measure --guide results/measure --out docs"
        );
        for info in ALL {
            assert!(committed.contains(&format!("`{}`", info.name())), "{} is missing", info.name());
        }
    }
}

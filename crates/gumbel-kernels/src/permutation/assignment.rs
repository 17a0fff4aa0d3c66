//! The linear assignment problem, by shortest augmenting paths (Kuhn 1955; Jonker and Volgenant 1987).
//!
//! Implemented here because existing libraries need ordered integers or do not support forbidden pairs.

use crate::Real;
use crate::error::Error;
use crate::parallel::rows::{RowKernel, Rows, count_rows, same_length};

/// Linear assignment: the permutation with the largest sum of logits, for each square matrix.
///
/// ```text
/// out[m] = argmax over permutations π of  Σᵢ logits[m, i, π(i)]
/// ```
///
/// A logit of −∞ forbids its pair. The result is exact up to the rounding of sums in double precision. It takes O(n³)
/// time and O(n) memory.
///
/// Shortest augmenting paths: Kuhn (1955); Jonker and Volgenant (1987).
///
/// # Shapes
/// `logits` `[matrices, n, n]`; `out` `[matrices, n]`, the column of each row.
///
/// # Errors
/// [`Error::NoPermutation`] if every permutation contains a forbidden pair; [`Error::Logit`], with rows numbered over
/// all matrices; [`Error::Categories`] if `n` is zero or too large.
///
/// # Panics
/// If the lengths do not match.
///
/// ```
/// let mut columns = [0; 2];
/// gumbel_kernels::assignment(&[3.0, 2.0, 2.0, 0.0], 2, &mut columns)?;
/// assert_eq!(columns, [1, 0]); // 2 + 2 is more than 3 + 0, the greedy choice
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[doc(alias = "hungarian")]
#[doc(alias = "linear_sum_assignment")]
#[doc(alias = "matching")]
pub fn assignment<T: Real>(logits: &[T], n: usize, out: &mut [u32]) -> Result<(), Error> {
    let count = count_matrices(logits.len(), n)?;
    same_length("out", out.len(), count * n);
    Rows { first: 0, count, inputs: [logits], outputs: [], indices: out }.run(Assignment { n })
}

/// The number of `n × n` matrices in a slice of `len` numbers.
#[track_caller]
pub(super) fn count_matrices(len: usize, n: usize) -> Result<usize, Error> {
    count_rows(len, n.saturating_mul(n)).map_err(|_| Error::Categories(n))
}

#[derive(Clone, Copy)]
struct Assignment {
    n: usize,
}

impl<T: Real> RowKernel<T, 1, 0> for Assignment {
    #[inline(always)]
    fn run<const FMA: bool>(self, rows: Rows<'_, T, 1, 0>) -> Result<(), Error> {
        let matrices = rows.inputs[0].chunks_exact(self.n * self.n);
        for (index, (matrix, out)) in matrices.zip(rows.indices.chunks_exact_mut(self.n)).enumerate() {
            solve(rows.first + index, matrix, self.n, out)?;
        }
        Ok(())
    }
}

/// The assignment of matrix number `index`.
pub(super) fn solve<T: Real>(index: usize, logits: &[T], n: usize, out: &mut [u32]) -> Result<(), Error> {
    check(index, logits, n)?;
    let mut matching = Matching::new(logits, n);
    for row in 0..n {
        matching.add(row).ok_or(Error::NoPermutation { matrix: index })?;
    }
    for (column, &row) in matching.rows.iter().enumerate() {
        out[row] = column as u32;
    }
    Ok(())
}

fn check<T: Real>(index: usize, logits: &[T], n: usize) -> Result<(), Error> {
    let invalid = |logit: &T| logit.is_nan() || *logit == T::infinity();
    match logits.iter().position(invalid) {
        Some(at) => Err(Error::Logit { row: index * n + at / n, column: at % n, value: logits[at].into() }),
        None => Ok(()),
    }
}

const FREE: usize = usize::MAX;

/// The best matching of the rows added so far. No pair costs less than the sum of the prices of its row and its column,
/// and a matched pair costs exactly that.
struct Matching<'a, T> {
    logits: &'a [T],
    n: usize,
    row_prices: Vec<f64>,
    column_prices: Vec<f64>,
    /// The row of each column, or [`FREE`].
    rows: Vec<usize>,
}

/// The cheapest known path to a column.
#[derive(Clone, Copy)]
struct Path {
    /// Its cost above the prices.
    cost: f64,
    /// The previous column on the path; [`FREE`] at its start.
    from: usize,
    done: bool,
}

impl<'a, T: Real> Matching<'a, T> {
    fn new(logits: &'a [T], n: usize) -> Self {
        Self { logits, n, row_prices: vec![0.0; n], column_prices: vec![0.0; n], rows: vec![FREE; n] }
    }

    /// Matches one more row along the cheapest path to a free column; `None` if there is none.
    fn add(&mut self, row: usize) -> Option<()> {
        let mut paths = vec![Path { cost: f64::INFINITY, from: FREE, done: false }; self.n];
        let (mut at, mut current) = (FREE, row);
        loop {
            self.extend(current, at, &mut paths);
            let next = cheapest(&paths)?;
            self.update_prices(row, paths[next].cost, &mut paths);
            paths[next].done = true;
            if self.rows[next] == FREE {
                self.augment(row, next, &paths);
                return Some(());
            }
            (at, current) = (next, self.rows[next]);
        }
    }

    /// Extends paths from `row`, which is reached by its column `at`, to all columns that are not done.
    fn extend(&self, row: usize, at: usize, paths: &mut [Path]) {
        for (column, path) in paths.iter_mut().enumerate().filter(|(_, path)| !path.done) {
            let cost = -self.logits[row * self.n + column].into();
            let cost = cost - self.row_prices[row] - self.column_prices[column];
            if cost < path.cost {
                (path.cost, path.from) = (cost, at);
            }
        }
    }

    /// Changes the prices of the tree of paths by `step`, after which the cheapest path costs nothing above the prices.
    fn update_prices(&mut self, root: usize, step: f64, paths: &mut [Path]) {
        self.row_prices[root] += step;
        for (column, path) in paths.iter_mut().enumerate() {
            if path.done {
                self.row_prices[self.rows[column]] += step;
                self.column_prices[column] -= step;
            } else {
                path.cost -= step;
            }
        }
    }

    /// Moves each row on the path to the free `column` to the next column of the path, and `root` to its first.
    fn augment(&mut self, root: usize, mut column: usize, paths: &[Path]) {
        while paths[column].from != FREE {
            let before = paths[column].from;
            self.rows[column] = self.rows[before];
            column = before;
        }
        self.rows[column] = root;
    }
}

/// The column with the cheapest path of those that are not done; `None` if no path is left.
fn cheapest(paths: &[Path]) -> Option<usize> {
    let open = (0..paths.len()).filter(|&column| !paths[column].done && paths[column].cost < f64::INFINITY);
    open.min_by(|&a, &b| paths[a].cost.total_cmp(&paths[b].cost))
}

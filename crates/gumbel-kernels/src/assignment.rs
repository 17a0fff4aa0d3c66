//! The linear assignment problem, by shortest augmenting paths (Kuhn 1955; Jonker and Volgenant 1987).
//!
//! Written here, since the libraries for it ask for ordered integers or have no pairs that are forbidden.

use crate::Real;
use crate::error::Error;
use crate::rows::{RowKernel, Rows, count_rows, same_length};

/// The permutation with the largest sum of logits, of each square matrix.
///
/// ```text
/// out[m] = argmax over permutations π of  Σᵢ logits[m, i, π(i)]
/// ```
///
/// A logit of −∞ forbids its pair. Exact up to the rounding of sums in double precision, in O(n³) time and O(n)
/// memory.
///
/// # Shapes
/// `logits` `[matrices, n, n]`, `out` `[matrices, n]`: the column of each row.
///
/// # Errors
/// [`Error::NoPermutation`] if the forbidden pairs leave none; [`Error::Logit`], whose row counts those of all
/// matrices; [`Error::Categories`].
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
pub fn assignment<T: Real>(logits: &[T], n: usize, out: &mut [u32]) -> Result<(), Error> {
    let count = count_matrices(logits.len(), n)?;
    same_length("out", out.len(), count * n);
    Rows { first: 0, count, inputs: [logits], outputs: [], indices: out }.run(Assignment { n })
}

/// The number of `n × n` matrices in a slice of `len` numbers.
#[track_caller]
pub(crate) fn count_matrices(len: usize, n: usize) -> Result<usize, Error> {
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

/// Solves matrix number `index`.
pub(crate) fn solve<T: Real>(index: usize, logits: &[T], n: usize, out: &mut [u32]) -> Result<(), Error> {
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
    let unfit = |logit: &T| logit.is_nan() || *logit == T::infinity();
    match logits.iter().position(unfit) {
        Some(at) => Err(Error::Logit { row: index * n + at / n, column: at % n, value: logits[at].into() }),
        None => Ok(()),
    }
}

const FREE: usize = usize::MAX;

/// The best matching of the rows added so far. No pair costs less than the prices of its row and column
/// together; a matched one costs just as much.
struct Matching<'a, T> {
    logits: &'a [T],
    n: usize,
    row_prices: Vec<f64>,
    column_prices: Vec<f64>,
    /// The row of each column, or [`FREE`].
    rows: Vec<usize>,
}

/// What is known of a column while a path is sought.
#[derive(Clone, Copy)]
struct Reach {
    /// What the cheapest way there costs above the prices.
    cost: f64,
    /// The column before it on that way; [`FREE`] where it starts.
    from: usize,
    done: bool,
}

impl<'a, T: Real> Matching<'a, T> {
    fn new(logits: &'a [T], n: usize) -> Self {
        Self { logits, n, row_prices: vec![0.0; n], column_prices: vec![0.0; n], rows: vec![FREE; n] }
    }

    /// Matches one more row along the cheapest path to a free column; `None` if there is none.
    fn add(&mut self, row: usize) -> Option<()> {
        let mut reach = vec![Reach { cost: f64::INFINITY, from: FREE, done: false }; self.n];
        let (mut at, mut current) = (FREE, row);
        loop {
            self.look(current, at, &mut reach);
            let next = nearest(&reach)?;
            self.raise(row, reach[next].cost, &mut reach);
            reach[next].done = true;
            if self.rows[next] == FREE {
                self.flip(row, next, &reach);
                return Some(());
            }
            (at, current) = (next, self.rows[next]);
        }
    }

    /// Looks from `row`, reached by its column `at`, at all columns that are not done.
    fn look(&self, row: usize, at: usize, reach: &mut [Reach]) {
        for (column, reach) in reach.iter_mut().enumerate().filter(|(_, reach)| !reach.done) {
            let cost = -self.logits[row * self.n + column].into();
            let cost = cost - self.row_prices[row] - self.column_prices[column];
            if cost < reach.cost {
                (reach.cost, reach.from) = (cost, at);
            }
        }
    }

    /// Moves the prices along the tree by `step`, which makes the nearest column cost nothing more.
    fn raise(&mut self, root: usize, step: f64, reach: &mut [Reach]) {
        self.row_prices[root] += step;
        for (column, reach) in reach.iter_mut().enumerate() {
            if reach.done {
                self.row_prices[self.rows[column]] += step;
                self.column_prices[column] -= step;
            } else {
                reach.cost -= step;
            }
        }
    }

    /// Moves each row on the path that ends at the free `column` one column on, and `root` to the first.
    fn flip(&mut self, root: usize, mut column: usize, reach: &[Reach]) {
        while reach[column].from != FREE {
            let before = reach[column].from;
            self.rows[column] = self.rows[before];
            column = before;
        }
        self.rows[column] = root;
    }
}

/// The column that is cheapest to reach, of those that are not done and can be reached.
fn nearest(reach: &[Reach]) -> Option<usize> {
    let open = (0..reach.len()).filter(|&column| !reach[column].done && reach[column].cost < f64::INFINITY);
    open.min_by(|&a, &b| reach[a].cost.total_cmp(&reach[b].cost))
}

//! Errors: the mistakes that a caller's data can contain.

use crate::Real;

/// Why a kernel rejected its input. Each message names the value that was given and the remedy.
///
/// After an error the outputs of a kernel are partly written.
///
/// ```
/// use gumbel_kernels::{Error, softmax};
/// let error = softmax(&[0.0, f64::NAN], 2, &mut [0.0; 2]).unwrap_err();
/// assert!(matches!(error, Error::Logit { row: 0, column: 1, .. }));
/// assert!(error.to_string().starts_with("the logit at row 0, column 1 is NaN"));
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A temperature is zero, negative, infinite or NaN.
    #[error("temperature must be positive and finite, got {0}")]
    Temperature(f64),

    /// The number of categories of a row is zero, or larger than a `u32` index can count.
    #[error("a row must have from 1 to 4294967295 categories, got {0}")]
    Categories(usize),

    /// A logit is NaN or +∞.
    #[error(
        "the logit at row {row}, column {column} is {value}; expected a finite number, or -inf to mask the category"
    )]
    Logit {
        /// The row of the logit.
        row: usize,
        /// Its category.
        column: usize,
        /// What it is.
        value: f64,
    },

    /// Every logit of a row is −∞, so there is nothing to sample.
    #[error("every logit of row {row} is -inf; leave at least one category unmasked")]
    AllMasked {
        /// The row.
        row: usize,
    },

    /// A row has fewer unmasked categories than a sample without replacement, or a subset, needs.
    #[error(
        "cannot choose {requested} categories from row {row}: only {available} are unmasked; request fewer or unmask more"
    )]
    TooFew {
        /// The row.
        row: usize,
        /// Categories to choose.
        requested: usize,
        /// Unmasked categories.
        available: usize,
    },

    /// A subset size of zero.
    #[error("the size of a subset must be at least 1, got 0")]
    EmptySubset,

    /// A number is NaN or infinite where it must be finite.
    #[error("the {what} at row {row}, column {column} is {value}; expected a finite number")]
    NotFinite {
        /// What the number is of: a point or a code.
        what: &'static str,
        /// Its row.
        row: usize,
        /// Its place in the row.
        column: usize,
        /// What it is.
        value: f64,
    },

    /// A graph of fewer than two nodes, which has no edge.
    #[error("a graph must have at least 2 nodes, got {0}")]
    TooFewNodes(usize),

    /// An edge ends at a node that the graph does not have.
    #[error("edge {edge} joins nodes {} and {}, but nodes are numbered from 0 to {}", ends[0], ends[1], nodes - 1)]
    EdgeOutOfRange {
        /// The place of the edge in the list of edges.
        edge: usize,
        /// The nodes that it joins.
        ends: [usize; 2],
        /// The number of nodes of the graph.
        nodes: usize,
    },

    /// An edge joins a node to itself.
    #[error("edge {edge} joins node {node} to itself; remove it")]
    SelfLoop {
        /// The place of the edge in the list of edges.
        edge: usize,
        /// The node.
        node: usize,
    },

    /// A graph is not connected.
    #[error("node {node} cannot be reached from node 0; add an edge")]
    UnreachableNode {
        /// The first node that cannot be reached.
        node: usize,
    },

    /// The unmasked edges of a row do not connect the nodes.
    #[error("row {row} has no spanning tree: its unmasked edges do not reach every node; unmask more")]
    NoSpanningTree {
        /// The row.
        row: usize,
    },

    /// An index is not that of a category.
    #[error("the index of row {row} is {index}; expected one below the number of categories, {categories}")]
    Index {
        /// The row.
        row: usize,
        /// The index given for it.
        index: u32,
        /// The number of categories.
        categories: usize,
    },

    /// The noise given for a row is not finite, so its sample is undefined.
    #[error("the noise of row {row} is not finite; pass finite numbers")]
    Noise {
        /// The row.
        row: usize,
    },

    /// A coordinate of a sample is outside the support of its distribution.
    #[error("the sample at row {row}, column {column} is {value}, outside the support of the distribution")]
    Sample {
        /// The row of the coordinate.
        row: usize,
        /// Its category.
        column: usize,
        /// What it is.
        value: f64,
    },

    /// A sample has probability zero in every category.
    #[error("the sample of row {row} is zero in every category; its entries must sum to one")]
    NoMass {
        /// The row.
        row: usize,
    },

    /// Log-odds are ±∞ or NaN.
    #[error("the log-odds at index {index} are {value}; expected a finite number")]
    LogOdds {
        /// The place of the log-odds.
        index: usize,
        /// What they are.
        value: f64,
    },

    /// The order of an entmax is below 1, infinite or NaN.
    #[error("alpha must be finite and at least 1 (1 is softmax, 2 sparsemax), got {0}")]
    Alpha(f64),

    /// The masks of a square matrix leave no permutation: each contains a masked pair.
    #[error("every permutation of matrix {matrix} contains a masked pair (-inf); mask fewer pairs")]
    NoPermutation {
        /// The matrix.
        matrix: usize,
    },

    /// A number of iterations of zero.
    #[error("the number of iterations must be at least 1, got 0")]
    Iterations,

    /// A top-k truncation that keeps nothing.
    #[error("top-k must keep at least 1 category, got 0")]
    TopK,

    /// The probability of a top-p truncation is outside (0, 1].
    #[error("top-p must be above 0 and at most 1, got {0}; 1 keeps every category")]
    TopP(f64),

    /// The ratio of a min-p truncation is outside [0, 1].
    #[error("min-p must be from 0 to 1, got {0}; 0 keeps every category")]
    MinP(f64),

    /// A tolerance is negative, infinite or NaN.
    #[error("the tolerance must be finite and not negative, got {0}; 0 runs every iteration")]
    Tolerance(f64),
}

/// Checks that a temperature is positive and finite.
///
/// # Errors
///
/// [`Error::Temperature`] otherwise.
///
/// ```
/// use gumbel_kernels::check_temperature;
/// assert!(check_temperature(0.5f32).is_ok());
/// let error = check_temperature(-0.5f64).unwrap_err();
/// assert_eq!(error.to_string(), "temperature must be positive and finite, got -0.5");
/// ```
pub fn check_temperature<T: Real>(tau: T) -> Result<(), Error> {
    if tau > T::zero() && tau < T::infinity() { Ok(()) } else { Err(Error::Temperature(tau.into())) }
}

/// The error of a row of logits: a logit that is NaN or +∞, or nothing but masks; `None` if it is valid.
#[cold]
pub(crate) fn logit_error<T: Real>(row: usize, logits: &[T]) -> Option<Error> {
    let invalid = |logit: &T| logit.is_nan() || *logit == T::infinity();
    if let Some(column) = logits.iter().position(invalid) {
        return Some(Error::Logit { row, column, value: logits[column].into() });
    }
    let masked = logits.iter().all(|&logit| logit == T::neg_infinity());
    masked.then_some(Error::AllMasked { row })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_value_and_the_remedy() {
        let (row, column, value) = (4, 2, f64::INFINITY);
        let cases = [
            (Error::Temperature(-0.5), "temperature must be positive and finite, got -0.5"),
            (Error::Categories(0), "a row must have from 1 to 4294967295 categories, got 0"),
            (
                Error::Logit { row, column, value },
                "the logit at row 4, column 2 is inf; expected a finite number, or -inf to mask the category",
            ),
            (Error::AllMasked { row }, "every logit of row 4 is -inf; leave at least one category unmasked"),
            (
                Error::TooFew { row, requested: 5, available: 3 },
                "cannot choose 5 categories from row 4: only 3 are unmasked; request fewer or unmask more",
            ),
            (Error::EmptySubset, "the size of a subset must be at least 1, got 0"),
            (Error::TooFewNodes(1), "a graph must have at least 2 nodes, got 1"),
            (
                Error::EdgeOutOfRange { edge: 6, ends: [1, 3], nodes: 3 },
                "edge 6 joins nodes 1 and 3, but nodes are numbered from 0 to 2",
            ),
            (Error::SelfLoop { edge: 6, node: 1 }, "edge 6 joins node 1 to itself; remove it"),
            (Error::UnreachableNode { node: 2 }, "node 2 cannot be reached from node 0; add an edge"),
            (
                Error::NoSpanningTree { row },
                "row 4 has no spanning tree: its unmasked edges do not reach every node; unmask more",
            ),
            (
                Error::Index { row, index: 7, categories: 7 },
                "the index of row 4 is 7; expected one below the number of categories, 7",
            ),
            (Error::Noise { row }, "the noise of row 4 is not finite; pass finite numbers"),
            (
                Error::Sample { row, column, value: -1.0 },
                "the sample at row 4, column 2 is -1, outside the support of the distribution",
            ),
            (
                Error::NoMass { row },
                "the sample of row 4 is zero in every category; its entries must sum to one",
            ),
            (Error::LogOdds { index: 9, value }, "the log-odds at index 9 are inf; expected a finite number"),
            (Error::Alpha(0.5), "alpha must be finite and at least 1 (1 is softmax, 2 sparsemax), got 0.5"),
            (
                Error::NoPermutation { matrix: 3 },
                "every permutation of matrix 3 contains a masked pair (-inf); mask fewer pairs",
            ),
            (Error::Iterations, "the number of iterations must be at least 1, got 0"),
            (Error::TopK, "top-k must keep at least 1 category, got 0"),
            (Error::TopP(1.5), "top-p must be above 0 and at most 1, got 1.5; 1 keeps every category"),
            (Error::MinP(-0.5), "min-p must be from 0 to 1, got -0.5; 0 keeps every category"),
            (
                Error::Tolerance(-1.0),
                "the tolerance must be finite and not negative, got -1; 0 runs every iteration",
            ),
        ];
        for (error, message) in cases {
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn only_positive_finite_temperatures_pass() {
        for tau in [f32::MIN_POSITIVE, 1e-45, 1.0, f32::MAX] {
            assert_eq!(check_temperature(tau), Ok(()));
        }
        for tau in [0.0, -0.0, -1.0, f32::INFINITY, f32::NAN] {
            assert!(matches!(check_temperature(tau), Err(Error::Temperature(_))), "{tau}");
        }
    }

    #[test]
    fn errors_name_the_first_invalid_logit() {
        let masked = f64::NEG_INFINITY;
        assert_eq!(logit_error(0, &[0.0, masked]), None);
        assert_eq!(logit_error(3, &[masked; 2]), Some(Error::AllMasked { row: 3 }));
        let found = logit_error(3, &[masked, f64::INFINITY]);
        assert_eq!(found, Some(Error::Logit { row: 3, column: 1, value: f64::INFINITY }));
    }
}

//! What a caller's data can get wrong.

use crate::Real;

/// Why a kernel refused its input. Each message names the value and the remedy.
///
/// A kernel that returns an error leaves its outputs half written.
///
/// ```
/// use gumbel_kernels::{Error, softmax};
/// let error = softmax(&[0.0, f64::NAN], 2, &mut [0.0; 2]).unwrap_err();
/// assert!(matches!(error, Error::Logit { row: 0, column: 1, .. }));
/// assert!(error.to_string().starts_with("the logit at row 0, column 1 is NaN"));
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields: each variant's sentence names them
pub enum Error {
    /// The temperature is zero, negative, infinite or NaN.
    #[error("temperature must be positive and finite, got {0}")]
    Temperature(f64),
    /// The row length is zero, or larger than a `u32` index can say.
    #[error("a row must have from 1 to 4294967295 categories, got {0}")]
    Categories(usize),
    /// The logit in `row` and `column` has the `value` NaN or +∞.
    #[error(
        "the logit at row {row}, column {column} is {value}: it must be finite, or -inf to mask the category"
    )]
    Logit { row: usize, column: usize, value: f64 },
    /// Every logit of `row` is −∞, so nothing can be sampled.
    #[error("every logit of row {row} is -inf: leave at least one category unmasked")]
    AllMasked { row: usize },
    /// Sampling without replacement: `wanted` categories of a `row` with fewer `available` (unmasked).
    #[error(
        "row {row} has {available} unmasked categories but {wanted} are wanted: ask for fewer or mask fewer"
    )]
    TooFew { row: usize, wanted: usize, available: usize },
    /// A subset of no categories is wanted.
    #[error("a subset must have at least one member, got 0")]
    EmptySubset,
    /// A graph that has no spanning trees, or is no graph: what is wrong with it, and the remedy.
    #[error("no spanning trees: {0}")]
    Graph(String),
    /// The unmasked edges of `row` do not connect the nodes.
    #[error("row {row} has no spanning tree: leave edges unmasked until every node is reached")]
    Disconnected { row: usize },
    /// The category `index` for `row` is not below the number of `categories`.
    #[error("the index of row {row} is {index}: it must be below the number of categories, {categories}")]
    Index { row: usize, index: u32, categories: usize },
    /// The noise given for `row` makes its sample undefined.
    #[error("the noise of row {row} is not finite")]
    Noise { row: usize },
    /// The coordinate in `row` and `column` of a point has a `value` outside the support of the density.
    #[error(
        "the sample at row {row}, column {column} is {value}: it lies outside the support of the density"
    )]
    Sample { row: usize, column: usize, value: f64 },
    /// The point in `row` has probability zero in every category.
    #[error("the sample of row {row} has no mass on any category: its entries must sum to one")]
    NoMass { row: usize },
    /// The log-odds at `index` have the `value` ±∞ or NaN.
    #[error("the log-odds at index {index} is {value}: it must be finite")]
    LogOdds { index: usize, value: f64 },
    /// The order of an entmax is below 1, infinite or NaN.
    #[error("alpha must be finite and at least 1 (1 is softmax, 2 sparsemax), got {0}")]
    Alpha(f64),
    /// The masks of a square `matrix` leave no permutation: pairs of −∞ are in the way of each.
    #[error("every permutation of matrix {matrix} meets a masked pair (-inf): mask fewer pairs")]
    NoPermutation { matrix: usize },
    /// A number of iterations of zero.
    #[error("the number of iterations must be at least 1, got 0")]
    Iterations,
    /// A tolerance that is negative, infinite or NaN.
    #[error("the tolerance must be finite and not negative (0 runs every iteration), got {0}")]
    Tolerance(f64),
}

/// Passes a temperature that is positive and finite.
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

/// What is wrong with a row whose maximum or sum came out undefined; `None` if its logits are sound.
#[cold]
pub(crate) fn logit_fault<T: Real>(row: usize, logits: &[T]) -> Option<Error> {
    let unfit = |logit: &T| logit.is_nan() || *logit == T::infinity();
    if let Some(column) = logits.iter().position(unfit) {
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
                "the logit at row 4, column 2 is inf: it must be finite, or -inf to mask the category",
            ),
            (Error::AllMasked { row }, "every logit of row 4 is -inf: leave at least one category unmasked"),
            (
                Error::TooFew { row, wanted: 5, available: 3 },
                "row 4 has 3 unmasked categories but 5 are wanted: ask for fewer or mask fewer",
            ),
            (Error::Graph("no nodes".into()), "no spanning trees: no nodes"),
            (
                Error::Disconnected { row },
                "row 4 has no spanning tree: leave edges unmasked until every node is reached",
            ),
            (Error::EmptySubset, "a subset must have at least one member, got 0"),
            (
                Error::Index { row, index: 7, categories: 7 },
                "the index of row 4 is 7: it must be below the number of categories, 7",
            ),
            (Error::Noise { row }, "the noise of row 4 is not finite"),
            (
                Error::Sample { row, column, value: -1.0 },
                "the sample at row 4, column 2 is -1: it lies outside the support of the density",
            ),
            (
                Error::NoMass { row },
                "the sample of row 4 has no mass on any category: its entries must sum to one",
            ),
            (Error::LogOdds { index: 9, value }, "the log-odds at index 9 is inf: it must be finite"),
            (Error::Alpha(0.5), "alpha must be finite and at least 1 (1 is softmax, 2 sparsemax), got 0.5"),
            (
                Error::NoPermutation { matrix: 3 },
                "every permutation of matrix 3 meets a masked pair (-inf): mask fewer pairs",
            ),
            (Error::Iterations, "the number of iterations must be at least 1, got 0"),
            (
                Error::Tolerance(-1.0),
                "the tolerance must be finite and not negative (0 runs every iteration), got -1",
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
    fn fault_is_found_where_it_is() {
        let masked = f64::NEG_INFINITY;
        assert_eq!(logit_fault(0, &[0.0, masked]), None);
        assert_eq!(logit_fault(3, &[masked; 2]), Some(Error::AllMasked { row: 3 }));
        let found = logit_fault(3, &[masked, f64::INFINITY]);
        assert_eq!(found, Some(Error::Logit { row: 3, column: 1, value: f64::INFINITY }));
    }
}

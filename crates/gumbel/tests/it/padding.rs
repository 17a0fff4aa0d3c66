//! Scores of −∞ are padding of a sort: the others are sorted as they are without it, and it has the last places.

use crate::support::numbers;
use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::permutation::{
    hard_sort, neural_sort, perturb, soft_sort, straight_through_neural_sort, straight_through_soft_sort,
};
use gumbel::{Error, Noise};

type Sort = fn(Tensor<2>, f64) -> Result<Tensor<3>, Error>;
/// Each sort, and whether its matrix is hard.
const SORTS: [(&str, Sort, bool); 5] = [
    ("hard_sort", |scores, _| hard_sort(scores), true),
    ("neural_sort", neural_sort, false),
    ("soft_sort", soft_sort, false),
    ("straight_through_neural_sort", straight_through_neural_sort, true),
    ("straight_through_soft_sort", straight_through_soft_sort, true),
];
const PADDING: f64 = f64::NEG_INFINITY;

fn uniform(seed: u64, count: usize) -> Vec<f64> {
    numbers(Noise::from_seed(seed).uniform::<1>([count], &Device::flex()))
}

/// A row of scores, of which not all are padding. Sums of them are exact, and some of them are equal.
struct Row {
    scores: Vec<f64>,
    /// The places of scores that are not padding, and of those that are.
    places: [Vec<usize>; 2],
    tau: f64,
    dtype: DType,
}

fn row(seed: u64) -> Row {
    let u = uniform(seed, 30);
    let one_of = |options: &[f64], u: f64| options[(u * options.len() as f64) as usize];
    let (n, size) = (1 + (u[0] * 8.0) as usize, one_of(&[0.125, 1.0, 32.0, 4096.0], u[1]));
    let kept = (u[3] * n as f64) as usize;
    let score = |place: usize| match u[6 + place] < u[2] && place != kept {
        true => PADDING,
        false => (u[18 + place] * 16.0 - 8.0).round() / 8.0 * size,
    };
    let scores: Vec<f64> = (0..n).map(score).collect();
    let dtype = [DType::F32, DType::F64, DType::F16, DType::BF16][(u[5] * 4.0) as usize];
    // A slope in half precision is at most 65 504.
    let coldest = if dtype == DType::F16 { 0.1 } else { 0.0 };
    let tau = one_of(&[1e-30, 1e-3, 0.1, 1.0, 10.0, 1e30], u[4]).max(coldest);
    let (padding, finite) = (0..n).partition(|&place| scores[place] == PADDING);
    Row { scores, places: [finite, padding], tau, dtype }
}

/// The matrix of a row of scores, and the gradient of the sum of its entries with these weights.
fn sorted(sort: Sort, scores: &[f64], weights: &[f64], row: &Row) -> [Vec<f64>; 2] {
    let (device, n) = (Device::flex().autodiff(), scores.len());
    let leaf = Tensor::<2>::from_data(TensorData::new(scores.to_vec(), [1, n]), (&device, row.dtype));
    let weights = Tensor::<3>::from_data(TensorData::new(weights.to_vec(), [1, n, n]), (&device, row.dtype));
    let leaf = leaf.require_grad();
    let matrix = sort(leaf.clone(), row.tau).unwrap();
    assert_eq!(matrix.dtype(), row.dtype);
    // A hard matrix alone has no gradient to ask for.
    let none = leaf.clone().slice_fill([0..1, 0..n], 0.0).sum();
    let slopes = leaf.grad(&((matrix.clone() * weights).sum() + none).backward()).unwrap();
    [numbers(matrix.inner()), numbers(slopes)]
}

/// The matrix with padding, from that without: the padding has the last places, in order or in equal parts.
fn with_padding(without: &[f64], row: &Row, hard: bool) -> Vec<f64> {
    let (n, [finite, padding]) = (row.scores.len(), &row.places);
    let mut matrix = vec![0.0; n * n];
    for (at, &value) in without.iter().enumerate() {
        matrix[at / finite.len() * n + finite[at % finite.len()]] = value;
    }
    for (i, j) in (0..padding.len()).flat_map(|i| (0..padding.len()).map(move |j| (i, j))) {
        let share = if hard { f64::from(i == j) } else { 1.0 / padding.len() as f64 };
        matrix[(finite.len() + i) * n + padding[j]] = share;
    }
    matrix
}

#[track_caller]
fn agree(found: &[f64], expected: &[f64], dtype: DType, case: &str) {
    let step = match dtype {
        DType::F64 => f64::EPSILON,
        DType::F32 => f64::from(f32::EPSILON),
        DType::F16 => 2f64.powi(-10),
        _ => 2f64.powi(-7),
    };
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let tolerance = 16.0 * step * if largest > 1.0 { largest } else { 1.0 };
        assert!((found - expected).abs() <= tolerance, "{case}: {found}, not {expected}");
    }
}

#[test]
fn padding_has_the_last_places_and_the_others_are_sorted_as_without_it() {
    for seed in 0..1000 {
        let row = row(seed);
        let (n, [finite, padding]) = (row.scores.len(), &row.places);
        let scores: Vec<f64> = finite.iter().map(|&place| row.scores[place]).collect();
        let weights: Vec<f64> = uniform(seed + 1000, n * n).iter().map(|u| u - 0.5).collect();
        let block: Vec<f64> = (0..finite.len())
            .flat_map(|i| finite.iter().map(move |j| i * n + j))
            .map(|at| weights[at])
            .collect();
        for (name, sort, hard) in SORTS {
            let case = format!("{name}, seed {seed}, {:?} at {}, {:?}", row.scores, row.tau, row.dtype);
            let [matrix, slopes] = sorted(sort, &row.scores, &weights, &row);
            let [without, expected] = sorted(sort, &scores, &block, &row);
            agree(&matrix, &with_padding(&without, &row, hard), row.dtype, &case);
            let kept: Vec<f64> = finite.iter().map(|&place| slopes[place]).collect();
            agree(&kept, &expected, row.dtype, &case);
            assert!(padding.iter().all(|&place| slopes[place] == 0.0), "{case}: {slopes:?}");
            assert!(slopes.iter().all(|slope| slope.is_finite()), "{case}: {slopes:?}");
        }
    }
}

#[test]
fn padding_stays_padding_where_scores_are_perturbed() {
    let scores = Tensor::<2>::from_data(
        TensorData::new(vec![PADDING, 0.0, 1.0, PADDING, 2.0], [1, 5]),
        (&Device::flex(), DType::F32),
    );
    for seed in 0..20 {
        let drawn: Tensor<3> =
            hard_sort(perturb(scores.clone(), &mut Noise::from_seed(seed)).unwrap()).unwrap();
        assert_eq!(numbers(drawn)[15..], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }
}

#[test]
fn rows_of_only_padding_and_scores_that_are_no_numbers_are_typed_errors() {
    let infinity = f64::INFINITY;
    for dtype in [DType::F32, DType::F64, DType::F16] {
        for (name, sort, _) in SORTS {
            let of = |bad: [f64; 3]| {
                let rows = [[0.0, PADDING, 1.0], bad].concat();
                sort(Tensor::from_data(TensorData::new(rows, [2, 3]), (&Device::flex(), dtype)), 0.7)
            };
            assert_eq!(of([PADDING; 3]).unwrap_err(), Error::OnlyPadding { row: 1 }, "{name}");
            let nan = of([PADDING, PADDING, f64::NAN]).unwrap_err();
            assert!(
                matches!(nan, Error::Score { row: 1, column: 2, value } if value.is_nan()),
                "{name}: {nan}"
            );
            let infinite = of([0.0, infinity, PADDING]).unwrap_err();
            assert_eq!(infinite, Error::Score { row: 1, column: 1, value: infinity }, "{name}");
        }
    }
}

//! Each function of a table is computed for a thousand random rows: one to eight categories, four types, masks, common parts up
//! to 3e38, spreads up to 1e4, temperatures from 1e-3 to 1e3, one row in ten invalid. An invalid row must give a typed error. A
//! valid one must agree with the definition, written out here in double precision.

mod estimators;
mod forms;
mod functions;
mod laws;
mod noisy;
mod points;
mod public;
mod signs;
mod solvers;

use crate::support::numbers;
use burn::tensor::{DType, Device, Tensor, TensorData};
use functions::FUNCTIONS;
use gumbel::{Error, Noise, sparse, subset};

const MASK: f64 = f64::NEG_INFINITY;

/// A row of logits in its type, in double precision.
struct Row {
    logits: Vec<f64>,
    tau: f64,
    dtype: DType,
    seed: u64,
}

fn tensor(values: &[f64], dtype: DType) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [1, values.len()]), (&Device::flex(), dtype))
}

/// A row of at least `least` categories, or of just as many.
fn row(seed: u64, least: usize, more: usize) -> Row {
    let u = numbers(Noise::from_seed(seed).uniform::<1>([60], &Device::flex()));
    let one_of = |options: &[f64], u: f64| options[(u * options.len() as f64) as usize];
    let dtype = [DType::F32, DType::F64, DType::F16, DType::BF16][(u[0] * 4.0) as usize];
    let common = one_of(&[0.0, 0.0, 1.0, -30.0, 1e4, -1e7, 3e38], u[1]);
    let common = if dtype == DType::F16 { common.clamp(-3e4, 3e4) } else { common };
    let spread = one_of(&[0.0, 0.1, 1.0, 5.0, 50.0, 1e4], u[2]);
    let masked = one_of(&[0.0, 0.0, 0.3], u[3]);
    let n = least + (u[4] * (more + 1) as f64) as usize;
    let logit = |i: usize| if u[10 + i] < masked { MASK } else { common + spread * (2.0 * u[35 + i] - 1.0) };
    let mut logits: Vec<f64> = (0..n).map(logit).collect();
    if u[5] < 0.1 {
        logits[(u[6] * n as f64) as usize] = if u[5] < 0.05 { f64::NAN } else { f64::INFINITY };
    }
    let logits = numbers(tensor(&logits, dtype));
    Row { logits, tau: one_of(&[1e-3, 0.1, 0.5, 1.0, 3.0, 1e3], u[7]), dtype, seed }
}

impl Row {
    /// Whether no logit is NaN or +∞, and at least `least` are unmasked.
    fn valid(&self, least: usize) -> bool {
        let open = self.logits.iter().filter(|logit| logit.is_finite()).count();
        self.logits.iter().all(|&logit| logit < f64::INFINITY) && open >= least
    }

    /// The logits minus the largest.
    fn gaps(&self) -> Vec<f64> {
        let max = self.logits.iter().copied().fold(MASK, f64::max);
        self.logits.iter().map(|logit| logit - max).collect()
    }

    fn largest(&self) -> f64 {
        self.logits.iter().copied().fold(MASK, f64::max)
    }

    /// The largest gap.
    fn size(&self) -> f64 {
        self.gaps().iter().filter(|gap| gap.is_finite()).fold(0.0, |size, gap| gap.abs().max(size))
    }

    fn tensor(&self) -> Tensor<2> {
        tensor(&self.logits, self.dtype)
    }

    /// Of a number of an exact result.
    fn tolerance(&self, function: &Function, exact: f64) -> f64 {
        let [step, rounded] = self.steps();
        // The smallest number of `f16` is 2^−24.
        let least = if self.dtype == DType::F16 { 2f64.powi(-24) } else { 1e-37 };
        step * (function.rounding)(self, exact) + rounded * exact.abs() + least
    }

    /// The steps of the type of the computation, and of the type of the result.
    fn steps(&self) -> [f64; 2] {
        let single = f64::from(f32::EPSILON);
        match self.dtype {
            DType::F64 => [f64::EPSILON; 2],
            DType::F32 => [single; 2],
            DType::F16 => [single, 2f64.powi(-10)],
            _ => [single, 2f64.powi(-7)],
        }
    }
}

/// What a function computes, what it should, and the part of the tolerance that is not of the rounding of a result: in steps of
/// the type of the computation.
struct Function {
    name: &'static str,
    /// The fewest categories, and how many more there may be.
    lengths: [usize; 2],
    /// The fewest categories that are no masks, if that decides.
    open: usize,
    run: fn(&Row) -> Result<Vec<f64>, Error>,
    exact: fn(&Row) -> Vec<f64>,
    /// Of a number of the exact result.
    rounding: fn(&Row, f64) -> f64,
}

/// What is wrong with a function of a row, if anything is.
fn fault(function: &Function, row: &Row) -> Option<String> {
    let case = format!("{} of {:?}, tau {}, {:?}", function.name, row.logits, row.tau, row.dtype);
    let least = if function.open == usize::MAX { row.logits.len() } else { function.open };
    let result = (function.run)(row);
    if !row.valid(least) {
        // With some masks there may be a structure all the same: those have tests of their own.
        let masks = function.open == usize::MAX && row.valid(1);
        return (result.is_ok() && !masks).then_some(format!("{case}: {result:?}"));
    }
    let (found, exact) = (result.unwrap_or_default(), (function.exact)(row));
    let close = |(&found, &exact): (&f64, &f64)| {
        let beyond = exact.abs() > 6e4 && found.abs() >= 6e4;
        (found - exact).abs() <= row.tolerance(function, exact) || beyond
    };
    let same = found.len() == exact.len() && found.iter().zip(&exact).all(close);
    let tolerances: Vec<f64> = exact.iter().map(|&exact| row.tolerance(function, exact)).collect();
    (!same).then(|| format!("{case}: {found:?}, not {exact:?} by {tolerances:?}"))
}

#[test]
fn functions_of_rows_agree_with_their_definitions_in_double_precision() {
    let faults: Vec<String> = FUNCTIONS
        .iter()
        .filter_map(|function| {
            let [least, more] = function.lengths;
            (0..1000).find_map(|seed| fault(function, &row(seed, least, more)))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn samples_of_valid_rows_are_inside_their_range_and_others_are_typed_errors() {
    type Sample = (&'static str, usize, f64, fn(&Row, &mut Noise) -> Result<Tensor<2>, Error>);
    let samples: [Sample; 9] = [
        ("sample_one_hot", 1, 1.0, |row, noise| gumbel::sample_one_hot(row.tensor(), noise)),
        ("gumbel_softmax", 1, 1.0, |row, noise| gumbel::gumbel_softmax(row.tensor(), row.tau, noise)),
        ("log_gumbel_softmax", 1, 1.0, |row, noise| {
            Ok(gumbel::log_gumbel_softmax(row.tensor(), row.tau, noise)?.exp())
        }),
        ("straight_through", 1, 1.0, |row, noise| {
            gumbel::straight_through_gumbel_softmax(row.tensor(), row.tau, noise)
        }),
        ("gumbel_sparsemax", 1, 1.0, |row, noise| sparse::gumbel_sparsemax(row.tensor(), row.tau, noise)),
        ("gumbel_entmax", 1, 1.0, |row, noise| sparse::gumbel_entmax(row.tensor(), 1.5, row.tau, noise)),
        ("k_hot", 2, 2.0, |row, noise| subset::k_hot(row.tensor(), 2, noise)),
        ("top_k_hot", 2, 2.0, |row, noise| subset::top_k_hot(row.tensor(), 2, noise)),
        ("relaxed_top_k", 2, 2.0, |row, noise| subset::relaxed_top_k(row.tensor(), 2, row.tau, noise)),
    ];
    for (seed, (name, open, total, sample)) in (0..1000).flat_map(|seed| samples.map(|sample| (seed, sample)))
    {
        let row = row(seed, open, 6);
        let case = format!("{name} of {:?}, tau {}, {:?}, seed {seed}", row.logits, row.tau, row.dtype);
        let result = sample(&row, &mut Noise::from_seed(seed)).map(numbers);
        assert_eq!(result.is_ok(), row.valid(open), "{case}: {result:?}");
        let Ok(found) = result else { continue };
        let (sum, step) = (found.iter().sum::<f64>(), row.steps()[1]);
        assert!((sum - total).abs() <= 16.0 * step, "{case}: {found:?} sums to {sum}");
        for (&found, &logit) in found.iter().zip(&row.logits) {
            assert!((0.0..=total).contains(&found) && (logit > MASK || found == 0.0), "{case}: {found}");
        }
    }
}

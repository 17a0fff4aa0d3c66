//! Hard samples with a substituted gradient: their value is the sample, bit for bit, and their gradient agrees with its
//! formula in double precision, or with the same function of doubles where noise decides it.

use super::{MASK, Row, row};
use crate::support::numbers;
use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::estimator::LogitGap;
use gumbel::{Error, Noise, permutation, sparse, straight_through, subset, tree};

/// A function of logits, given a hard sample of them.
type Form = (&'static str, fn(Tensor<2>, Tensor<2>, f64, u64) -> Tensor<2>, Option<fn(&Case) -> Vec<f64>>);

/// Probabilities, those at the temperature, a sample, the cotangent and the temperature.
struct Case {
    p: Vec<f64>,
    tempered: Vec<f64>,
    hard: Vec<f64>,
    d: Vec<f64>,
    tau: f64,
    open: Vec<bool>,
}

fn leaf(values: &[f64], dtype: DType) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [1, values.len()]);
    Tensor::from_data(data, (&Device::flex().autodiff(), dtype)).require_grad()
}

fn softmax(gaps: &[f64], tau: f64) -> Vec<f64> {
    let total: f64 = gaps.iter().map(|gap| (gap / tau).exp()).sum();
    gaps.iter().map(|gap| (gap / tau).exp() / total).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `p∘d − p (pᵀd)`.
fn along(p: &[f64], d: &[f64]) -> Vec<f64> {
    let mean = dot(p, d);
    p.iter().zip(d).map(|(p, d)| p * (d - mean)).collect()
}

impl Case {
    fn of(row: &Row) -> Self {
        let (gaps, weights) = (row.gaps(), row.uniforms(20));
        let open: Vec<usize> = (0..gaps.len()).filter(|&i| gaps[i] > MASK).collect();
        let picked = open[(row.uniforms(21)[0] * open.len() as f64) as usize];
        let quarters = |u: &f64| (u * 16.0).round() / 4.0 - 2.0;
        Self {
            p: softmax(&gaps, 1.0),
            tempered: softmax(&gaps, row.tau.max(0.1)),
            hard: (0..gaps.len()).map(|i| f64::from(i == picked)).collect(),
            d: weights.iter().map(quarters).collect(),
            tau: row.tau.max(0.1),
            open: gaps.iter().map(|&gap| gap > MASK).collect(),
        }
    }

    /// The value and the gradient of a function of logits of a type.
    fn run(&self, row: &Row, dtype: DType, f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>) -> [Vec<f64>; 2] {
        let logits = leaf(&row.logits, dtype);
        let value = f(logits.clone(), leaf(&self.hard, dtype).detach());
        let d = leaf(&self.d, dtype).detach();
        let slope = logits.grad(&(value.clone() * d).sum().backward()).expect("a gradient");
        [numbers(value), numbers(slope)]
    }
}

const FORMS: [Form; 10] = [
    (
        "identity",
        |l, hard, _, _| straight_through::identity(l, hard),
        Some(|case| case.d.iter().zip(&case.open).map(|(d, &open)| if open { *d } else { 0.0 }).collect()),
    ),
    (
        "softmax",
        |l, hard, tau, _| straight_through::softmax(l, hard, tau),
        Some(|case| along(&case.tempered, &case.d).iter().map(|slope| slope / case.tau).collect()),
    ),
    (
        "zgr",
        |l, hard, _, _| straight_through::zgr(l, hard),
        Some(|case| {
            let Case { p, hard, d, .. } = case;
            let (at, mean) = (dot(hard, d), dot(p, d));
            (0..p.len()).map(|i| 0.5 * (p[i] * d[i] + hard[i] * at - p[i] * at - hard[i] * mean)).collect()
        }),
    ),
    (
        "reinmax",
        |l, hard, tau, _| straight_through::reinmax(l, hard, tau),
        Some(|case| {
            let middle: Vec<f64> = case.tempered.iter().zip(&case.hard).map(|(p, b)| 0.5 * (p + b)).collect();
            let (twice, half) = (along(&middle, &case.d), along(&case.p, &case.d));
            twice.iter().zip(half).map(|(twice, half)| 2.0 * twice - 0.5 * half).collect()
        }),
    ),
    (
        "gapped by a number",
        |l, hard, tau, _| straight_through::gapped(l, hard, tau, LogitGap::Fixed(1.0)),
        None,
    ),
    (
        "gapped by probability",
        |l, hard, tau, _| straight_through::gapped(l, hard, tau, LogitGap::Probability),
        None,
    ),
    (
        "gumbel_rao",
        |l, hard, tau, seed| straight_through::gumbel_rao(l, hard, tau, 3, &mut Noise::from_seed(seed)),
        None,
    ),
    (
        "reinmax_rao",
        |l, hard, tau, seed| straight_through::reinmax_rao(l, hard, tau, 3, &mut Noise::from_seed(seed)),
        None,
    ),
    ("optimal", |l, hard, _, _| straight_through::optimal(l, hard, 3.0), None),
    (
        "darn",
        |l, hard, _, _| match l.dims()[1] {
            2 => straight_through::darn(l, hard),
            _ => straight_through::identity(l, hard),
        },
        None,
    ),
];

/// How far apart slopes may be: 64 steps of the computation, and four of the result.
fn tolerance(row: &Row, case: &Case, exact: f64) -> f64 {
    let [step, rounded] = row.steps();
    64.0 * step * (1.0 + 1.0 / case.tau) * (1.0 + row.size().min(100.0) / case.tau)
        + 4.0 * rounded * exact.abs()
        + if row.dtype == DType::F16 { 1e-6 } else { 0.0 }
}

#[test]
fn substituted_gradients_agree_with_double_precision_and_their_samples_stay_bit_for_bit() {
    for (seed, (name, form, exact)) in (0..1000).flat_map(|seed| FORMS.map(|form| (seed, form))) {
        let row = row(seed, 2, if name == "darn" { 0 } else { 6 });
        if !row.valid(1) {
            continue;
        }
        let case = Case::of(&row);
        let apply = |l, hard| form(l, hard, case.tau, seed);
        let [value, slopes] = case.run(&row, row.dtype, apply);
        assert_eq!(value, case.hard, "{name}");
        let exact = exact.map_or_else(|| case.run(&row, DType::F64, apply)[1].clone(), |exact| exact(&case));
        for (found, exact) in slopes.iter().zip(&exact) {
            let tolerance = tolerance(&row, &case, *exact);
            assert!(
                (found - exact).abs() <= tolerance,
                "{name} of {:?}, tau {}, {:?}, seed {seed}, at {:?}: {slopes:?}, not {exact:?} by {tolerance}",
                row.logits,
                case.tau,
                row.dtype,
                case.hard,
            );
        }
    }
}

/// A straight-through sample of logits: its value is hard, and its gradient that of the soft sample of the same noise.
type Sampled = (
    &'static str,
    [usize; 2],
    fn(Tensor<2>, f64, &mut Noise) -> Result<Tensor<2>, Error>,
    fn(Tensor<2>, f64, &mut Noise) -> Result<Tensor<2>, Error>,
);

fn square<const N: usize>(logits: Tensor<2>) -> Tensor<3> {
    logits.reshape([1, N, N])
}

fn flat(result: Result<Tensor<3>, Error>) -> Result<Tensor<2>, Error> {
    result.map(|z| z.flatten::<1>(0, 2).unsqueeze::<2>())
}

fn graph() -> tree::Graph {
    tree::Graph::complete(4).expect("a graph of four nodes")
}

const SAMPLED: [Sampled; 10] = [
    ("gumbel_softmax", [2, 6], gumbel::straight_through_gumbel_softmax, gumbel::gumbel_softmax),
    ("sparsemax", [2, 6], sparse::straight_through_sparsemax, sparse::gumbel_sparsemax),
    (
        "entmax",
        [2, 6],
        |l, tau, noise| sparse::straight_through_entmax(l, 1.5, tau, noise),
        |l, tau, noise| sparse::gumbel_entmax(l, 1.5, tau, noise),
    ),
    (
        "top_k",
        [3, 5],
        |l, tau, noise| subset::straight_through_top_k(l, 2, tau, noise),
        |l, tau, noise| subset::relaxed_top_k(l, 2, tau, noise),
    ),
    (
        "k_hot",
        [3, 5],
        |l, _, noise| subset::straight_through_k_hot(l, 2, noise),
        |l, _, _| subset::marginals(l, 2),
    ),
    (
        "tree",
        [6, 0],
        |l, tau, noise| tree::straight_through_tree(&graph(), l, tau, noise),
        |l, tau, noise| tree::relaxed_tree(&graph(), l, tau, noise),
    ),
    (
        "neural_sort",
        [4, 0],
        |l, tau, _| flat(permutation::straight_through_neural_sort(l, tau)),
        |l, tau, _| flat(permutation::neural_sort(l, tau)),
    ),
    (
        "soft_sort",
        [4, 0],
        |l, tau, _| flat(permutation::straight_through_soft_sort(l, tau)),
        |l, tau, _| flat(permutation::soft_sort(l, tau)),
    ),
    (
        "sinkhorn",
        [9, 0],
        |l, tau, _| flat(permutation::straight_through_sinkhorn(square::<3>(l), tau, 10, 0.0)),
        |l, tau, _| flat(permutation::sinkhorn(square::<3>(l), tau, 10, 0.0)),
    ),
    (
        "gumbel_sinkhorn",
        [9, 0],
        |l, tau, noise| {
            flat(permutation::straight_through_gumbel_sinkhorn(square::<3>(l), tau, 10, 0.0, noise))
        },
        |l, tau, noise| flat(permutation::gumbel_sinkhorn(square::<3>(l), tau, 10, 0.0, noise)),
    ),
];

#[test]
fn straight_through_samples_have_the_gradient_of_the_soft_sample_of_the_same_noise() {
    for (seed, (name, [least, more], hard, soft)) in
        (0..1000).flat_map(|seed| SAMPLED.map(|form| (seed, form)))
    {
        let (row, at) = (row(seed, least, more), format!("{name}, seed {seed}"));
        let slopes = |f: fn(Tensor<2>, f64, &mut Noise) -> Result<Tensor<2>, Error>| {
            let logits = leaf(&row.logits, row.dtype);
            let value = f(logits.clone(), row.tau, &mut Noise::from_seed(seed))?;
            let d =
                Tensor::arange(1..value.dims()[1] as i64 + 1, &value.device()).float().cast(value.dtype());
            let slope = logits.grad(&(value.clone() * d.unsqueeze::<2>()).sum().backward());
            Ok::<_, Error>([numbers(value), numbers(slope.expect("a gradient"))])
        };
        match (slopes(hard), slopes(soft)) {
            (Ok([z, hard]), Ok([_, soft])) => {
                assert!(z.iter().all(|&z| z == 0.0 || z == 1.0), "{at}: {z:?}");
                let same = |(a, b): (&f64, &f64)| a == b || (a - b).abs() <= 4.0 * row.steps()[1] * b.abs();
                assert!(hard.iter().zip(&soft).all(same), "{at}: {hard:?}, not {soft:?}");
            }
            (Err(_), Err(_)) => {}
            (hard, soft) => panic!("{at} of {:?}: {hard:?} where the soft sample is {soft:?}", row.logits),
        }
    }
}

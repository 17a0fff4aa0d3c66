//! VIMCO, MuProp and local expectations without Monte Carlo: their mean over all tuples of samples, in double
//! precision.

use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::estimator::{Estimate, LocalExpectation, MuProp, Objective, Sample, Vimco};

const LATENTS: usize = 2;
const STATES: usize = 4;
const LOG_ODDS: [f64; LATENTS] = [0.7, -1.3];

fn double<const D: usize>(values: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex().autodiff(), DType::F64))
}

fn bits(state: usize) -> [f64; LATENTS] {
    [(state / 2) as f64, (state % 2) as f64]
}

fn mass(state: usize) -> f64 {
    let one = |l: f64, bit: f64| if bit == 1.0 { 1.0 / (1.0 + (-l).exp()) } else { 1.0 / (1.0 + l.exp()) };
    (0..LATENTS).map(|i| one(LOG_ODDS[i], bits(state)[i])).product()
}

/// Smooth: curved, and its slope at a vertex points the way.
fn smooth(sample: &Sample) -> Tensor<2> {
    let [samples, rows, latents, _] = sample.z.dims();
    let ones = sample.z.clone().narrow(3, 1, 1).reshape([samples, rows, latents]);
    let score = ones.clone() * ones.clone().cumsum(2) - ones * 0.3;
    score.sum_dim(2).squeeze_dim::<2>(2).exp()
}

fn exact(f: fn(&Sample) -> Tensor<2>) -> [f64; LATENTS] {
    let value = |state: usize| {
        let [a, b] = bits(state);
        let z = double(vec![1.0 - a, a, 1.0 - b, b], [1, 1, LATENTS, 2]);
        f(&Sample::hard(z)).into_scalar::<f64>()
    };
    let p = LOG_ODDS.map(|l| 1.0 / (1.0 + (-l).exp()));
    std::array::from_fn(|i| (0..STATES).map(|s| mass(s) * value(s) * (bits(s)[i] - p[i])).sum())
}

fn logits(rows: usize) -> Tensor<3> {
    let [a, b] = LOG_ODDS;
    double([0.0, a, 0.0, b].repeat(rows), [rows, LATENTS, 2]).require_grad()
}

fn slopes(estimate: &Estimate, logits: &Tensor<3>) -> Vec<[f64; LATENTS]> {
    let gradient = logits.grad(&estimate.loss.clone().sum().backward()).expect("a gradient");
    let gradient = gradient.into_data().try_to_vec::<f64>().expect("double precision");
    gradient.chunks(2 * LATENTS).map(|row| [row[1], row[3]]).collect()
}

/// Every tuple of `samples` states as a row: bits `[S, rows, D]` and its mass.
fn tuples(samples: usize) -> (Tensor<3>, Vec<f64>) {
    let rows = STATES.pow(samples as u32);
    let state = |row: usize, s: usize| row / STATES.pow(s as u32) % STATES;
    let values = (0..samples).flat_map(|s| (0..rows).flat_map(move |row| bits(state(row, s)))).collect();
    let masses = (0..rows).map(|row| (0..samples).map(|s| mass(state(row, s))).product()).collect();
    (double(values, [samples, rows, LATENTS]), masses)
}

fn one_hot(bits: Tensor<3>) -> Tensor<4> {
    Tensor::stack(vec![bits.clone().neg() + 1.0, bits], 3)
}

/// The mean over all tuples, and the largest deviation of one of them from it.
fn mean(
    samples: usize,
    objective: &Objective,
    estimate: impl Fn(Tensor<3>, &Objective, Tensor<4>) -> Estimate,
) -> ([f64; LATENTS], f64) {
    let (bits, masses) = tuples(samples);
    let theta = logits(masses.len());
    let rows = slopes(&estimate(theta.clone(), objective, one_hot(bits)), &theta);
    let mean =
        std::array::from_fn(|i| rows.iter().zip(&masses).map(|(row, mass)| mass * row[i]).sum::<f64>());
    let far = rows.iter().flat_map(|row| (0..LATENTS).map(|i| (row[i] - mean[i]).abs())).fold(0.0, f64::max);
    (mean, far)
}

fn assert_close(mean: [f64; LATENTS], exact: [f64; LATENTS]) {
    for (mean, exact) in mean.into_iter().zip(exact) {
        assert!((mean - exact).abs() < 1e-12, "{mean} for {exact}");
    }
}

#[test]
fn muprop_and_local_expectations_are_unbiased() {
    let objective = Objective::mean(smooth);
    for samples in [1, 2] {
        let muprop = MuProp::new(samples).expect("samples");
        let local = LocalExpectation::new(samples).expect("samples");
        let (muprop, _) =
            mean(samples, &objective, |l, o, z| muprop.with_samples(l, o, z).expect("a supported problem"));
        let (local, _) =
            mean(samples, &objective, |l, o, z| local.with_samples(l, o, z).expect("a supported problem"));
        assert_close(muprop, exact(smooth));
        assert_close(local, exact(smooth));
    }
}

/// Its own line: nothing is left over.
#[test]
fn a_line_leaves_muprop_no_variance() {
    let line = |sample: &Sample| {
        let ones = sample.z.clone().narrow(3, 1, 1).squeeze_dim::<3>(3);
        (ones.clone().narrow(2, 0, 1) * 2.0 - ones.narrow(2, 1, 1)).squeeze_dim::<2>(2)
    };
    let muprop = MuProp::new(1).expect("a sample");
    let (_, far) =
        mean(1, &Objective::mean(line), |l, o, z| muprop.with_samples(l, o, z).expect("a supported problem"));
    assert!(far < 1e-14, "{far}");
}

/// Latents that do not interact are each summed out whole.
#[test]
fn a_sum_over_latents_leaves_local_expectations_no_variance() {
    let sum = |sample: &Sample| {
        let ones = sample.z.clone().narrow(3, 1, 1).squeeze_dim::<3>(3);
        (ones * 1.7).exp().sum_dim(2).squeeze_dim::<2>(2)
    };
    let local = LocalExpectation::new(1).expect("a sample");
    let (_, far) =
        mean(1, &Objective::mean(sum), |l, o, z| local.with_samples(l, o, z).expect("a supported problem"));
    assert!(far < 1e-14, "{far}");
}

#[test]
fn vimco_is_unbiased_for_the_bound_of_its_samples() {
    for samples in [2, 3] {
        let objective = Objective::log_mean_exp(smooth);
        let vimco = Vimco::new(samples).expect("several samples");
        let (estimate, _) =
            mean(samples, &objective, |l, o, z| vimco.with_samples(l, o, z).expect("a supported problem"));
        let (bits, masses) = tuples(samples);
        let p = LOG_ODDS.map(|l| 1.0 / (1.0 + (-l).exp()));
        let all = bits.clone().into_data().try_to_vec::<f64>().expect("double precision");
        let sample = Sample::hard(one_hot(bits));
        let bounds = objective.reduce(&sample, objective.losses(&sample)).into_data();
        let bounds = bounds.try_to_vec::<f64>().expect("double precision");
        let rows = masses.len();
        let score = |row: usize, i: usize| {
            (0..samples).map(|s| all[(s * rows + row) * LATENTS + i] - p[i]).sum::<f64>()
        };
        let exact =
            std::array::from_fn(|i| (0..rows).map(|row| masses[row] * bounds[row] * score(row, i)).sum());
        assert_close(estimate, exact);
    }
}

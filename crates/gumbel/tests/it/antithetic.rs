//! ARM, DisARM and ARMS without Monte Carlo. Between the breakpoints p and 1 − p of each latent the bits do not
//! change and an estimate is linear in the uniform noise, so two Gauss points in each piece integrate it, and its
//! square, exactly.

use crate::support::{double, gradients};
use burn::tensor::Tensor;
use gumbel::estimator::{Arm, Arms, DisArm, Estimate, Objective, Sample};

const LOG_ODDS: [f64; 2] = [0.7, -1.3];
/// f at the states 00, 01, 10, 11.
const LOSSES: [f64; 4] = [0.3, -1.1, 2.0, 0.4];

fn p() -> [f64; 2] {
    LOG_ODDS.map(|l| 1.0 / (1.0 + (-l).exp()))
}

fn table(sample: &Sample) -> Tensor<2> {
    let [samples, rows, ..] = sample.z.dims();
    let ones = sample.z.clone().narrow(3, 1, 1).squeeze_dim::<3>(3);
    let (a, b) = (ones.clone().narrow(2, 0, 1), ones.narrow(2, 1, 1));
    let [f0, f1, f2, f3] = LOSSES;
    let value = a.clone() * (f2 - f0) + b.clone() * (f1 - f0) + a * b * (f3 - f2 - f1 + f0) + f0;
    value.reshape([samples, rows])
}

/// ∂/∂ℓ of Σ q f.
fn exact() -> [f64; 2] {
    let [p, q] = p();
    let [f0, f1, f2, f3] = LOSSES;
    let first = (1.0 - q) * (f2 - f0) + q * (f3 - f1);
    let second = (1.0 - p) * (f1 - f0) + p * (f3 - f2);
    [p * (1.0 - p) * first, q * (1.0 - q) * second]
}

/// Gauss points and weights over (0, 1), two for each piece between the breakpoints of a latent.
fn points(p: f64) -> Vec<(f64, f64)> {
    let (low, high) = (p.min(1.0 - p), p.max(1.0 - p));
    let piece = |(a, b): (f64, f64)| {
        let (middle, reach) = ((a + b) / 2.0, (b - a) / 2.0 / 3f64.sqrt());
        [(middle - reach, (b - a) / 2.0), (middle + reach, (b - a) / 2.0)]
    };
    [(0.0, low), (low, high), (high, 1.0)].into_iter().flat_map(piece).collect()
}

/// The grid of both latents: uniforms and weight.
fn grid() -> Vec<([f64; 2], f64)> {
    let [p, q] = p();
    let pairs = points(p).into_iter().flat_map(|a| points(q).into_iter().map(move |b| (a, b)));
    pairs.map(|((u, wu), (v, wv))| ([u, v], wu * wv)).collect()
}

/// Estimates of the log-odds' gradient, one row for each of the noises.
fn slopes(rows: usize, estimate: impl Fn(Tensor<3>, &Objective) -> Estimate) -> Vec<[f64; 2]> {
    let [a, b] = LOG_ODDS;
    let logits = double([0.0, a, 0.0, b].repeat(rows), [rows, 2, 2]).require_grad();
    let estimate = estimate(logits.clone(), &Objective::mean(table));
    gradients(&estimate, &logits).chunks(4).map(|row| [row[1], row[3]]).collect()
}

fn uniforms(grid: &[([f64; 2], f64)]) -> Tensor<3> {
    double(grid.iter().flat_map(|(u, _)| *u).collect(), [1, grid.len(), 2])
}

fn arm(grid: &[([f64; 2], f64)]) -> Vec<[f64; 2]> {
    let arm = Arm::new(2).expect("a pair");
    slopes(grid.len(), |logits, objective| {
        arm.with_uniform(logits, objective, uniforms(grid)).expect("a supported problem")
    })
}

fn disarm(grid: &[([f64; 2], f64)]) -> Vec<[f64; 2]> {
    let disarm = DisArm::new(2).expect("a pair");
    slopes(grid.len(), |logits, objective| {
        disarm.with_uniform(logits, objective, uniforms(grid)).expect("a supported problem")
    })
}

fn mean(grid: &[([f64; 2], f64)], values: &[[f64; 2]], power: i32) -> [f64; 2] {
    std::array::from_fn(|i| grid.iter().zip(values).map(|((_, w), v)| w * v[i].powi(power)).sum())
}

#[test]
fn the_mean_over_all_noise_is_the_exact_gradient() {
    let grid = grid();
    for estimates in [arm(&grid), disarm(&grid)] {
        for (mean, exact) in mean(&grid, &estimates, 1).into_iter().zip(exact()) {
            assert!((mean - exact).abs() < 1e-14, "{mean} for {exact}");
        }
    }
}

#[test]
fn disarm_is_the_mean_of_arm_given_the_pair() {
    let grid = grid();
    let (arm, disarm) = (arm(&grid), disarm(&grid));
    let cell = |u: [f64; 2]| -> [usize; 2] {
        std::array::from_fn(|i| {
            let p = p()[i];
            usize::from(u[i] > p.min(1.0 - p)) + usize::from(u[i] > p.max(1.0 - p))
        })
    };
    for (u, _) in &grid {
        let same: Vec<usize> = (0..grid.len()).filter(|&at| cell(grid[at].0) == cell(*u)).collect();
        let weight: f64 = same.iter().map(|&at| grid[at].1).sum();
        for i in 0..2 {
            let mean = same.iter().map(|&at| grid[at].1 * arm[at][i]).sum::<f64>() / weight;
            assert!((mean - disarm[same[0]][i]).abs() < 1e-14, "{u:?}: {mean} and {}", disarm[same[0]][i]);
        }
    }
}

#[test]
fn disarm_has_less_variance_than_arm() {
    let grid = grid();
    let (arm, disarm) = (mean(&grid, &arm(&grid), 2), mean(&grid, &disarm(&grid), 2));
    for i in 0..2 {
        assert!(disarm[i] < arm[i], "second moments {} and {}", disarm[i], arm[i]);
    }
}

#[test]
fn arms_of_two_samples_is_disarm() {
    let grid = grid();
    let arms = Arms::new(2).expect("two samples");
    // A first sample that is likely one reads its copula from the other end: there the pair comes in reverse.
    let first = grid.iter().flat_map(|([u, v], _)| [1.0 - u, *v]);
    let second = grid.iter().flat_map(|([u, v], _)| [*u, 1.0 - v]);
    let both: Vec<f64> = first.chain(second).collect();
    let exponential = double(both, [2, grid.len(), 2]);
    let arms = slopes(grid.len(), |logits, objective| {
        arms.with_exponential(logits, objective, exponential.clone()).expect("a supported problem")
    });
    for (arms, disarm) in arms.iter().zip(disarm(&grid)) {
        for i in 0..2 {
            assert!((arms[i] - disarm[i]).abs() < 1e-12, "{arms:?} and {disarm:?}");
        }
    }
}

#[test]
fn a_constant_has_no_gradient_at_all() {
    let grid = grid();
    let constant = Objective::mean(|sample| table(sample) * 0.0 + 3.0);
    let zero = |estimate: Estimate, logits: Tensor<3>| {
        let gradient = logits.grad(&estimate.loss.sum().backward()).expect("a gradient");
        assert_eq!(gradient.abs().max().into_scalar::<f64>(), 0.0);
    };
    let logits = || double([0.0, 0.7, 0.0, -1.3].repeat(grid.len()), [grid.len(), 2, 2]).require_grad();
    let (arm, disarm) = (Arm::new(2).expect("a pair"), DisArm::new(2).expect("a pair"));
    let theta = logits();
    zero(arm.with_uniform(theta.clone(), &constant, uniforms(&grid)).expect("a supported problem"), theta);
    let theta = logits();
    zero(disarm.with_uniform(theta.clone(), &constant, uniforms(&grid)).expect("a supported problem"), theta);
}

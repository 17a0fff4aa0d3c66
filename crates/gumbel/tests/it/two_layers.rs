//! Two stochastic layers: the objective of the first holds the estimate of the second.
//!
//! z₁ ~ Bernoulli(σ(ℓ₁)), z₂ ~ Bernoulli(σ(ℓ₂ + w z₁)). Gradients of ℓ₁, ℓ₂ and w against the sum over four states.
//! Twenty-one comparisons at four standard errors: a false alarm in 700 seeds.

use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{EstimatorSpec, Objective, Sample};
use std::cell::RefCell;

const ROWS: usize = 100_000;
const BATCHES: usize = 20;
/// ℓ₁, ℓ₂ and w.
const PARAMETERS: [f32; 3] = [0.4, -0.3, 1.2];

fn leaf(value: f32) -> Tensor<1> {
    Tensor::from_floats([value], &Device::flex().autodiff()).require_grad()
}

/// `[N]` log-odds as logits `[N, 1, 2]`.
fn logits(log_odds: Tensor<1>) -> Tensor<3> {
    let rows = log_odds.dims()[0];
    Tensor::stack::<2>(vec![log_odds.zeros_like(), log_odds], 1).reshape([rows, 1, 2])
}

/// Whether each sample is a one, `[N]`.
fn ones(z: &Tensor<4>) -> Tensor<1> {
    let count = z.dims()[0] * z.dims()[1];
    z.clone().narrow(3, 1, 1).reshape([count])
}

/// f = (z₁ − 0.4)² + 2 z₁ z₂ − z₂: linear in z₂, so that zgr is exact there.
fn loss(first: Tensor<1>, second: Tensor<1>) -> Tensor<1> {
    (first.clone() - 0.4).square() + first * second.clone() * 2.0 - second
}

fn loss_at(first: f64, second: f64) -> f64 {
    (first - 0.4).powi(2) + 2.0 * first * second - second
}

fn exact() -> [f64; 3] {
    let [a, b, w] = PARAMETERS.map(f64::from);
    let sigmoid = |l: f64| 1.0 / (1.0 + (-l).exp());
    let expectation = |a: f64, b: f64, w: f64| {
        let given = |first: f64| {
            let p = sigmoid(b + w * first);
            p * loss_at(first, 1.0) + (1.0 - p) * loss_at(first, 0.0)
        };
        sigmoid(a) * given(1.0) + (1.0 - sigmoid(a)) * given(0.0)
    };
    let step = 1e-5;
    let slope = |up: [f64; 3], down: [f64; 3]| {
        (expectation(up[0], up[1], up[2]) - expectation(down[0], down[1], down[2])) / (2.0 * step)
    };
    std::array::from_fn(|i| {
        let moved = |by: f64| std::array::from_fn(|j| [a, b, w][j] + if i == j { by } else { 0.0 });
        slope(moved(step), moved(-step))
    })
}

/// The mean gradient of a batch.
fn gradient(first: &str, second: &str, seed: u64) -> [f64; 3] {
    let build = |name: &str| name.parse::<EstimatorSpec>().expect("a choice").build().expect("an estimator");
    let (outer, inner) = (build(first), build(second));
    let noise = RefCell::new(Noise::from_seed(seed).split(1));
    let [a, b, w] = PARAMETERS.map(leaf);
    let objective = Objective::mean(|sample: &Sample| {
        let [samples, rows, ..] = sample.z.dims();
        let first = ones(&sample.z);
        let below = Objective::mean(|sample: &Sample| loss(first.clone(), ones(&sample.z)).unsqueeze::<2>());
        let log_odds = first.clone() * w.clone() + b.clone();
        let estimate = match inner.properties().name {
            // One pair for each row: the first layer's sample is repeated for its partner.
            "disarm" | "rloo" => {
                let pair = Objective::mean(|sample: &Sample| {
                    let count = sample.z.dims()[0];
                    loss(first.clone().repeat_dim(0, count), ones(&sample.z)).reshape([count, samples * rows])
                });
                inner.estimate(logits(log_odds), &pair, &mut noise.borrow_mut(), 0)
            }
            _ => inner.estimate(logits(log_odds), &below, &mut noise.borrow_mut(), 0),
        };
        estimate.expect("a supported problem").loss.reshape([samples, rows])
    });
    let rows = logits(a.clone().repeat_dim(0, ROWS / BATCHES));
    let estimate =
        outer.estimate(rows, &objective, &mut Noise::from_seed(seed), 0).expect("a supported problem");
    let gradients = estimate.loss.mean().backward();
    drop(objective);
    [a, b, w].map(|leaf| f64::from(leaf.grad(&gradients).expect("a gradient").into_scalar::<f32>()))
}

#[test]
fn estimators_of_two_layers_compose() {
    let pairs = [
        ("rloo", "rloo"),
        ("disarm", "disarm"),
        ("rloo", "zgr"),
        ("disarm", "rloo"),
        ("reinforce", "muprop"),
        ("reinforce", "rebar:coefficient=1"),
        ("rebar:coefficient=1", "rloo"),
    ];
    for (first, second) in pairs {
        let batches: Vec<[f64; 3]> = (0..BATCHES as u64).map(|seed| gradient(first, second, seed)).collect();
        for (i, exact) in exact().into_iter().enumerate() {
            let n = BATCHES as f64;
            let mean = batches.iter().map(|batch| batch[i]).sum::<f64>() / n;
            let variance = batches.iter().map(|batch| (batch[i] - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let z = (mean - exact) / (variance / n).sqrt().max(1e-7);
            assert!(
                z.abs() < 4.0,
                "{first} over {second}, parameter {i}: {mean} for {exact}, {z:.1} standard errors"
            );
        }
    }
}

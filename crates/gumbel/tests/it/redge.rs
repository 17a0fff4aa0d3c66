//! ReDGE against straight-through, against its formula for one step, and against finite differences along its path.

use crate::states::{CATEGORIES, LATENTS, LOGITS, WIDTH, estimator, largest_z, problem, replicates};
use crate::support::numbers;
use burn::tensor::{DType, Tensor};
use gumbel::estimator::{Estimator, Objective, ReDge, ReDgeForward, Sample};
use gumbel::{Noise, sample_one_hot};

const ROWS: usize = 50;

#[test]
fn at_the_highest_level_it_is_straight_through_sample_by_sample() {
    let curved = problem(true, true);
    let plain = replicates(estimator("straight-through").as_ref(), &curved, ROWS, 1);
    for text in ["redge:level=1", "redge:level=1:steps=1", "redge:level=1:steps=7"] {
        for (a, b) in
            replicates(estimator(text).as_ref(), &curved, ROWS, 1).concat().iter().zip(plain.concat())
        {
            assert!((a - b).abs() < 1e-6 * (1.0 + b.abs()), "{text}: {a} for {b}");
        }
    }
}

/// Along its path the level falls from nearly 1 to σ₁: `x̂` at its end, on the host.
fn denoised(theta: &[f64], noise: &[f64], steps: usize, level: f64) -> Vec<f64> {
    let largest = 1.0 - 1e-4;
    let at = |i: usize| level + (largest - level) * i as f64 / (steps - 1).max(1) as f64;
    let mean = |x: &[f64], level: f64| -> Vec<f64> {
        let keys: Vec<f64> =
            theta.iter().zip(x).map(|(theta, x)| theta + x * (1.0 - level) / (level * level)).collect();
        let soft = |row: &[f64]| {
            let total: f64 = row.iter().map(|key| key.exp()).sum();
            row.iter().map(|key| key.exp() / total).collect::<Vec<_>>()
        };
        keys.chunks(CATEGORIES).flat_map(soft).collect()
    };
    let mut x = noise.to_vec();
    for i in (1..steps).rev() {
        let (here, next) = (at(i), at(i - 1));
        let x_hat = mean(&x, here);
        let step = |(x, x_hat): (&f64, &f64)| (1.0 - next) * x_hat + next * (x - (1.0 - here) * x_hat) / here;
        x = x.iter().zip(&x_hat).map(step).collect();
    }
    mean(&x, at(0))
}

/// `wᵀ ∂x̂/∂θ` by finite differences, for a path from given noise.
fn slopes(weights: &[f64], noise: &[f64], steps: usize, level: f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let value = |i: usize, by: f64| {
        let mut theta = LOGITS;
        theta[i] += by;
        let soft = denoised(&theta, noise, steps, level);
        soft.iter().zip(weights).map(|(soft, weight)| soft * weight).sum::<f64>()
    };
    (0..WIDTH).map(|i| (value(i, STEP) - value(i, -STEP)) / (2.0 * STEP)).collect()
}

#[test]
fn the_published_form_differentiates_the_path_from_its_noise() {
    let linear = problem(false, false);
    for (steps, level) in [(1, 0.5), (2, 0.5), (4, 0.7), (5, 0.3)] {
        let text = format!("redge:forward=diffusion:steps={steps}:level={level}");
        let found = replicates(estimator(&text).as_ref(), &linear, ROWS, 2);
        let noise = Noise::from_seed(2).normal::<2>([ROWS, WIDTH], &burn::tensor::Device::flex());
        for (found, noise) in found.iter().zip(numbers(noise).chunks(WIDTH)) {
            for (found, expected) in found.iter().zip(slopes(&linear.linear, noise, steps, level)) {
                assert!(
                    (found - expected).abs() < 1e-5 * (1.0 + expected.abs()),
                    "{text}: {found} for {expected}"
                );
            }
        }
    }
}

/// One level of noise: x = α b + σ ε, a constant.
#[test]
fn the_exact_form_with_one_step_is_the_jacobian_at_the_mean_given_a_noised_sample() {
    let (linear, level) = (problem(false, false), 0.6);
    let found = replicates(estimator("redge:steps=1:level=0.6").as_ref(), &linear, ROWS, 3);
    let noise = &mut Noise::from_seed(3);
    let logits = crate::support::double(LOGITS.repeat(ROWS), [ROWS, LATENTS, CATEGORIES]);
    let hard = sample_one_hot(logits.inner(), noise).expect("valid logits");
    let normal: Tensor<3> = noise.normal(hard.shape(), &hard.device());
    let noised = numbers(hard * (1.0 - level) + normal.cast(DType::F64) * level);
    for (found, noised) in found.iter().zip(noised.chunks(WIDTH)) {
        for (found, expected) in found.iter().zip(slopes(&linear.linear, noised, 1, level)) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
    }
}

/// The frequencies of the categories, one row for each replicate.
fn samples(forward: ReDgeForward, steps: usize, seed: u64) -> Vec<Vec<f64>> {
    const MANY: usize = 100_000;
    let estimator = ReDge::new(1, steps, 0.5, forward).expect("valid parameters");
    let logits = crate::support::double(LOGITS.repeat(MANY), [MANY, LATENTS, CATEGORIES]);
    let seen = std::cell::RefCell::new(Vec::new());
    let objective = Objective::mean(|sample: &Sample| {
        *seen.borrow_mut() = numbers(sample.z.clone());
        sample.z.clone().sum_dim(3).sum_dim(2).squeeze_dims(&[2, 3])
    });
    estimator.estimate(logits, &objective, &mut Noise::from_seed(seed), 0).expect("a supported problem");
    drop(objective);
    seen.into_inner().chunks(WIDTH).map(<[f64]>::to_vec).collect()
}

/// Eighteen comparisons at four standard errors: a false alarm in 880 seeds.
#[test]
fn the_exact_form_samples_q_and_the_published_one_does_in_the_limit_of_many_steps() {
    let p = crate::states::masses().concat();
    for (forward, steps) in
        [(ReDgeForward::Exact, 1), (ReDgeForward::Exact, 4), (ReDgeForward::Diffusion, 40)]
    {
        let z = largest_z(&samples(forward, steps, 4), &p);
        assert!(z < 4.0, "{forward} with {steps} steps: {z} standard errors");
    }
    let z = largest_z(&samples(ReDgeForward::Diffusion, 1, 4), &p);
    assert!(z > 8.0, "with one step {z} standard errors are too few to tell");
}

#[test]
fn parameters_out_of_range_are_errors() {
    for (text, part) in [
        ("redge:level=0", "level must be above 0 and at most 1, got 0"),
        ("redge:level=1.5", "level must be above 0 and at most 1, got 1.5"),
        ("redge:level=NaN", "level must be above 0 and at most 1, got NaN"),
        ("redge:steps=0", "steps must be at least 1, got 0"),
        ("redge:forward=backward", "forward must be exact or diffusion, got 'backward'"),
    ] {
        let spec = text.parse::<gumbel::estimator::EstimatorSpec>().and_then(|spec| spec.build());
        let error = spec.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

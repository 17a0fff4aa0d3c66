//! ReinMax-CV: what its coefficient multiplies, and that this does not have mean zero as published.

use crate::states::{CATEGORIES, LATENTS, LOGITS, WIDTH, estimator, largest_z, problem, replicates, spread};
use crate::support::{double, numbers};
use burn::tensor::{Tensor, activation};
use gumbel::{Noise, sample_one_hot, straight_through};

const ROWS: usize = 100_000;

fn of(coefficient: f64, rows: usize, seed: u64) -> Vec<Vec<f64>> {
    let text = format!("reinmax-cv:coefficient={coefficient}");
    replicates(estimator(&text).as_ref(), &problem(true, true), rows, seed)
}

#[test]
fn it_is_reinmax_and_a_multiple_of_its_coefficient() {
    let reinmax = replicates(estimator("reinmax").as_ref(), &problem(true, true), 200, 1);
    let [none, some, twice] = [0.0, 0.7, 1.4].map(|coefficient| of(coefficient, 200, 1));
    assert_ne!(none, some);
    for row in 0..200 {
        for i in 0..WIDTH {
            assert!((none[row][i] - reinmax[row][i]).abs() < 1e-12);
            let (once, double) = (some[row][i] - none[row][i], twice[row][i] - none[row][i]);
            assert!((double - 2.0 * once).abs() < 1e-10 * (1.0 + once.abs()), "{double} for twice {once}");
        }
    }
}

/// Six comparisons at four standard errors: a false alarm in 2600 seeds.
#[test]
fn reinmax_is_exact_for_a_linear_objective_and_the_published_control_variate_is_not() {
    let linear = problem(false, false);
    let at =
        |text: &str| largest_z(&replicates(estimator(text).as_ref(), &linear, ROWS, 2), &linear.gradient());
    let (none, published) = (at("reinmax-cv:coefficient=0"), at("reinmax-cv"));
    assert!(none < 4.0 && published > 8.0, "{none} and {published} standard errors");
}

/// Gumbel-Rao of ten draws less that of one, both given the sample, added to ReinMax.
fn given_the_sample(logits: Tensor<3>, hard: Tensor<3>, noise: &mut Noise) -> Tensor<3> {
    let middle = (activation::softmax(logits.clone().detach(), 2) + hard.clone()) * 0.5;
    let here = || middle.clone().log() + (logits.clone() - logits.clone().detach());
    let many = straight_through::gumbel_rao(here(), hard.clone(), 1.0, 10, noise);
    let one = straight_through::gumbel_rao(here(), hard.clone(), 1.0, 1, noise);
    straight_through::reinmax(logits.clone(), hard, 1.0) + (many - one) * 0.7
}

/// Six comparisons at four standard errors: a false alarm in 2600 seeds.
#[test]
fn with_the_noise_of_the_midpoint_it_has_mean_zero_and_only_adds_variance() {
    let linear = problem(false, false);
    let logits = double(LOGITS.repeat(ROWS), [ROWS, LATENTS, CATEGORIES]).require_grad();
    let noise = &mut Noise::from_seed(3);
    let hard = sample_one_hot(logits.clone().detach(), noise).expect("valid logits");
    let loss = linear.value(given_the_sample(logits.clone(), hard, noise)).sum();
    let rows: Vec<Vec<f64>> = numbers(logits.grad(&loss.backward()).expect("a gradient"))
        .chunks(WIDTH)
        .map(<[f64]>::to_vec)
        .collect();
    let z = largest_z(&rows, &linear.gradient());
    assert!(z < 4.0, "{z} standard errors");
    let plain = spread(&replicates(estimator("reinmax").as_ref(), &linear, ROWS, 4));
    assert!(spread(&rows) > 1.02 * plain, "{} with it, {plain} without", spread(&rows));
}

#[test]
fn parameters_out_of_range_are_errors() {
    for (text, part) in [
        ("reinmax-cv:coefficient=inf", "coefficient must be a finite number, got inf"),
        ("reinmax-cv:draws=0", "draws must be at least 1, got 0"),
        ("reinmax-rao:draws=0", "reinmax-rao: draws must be at least 1, got 0"),
    ] {
        let spec = text.parse::<gumbel::estimator::EstimatorSpec>().and_then(|spec| spec.build());
        let error = spec.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

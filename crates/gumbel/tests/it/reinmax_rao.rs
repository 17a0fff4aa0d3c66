//! ReinMax-Rao by quadrature over its noise, and in the limits of cold noise and of many draws.

use crate::states::{
    STATES, WIDTH, estimator, largest_z, mass, mean_and_variance, problem, replicates, spread,
};
use crate::support::{double, numbers};
use gumbel::{Noise, straight_through};

const ROWS: usize = 100_000;

/// The slope in the first logit of the first coordinate of a bit with logits (ℓ, 0), at the sample (b, 1 − b): twice
/// the mean of y (1 − y) / τ over the noise that has this argmax, less half of `at (1 − at)`.
fn by_quadrature(log_odds: f64, b: f64, tau: f64, at: f64) -> f64 {
    let middle = 0.5 * (1.0 / (1.0 + (-log_odds).exp()) + b);
    let (cut, difference) = (1.0 - middle, (middle / (1.0 - middle)).ln());
    let [from, to] = if b == 1.0 { [cut, 1.0] } else { [0.0, cut] };
    const NODES: usize = 200_000;
    let node = |i: usize| {
        let u = from + (to - from) * (i as f64 + 0.5) / NODES as f64;
        let y = 1.0 / (1.0 + (-(difference + (u / (1.0 - u)).ln()) / tau).exp());
        y * (1.0 - y) / tau
    };
    2.0 * (0..NODES).map(node).sum::<f64>() / NODES as f64 - 0.5 * at * (1.0 - at)
}

/// Twelve comparisons at four standard errors: a false alarm in 1300 seeds.
#[test]
fn for_bits_it_is_the_integral_over_the_noise_with_its_second_term_at_p() {
    let mut apart: f64 = 0.0;
    for (log_odds, seed) in [(0.4f64, 1), (-1.5, 2), (0.0, 3)] {
        for (b, tau) in [(1.0, 1.0), (0.0, 1.0), (1.0, 0.4), (0.0, 0.4)] {
            let logits = double([log_odds, 0.0].repeat(ROWS), [ROWS, 2]).require_grad();
            let hard = double([b, 1.0 - b].repeat(ROWS), [ROWS, 2]);
            let noise = &mut Noise::from_seed(seed);
            let z = straight_through::reinmax_rao(logits.clone(), hard, tau, 1, noise).narrow(1, 0, 1).sum();
            let slopes = numbers(logits.grad(&z.backward()).expect("a gradient"));
            let rows: Vec<Vec<f64>> = slopes.chunks(2).map(|row| vec![row[0]]).collect();
            let p = 1.0 / (1.0 + (-log_odds).exp());
            let z = largest_z(&rows, &[by_quadrature(log_odds, b, tau, p)]);
            assert!(z < 4.0, "ℓ = {log_odds}, b = {b}, τ = {tau}: {z} standard errors");
            apart = apart.max(largest_z(&rows, &[by_quadrature(log_odds, b, tau, 0.5 * (p + b))]));
        }
    }
    assert!(
        apart > 8.0,
        "the formula as printed, with its second term at π₁, is {apart} standard errors apart"
    );
}

/// Twelve comparisons at four standard errors: a false alarm in 1300 seeds.
#[test]
fn as_its_noise_cools_it_tends_to_zgr_less_half_of_straight_through() {
    for (curved, seed) in [(false, 4), (true, 5)] {
        let problem = problem(curved, curved);
        let cold = replicates(estimator("reinmax-rao:tau=0.02:draws=1").as_ref(), &problem, ROWS, seed);
        let (zgr, plain) = (
            problem.estimates(straight_through::zgr),
            problem.estimates(|logits, hard| straight_through::softmax(logits, hard, 1.0)),
        );
        let limit = |i: usize| (0..STATES).map(|s| mass(s) * (zgr[s][i] - 0.5 * plain[s][i])).sum();
        let limit: Vec<f64> = (0..WIDTH).map(limit).collect();
        let z = largest_z(&cold, &limit);
        assert!(z < 4.0, "{z} standard errors");
    }
}

/// Six comparisons at four standard errors: a false alarm in 2600 seeds.
#[test]
fn draws_change_no_mean_and_lower_the_variance() {
    let problem = problem(true, true);
    let [one, ten] = [("reinmax-rao:tau=0.5:draws=1", 6), ("reinmax-rao:tau=0.5:draws=10", 7)]
        .map(|(text, seed)| replicates(estimator(text).as_ref(), &problem, ROWS, seed));
    for i in 0..WIDTH {
        let [(a, a_variance), (b, b_variance)] = [&one, &ten].map(|rows| mean_and_variance(rows, i));
        let z = (a - b) / ((a_variance + b_variance) / ROWS as f64).sqrt();
        assert!(z.abs() < 4.0, "coordinate {i}: {z} standard errors");
    }
    assert!(spread(&ten) < 0.9 * spread(&one), "{} with ten draws, {} with one", spread(&ten), spread(&one));
}

#[test]
fn it_is_biased_for_a_linear_objective_too() {
    let linear = problem(false, false);
    let rows = replicates(estimator("reinmax-rao").as_ref(), &linear, ROWS, 8);
    let z = largest_z(&rows, &linear.gradient());
    assert!(z > 8.0, "{z} standard errors are too few to tell");
}

//! Perturbed solvers: means and gradients in standard errors of what is known exactly.

use crate::support::numbers;
use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::perturbed::{NoiseDistribution, Perturbation, fenchel_young_loss, hard_argmax, soft_argmax};

const THETA: [f32; 3] = [0.3, -0.5, 1.0];
const GUMBEL: Perturbation = Perturbation { distribution: NoiseDistribution::Gumbel, tau: 0.7 };

fn one_hot(theta: &[f64]) -> Vec<f64> {
    let top = (0..theta.len()).fold(0, |top, i| if theta[i] > theta[top] { i } else { top });
    (0..theta.len()).map(|i| f64::from(u8::from(i == top))).collect()
}

/// The rank of each score, from 0 for the least: the best point of the permutahedron.
fn ranks(theta: &[f64]) -> Vec<f64> {
    theta.iter().map(|score| theta.iter().filter(|other| *other < score).count() as f64).collect()
}

fn softmax() -> Vec<f64> {
    let weights = THETA.map(|theta| (f64::from(theta) / 0.7).exp());
    weights.iter().map(|weight| weight / weights.iter().sum::<f64>()).collect()
}

fn rows(count: usize) -> Tensor<2> {
    Tensor::<1>::from_floats(THETA, &Device::flex()).reshape([1, 3]).repeat_dim(0, count)
}

/// Every column's mean over the rows, in standard errors from `exact`.
fn errors(values: &[f64], exact: &[f64]) -> Vec<f64> {
    let n = (values.len() / exact.len()) as f64;
    let column = |i: usize| values.iter().skip(i).step_by(exact.len());
    let z = |(i, exact): (usize, &f64)| {
        let mean = column(i).sum::<f64>() / n;
        let variance = column(i).map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        (mean - exact) / (variance / n).sqrt()
    };
    exact.iter().enumerate().map(z).collect()
}

#[test]
fn gumbel_noise_and_a_one_hot_solver_have_the_softmax_and_its_jacobian_as_means() {
    let theta = rows(20_000).autodiff().require_grad();
    let y = soft_argmax(theta.clone(), one_hot, GUMBEL, 4, &mut Noise::from_seed(2)).unwrap();
    let z = errors(&numbers(y.clone()), &softmax());
    assert!(z.iter().all(|z| z.abs() < 4.0), "mean: {z:?} standard errors");
    let d = [1.0, -2.0, 0.5];
    let gradient = theta
        .grad(&(y * Tensor::from_floats([d.map(|d| d as f32)], &Device::flex()).autodiff()).sum().backward());
    let p = softmax();
    let mean: f64 = p.iter().zip(d).map(|(p, d)| p * d).sum();
    let jacobian: Vec<f64> = p.iter().zip(d).map(|(p, d)| p * (d - mean) / 0.7).collect();
    let z = errors(&numbers(gradient.unwrap()), &jacobian);
    assert!(z.iter().all(|z| z.abs() < 4.0), "gradient: {z:?} standard errors");
}

#[test]
fn normal_noise_and_a_sign_have_the_normal_law_and_its_density_as_means() {
    let signs = |theta: &[f64]| theta.iter().map(|score| score.signum()).collect();
    let theta = rows(20_000).autodiff().require_grad();
    let normal = Perturbation { distribution: NoiseDistribution::Normal, tau: 0.7 };
    let y = soft_argmax(theta.clone(), signs, normal, 3, &mut Noise::from_seed(6)).unwrap();
    let scaled = THETA.map(|theta| f64::from(theta) / 0.7);
    let z = errors(&numbers(y.clone()), &scaled.map(|x| libm::erf(x / 2f64.sqrt())));
    assert!(z.iter().all(|z| z.abs() < 4.0), "mean: {z:?} standard errors");
    // 2 φ(θ / τ) / τ.
    let slope = scaled.map(|x| (-x * x / 2.0).exp() * (2.0 / std::f64::consts::PI).sqrt() / 0.7);
    let z = errors(&numbers(theta.grad(&y.sum().backward()).unwrap()), &slope);
    assert!(z.iter().all(|z| z.abs() < 4.0), "gradient: {z:?} standard errors");
}

#[test]
fn ranks_under_noise_have_their_means() {
    // E rankᵢ = Σⱼ P(j below i), of logistic differences.
    let y = soft_argmax(rows(20_000), ranks, GUMBEL, 2, &mut Noise::from_seed(3)).unwrap();
    let below = |i: usize, j: usize| 1.0 / (1.0 + f64::from((THETA[j] - THETA[i]) / 0.7).exp());
    let exact = (0..3).map(|i| (0..3).filter(|&j| j != i).map(|j| below(i, j)).sum()).collect::<Vec<f64>>();
    let z = errors(&numbers(y), &exact);
    assert!(z.iter().all(|z| z.abs() < 4.0), "{z:?} standard errors");
}

#[test]
fn the_fenchel_young_loss_is_a_log_partition_and_its_gradient_the_soft_argmax() {
    let theta = rows(20_000).autodiff().require_grad();
    let target = Tensor::<2>::from_floats([[0.2, 0.5, 0.3]], &Device::flex()).repeat_dim(0, 20_000);
    let loss =
        fenchel_young_loss(theta.clone(), target, one_hot, GUMBEL, 2, &mut Noise::from_seed(4)).unwrap();
    assert_eq!(loss.dims(), [20_000, 1]);
    // E max(θ + τ g) = τ (ln Σ exp(θ / τ) + Euler's constant).
    let total: f64 = THETA.iter().map(|&theta| (f64::from(theta) / 0.7).exp()).sum();
    let score: f64 = THETA.iter().zip([0.2f32, 0.5, 0.3]).map(|(&a, b)| f64::from(a) * f64::from(b)).sum();
    let exact = 0.7 * (total.ln() + 0.577_215_664_9) - score;
    let z = errors(&numbers(loss.clone()), &[exact]);
    assert!(z[0].abs() < 4.0, "loss: {} standard errors", z[0]);
    let slope: Vec<f64> = softmax().iter().zip([0.2, 0.5, 0.3]).map(|(p, target)| p - target).collect();
    let z = errors(&numbers(theta.grad(&loss.sum().backward()).unwrap()), &slope);
    assert!(z.iter().all(|z| z.abs() < 4.0), "gradient: {z:?} standard errors");
}

#[test]
fn the_hard_argmax_is_biased_and_its_bias_is_seen() {
    let theta = rows(20_000).autodiff().require_grad();
    let y = hard_argmax(theta.clone(), one_hot, GUMBEL, 3.0, &mut Noise::from_seed(5)).unwrap();
    let values = numbers(y.clone());
    assert!(values.chunks(3).all(|row| row.iter().filter(|&&y| y == 1.0).count() == 1));
    let z = errors(&values, &softmax());
    assert!(z.iter().all(|z| z.abs() < 4.0), "mean: {z:?} standard errors");
    let gradient = numbers(theta.grad(&y.narrow(1, 0, 1).sum().backward()).unwrap());
    // Its mean is a difference quotient over the step, p(θ) − p(θ − λ e₁), not the slope.
    let moved = |i: usize| (f64::from(THETA[i] - if i == 0 { 3.0 } else { 0.0 }) / 0.7).exp();
    let total: f64 = (0..3).map(moved).sum();
    let p = softmax();
    let quotient: Vec<f64> = (0..3).map(|i| (p[i] - moved(i) / total) / 3.0).collect();
    let z = errors(&gradient, &quotient);
    assert!(z.iter().all(|z| z.abs() < 4.0), "quotient: {z:?} standard errors");
    let slope: Vec<f64> = (0..3).map(|i| p[0] * (f64::from(u8::from(i == 0)) - p[i]) / 0.7).collect();
    let largest = errors(&gradient, &slope).iter().fold(0.0, |largest: f64, z| largest.max(z.abs()));
    assert!(largest > 10.0, "the bias is {largest} standard errors");
}

#[test]
fn cold_noise_leaves_the_solution_and_masks_have_no_gradient() {
    let device = Device::flex();
    let theta = Tensor::<1>::from_floats([0.3, f32::NEG_INFINITY, 1.0], &device).autodiff().require_grad();
    let cold = Perturbation { distribution: NoiseDistribution::Gumbel, tau: 1e-6 };
    let y = soft_argmax(theta.clone(), one_hot, cold, 5, &mut Noise::from_seed(1)).unwrap();
    assert_eq!(numbers(y), [0.0, 0.0, 1.0]);
    let warm = soft_argmax(theta.clone(), one_hot, GUMBEL, 50, &mut Noise::from_seed(1)).unwrap();
    let gradient = numbers(theta.grad(&warm.narrow(0, 0, 1).sum().backward()).unwrap());
    assert!(gradient[1] == 0.0 && gradient[0] != 0.0, "{gradient:?}");
    let target = Tensor::<1>::from_floats([1.0, 0.0, 0.0], &device);
    let loss = fenchel_young_loss(theta, target, one_hot, GUMBEL, 5, &mut Noise::from_seed(1)).unwrap();
    assert!(numbers(loss)[0].is_finite());
}

#[test]
fn a_mistake_is_an_error_that_names_it() {
    let mut noise = Noise::from_seed(1);
    let theta = || rows(1);
    let message = |result: Result<Tensor<2>, gumbel::Error>| result.unwrap_err().to_string();
    assert!(message(soft_argmax(theta(), one_hot, GUMBEL, 1, &mut noise)).contains("got 1"));
    assert!(message(fenchel_young_loss(theta(), theta(), one_hot, GUMBEL, 0, &mut noise)).contains("got 0"));
    let unscored =
        Perturbation { distribution: NoiseDistribution::SumOfGamma { parts: 2, terms: 10 }, tau: 1.0 };
    assert!(message(soft_argmax(theta(), one_hot, unscored, 2, &mut noise)).contains("has none"));
    for tau in [0.0, f64::NAN] {
        let bad = Perturbation { distribution: NoiseDistribution::Gumbel, tau };
        assert!(message(soft_argmax(theta(), one_hot, bad, 2, &mut noise)).contains(&format!("got {tau}")));
        assert!(
            message(hard_argmax(theta(), one_hot, GUMBEL, tau, &mut noise)).contains(&format!("got {tau}"))
        );
    }
    let unfit = Tensor::<2>::from_floats([[0.0, f32::NAN]], &Device::flex());
    assert!(message(hard_argmax(unfit, one_hot, GUMBEL, 1.0, &mut noise)).contains("NaN"));
}

#[test]
#[should_panic(expected = "a solution of length 2 for 3 scores")]
fn a_solver_must_keep_the_length() {
    let _ = soft_argmax(rows(1), |_: &[f64]| vec![0.0; 2], GUMBEL, 2, &mut Noise::from_seed(1));
}

//! Gradients through a solver, against their formulas on the same noise.

use super::{Row, row};
use crate::support::numbers;
use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::perturbed::{self, NoiseDistribution, Perturbation};
use gumbel::{Error, Noise};
use gumbel_kernels::noise;

const SAMPLES: usize = 5;

/// A one at the first of the largest scores.
fn best(scores: &[f64]) -> Vec<f64> {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let first = scores.iter().position(|&score| score == max);
    (0..scores.len()).map(|i| f64::from(Some(i) == first)).collect()
}

struct Case {
    row: Row,
    perturbation: Perturbation,
    d: Vec<f64>,
}

impl Case {
    fn of(seed: u64) -> Self {
        let row = row(seed, 1, 6);
        let distribution = [NoiseDistribution::Gumbel, NoiseDistribution::Normal][seed as usize % 2];
        let d = row.uniforms(20).iter().map(|u| (u * 16.0).round() / 4.0 - 2.0).collect();
        Self { perturbation: Perturbation { distribution, tau: row.tau }, row, d }
    }

    fn noise(&self) -> Noise {
        Noise::from_seed(self.row.seed)
    }

    /// The noise of each sample.
    fn drawn(&self, samples: usize) -> Vec<Vec<f64>> {
        let (width, mut all) = (self.row.logits.len(), vec![0.0; samples * self.row.logits.len()]);
        match self.perturbation.distribution {
            NoiseDistribution::Normal => noise::normal(self.noise().stream(), &mut all),
            _ => noise::gumbel(self.noise().stream(), &mut all),
        }
        all.chunks(width).map(<[f64]>::to_vec).collect()
    }

    fn keys(&self, noise: &[f64]) -> Vec<f64> {
        noise.iter().zip(&self.row.logits).map(|(e, score)| score + self.row.tau * e).collect()
    }

    /// The derivative of −ln of the density of the noise.
    fn score(&self, e: f64) -> f64 {
        if self.perturbation.distribution == NoiseDistribution::Normal { e } else { 1.0 - (-e).exp() }
    }

    fn mean(&self) -> Vec<f64> {
        let solutions = self.drawn(SAMPLES).into_iter().map(|noise| best(&self.keys(&noise)));
        solutions.fold(vec![0.0; self.d.len()], |mean, y| {
            mean.iter().zip(y).map(|(mean, y)| mean + y / SAMPLES as f64).collect()
        })
    }

    fn masked(&self, slopes: Vec<f64>) -> Vec<f64> {
        let open = self.row.logits.iter().zip(slopes);
        open.map(|(&score, slope)| if score == f64::NEG_INFINITY { 0.0 } else { slope }).collect()
    }

    /// Value and gradient of a function of the scores, against those expected.
    fn agree(
        &self,
        name: &str,
        f: impl Fn(Tensor<2>) -> Result<Tensor<2>, Error>,
        exact: impl Fn() -> [Vec<f64>; 2],
    ) {
        let Row { logits, tau, dtype, seed } = &self.row;
        let at = format!("{name} of {logits:?}, tau {tau}, {dtype:?}, seed {seed}");
        let data = TensorData::new(logits.clone(), [1, logits.len()]);
        let theta = Tensor::from_data(data, (&Device::flex().autodiff(), *dtype)).require_grad();
        let value = f(theta.clone());
        assert_eq!(value.is_ok(), self.row.valid(1), "{at}");
        let Ok(value) = value else { return };
        let d = Tensor::<1>::from_data(TensorData::from(self.d.as_slice()), (&value.device(), value.dtype()));
        let d = d.unsqueeze::<2>().narrow(1, 0, value.dims()[1]);
        let slopes = numbers(theta.grad(&(value.clone() * d).sum().backward()).expect("a gradient"));
        let [values, exact_slopes] = exact();
        for (found, exact) in numbers(value).iter().zip(&values).chain(slopes.iter().zip(&exact_slopes)) {
            // Computed in double precision and rounded once; the scores are as large as their common part.
            let size = if name == "fenchel_young_loss" {
                self.row.logits.iter().fold(0.0, |a: f64, b| if b.is_finite() { a.max(b.abs()) } else { a })
            } else {
                0.0
            };
            let tolerance = 2.0 * self.row.steps()[1] * exact.abs()
                + 64.0 * f64::EPSILON * (1.0 / tau + exact.abs() + size)
                + 1e-6 * f64::from(u8::from(*dtype == DType::F16));
            let beyond = exact.abs() > 6e4 && found.abs() >= 6e4;
            assert!(
                (found - exact).abs() <= tolerance || beyond,
                "{at}: {found}, not {exact} by {tolerance}"
            );
        }
    }
}

#[test]
fn solutions_of_perturbed_scores_and_their_gradients_agree_with_their_formulas() {
    for case in (0..1000).map(Case::of) {
        let perturbation = case.perturbation;
        case.agree(
            "soft_argmax",
            |theta| perturbed::soft_argmax(theta, best, perturbation, SAMPLES, &mut case.noise()),
            || [case.mean(), case.masked(soft_slopes(&case))],
        );
        let lambda = 0.5;
        case.agree(
            "hard_argmax",
            |theta| perturbed::hard_argmax(theta, best, perturbation, lambda, &mut case.noise()),
            || {
                let keys = case.keys(&case.drawn(1)[0]);
                let moved: Vec<f64> = keys.iter().zip(&case.d).map(|(key, d)| key - lambda * d).collect();
                let slopes =
                    best(&keys).into_iter().zip(best(&moved)).map(|(z, target)| (z - target) / lambda);
                [best(&keys), slopes.collect()]
            },
        );
        let target = best(&case.row.logits);
        case.agree(
            "fenchel_young_loss",
            |theta| {
                let target = case.row.of(&target);
                perturbed::fenchel_young_loss(theta, target, best, perturbation, SAMPLES, &mut case.noise())
            },
            || loss(&case, &target),
        );
    }
}

/// `1/((M − 1) τ) Σ ∇ν(ε) ⟨y − ȳ, d⟩`.
fn soft_slopes(case: &Case) -> Vec<f64> {
    let (mean, mut slopes) = (case.mean(), vec![0.0; case.d.len()]);
    for noise in case.drawn(SAMPLES) {
        let y = best(&case.keys(&noise));
        let signal: f64 = (0..y.len()).map(|i| case.d[i] * (y[i] - mean[i])).sum();
        let weight = signal / ((SAMPLES - 1) as f64 * case.row.tau);
        slopes.iter_mut().zip(noise).for_each(|(slope, e)| *slope += weight * case.score(e));
    }
    slopes
}

/// The mean of the maxima minus the target's score, and `ȳ − target` times the cotangent.
fn loss(case: &Case, target: &[f64]) -> [Vec<f64>; 2] {
    let scores = &case.row.logits;
    let max = |noise: Vec<f64>| case.keys(&noise).into_iter().fold(f64::NEG_INFINITY, f64::max);
    let maxima: f64 = case.drawn(SAMPLES).into_iter().map(max).sum::<f64>() / SAMPLES as f64;
    let picked: f64 = scores.iter().zip(target).filter(|(_, t)| **t != 0.0).map(|(score, t)| score * t).sum();
    let slopes = case.mean().iter().zip(target).map(|(mean, target)| (mean - target) * case.d[0]).collect();
    [vec![maxima - picked], case.masked(slopes)]
}

//! NVIL: a trained baseline changes no mean, and takes out what differs from row to row.

use crate::support;
use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{Estimator, Nvil, Objective, Reinforce, ReinforceBaseline, Sample};

const LOGITS: [f32; 3] = [0.5, -0.2, 0.1];

/// Two kinds of rows in turn, which a loss of 1 and of 21 goes with, besides what z does.
fn logits(rows: usize) -> Tensor<3> {
    let two = [LOGITS, LOGITS.map(|logit| -2.0 * logit)].concat();
    let two = Tensor::<1>::from_floats(two.as_slice(), &Device::flex().autodiff());
    two.reshape([2, 1, 3]).repeat_dim(0, rows / 2).require_grad()
}

fn loss(sample: &Sample) -> Tensor<2> {
    let [samples, rows, ..] = sample.z.dims();
    let weights = Tensor::<1>::from_floats([1.0, 2.0, -1.0], &Device::flex()).reshape([1, 1, 1, 3]);
    let weights = if sample.z.is_autodiff() { weights.autodiff() } else { weights };
    let offset =
        Tensor::<1>::from_floats([1.0, 21.0], &Device::flex()).repeat_dim(0, rows / 2).unsqueeze::<2>();
    let offset = if sample.z.is_autodiff() { offset.autodiff() } else { offset };
    (sample.z.clone() * weights).sum_dim(3).reshape([samples, rows]) + offset
}

fn gradients(estimator: &dyn Estimator, rows: usize, seed: u64) -> Vec<f64> {
    let theta = logits(rows);
    let estimate = estimator.estimate(theta.clone(), &Objective::mean(loss), &mut Noise::from_seed(seed), 0);
    let gradients = support::gradients(&estimate.expect("a supported problem"), &theta);
    gradients.chunks(3).map(|row| row[0]).collect()
}

fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    (mean, values.map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0), n)
}

#[test]
fn a_trained_baseline_changes_no_mean_and_takes_out_what_the_rows_differ_by() {
    let mut nvil = Nvil::new(1, 30, 0.01, false).expect("a network");
    let mut plain = Reinforce::new(1, ReinforceBaseline::MovingAverage).expect("a sample");
    for seed in 0..1500 {
        let noise = || Noise::from_seed(seed);
        nvil.adapt(
            &nvil.estimate(logits(50), &Objective::mean(loss), &mut noise(), 0).expect("a supported problem"),
        );
        plain.adapt(
            &plain
                .estimate(logits(50), &Objective::mean(loss), &mut noise(), 0)
                .expect("a supported problem"),
        );
    }
    let (trained, averaged) = (gradients(&nvil, 100_000, 9_999), gradients(&plain, 100_000, 9_999));
    let weights = [1.0, 2.0, -1.0];
    for (kind, scale) in [(0, 1.0), (1, -2.0)] {
        let masses = LOGITS.map(|logit| (scale * f64::from(logit)).exp());
        let total: f64 = masses.iter().sum();
        let mean_weight: f64 = masses.iter().zip(weights).map(|(m, w)| m / total * w).sum();
        let exact = masses[0] / total * (weights[0] - mean_weight);
        let (mean, variance, n) = moments(trained.iter().copied().skip(kind).step_by(2));
        let z = (mean - exact) / (variance / n).sqrt();
        assert!(z.abs() < 4.0, "kind {kind}: {mean} for {exact}, {z:.1} standard errors");
        let (_, before, _) = moments(averaged.iter().copied().skip(kind).step_by(2));
        assert!(variance < 0.2 * before, "kind {kind}: variance {variance}, with a moving average {before}");
    }
}

#[test]
fn parameters_out_of_range_are_errors() {
    for (text, part) in [
        ("nvil:hidden=0", "hidden must be at least 1"),
        ("nvil:rate=-1", "rate must be positive and finite, got -1"),
        ("nvil:normalize=yes", "normalize must be true or false, got 'yes'"),
    ] {
        let error =
            text.parse::<gumbel::estimator::EstimatorSpec>().and_then(|choice| choice.build()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

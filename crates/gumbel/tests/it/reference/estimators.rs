//! Every estimator for a thousand random problems: losses and gradients of single and half precision agree with those of
//! the same logits and the same noise in double precision, and those of two estimators with their definitions.

use super::{MASK, Row, row};
use crate::support::{curved, numbers};
use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::estimator::{self, Entry, Latents, Objective, Parameters, Reduction, Sample};
use gumbel::{Error, Noise};
use std::cell::RefCell;

/// A loss, its gradient, and the samples of the first evaluation.
#[derive(Debug)]
struct Found {
    loss: f64,
    gradient: Vec<f64>,
    z: Vec<f64>,
}

/// Latents and categories of six logits.
fn shape(entry: &Entry, seed: u64) -> [usize; 3] {
    match entry.properties.latents {
        Latents::Binary => [1, 3, 2],
        _ => [[1, 2, 3], [1, 1, 6], [1, 3, 2]][seed as usize % 3],
    }
}

fn tau(row: &Row) -> f64 {
    row.tau.clamp(0.3, 3.0)
}

fn estimate(entry: &Entry, row: &Row, dtype: DType) -> Result<Found, Error> {
    let device = Device::flex().autodiff();
    let data = TensorData::new(row.logits.clone(), shape(entry, row.seed));
    let logits = Tensor::<3>::from_data(data, (&device, dtype)).require_grad();
    let (parameters, seen) = (Parameters::default(), RefCell::new(Vec::new()));
    let tempered = if entry.tempered() { parameters.clone().with("tau", tau(row)) } else { parameters };
    let f = |sample: &Sample| {
        let mut seen = seen.borrow_mut();
        if seen.is_empty() {
            *seen = numbers(sample.z.clone());
        }
        curved(sample)
    };
    let objective = match entry.properties.supports(Reduction::Mean) {
        true => Objective::mean(f),
        false => Objective::log_mean_exp(f),
    };
    let estimator = entry.build(&tempered).or_else(|_| entry.build(&Parameters::default()))?;
    let estimate = estimator.estimate(logits.clone(), &objective, &mut Noise::from_seed(row.seed), 0)?;
    let loss = numbers(estimate.loss.clone())[0];
    let gradient = numbers(logits.grad(&estimate.loss.sum().backward()).expect("a gradient"));
    drop(objective);
    Ok(Found { loss, gradient, z: seen.into_inner() })
}

/// Whether every latent has a category, and no logit is NaN or +∞.
fn valid(row: &Row, k: usize) -> bool {
    row.valid(1) && row.logits.chunks(k).all(|latent| latent.iter().any(|&logit| logit > MASK))
}

/// The largest distance of a logit from the largest of its latent.
fn size(row: &Row, k: usize) -> f64 {
    let of = |latent: &[f64]| {
        let max = latent.iter().copied().fold(MASK, f64::max);
        latent.iter().filter(|logit| logit.is_finite()).fold(0.0, |size: f64, logit| size.max(max - logit))
    };
    row.logits.chunks(k).map(of).fold(0.0, f64::max)
}

/// What is wrong with an estimator at a row, if anything is; `None` also where a rounding decides the sample.
fn fault(entry: &Entry, row: &Row, undecided: &mut usize) -> Option<String> {
    let [_, latents, k] = shape(entry, row.seed);
    let case = format!(
        "{} of {:?} in {latents} by {k}, tau {}, {:?}, seed {}",
        entry.name(),
        row.logits,
        tau(row),
        row.dtype,
        row.seed
    );
    let found = estimate(entry, row, row.dtype);
    if !valid(row, k) {
        return found.is_ok().then(|| format!("{case}: {found:?} of an invalid row"));
    }
    let (found, exact) = match (found, estimate(entry, row, DType::F64)) {
        (Ok(found), Ok(exact)) => (found, exact),
        (found, exact) => return Some(format!("{case}: {found:?}, {exact:?}")),
    };
    if found.z.iter().zip(&exact.z).any(|(a, b)| (a - b).abs() > 0.5) {
        *undecided += 1;
        return None;
    }
    let [step, rounded] = row.steps();
    let terms = (1.0 + size(row, k) / tau(row)) * (1.0 + 1.0 / tau(row));
    let largest = exact.gradient.iter().fold(exact.loss.abs() + 1.0, |a, b| a.max(b.abs()));
    let tolerance = (256.0 * step * terms + 16.0 * rounded) * largest;
    let pairs = found.gradient.iter().zip(&exact.gradient).chain([(&found.loss, &exact.loss)]);
    let close = pairs.into_iter().all(|(a, b)| (a - b).abs() <= tolerance);
    (!close).then(|| format!("{case}: {found:?}, not {exact:?} by {tolerance}"))
}

#[test]
fn estimates_agree_with_those_of_the_same_noise_in_double_precision() {
    let (mut faults, mut undecided) = (Vec::new(), 0);
    for entry in estimator::ALL {
        faults.extend((0..1000).find_map(|seed| fault(entry, &row(seed, 6, 0), &mut undecided)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(undecided < 180, "{undecided} of 36 000 samples differ");
}

/// `curved` of hard samples `[S, D, K]`.
fn loss_of(z: &[f64]) -> f64 {
    let weights = [0.5, -0.25, 0.125, -0.5, 0.25, 1.0];
    z.iter().zip(weights).map(|(z, weight)| z * weight).sum::<f64>().exp()
}

fn probabilities(row: &Row, k: usize) -> Vec<f64> {
    let of = |latent: &[f64]| {
        let max = latent.iter().copied().fold(MASK, f64::max);
        let weights: Vec<f64> = latent.iter().map(|logit| (logit - max).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / total).collect::<Vec<_>>()
    };
    row.logits.chunks(k).flat_map(of).collect()
}

/// `(1/S) Σ (f_s − mean of the others) (z_s − p)`.
fn leave_one_out(row: &Row, k: usize, z: &[f64]) -> (f64, Vec<f64>) {
    let (p, samples): (_, Vec<&[f64]>) = (probabilities(row, k), z.chunks(6).collect());
    let losses: Vec<f64> = samples.iter().map(|z| loss_of(z)).collect();
    let (count, total) = (losses.len() as f64, losses.iter().sum::<f64>());
    let advantage = |loss: f64| loss - (total - loss) / (count - 1.0);
    let slope = |i: usize| {
        samples.iter().zip(&losses).map(|(z, &loss)| advantage(loss) * (z[i] - p[i]) / count).sum()
    };
    (total / count, (0..6).map(slope).collect())
}

/// `Σ p(z) f(z)` and its derivative, over all states.
fn enumerated(row: &Row, k: usize) -> (f64, Vec<f64>) {
    let (p, latents) = (probabilities(row, k), 6 / k);
    let states = (0..k.pow(latents as u32)).map(|state| {
        let picked = |latent: usize| state / k.pow(latent as u32) % k;
        (0..6).map(|i| f64::from(picked(i / k) == i % k)).collect::<Vec<_>>()
    });
    states.fold((0.0, vec![0.0; 6]), |(loss, mut slope), z| {
        let mass: f64 = z.iter().zip(&p).filter(|(z, _)| **z == 1.0).map(|(_, p)| p).product();
        slope.iter_mut().enumerate().for_each(|(i, slope)| *slope += mass * loss_of(&z) * (z[i] - p[i]));
        (loss + mass * loss_of(&z), slope)
    })
}

#[test]
fn estimates_in_double_precision_agree_with_their_definitions() {
    let (rloo, exact) = (estimator::find("rloo").unwrap(), estimator::find("exact").unwrap());
    for seed in 0..1000 {
        let row = row(seed, 6, 0);
        let [_, _, k] = shape(rloo, seed);
        if !valid(&row, k) {
            continue;
        }
        for (entry, defined) in [(rloo, None), (exact, Some(enumerated(&row, k)))] {
            let found = estimate(entry, &row, DType::F64).unwrap();
            let (loss, slope) = defined.unwrap_or_else(|| leave_one_out(&row, k, &found.z));
            let pairs = found.gradient.iter().zip(&slope).chain([(&found.loss, &loss)]);
            for (found, defined) in pairs {
                assert!(
                    (found - defined).abs() < 1e-13,
                    "{}, seed {seed}: {found}, not {defined}",
                    entry.name()
                );
            }
        }
    }
}

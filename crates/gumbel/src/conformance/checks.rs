//! The checks, each a function of the problem.

use super::problem::{
    CATEGORICAL, Checked, Fault, LOGITS, Problem, REPLICATES, Shape, curved, ensure, exact, exactly,
    gradients, largest_z, losses, means, phi, tiled,
};
use crate::estimator::{Estimate, Estimator, Latents, Objective, Reduction, Sample, SampleKind, State};
use crate::{Error, Noise};
use burn::tensor::Tensor;
use std::cell::Cell;

pub(super) fn bias(problem: &Problem) -> Checked {
    if !problem.properties.supports(Reduction::Mean) {
        return Ok(());
    }
    let (expected, _) = exact(problem.shape)?;
    let rows = problem.gradients(LOGITS, REPLICATES, &curved(&phi()), 1)?;
    check_bias(problem, largest_z(&rows, &expected))
}

fn check_bias(problem: &Problem, z: f64) -> Checked {
    if problem.properties.unbiased {
        ensure(z < 4.0, || format!("a coordinate is {z:.1} standard errors from the exact gradient"))
    } else {
        ensure(z > 8.0, || {
            format!(
                "declared biased, but no coordinate is more than {z:.1} standard errors from the exact gradient"
            )
        })
    }
}

pub(super) fn loss(problem: &Problem) -> Checked {
    if !problem.properties.supports(Reduction::Mean) || problem.properties.sample_kind != SampleKind::Hard {
        return Ok(());
    }
    let (_, expected) = exact(problem.shape)?;
    let logits = problem.logits(REPLICATES);
    let estimate = problem.run(problem.trained()?.as_ref(), &logits, &curved(&phi()), 1)?;
    check_loss(&estimate, expected)
}

fn check_loss(estimate: &Estimate, expected: f64) -> Checked {
    let z = largest_z(&losses(estimate), &[expected]);
    ensure(z < 4.0, || format!("the loss is {z:.1} standard errors from the exact expectation"))
}

pub(super) fn objective_parameters(problem: &Problem) -> Checked {
    if !problem.properties.supports(Reduction::Mean) || problem.properties.sample_kind != SampleKind::Hard {
        return Ok(());
    }
    let slope = |estimate: Estimate, phi: &Tensor<1>| {
        let gradient = phi.grad(&estimate.loss.mean().backward());
        let gradient =
            gradient.ok_or(Fault("the loss does not depend on the objective's parameter".into()))?;
        Ok::<_, Fault>(gradient.into_scalar::<f64>())
    };
    let leaf = phi();
    let expected = slope(exactly(problem.logits(1), &curved(&leaf))?, &leaf)?;
    let estimator = problem.trained()?;
    let batch = |seed| {
        let leaf = phi();
        let estimate = problem.run(estimator.as_ref(), &problem.logits(2000), &curved(&leaf), seed)?;
        Ok(vec![slope(estimate, &leaf)?])
    };
    let batches = (0..50).map(batch).collect::<Result<Vec<_>, Fault>>()?;
    let z = largest_z(&batches, &[expected]);
    ensure(z < 4.0, || {
        format!("the gradient of the objective's parameter is {z:.1} standard errors from the exact one")
    })
}

pub(super) fn constant(problem: &Problem) -> Checked {
    let constant = |sample: &Sample| {
        let [samples, rows, ..] = sample.z.dims();
        sample.z.clone().sum_dim(3).sum_dim(2).reshape([samples, rows]) * 0.0 + 3.0
    };
    let rows = problem.gradients(LOGITS, REPLICATES, &constant, 3)?;
    let z = largest_z(&rows, &[0.0; LOGITS.len()]);
    ensure(z < 4.0, || format!("the gradient of a constant is {z:.1} standard errors from zero"))
}

pub(super) fn pure(problem: &Problem) -> Checked {
    let estimator = problem.trained()?;
    let before = estimator.state();
    ensure(bits(problem, estimator.as_ref(), 4)? == bits(problem, estimator.as_ref(), 4)?, || {
        "equal noise gives different estimates".into()
    })?;
    ensure(estimator.state() == before, || "estimating changes the state".into())
}

/// The loss and the gradients of ten estimates.
fn bits(problem: &Problem, estimator: &dyn Estimator, seed: u64) -> Result<Vec<u64>, Fault> {
    let logits = problem.logits(10);
    let estimate = problem.run(estimator, &logits, &curved(&phi()), seed)?;
    let losses = losses(&estimate);
    let numbers = losses.into_iter().chain(gradients(estimate, &logits)?);
    Ok(numbers.flatten().map(f64::to_bits).collect())
}

pub(super) fn state(problem: &Problem) -> Checked {
    let mut trained = problem.trained()?;
    for seed in 0..5 {
        let last = problem.run(trained.as_ref(), &problem.logits(10), &curved(&phi()), seed)?;
        trained.adapt(&last);
    }
    let mut restored = problem.untrained()?;
    restored.restore(&trained.state())?;
    ensure(bits(problem, trained.as_ref(), 9)? == bits(problem, restored.as_ref(), 9)?, || {
        "an estimator with restored state gives different estimates".into()
    })?;
    let foreign: State = trained.state().with("a tensor of another estimator", vec![0.0]);
    let result = restored.restore(&foreign);
    ensure(matches!(result, Err(Error::State { .. })), || {
        format!("restoring another estimator's state gives {result:?}, expected Error::State")
    })
}

pub(super) fn finite(problem: &Problem) -> Checked {
    let mask = f32::NEG_INFINITY;
    for values in [[80.0, -80.0, 0.0, -80.0, 80.0, 80.0], [0.0, mask, 1.0, mask, mask, 2.0]] {
        let logits = tiled(problem.shape, values, 100);
        let estimate = problem.run(problem.trained()?.as_ref(), &logits, &curved(&phi()), 5)?;
        let losses = losses(&estimate).concat();
        ensure(losses.iter().all(|loss| loss.is_finite()), || {
            format!("the losses at logits {values:?} are {losses:?}")
        })?;
        for row in gradients(estimate, &logits)? {
            let right =
                |(gradient, logit): (&f64, f32)| gradient.is_finite() && (logit != mask || *gradient == 0.0);
            ensure(row.iter().zip(values).all(right), || {
                format!("the gradient at logits {values:?} is {row:?}")
            })?;
        }
    }
    Ok(())
}

pub(super) fn shift(problem: &Problem) -> Checked {
    let at = |shift: f32| problem.gradients(LOGITS.map(|logit| logit + shift), 2000, &curved(&phi()), 12);
    let (here, there) = (at(0.0)?, at(4.0)?);
    let far = |(a, b): &(&Vec<f64>, &Vec<f64>)| {
        a.iter().zip(*b).any(|(a, b)| (a - b).abs() > 1e-3 * (1.0 + a.abs()))
    };
    let moved = here.iter().zip(&there).filter(far).count();
    // Rounding changes an argmax in one row of some thousands, and its gradient with it.
    ensure(moved <= 2, || format!("4 added to all logits changes {moved} of 2000 estimates"))?;
    for latent in here.iter().flat_map(|row| row.chunks(problem.shape[1])) {
        let size = latent.iter().map(|g| g.abs()).sum::<f64>();
        let sum = latent.iter().sum::<f64>().abs();
        ensure(sum < 1e-5 * (1.0 + size), || format!("a latent's gradient {latent:?} sums to {sum}"))?;
    }
    Ok(())
}

pub(super) fn permutation(problem: &Problem) -> Checked {
    let [_, categories] = problem.shape;
    let rotated = |mut row: Vec<f64>| {
        row.chunks_mut(categories).for_each(|latent| latent.rotate_left(1));
        row
    };
    let here = problem.gradients(LOGITS, REPLICATES / 2, &curved(&phi()), 13)?;
    let here: Vec<Vec<f64>> = here.into_iter().map(rotated).collect();
    let mut moved = LOGITS;
    moved.chunks_mut(categories).for_each(|latent| latent.rotate_left(1));
    // The objective sees the categories in their old order.
    let phi = phi();
    let back = |sample: &Sample| {
        let z = sample.z.clone();
        let last = z.clone().narrow(3, categories - 1, 1);
        let z = Tensor::cat(vec![last, z.narrow(3, 0, categories - 1)], 3);
        curved(&phi)(&Sample { z, ..sample.clone() })
    };
    let there = problem.gradients(moved, REPLICATES / 2, &back, 14)?;
    for (i, ((a, a_error), (b, b_error))) in means(&here).into_iter().zip(means(&there)).enumerate() {
        let z = (a - b).abs() / a_error.hypot(b_error).max(1e-6);
        ensure(z < 4.0, || format!("coordinate {i} has means {a} and {b}, {z:.1} standard errors apart"))?;
    }
    Ok(())
}

pub(super) fn evaluations(problem: &Problem) -> Checked {
    let (evaluations, phi) = (Cell::new(0), phi());
    let counted = |sample: &Sample| {
        evaluations.set(evaluations.get() + sample.z.dims()[0] as u64);
        curved(&phi)(sample)
    };
    problem.run(problem.untrained()?.as_ref(), &problem.logits(3), &counted, 6)?;
    let [latents, categories] = problem.shape.map(|size| size as u64);
    let (found, declared) = (evaluations.get(), problem.properties.evaluations(latents, categories));
    ensure(Some(found) == declared, || format!("{found} evaluations per row, {declared:?} declared"))
}

pub(super) fn unsupported(problem: &Problem) -> Checked {
    let zero = |sample: &Sample| sample.z.clone().sum_dim(3).sum_dim(2).squeeze_dims(&[2, 3]) * 0.0;
    let estimator = problem.untrained()?;
    let refused = |objective: &Objective, shape: Shape, what: &str| {
        let logits = tiled(shape, LOGITS, 1);
        let result = estimator.estimate(logits, objective, &mut Noise::from_seed(0), 0);
        ensure(matches!(result, Err(Error::Unsupported { .. })), || {
            format!("{what} is not supported, yet gives no Error::Unsupported")
        })
    };
    if !problem.properties.supports(Reduction::Mean) {
        refused(&Objective::mean(zero), problem.shape, "a mean")?;
    }
    if !problem.properties.supports(Reduction::LogMeanExp) {
        refused(&Objective::log_mean_exp(zero), problem.shape, "a log-mean-exp")?;
    }
    if problem.properties.latents == Latents::Binary {
        refused(&problem.objective(&zero), CATEGORICAL, "three categories")?;
    }
    Ok(())
}

/// S samples of one row of D latents are one sample of S·D latents: enumerating those is exact for a log-mean-exp over S.
pub(super) fn log_mean_exp(problem: &Problem) -> Checked {
    if !problem.properties.supports(Reduction::LogMeanExp) {
        return Ok(());
    }
    let (expected, expectation) = exact_log_mean_exp(problem)?;
    let (logits, phi) = (problem.logits(REPLICATES), phi());
    let objective = Objective::log_mean_exp(curved(&phi));
    let estimate = problem.trained()?.estimate(logits.clone(), &objective, &mut Noise::from_seed(8), 0)?;
    if problem.properties.sample_kind == SampleKind::Hard {
        check_loss(&estimate, expectation)?;
    }
    check_bias(problem, largest_z(&gradients(estimate, &logits)?, &expected))
}

fn exact_log_mean_exp(problem: &Problem) -> Result<(Vec<f64>, f64), Fault> {
    let samples = problem.properties.samples;
    let phi = phi();
    let joint = |sample: &Sample| {
        let [states, rows, latents, categories] = sample.z.dims();
        let z = sample.z.clone().reshape([states * rows, samples, latents / samples, categories]);
        let all = Sample::hard(z.swap_dims(0, 1));
        let bound = Objective::log_mean_exp(curved(&phi));
        bound.reduce(&all, bound.losses(&all)).reshape([states, rows])
    };
    let logits = problem.logits(1);
    let estimate = exactly(Tensor::cat(vec![logits.clone(); samples], 1), &joint)?;
    let loss = estimate.mean_loss();
    Ok((gradients(estimate, &logits)?.remove(0), loss))
}

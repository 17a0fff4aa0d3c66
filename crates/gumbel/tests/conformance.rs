//! One suite for every row of the table of estimators, against exact enumeration.
//!
//! Rows are replicates: a row of logits is tiled, one call gives that many independent estimates, and the
//! comparison is in standard errors. With seven coordinates per estimator and a threshold of four, a sound
//! unbiased estimator fails by chance once in 2000 seeds; the seeds are fixed.

use burn::tensor::{Device, Tensor};
use gumbel::estimator::{
    self, Baseline, Estimate, Estimator, Exact, Info, Latents, Objective, Parameters, Reduction, Sample,
    Samples,
};
use gumbel::{Error, Noise, Schedule};
use std::cell::Cell;

const REPLICATES: usize = 100_000;
const LOGITS: [f32; 6] = [0.3, -0.5, 0.8, 0.0, 1.0, -1.2];

/// Latents and categories of a problem.
type Shape = [usize; 2];
const CATEGORICAL: Shape = [2, 3];
const BINARY: Shape = [3, 2];

/// Of the problem that an estimator is measured on: both have six logits.
fn shape(info: &Info) -> Shape {
    match info.serves {
        Latents::Categorical => CATEGORICAL,
        Latents::Binary => BINARY,
    }
}

fn tiled([latents, categories]: Shape, logits: [f32; 6], rows: usize) -> Tensor<3> {
    let row = Tensor::<1>::from_floats(logits, &Device::flex().autodiff());
    row.reshape([1, latents, categories]).repeat_dim(0, rows).require_grad()
}

/// `f(z; φ) = exp(φ Σ w·z)`: curved enough that every biased estimator shows its bias.
fn curved(phi: &Tensor<1>) -> impl Fn(&Sample) -> Tensor<2> {
    let phi = phi.clone();
    move |sample| {
        let weights = Tensor::<1>::from_floats([1.0, -0.5, 0.2, -1.0, 0.7, 0.4], &Device::flex());
        let [_, _, latents, categories] = sample.z.dims();
        let score = (sample.z.clone() * weights.reshape([1, 1, latents, categories])).sum_dim(3).sum_dim(2);
        (score.squeeze_dims::<2>(&[2, 3]) * phi.clone().unsqueeze()).exp()
    }
}

fn phi() -> Tensor<1> {
    Tensor::from_floats([1.3], &Device::flex().autodiff()).require_grad()
}

/// With two samples where its default is one, and a temperature that is not 1 where it takes one below; and with
/// something learned, which must not show in any mean.
fn build(info: &Info) -> Box<dyn Estimator> {
    let mut estimator = untrained(info);
    for seed in 100..105 {
        let last = run(estimator.as_ref(), tiled(shape(info), LOGITS, 100), &curved(&phi()), seed);
        estimator.adapt(&last);
    }
    estimator
}

fn untrained(info: &Info) -> Box<dyn Estimator> {
    let default =
        |name: &str| info.parameters.iter().find(|known| known.name == name).map(|known| known.default);
    let mut parameters = Parameters::default();
    if default("samples") == Some("1") {
        parameters = parameters.with("samples", 2);
    }
    let cool = parameters.clone().with("tau", 0.7);
    info.build(&cool).or_else(|_| info.build(&parameters)).expect("valid parameters")
}

/// Samples that `build` asks for.
fn samples(info: &Info) -> u64 {
    let declared = info.parameters.iter().find(|known| known.name == "samples");
    declared.map_or(1, |known| known.default.parse::<u64>().expect("a number").max(2))
}

fn serving(reduction: Reduction) -> impl Iterator<Item = &'static Info> {
    estimator::ALL.iter().copied().filter(move |info| info.reductions.contains(&reduction))
}

fn run(
    estimator: &dyn Estimator,
    logits: Tensor<3>,
    f: &dyn Fn(&Sample) -> Tensor<2>,
    seed: u64,
) -> Estimate {
    // A mean, or for an estimator of bounds only a log-mean-exp.
    let mean = estimator.info().reductions.contains(&Reduction::Mean);
    let objective = if mean { Objective::mean(f) } else { Objective::log_mean_exp(f) };
    estimator.estimate(logits, &objective, &mut Noise::from_seed(seed), 0).expect("a served problem")
}

/// The gradient of each replicate, `[rows][D·K]`.
fn gradients(estimate: Estimate, logits: &Tensor<3>) -> Vec<Vec<f64>> {
    let gradients = logits.grad(&estimate.surrogate.sum().backward()).expect("a gradient");
    let numbers = gradients.into_data().convert::<f64>().try_to_vec::<f64>().expect("converted");
    numbers.chunks(LOGITS.len()).map(<[f64]>::to_vec).collect()
}

fn exactly() -> Exact {
    Exact::new(1).expect("one sample")
}

fn exact(shape: Shape) -> (Vec<f64>, f64) {
    let (logits, phi) = (tiled(shape, LOGITS, 1), phi());
    let estimate = run(&exactly(), logits.clone(), &curved(&phi), 0);
    let value = f64::from(estimate.value.clone().into_scalar::<f32>());
    (gradients(estimate, &logits).remove(0), value)
}

/// (mean − expected) in standard errors, for each coordinate.
fn z_scores(rows: &[Vec<f64>], expected: &[f64]) -> Vec<f64> {
    let n = rows.len() as f64;
    (0..expected.len())
        .map(|i| {
            let mean = rows.iter().map(|row| row[i]).sum::<f64>() / n;
            let variance = rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / (n - 1.0);
            (mean - expected[i]) / (variance / n).sqrt().max(1e-7)
        })
        .collect()
}

fn worst(z: &[f64]) -> f64 {
    z.iter().fold(0.0, |worst, z| worst.max(z.abs()))
}

#[test]
fn enumeration_agrees_with_a_sum_written_by_hand() {
    // E f = Π_d Σ_k p_dk exp(1.3 w_dk), since f factorises over the latents.
    let weights = [[1.0f64, -0.5, 0.2], [-1.0, 0.7, 0.4]];
    let factor = |d: usize| {
        let logits = &LOGITS[d * 3..][..3];
        let total: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        (0..3).map(|k| f64::from(logits[k]).exp() / total * (1.3 * weights[d][k]).exp()).sum::<f64>()
    };
    let (gradient, value) = exact(CATEGORICAL);
    assert!((value - factor(0) * factor(1)).abs() < 1e-6, "{value}");
    let p_0 = f64::from(LOGITS[0]).exp() / LOGITS[..3].iter().map(|&l| f64::from(l).exp()).sum::<f64>();
    let slope = p_0 * (1.3f64.exp() - factor(0)) * factor(1);
    assert!((gradient[0] - slope).abs() < 1e-6, "{} against {slope}", gradient[0]);
}

#[test]
fn unbiased_estimators_agree_with_enumeration_and_biased_ones_are_caught() {
    for info in serving(Reduction::Mean) {
        let (expected, value) = exact(shape(info));
        let (logits, phi) = (tiled(shape(info), LOGITS, REPLICATES), phi());
        let estimate = run(build(info).as_ref(), logits.clone(), &curved(&phi), 1);
        let values: Vec<Vec<f64>> =
            estimate.value.clone().into_data().iter::<f64>().map(|v| vec![v]).collect();
        let z = z_scores(&gradients(estimate, &logits), &expected);
        let name = info.name;
        if info.unbiased {
            assert!(worst(&z) < 4.0, "{name}: {z:.1?} standard errors from the exact gradient");
        } else {
            assert!(worst(&z) > 8.0, "{name} is biased here, and must be seen to be: {z:.1?}");
        }
        if info.samples == Samples::Hard {
            let z = z_scores(&values, &[value]);
            assert!(worst(&z) < 4.0, "{name}: value {z:.1?} standard errors from the exact expectation");
        }
    }
}

#[test]
fn the_bias_of_gumbel_softmax_shrinks_with_the_temperature() {
    let (expected, _) = exact(CATEGORICAL);
    let bias = |tau: f64| {
        let estimator = estimator::GumbelSoftmax::new(1, Schedule::Constant(tau)).expect("one sample");
        let logits = tiled(CATEGORICAL, LOGITS, REPLICATES);
        let rows = gradients(run(&estimator, logits.clone(), &curved(&phi()), 2), &logits);
        (0..expected.len())
            .map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / rows.len() as f64 - expected[i])
            .map(|bias| bias * bias)
            .sum::<f64>()
            .sqrt()
    };
    let (warm, mild, cool) = (bias(2.0), bias(0.7), bias(0.2));
    assert!(
        warm > 1.5 * mild && mild > 1.5 * cool,
        "bias {warm:.4}, {mild:.4}, {cool:.4} at tau 2, 0.7, 0.2"
    );
}

#[test]
fn the_gradient_of_the_objectives_own_parameters_is_unbiased_on_hard_samples() {
    let slope = |info: &Info, replicates: usize, seed: u64| {
        let (logits, phi) = (tiled(shape(info), LOGITS, replicates), phi());
        let estimate = run(build(info).as_ref(), logits, &curved(&phi), seed);
        f64::from(phi.grad(&estimate.surrogate.mean().backward()).expect("a gradient").into_scalar::<f32>())
    };
    let expected = |shape: Shape| {
        let (logits, phi) = (tiled(shape, LOGITS, 1), phi());
        let surrogate = run(&exactly(), logits, &curved(&phi), 0).surrogate;
        f64::from(phi.grad(&surrogate.mean().backward()).expect("a gradient").into_scalar::<f32>())
    };
    let hard = |info: &&Info| info.samples == Samples::Hard && info.name != "exact";
    for info in serving(Reduction::Mean).filter(hard) {
        let batches: Vec<Vec<f64>> = (0..50).map(|seed| vec![slope(info, 2000, seed)]).collect();
        let z = z_scores(&batches, &[expected(shape(info))]);
        assert!(worst(&z) < 4.0, "{}: {z:.1?} standard errors from the exact slope", info.name);
    }
}

#[test]
fn a_constant_objective_has_no_gradient_in_the_mean() {
    for info in estimator::ALL {
        let logits = tiled(shape(info), LOGITS, REPLICATES);
        let constant = |sample: &Sample| {
            let [samples, rows, ..] = sample.z.dims();
            sample.z.clone().sum_dim(3).sum_dim(2).reshape([samples, rows]) * 0.0 + 3.0
        };
        let z =
            z_scores(&gradients(run(build(info).as_ref(), logits.clone(), &constant, 3), &logits), &[0.0; 6]);
        assert!(worst(&z) < 4.0, "{}: {z:.1?}", info.name);
    }
}

#[test]
fn equal_noise_gives_equal_bits_and_measuring_changes_no_state() {
    for info in estimator::ALL {
        let (estimator, phi) = (build(info), phi());
        let bits = || {
            run(estimator.as_ref(), tiled(shape(info), LOGITS, 10), &curved(&phi), 4).surrogate.into_data()
        };
        let before = estimator.state();
        assert_eq!(bits(), bits(), "{}", info.name);
        assert_eq!(estimator.state(), before, "{}", info.name);
    }
}

#[test]
fn saved_and_restored_state_continues_identically() {
    for info in estimator::ALL {
        let (mut trained, phi) = (build(info), phi());
        for seed in 0..5 {
            let estimate = run(trained.as_ref(), tiled(shape(info), LOGITS, 10), &curved(&phi), seed);
            trained.adapt(&estimate);
        }
        let mut restored = build(info);
        restored.restore(&trained.state()).expect("its own state");
        let next = |e: &dyn Estimator| {
            run(e, tiled(shape(info), LOGITS, 10), &curved(&phi), 9).surrogate.into_data()
        };
        assert_eq!(next(trained.as_ref()), next(restored.as_ref()), "{}", info.name);
        let foreign = vec![0.0; trained.state().len() + 1];
        assert!(matches!(restored.restore(&foreign), Err(Error::State { .. })), "{}", info.name);
    }
}

#[test]
fn extreme_and_masked_logits_give_finite_gradients_and_none_at_masks() {
    let mask = f32::NEG_INFINITY;
    for info in estimator::ALL {
        for logits in [[80.0, -80.0, 0.0, -80.0, 80.0, 80.0], [0.0, mask, 1.0, mask, mask, 2.0]] {
            let tiles = tiled(shape(info), logits, 100);
            for row in gradients(run(build(info).as_ref(), tiles.clone(), &curved(&phi()), 5), &tiles) {
                for (gradient, logit) in row.iter().zip(logits) {
                    assert!(gradient.is_finite(), "{}: {row:?} at {logits:?}", info.name);
                    assert!(logit != mask || *gradient == 0.0, "{}: {row:?} at {logits:?}", info.name);
                }
            }
        }
    }
}

/// Mean gradients of two problems that are the same in distribution, compared in standard errors.
fn assert_same_means(name: &str, left: &[Vec<f64>], right: &[Vec<f64>]) {
    let (n, m) = (left.len() as f64, right.len() as f64);
    for i in 0..LOGITS.len() {
        let [(a, va), (b, vb)] = [left, right].map(|rows| {
            let mean = rows.iter().map(|row| row[i]).sum::<f64>() / rows.len() as f64;
            (mean, rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / (rows.len() - 1) as f64)
        });
        let z = (a - b) / (va / n + vb / m).sqrt().max(1e-7);
        assert!(z.abs() < 4.0, "{name}, coordinate {i}: {a} and {b}, {z:.1} standard errors apart");
    }
}

#[test]
fn a_shift_of_a_latents_logits_changes_nothing_and_its_gradient_sums_to_zero() {
    for info in estimator::ALL {
        let [_, categories] = shape(info);
        let at = |shift: f32| {
            let logits = tiled(shape(info), LOGITS.map(|logit| logit + shift), 2000);
            gradients(run(build(info).as_ref(), logits.clone(), &curved(&phi()), 12), &logits)
        };
        let (here, there) = (at(0.0), at(4.0));
        let far = |(a, b): &(&Vec<f64>, &Vec<f64>)| {
            a.iter().zip(*b).any(|(a, b)| (a - b).abs() > 1e-3 * (1.0 + a.abs()))
        };
        let moved = here.iter().zip(&there).filter(far).count();
        // Rounding decides an argmax otherwise in one row of some thousands, and its gradient with it.
        assert!(moved <= 2, "{}: {moved} of 2000 rows moved", info.name);
        for row in here.iter().flat_map(|row| row.chunks(categories)) {
            let size = row.iter().map(|g| g.abs()).sum::<f64>();
            let sum = row.iter().sum::<f64>().abs();
            assert!(sum < 1e-5 * (1.0 + size), "{}: {row:?} sums to {sum}", info.name);
        }
    }
}

#[test]
fn permuted_categories_permute_the_gradient_in_distribution() {
    for info in estimator::ALL {
        let [_, categories] = shape(info);
        let rotated = |row: &[f64]| {
            let mut row = row.to_vec();
            row.chunks_mut(categories).for_each(|latent| latent.rotate_left(1));
            row
        };
        let here = {
            let logits = tiled(shape(info), LOGITS, REPLICATES / 2);
            gradients(run(build(info).as_ref(), logits.clone(), &curved(&phi()), 13), &logits)
        };
        let moved: Vec<f32> = rotated(&LOGITS.map(f64::from)).into_iter().map(|logit| logit as f32).collect();
        let logits = tiled(shape(info), moved.try_into().expect("six"), REPLICATES / 2);
        // The objective sees the categories in their old order.
        let phi = phi();
        let back = |sample: &Sample| {
            let z = sample.z.clone();
            let last = z.clone().narrow(3, categories - 1, 1);
            let z = Tensor::cat(vec![last, z.narrow(3, 0, categories - 1)], 3);
            curved(&phi)(&Sample { z, ..sample.clone() })
        };
        let there = gradients(run(build(info).as_ref(), logits.clone(), &back, 14), &logits);
        let here: Vec<Vec<f64>> = here.iter().map(|row| rotated(row)).collect();
        assert_same_means(info.name, &here, &there);
    }
}

#[test]
fn the_objective_is_evaluated_as_often_as_declared() {
    for info in estimator::ALL {
        let (evaluations, phi) = (Cell::new(0), phi());
        let counted = |sample: &Sample| {
            evaluations.set(evaluations.get() + sample.z.dims()[0]);
            curved(&phi)(sample)
        };
        run(build(info).as_ref(), tiled(shape(info), LOGITS, 3), &counted, 6);
        let [latents, categories] = shape(info).map(|size| size as u64);
        let declared = (info.evaluations.count)(samples(info), latents, categories).expect("few") as usize;
        assert_eq!(evaluations.get(), declared, "{}", info.name);
    }
}

#[test]
fn what_cannot_be_served_is_an_error_with_the_remedy() {
    for info in estimator::ALL.iter().filter(|info| info.takes("samples")) {
        let error = info.build(&Parameters::default().with("samples", 0)).expect_err(info.name);
        assert!(error.to_string().contains("samples must be"), "{error}");
    }
    let refuse = |info: &Info, logits: Tensor<3>, objective: &Objective| {
        build(info).estimate(logits, objective, &mut Noise::from_seed(0), 0).expect_err(info.name).to_string()
    };
    let wide = Tensor::<3>::zeros([1, 20, 10], &Device::flex());
    let never = Objective::mean(|_| unreachable!("refused before any evaluation"));
    let error = refuse(estimator::find("exact").expect("in the table"), wide, &never);
    assert!(error.contains("10^20 states") && error.contains("use rloo"), "{error}");
    let bound = Objective::log_mean_exp(|_| unreachable!("refused before any evaluation"));
    for info in estimator::ALL {
        let logits = tiled(shape(info), LOGITS, 1);
        for (objective, reduction) in [(&never, Reduction::Mean), (&bound, Reduction::LogMeanExp)] {
            if !info.reductions.contains(&reduction) {
                let error = refuse(info, logits.clone(), objective);
                assert!(error.contains("does not serve") && error.contains("use "), "{error}");
            }
        }
        if info.serves == Latents::Binary {
            let error = refuse(
                info,
                tiled(CATEGORICAL, LOGITS, 1),
                if info.reductions.contains(&Reduction::Mean) { &never } else { &bound },
            );
            assert!(error.contains("only binary ones"), "{error}");
        }
    }
}

/// Two samples of one row of D latents are one sample of 2D latents: enumerating those is exact for a
/// log-mean-exp over two.
#[test]
fn a_log_mean_exp_over_samples_agrees_with_enumeration_of_the_pairs() {
    let pair_loss = |sample: &Sample, phi: &Tensor<1>| {
        let [samples, rows, latents, categories] = sample.z.dims();
        let z = sample.z.clone().reshape([samples * rows, 2, latents / 2, categories]).swap_dims(0, 1);
        let pair = Sample::hard(z);
        let bound = Objective::log_mean_exp(curved(phi));
        bound.reduce(&pair, bound.losses(&pair)).reshape([samples, rows])
    };
    let exact_pairs = |shape: Shape| {
        let (logits, slope) = (tiled(shape, LOGITS, 1), phi());
        let doubled = Tensor::cat(vec![logits.clone(), logits.clone()], 1);
        let estimate = run(&exactly(), doubled, &|sample: &Sample| pair_loss(sample, &slope), 0);
        let value = f64::from(estimate.value.clone().into_scalar::<f32>());
        (gradients(estimate, &logits).remove(0), value)
    };
    for info in serving(Reduction::LogMeanExp).filter(|info| info.name != "exact") {
        assert_eq!(samples(info), 2, "{}: the oracle is of two samples", info.name);
        let (expected, value) = exact_pairs(shape(info));
        let (logits, phi) = (tiled(shape(info), LOGITS, REPLICATES), phi());
        let objective = Objective::log_mean_exp(curved(&phi));
        let estimate =
            build(info).estimate(logits.clone(), &objective, &mut Noise::from_seed(8), 0).expect("served");
        let values: Vec<Vec<f64>> =
            estimate.value.clone().into_data().iter::<f64>().map(|v| vec![v]).collect();
        let z = z_scores(&gradients(estimate, &logits), &expected);
        assert_eq!(info.unbiased, worst(&z) < 4.0, "{}: {z:.1?} standard errors", info.name);
        if info.samples == Samples::Hard {
            assert!(worst(&z_scores(&values, &[value])) < 4.0, "{}", info.name);
        }
    }
}

#[test]
fn a_leave_one_out_baseline_gives_a_constant_no_gradient_at_all() {
    let logits = tiled(CATEGORICAL, LOGITS, 100);
    let constant = |sample: &Sample| Tensor::full([sample.z.dims()[0], 100], 3.0, &sample.z.device());
    let rows = gradients(
        run(build(estimator::find("rloo").expect("in the table")).as_ref(), logits.clone(), &constant, 3),
        &logits,
    );
    assert!(rows.iter().flatten().all(|&gradient| gradient == 0.0));
}

#[test]
fn a_baseline_lowers_the_variance_of_an_offset_objective() {
    let spread = |estimator: &dyn Estimator| {
        let (logits, phi) = (tiled(CATEGORICAL, LOGITS, 20_000), phi());
        let offset = |sample: &Sample| curved(&phi)(sample) + 100.0;
        let rows = gradients(run(estimator, logits.clone(), &offset, 7), &logits);
        rows.iter().map(|row| row[0] * row[0]).sum::<f64>() / rows.len() as f64
    };
    let new = |baseline| estimator::Reinforce::new(1, baseline).expect("one sample");
    let (mut adapted, mut plain) = (new(Baseline::MovingAverage), new(Baseline::None));
    let untrained = spread(&adapted);
    assert_eq!(untrained, spread(&plain));
    for seed in 0..3 {
        let phi = phi();
        let offset = |sample: &Sample| curved(&phi)(sample) + 100.0;
        let estimate = run(&adapted, tiled(CATEGORICAL, LOGITS, 1000), &offset, seed);
        adapted.adapt(&estimate);
        plain.adapt(&estimate);
    }
    assert_eq!((plain.baseline(), spread(&plain)), (0.0, untrained));
    let expected = 100.0 + exact(CATEGORICAL).1;
    assert!((adapted.baseline() - expected).abs() < 1.0, "{} against {expected}", adapted.baseline());
    assert!(spread(&adapted) < untrained / 100.0);
}

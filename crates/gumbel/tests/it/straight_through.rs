//! The straight-through family against its theory: which objectives each is exact for, and which of them are the
//! same estimator. Given the hard sample all but Gumbel-Rao are deterministic, so their mean is a sum over all
//! states, in double precision and without Monte Carlo.

use crate::states::{
    CATEGORIES, LATENTS, LOGITS, Path, STATES, WIDTH, estimator, mass, masses, mean_and_variance, problem,
    replicates, states,
};
use crate::support::{double, numbers};
use burn::tensor::{Device, Tensor};
use gumbel::estimator::{Decoupled, LogitGap, StraightThroughGumbel, find};
use gumbel::{Noise, Schedule, straight_through};

const PROBABILITIES: Path = |logits, hard| straight_through::softmax(logits, hard, 1.0);
const REINMAX: Path = |logits, hard| straight_through::reinmax(logits, hard, 1.0);
const ZGR: Path = straight_through::zgr;
const GAPPED: Path = |logits, hard| straight_through::gapped(logits, hard, 1.0, LogitGap::Fixed(1.0));
const PUBLISHED_GAPPED: Path =
    |logits, hard| straight_through::gapped(logits, hard, 1.0, LogitGap::Probability);

#[test]
fn each_is_exact_for_its_class_of_objectives_and_for_no_larger_one() {
    let [linear, quadratic, curved] = [problem(false, false), problem(true, false), problem(true, true)];
    for (path, exact) in [(PROBABILITIES, 1), (REINMAX, 2), (ZGR, 2), (GAPPED, 0), (PUBLISHED_GAPPED, 0)] {
        for (order, problem) in [(1, &linear), (2, &quadratic), (3, &curved)] {
            let bias = problem.bias(path);
            assert_eq!(bias < 1e-10, order <= exact, "order {order}, claimed {exact}: bias {bias:e}");
            assert!(order <= exact || bias > 1e-3, "order {order}: the bias {bias:e} is too small to tell");
        }
    }
}

#[test]
fn reinmax_at_one_is_zgr_and_both_are_the_closed_form() {
    let curved = problem(true, true);
    let (reinmax, zgr) = (curved.estimates(REINMAX), curved.estimates(ZGR));
    for state in 0..STATES {
        let z = double(states()[state].to_vec(), [1, LATENTS, CATEGORIES]).require_grad();
        let g = numbers(z.grad(&curved.value(z.clone()).sum().backward()).expect("a gradient"));
        for latent in 0..LATENTS {
            let at = latent * CATEGORIES;
            let (b, p, g) = (&states()[state][at..][..CATEGORIES], masses()[latent], &g[at..][..CATEGORIES]);
            let dot = |weights: &[f64]| weights.iter().zip(g).map(|(w, g)| w * g).sum::<f64>();
            let (bg, pg) = (dot(b), dot(&p));
            for k in 0..CATEGORIES {
                let form = 0.5 * (p[k] * g[k] + b[k] * bg - p[k] * bg - b[k] * pg);
                assert!((zgr[state][at + k] - form).abs() < 1e-12 * (1.0 + form.abs()));
                assert!((reinmax[state][at + k] - form).abs() < 1e-12 * (1.0 + form.abs()));
            }
        }
    }
}

#[test]
fn the_forward_value_is_the_hard_sample_bit_for_bit() {
    let logits = Tensor::<2>::from_floats([[1e4, -80.0, f32::NEG_INFINITY, 0.1]], &Device::flex().autodiff());
    let hard = Tensor::<2>::from_floats([[0.0, 1.0, 0.0, 0.0]], &Device::flex());
    let (theta, b) = (|| logits.clone(), || hard.clone());
    let noise = &mut Noise::from_seed(1);
    let paths = [
        straight_through::softmax(theta(), b(), 0.3),
        straight_through::identity(theta(), b()),
        straight_through::reinmax(theta(), b(), 1.5),
        straight_through::zgr(theta(), b()),
        straight_through::gapped(theta(), b(), 0.5, LogitGap::Probability),
        straight_through::gumbel_rao(theta(), b(), 0.1, 3, noise),
    ];
    for z in paths {
        assert_eq!(z.inner().into_data(), hard.clone().into_data());
    }
}

/// Twelve comparisons at four standard errors: a false alarm in 1300 seeds.
#[test]
fn gumbel_rao_has_the_mean_of_straight_through_gumbel_and_less_variance_the_more_it_draws() {
    const ROWS: usize = 100_000;
    let plain = StraightThroughGumbel::new(1, Schedule::Constant(0.5)).expect("one sample");
    let plain = replicates(&plain, &problem(true, true), ROWS, 1);
    let one = replicates(estimator("gumbel-rao:tau=0.5:draws=1").as_ref(), &problem(true, true), ROWS, 2);
    let ten = replicates(estimator("gumbel-rao:tau=0.5:draws=10").as_ref(), &problem(true, true), ROWS, 3);
    let mut totals = [0.0; 3];
    for i in 0..WIDTH {
        let (mean, variance) = mean_and_variance(&plain, i);
        for (total, rows) in totals.iter_mut().zip([&plain, &one, &ten]) {
            let (other, spread) = mean_and_variance(rows, i);
            let z = (other - mean) / ((variance + spread) / ROWS as f64).sqrt();
            assert!(z.abs() < 4.0, "coordinate {i}: {z} standard errors");
            *total += spread;
        }
    }
    let [plain, one, ten] = totals;
    assert!((one / plain - 1.0).abs() < 0.05, "one draw is the same estimator: {one} and {plain}");
    assert!(ten < 0.8 * one, "{ten} with ten draws, {one} with one");
}

#[test]
fn gumbel_rao_tends_to_zgr_as_the_temperature_falls() {
    const ROWS: usize = 100_000;
    let cold = replicates(estimator("gumbel-rao:tau=0.02:draws=1").as_ref(), &problem(true, true), ROWS, 4);
    let zgr = problem(true, true).estimates(ZGR);
    let limit = |i: usize| (0..STATES).map(|s| mass(s) * zgr[s][i]).sum::<f64>();
    for i in 0..WIDTH {
        let limit = limit(i);
        let (mean, variance) = mean_and_variance(&cold, i);
        let z = (mean - limit) / (variance / ROWS as f64).sqrt();
        assert!(z.abs() < 4.0, "coordinate {i}: {z} standard errors");
    }
}

#[test]
fn decoupled_at_a_forward_temperature_of_one_is_straight_through_gumbel() {
    let tau = Schedule::Constant(0.4);
    let plain = StraightThroughGumbel::new(2, tau).expect("two samples");
    let same = Decoupled::new(2, tau, Schedule::Constant(1.0)).expect("two samples");
    assert_eq!(
        replicates(&plain, &problem(true, true), 50, 5),
        replicates(&same, &problem(true, true), 50, 5)
    );
    let sharp = Decoupled::new(2, tau, Schedule::Constant(0.1)).expect("two samples");
    assert_ne!(
        replicates(&plain, &problem(true, true), 50, 5),
        replicates(&sharp, &problem(true, true), 50, 5)
    );
}

#[test]
fn the_tempered_backward_pass_is_the_jacobian_of_the_tempered_softmax() {
    let linear = problem(false, false);
    const TAU: f64 = 0.4;
    let tempered: Path = |logits, hard| straight_through::softmax(logits, hard, TAU);
    let estimate = &linear.estimates(tempered)[0];
    let weights: Vec<f64> = LOGITS[..CATEGORIES].iter().map(|l| (l / TAU).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mean: f64 = (0..CATEGORIES).map(|k| weights[k] / total * linear.linear[k]).sum();
    for k in 0..CATEGORIES {
        let expected = weights[k] / total * (linear.linear[k] - mean) / TAU;
        assert!((estimate[k] - expected).abs() < 1e-12);
    }
}

#[test]
fn temperatures_out_of_range_are_errors_with_a_remedy() {
    for (name, text, part) in [
        ("reinmax", "reinmax:tau=0.9", "tau must be at least 1, got 0.9; below 1 use gumbel-rao"),
        ("reinmax", "reinmax:tau=linear:2:0.5:100", "tau must be at least 1"),
        (
            "straight-through-gumbel",
            "straight-through-gumbel:tau=1.5",
            "at most 1, got 1.5; above 1 use reinmax",
        ),
        ("gapped", "gapped:gap=-1", "gap must be a number that is not negative, or p, got '-1'"),
        ("gumbel-rao", "gumbel-rao:draws=0", "at least 1, got 0"),
    ] {
        let error =
            text.parse::<gumbel::estimator::EstimatorSpec>().and_then(|choice| choice.build()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(find(name).is_ok());
    }
}

//! Double control variates and RODEO: unbiased whatever the coefficients, by enumeration of all tuples of samples in
//! double precision, and never worse than RLOO once the coefficients are learned.

use crate::two_bits::{LATENTS, exact, logits, one_hot, slopes, smooth, tuples};
use burn::tensor::Tensor;
use gumbel::Noise;
use gumbel::estimator::{ControlCoefficient, DoubleCv, Estimate, Estimator, Objective, Rloo, Rodeo, Sample};

/// Misleading: a ripple that is the same at 0 and 1 dominates its slope.
fn misleading(sample: &Sample) -> Tensor<2> {
    let ones = sample.z.clone().narrow(3, 1, 1).squeeze_dim::<3>(3);
    let ripple = (ones.clone() * (2.0 * std::f64::consts::PI)).sin().sum_dim(2).squeeze_dim::<2>(2);
    smooth(sample) + ripple
}

fn assert_unbiased(samples: usize, estimate: impl Fn(Tensor<3>, &Objective, Tensor<3>) -> Estimate) {
    let (bits, masses) = tuples(samples);
    for f in [smooth, misleading] {
        let theta = logits(masses.len());
        let rows = slopes(&estimate(theta.clone(), &Objective::mean(f), bits.clone()), &theta);
        for (i, exact) in exact(f).into_iter().enumerate() {
            let mean: f64 = rows.iter().zip(&masses).map(|(row, mass)| mass * row[i]).sum();
            assert!((mean - exact).abs() < 1e-12, "{samples} samples: {mean} for {exact}");
        }
    }
}

#[test]
fn both_are_unbiased_whatever_the_coefficients() {
    for samples in [2, 3] {
        for coefficient in [0.0, -1.0, 0.7] {
            let double_cv =
                DoubleCv::new(samples, ControlCoefficient::Fixed(coefficient)).expect("several samples");
            assert_unbiased(samples, |logits, objective, bits| {
                double_cv.with_samples(logits, objective, one_hot(bits)).expect("a supported problem")
            });
            for other in [0.0, 1.3] {
                let rodeo =
                    Rodeo::new(samples).expect("several samples").with_coefficients([coefficient, other]);
                assert_unbiased(samples, |logits, objective, bits| {
                    rodeo.with_samples(logits, objective, bits).expect("a supported problem")
                });
            }
        }
    }
}

#[test]
fn without_control_variates_both_are_rloo() {
    let noise = || Noise::from_seed(5);
    let objective = Objective::mean(smooth);
    let theta = logits(200);
    let rloo = Rloo::new(3).expect("three samples").estimate(theta.clone(), &objective, &mut noise(), 0);
    let rloo = slopes(&rloo.expect("a supported problem"), &theta);
    let estimators: [Box<dyn Estimator>; 2] =
        [Box::new(DoubleCv::new(3, ControlCoefficient::Learned).unwrap()), Box::new(Rodeo::new(3).unwrap())];
    for estimator in estimators {
        let theta = logits(200);
        let estimate =
            estimator.estimate(theta.clone(), &objective, &mut noise(), 0).expect("a supported problem");
        for (row, rloo) in slopes(&estimate, &theta).iter().zip(&rloo) {
            for i in 0..LATENTS {
                assert!((row[i] - rloo[i]).abs() < 1e-12, "{row:?} and {rloo:?}");
            }
        }
    }
}

/// The trace of the exact covariance, by enumeration of all pairs of samples.
fn variance(
    f: fn(&Sample) -> Tensor<2>,
    estimate: impl Fn(Tensor<3>, &Objective, Tensor<3>) -> Estimate,
) -> f64 {
    let (bits, masses) = tuples(2);
    let theta = logits(masses.len());
    let rows = slopes(&estimate(theta.clone(), &Objective::mean(f), bits), &theta);
    let second = |i: usize| rows.iter().zip(&masses).map(|(row, mass)| mass * row[i] * row[i]).sum::<f64>();
    exact(f).into_iter().enumerate().map(|(i, exact)| second(i) - exact * exact).sum()
}

#[test]
fn learned_coefficients_lower_the_variance_of_a_smooth_loss_and_do_no_harm_to_a_misleading_one() {
    for (f, gain) in [(smooth as fn(&Sample) -> Tensor<2>, 0.8), (misleading, 1.02)] {
        let plain = DoubleCv::new(2, ControlCoefficient::Fixed(0.0)).expect("two samples");
        let plain =
            variance(f, |l, o, bits| plain.with_samples(l, o, one_hot(bits)).expect("a supported problem"));
        let (mut double_cv, mut rodeo) =
            (DoubleCv::new(2, ControlCoefficient::Learned).unwrap(), Rodeo::new(2).unwrap());
        for seed in 0..50 {
            let objective = Objective::mean(f);
            let estimate = double_cv.estimate(logits(500), &objective, &mut Noise::from_seed(seed), 0);
            double_cv.adapt(&estimate.expect("a supported problem"));
            let estimate = rodeo.estimate(logits(500), &objective, &mut Noise::from_seed(seed), 0);
            rodeo.adapt(&estimate.expect("a supported problem"));
        }
        let double_cv = variance(f, |l, o, bits| {
            double_cv.with_samples(l, o, one_hot(bits)).expect("a supported problem")
        });
        let rodeo = variance(f, |l, o, bits| rodeo.with_samples(l, o, bits).expect("a supported problem"));
        assert!(double_cv < gain * plain && rodeo < gain * plain, "{double_cv} and {rodeo}, plain {plain}");
    }
}

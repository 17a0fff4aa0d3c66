//! VIMCO, MuProp and local expectations without Monte Carlo: their mean over all tuples of samples, in double
//! precision.

use crate::two_bits::{LATENTS, LOG_ODDS, exact, logits, one_hot, slopes, smooth, tuples};
use burn::tensor::Tensor;
use gumbel::estimator::{Estimate, LocalExpectation, MuProp, Objective, Sample, Vimco};

/// The mean over all tuples, and the largest deviation of one of them from it.
fn mean(
    samples: usize,
    objective: &Objective,
    estimate: impl Fn(Tensor<3>, &Objective, Tensor<4>) -> Estimate,
) -> ([f64; LATENTS], f64) {
    let (bits, masses) = tuples(samples);
    let theta = logits(masses.len());
    let rows = slopes(&estimate(theta.clone(), objective, one_hot(bits)), &theta);
    let mean =
        std::array::from_fn(|i| rows.iter().zip(&masses).map(|(row, mass)| mass * row[i]).sum::<f64>());
    let far = rows.iter().flat_map(|row| (0..LATENTS).map(|i| (row[i] - mean[i]).abs())).fold(0.0, f64::max);
    (mean, far)
}

fn assert_close(mean: [f64; LATENTS], exact: [f64; LATENTS]) {
    for (mean, exact) in mean.into_iter().zip(exact) {
        assert!((mean - exact).abs() < 1e-12, "{mean} for {exact}");
    }
}

#[test]
fn muprop_and_local_expectations_are_unbiased() {
    let objective = Objective::mean(smooth);
    for samples in [1, 2] {
        let muprop = MuProp::new(samples).expect("samples");
        let local = LocalExpectation::new(samples).expect("samples");
        let (muprop, _) =
            mean(samples, &objective, |l, o, z| muprop.with_samples(l, o, z).expect("a supported problem"));
        let (local, _) =
            mean(samples, &objective, |l, o, z| local.with_samples(l, o, z).expect("a supported problem"));
        assert_close(muprop, exact(smooth));
        assert_close(local, exact(smooth));
    }
}

/// Its own line: nothing is left over.
#[test]
fn a_line_leaves_muprop_no_variance() {
    let line = |sample: &Sample| {
        let ones = sample.z.clone().narrow(3, 1, 1).squeeze_dim::<3>(3);
        (ones.clone().narrow(2, 0, 1) * 2.0 - ones.narrow(2, 1, 1)).squeeze_dim::<2>(2)
    };
    let muprop = MuProp::new(1).expect("a sample");
    let (_, far) =
        mean(1, &Objective::mean(line), |l, o, z| muprop.with_samples(l, o, z).expect("a supported problem"));
    assert!(far < 1e-14, "{far}");
}

/// Latents that do not interact are each summed out whole.
#[test]
fn a_sum_over_latents_leaves_local_expectations_no_variance() {
    let sum = |sample: &Sample| {
        let ones = sample.z.clone().narrow(3, 1, 1).squeeze_dim::<3>(3);
        (ones * 1.7).exp().sum_dim(2).squeeze_dim::<2>(2)
    };
    let local = LocalExpectation::new(1).expect("a sample");
    let (_, far) =
        mean(1, &Objective::mean(sum), |l, o, z| local.with_samples(l, o, z).expect("a supported problem"));
    assert!(far < 1e-14, "{far}");
}

#[test]
fn vimco_is_unbiased_for_the_bound_of_its_samples() {
    for samples in [2, 3] {
        let objective = Objective::log_mean_exp(smooth);
        let vimco = Vimco::new(samples).expect("several samples");
        let (estimate, _) =
            mean(samples, &objective, |l, o, z| vimco.with_samples(l, o, z).expect("a supported problem"));
        let (bits, masses) = tuples(samples);
        let p = LOG_ODDS.map(|l| 1.0 / (1.0 + (-l).exp()));
        let all = bits.clone().into_data().try_to_vec::<f64>().expect("double precision");
        let sample = Sample::hard(one_hot(bits));
        let bounds = objective.reduce(&sample, objective.losses(&sample)).into_data();
        let bounds = bounds.try_to_vec::<f64>().expect("double precision");
        let rows = masses.len();
        let score = |row: usize, i: usize| {
            (0..samples).map(|s| all[(s * rows + row) * LATENTS + i] - p[i]).sum::<f64>()
        };
        let exact =
            std::array::from_fn(|i| (0..rows).map(|row| masses[row] * bounds[row] * score(row, i)).sum());
        assert_close(estimate, exact);
    }
}

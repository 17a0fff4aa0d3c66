//! IndeCateR without Monte Carlo: its mean and its variance over all tuples of samples, in double precision.

use crate::support::{double, gradients, numbers};
use crate::two_bits::{LATENTS, exact, logits, one_hot, slopes, smooth, tuples};
use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{Estimator, Exact, FreshSamples, IndeCateR, LocalExpectation, Objective, Sample};

/// The mean over all tuples of so many samples, and the covariance of the two latents' slopes.
fn moments(
    samples: usize,
    estimate: impl Fn(Tensor<3>, &Objective, Tensor<4>) -> gumbel::estimator::Estimate,
) -> ([f64; LATENTS], [[f64; LATENTS]; LATENTS]) {
    let (bits, masses) = tuples(samples);
    let theta = logits(masses.len());
    let rows = slopes(&estimate(theta.clone(), &Objective::mean(smooth), one_hot(bits)), &theta);
    let expect = |of: &dyn Fn(&[f64; LATENTS]) -> f64| -> f64 {
        rows.iter().zip(&masses).map(|(row, mass)| mass * of(row)).sum()
    };
    let mean: [f64; LATENTS] = std::array::from_fn(|i| expect(&|row| row[i]));
    let covariance = |i: usize, j: usize| expect(&|row| (row[i] - mean[i]) * (row[j] - mean[j]));
    (mean, std::array::from_fn(|i| std::array::from_fn(|j| covariance(i, j))))
}

fn indecater(samples: usize, fresh: FreshSamples) -> ([f64; LATENTS], [[f64; LATENTS]; LATENTS]) {
    let estimator = IndeCateR::new(samples, fresh).expect("samples");
    let owners = if fresh == FreshSamples::Latent { LATENTS } else { 2 * LATENTS };
    moments(samples * owners, |l, o, z| estimator.with_samples(l, o, z).expect("a supported problem"))
}

#[test]
fn it_is_unbiased() {
    for (samples, fresh) in
        [(1, FreshSamples::Latent), (2, FreshSamples::Latent), (1, FreshSamples::Category)]
    {
        let (mean, _) = indecater(samples, fresh);
        for (mean, exact) in mean.into_iter().zip(exact(smooth)) {
            assert!((mean - exact).abs() < 1e-12, "{samples} for each {fresh}: {mean} for {exact}");
        }
    }
}

#[test]
fn latents_with_samples_of_their_own_vary_as_those_that_share_them() {
    let local = LocalExpectation::new(1).expect("samples");
    let (_, shared) = moments(1, |l, o, z| local.with_samples(l, o, z).expect("a supported problem"));
    let (_, own) = indecater(1, FreshSamples::Latent);
    for i in 0..LATENTS {
        assert!((own[i][i] - shared[i][i]).abs() < 1e-12 && own[i][i] > 1e-6, "{own:?} and {shared:?}");
    }
}

/// The correlation of the slopes of two of three bits, in standard errors of one that is 0.
fn correlation(estimator: &dyn Estimator) -> f64 {
    const ROWS: usize = 50_000;
    let theta = double([0.0, 0.7, 0.0, -1.3, 0.0, 0.2].repeat(ROWS), [ROWS, 3, 2]).require_grad();
    let objective = Objective::mean(|sample: &Sample| {
        sample.z.clone().narrow(3, 1, 1).sum_dim(2).squeeze_dims::<2>(&[2, 3]).exp()
    });
    let estimate = estimator.estimate(theta.clone(), &objective, &mut Noise::from_seed(1), 0);
    let gradient = gradients(&estimate.expect("a supported problem"), &theta);
    let pairs: Vec<[f64; 2]> = gradient.chunks(6).map(|row| [row[1], row[3]]).collect();
    let n = ROWS as f64;
    let mean = [0, 1].map(|i| pairs.iter().map(|pair| pair[i]).sum::<f64>() / n);
    let moment =
        |i: usize, j: usize| pairs.iter().map(|pair| (pair[i] - mean[i]) * (pair[j] - mean[j])).sum::<f64>();
    moment(0, 1) / (moment(0, 0) * moment(1, 1)).sqrt() * n.sqrt()
}

/// One comparison at four standard errors: a false alarm in 16 000 seeds.
#[test]
fn the_slopes_of_its_latents_are_uncorrelated() {
    let own = correlation(&IndeCateR::new(1, FreshSamples::Latent).expect("samples"));
    let shared = correlation(&LocalExpectation::new(1).expect("samples"));
    assert!(own.abs() < 4.0 && shared.abs() > 8.0, "{own} and {shared} standard errors");
}

/// What the categories of a latent have in common no longer cancels.
#[test]
fn categories_with_samples_of_their_own_vary_more_here() {
    let ((_, latent), (_, category)) =
        (indecater(1, FreshSamples::Latent), indecater(1, FreshSamples::Category));
    assert!((0..LATENTS).all(|i| category[i][i] > 1.2 * latent[i][i]), "{category:?} and {latent:?}");
}

#[test]
fn with_one_set_of_samples_for_all_latents_it_is_local_expectation() {
    let (bits, masses) = tuples(2);
    let z = one_hot(bits);
    let rows = masses.len();
    let theta = [(); 2].map(|()| logits(rows));
    let objective = Objective::mean(smooth);
    let local = LocalExpectation::new(2).expect("samples");
    let local = local.with_samples(theta[0].clone(), &objective, z.clone()).expect("a supported problem");
    // [S, B, D, K] to [S D, B, D, K], those of the first sample first.
    let repeated = z.unsqueeze_dim::<5>(1).repeat_dim(1, LATENTS).reshape([2 * LATENTS, rows, LATENTS, 2]);
    let own = IndeCateR::new(2, FreshSamples::Latent).expect("samples");
    let own = own.with_samples(theta[1].clone(), &objective, repeated).expect("a supported problem");
    for (a, b) in gradients(&local, &theta[0]).iter().zip(gradients(&own, &theta[1])) {
        assert!((a - b).abs() < 1e-12, "{b} for {a}");
    }
}

#[test]
fn of_one_latent_it_is_exact_enumeration_value_and_both_gradients() {
    let run = |estimator: &dyn Estimator| {
        let theta = double(vec![0.3, -0.5, 0.8, f64::NEG_INFINITY], [1, 1, 4]).require_grad();
        let phi = double(vec![1.3], [1]).require_grad();
        let objective = Objective::mean(|sample: &Sample| {
            let weights = double(vec![1.0, -0.5, 0.2, 9.0], [1, 1, 1, 4]);
            let score = (sample.z.clone() * weights).sum_dim(3).squeeze_dims::<2>(&[2, 3]);
            (score * phi.clone().unsqueeze()).exp()
        });
        let estimate = estimator.estimate(theta.clone(), &objective, &mut Noise::from_seed(1), 0);
        let loss = estimate.expect("a supported problem").loss;
        let all = loss.clone().sum().backward();
        [numbers(loss), numbers(theta.grad(&all).expect("a gradient")), numbers(phi.grad(&all).expect("one"))]
            .concat()
    };
    let exact = run(&Exact::new(1).expect("samples"));
    for fresh in FreshSamples::ALL {
        let found = run(&IndeCateR::new(2, fresh).expect("samples"));
        for (found, exact) in found.iter().zip(&exact) {
            assert!((found - exact).abs() < 1e-12, "{fresh}: {found} for {exact}");
        }
    }
}

#[test]
fn a_masked_category_has_no_effect_whatever_f_is_there() {
    let theta =
        Tensor::<3>::from_floats([[[0.0, f32::NEG_INFINITY], [0.5, 0.0]]], &Device::flex().autodiff());
    let theta = theta.require_grad();
    // ln 0 where the first latent is in its masked category.
    let objective = Objective::mean(|sample: &Sample| {
        let open = sample.z.clone().narrow(3, 0, 1).narrow(2, 0, 1).detach();
        (open.log() + sample.z.clone().narrow(3, 1, 1).narrow(2, 1, 1)).squeeze_dims(&[2, 3])
    });
    let estimator = IndeCateR::new(1, FreshSamples::Latent).expect("samples");
    let estimate = estimator.estimate(theta.clone(), &objective, &mut Noise::from_seed(1), 0);
    let estimate = estimate.expect("a supported problem");
    assert!(estimate.mean_loss().is_finite());
    let gradient = gradients(&estimate, &theta);
    assert!(gradient.iter().all(|slope| slope.is_finite()) && gradient[..2] == [0.0, 0.0], "{gradient:?}");
}

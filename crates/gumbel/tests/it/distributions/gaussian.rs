//! LogisticNormal and IGR.

use super::support::*;
use burn::tensor::{Tensor, activation};
use gumbel::Noise;
use gumbel::distribution::{Igr, LogisticNormal, Reparameterized, monte_carlo_kl};

fn logistic_normal(location: &[f64], scale: &[f64]) -> LogisticNormal<1> {
    LogisticNormal::new(row(location), row(scale)).unwrap()
}

/// K = 3: the formulas of both in 40-digit mpmath numbers, IGR's by its own change of variables `y = τ ln(δ xₖ / x_K)`.
/// K = 2: `TransformedDistribution(Normal, ..)` of PyTorch through `SigmoidTransform`, for IGR after
/// `AffineTransform(-τ ln δ, 1)` and `AffineTransform(0, 1/τ)`.
#[test]
fn densities_are_those_of_mpmath_and_pytorch() {
    let x = row(&[0.2, 0.3, 0.5]);
    let q = logistic_normal(&[0.5, -1.0], &[1.0, 0.7]);
    assert_near(q.log_prob(x.clone()), &[0.778240984453], 1e-12);
    let igr = Igr::new(row(&[0.5, -1.0]), row(&[1.0, 0.7]), 0.5, 0.9).unwrap();
    assert_near(igr.log_prob(x), &[-0.360328113408], 1e-12);
    let two = logistic_normal(&[0.5], &[0.7]);
    assert_near(two.log_prob(row(&[0.2, 0.8])), &[-2.3604029589795656], 1e-14);
    assert_near(two.log_prob(row(&[1e-12, 1.0 - 1e-12])), &[-780.4356802537066], 1e-13);
    let cold = Igr::new(row(&[0.5]), row(&[0.7]), 0.05, 0.9).unwrap();
    assert_near(cold.log_prob(row(&[0.2, 0.8])), &[-2.0622973883751134], 1e-13);
}

/// `kl_divergence(Normal(0.5, 0.7), Normal(-0.3, 1.1))` of PyTorch; the map to the simplex does not change it.
#[test]
fn divergence_is_that_of_the_normal_laws_at_every_temperature() {
    let kl = |tau, delta| {
        let q = Igr::new(row(&[0.5]), row(&[0.7]), tau, delta).unwrap();
        q.kl(&Igr::new(row(&[-0.3]), row(&[1.1]), tau, delta).unwrap())
    };
    for (tau, delta) in [(1.0, 1.0), (0.05, 0.9), (3.0, 1e-3)] {
        assert_near(kl(tau, delta), &[0.4189272725033879], 1e-12);
    }
    assert_near(
        logistic_normal(&[0.5], &[0.7]).kl(&logistic_normal(&[-0.3], &[1.1])),
        &[0.4189272725033879],
        1e-14,
    );
}

/// Two comparisons: equal maps, and maps of different temperature and δ.
#[test]
fn divergence_is_the_mean_log_ratio_of_the_densities_on_the_simplex() {
    let of = |mean: [f64; 2], deviation: [f64; 2], tau, delta| {
        Igr::new(rows(&mean, 2000), rows(&deviation, 2000), tau, delta).unwrap()
    };
    let q = of([0.5, -1.0], [0.4, 0.7], 0.8, 0.9);
    for p in [of([0.0, -0.5], [0.6, 1.0], 0.8, 0.9), of([0.0, -0.5], [0.6, 1.0], 1.1, 2.0)] {
        let estimate = monte_carlo_kl(&q, &p, 20, &mut Noise::from_seed(5)).unwrap();
        let error = number(estimate.standard_error.square().sum()).sqrt() / 2000.0;
        assert_z("divergence", number(estimate.mean.mean()), numbers(q.kl(&p))[0], error);
    }
}

#[test]
fn density_of_two_integrates_to_one_on_the_unit_interval() {
    let q = LogisticNormal::new(row(&[0.5]).unsqueeze::<2>(), row(&[0.7]).unsqueeze::<2>()).unwrap();
    let mass = integral(0.0, 1.0, 20_000, |x| {
        let x = x.unsqueeze_dim::<2>(1);
        q.log_prob(Tensor::cat(vec![x.clone(), x.neg() + 1.0], 1)).squeeze_dim::<1>(1).exp()
    });
    assert!((mass - 1.0).abs() < 1e-10, "{mass}");
}

/// Two laws.
#[test]
fn samples_have_normal_log_ratios_and_their_hard_ones_are_vertices() {
    let q = Igr::new(rows(&[0.5, -1.0], 20_000), rows(&[1.0, 0.7], 20_000), 0.5, 0.9).unwrap();
    let x = q.sample(&mut Noise::from_seed(1));
    assert!(q.supports(x.clone()).all().into_scalar::<bool>());
    let log_x = x.clone().log();
    for (k, (mean, deviation)) in [(0.5, 1.0), (-1.0, 0.7)].into_iter().enumerate() {
        let y = (log_x.clone().narrow(1, k, 1) - log_x.clone().narrow(1, 2, 1) + 0.9f64.ln()) * 0.5;
        // Φ(z) by the error function of libm.
        let cdf = |y: f64| libm::erfc((mean - y) / deviation / std::f64::consts::SQRT_2) / 2.0;
        assert_law("log-ratio", numbers(y), cdf);
    }
    let hard = q.hard(x.clone());
    assert_eq!(numbers(hard.clone().sum_dim(1)), vec![1.0; 20_000]);
    assert_eq!(numbers(hard.argmax(1).float()), numbers(x.argmax(1).float()));
}

#[test]
fn everything_is_differentiable_in_mean_and_deviation() {
    for tau in [0.05, 0.8] {
        assert_gradient(&[0.5, -1.0, 0.8, 0.3], |parameters| {
            let (mean, deviation) = (parameters.clone().narrow(0, 0, 2), parameters.narrow(0, 2, 2));
            let q = Igr::new(mean, deviation, tau, 0.9).unwrap();
            let weights = row(&[0.3, -1.0, 2.0]);
            let ratios = q.logistic_normal();
            let x = q.reparameterized(&mut Noise::from_seed(2));
            let prior = LogisticNormal::new(row(&[0.0, 0.1]), row(&[1.0, 2.0])).unwrap();
            let terms = (x * weights).sum_dim(0) + ratios.kl(&prior) + ratios.entropy_of_log_ratios();
            terms + q.log_prob(activation::softmax(row(&[0.1, 0.4, -0.3]), 0))
        });
    }
}

#[test]
fn estimates_are_differentiable_along_the_path() {
    let p = logistic_normal(&[0.1, 0.4], &[1.0, 2.0]);
    assert_gradient(&[0.5, -1.0], |location| {
        let q = LogisticNormal::new(location, row(&[0.8, 0.3])).unwrap();
        monte_carlo_kl(&q, &p, 3, &mut Noise::from_seed(2)).unwrap().mean
    });
}

#[test]
fn faces_have_density_zero() {
    let q = logistic_normal(&[0.5, -1.0], &[1.0, 0.7]);
    for off in [[0.0, 0.4, 0.6], [0.0, 0.0, 1.0], [0.2, 0.3, 0.6], [-0.1, 0.5, 0.6]] {
        assert_near(q.log_prob(row(&off)), &[MASK], 0.0);
        assert!(!q.supports(row(&off)).into_scalar::<bool>());
    }
    assert!(number(q.log_prob(row(&[f64::NAN, 0.5, 0.5]))).is_nan());
}

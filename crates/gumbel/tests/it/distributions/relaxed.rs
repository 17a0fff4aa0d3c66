//! Concrete, ExpConcrete, Binary Concrete and hard concrete.

use super::support::*;
use burn::tensor::{DType, Tensor, activation};
use gumbel::Noise;
use gumbel::distribution::{
    BinaryConcrete, Concrete, ExpConcrete, HardConcrete, Reparameterized, monte_carlo_entropy, monte_carlo_kl,
};

const LOGITS: [f64; 3] = [0.5, -1.0, 2.0];

fn concrete(logits: &[f64], tau: f64) -> Concrete<1> {
    Concrete::new(row(logits), tau).unwrap()
}

fn exp_concrete(logits: &[f64], tau: f64) -> ExpConcrete<1> {
    ExpConcrete::new(row(logits), tau).unwrap()
}

fn logs(weights: &[f64]) -> Vec<f64> {
    weights.iter().map(|weight| weight.ln()).collect()
}

/// `RelaxedOneHotCategorical(tau, logits=..).log_prob` of PyTorch.
#[test]
fn concrete_densities_and_gradients_are_those_of_pytorch() {
    let golden = [
        (0.05, -6.97189906751725, [0.4545104588000962, 0.8807275494266606, -1.335238008226757]),
        (0.7, -1.2209317113400582, [0.14962142739699757, 0.8571412965253696, -1.006762723922367]),
    ];
    for (tau, value, slopes) in golden {
        let density = |logits| Concrete::new(logits, tau).unwrap().log_prob(row(&[0.2, 0.3, 0.5]));
        assert_near(density(row(&LOGITS)), &[value], 1e-13);
        assert_near(gradient(&LOGITS, density), &slopes, 1e-12);
    }
}

/// `ExpRelaxedCategorical(tau, logits=..).log_prob` of PyTorch, with gradients in the logits and in y.
#[test]
fn log_space_densities_and_gradients_are_those_of_pytorch() {
    let y = [-3.0179248267715066, -0.21792482677150668, -1.9179248267715066];
    let golden = [
        (
            0.05,
            -10.57235524091195,
            [0.4481065827938984, 0.8929436915902956, -1.341050274384194],
            [-0.02240532913969492, -0.04464718457951478, 0.06705251371920973],
        ),
        (
            0.7,
            -6.150702793054428,
            [0.034286178707664705, 0.9696478444189334, -1.003934023126598],
            [-0.02400032509536529, -0.6787534910932533, 0.7027538161886187],
        ),
    ];
    for (tau, value, in_logits, in_y) in golden {
        assert_near(exp_concrete(&LOGITS, tau).log_prob(row(&y)), &[value], 1e-13);
        let density = |logits| ExpConcrete::new(logits, tau).unwrap().log_prob(row(&y));
        assert_near(gradient(&LOGITS, density), &in_logits, 1e-12);
        assert_near(gradient(&y, |y| exp_concrete(&LOGITS, tau).log_prob(y)), &in_y, 1e-7);
    }
}

/// θᵢ = 80 sin i and y = log_softmax(−3 cos 0.7 i) for i < 50 000: `ExpRelaxedCategorical` of PyTorch.
#[test]
fn fifty_thousand_categories_and_logits_of_eighty_are_those_of_pytorch() {
    let of = |f: fn(f64) -> f64| row(&(0..50_000).map(|i| f(f64::from(i))).collect::<Vec<_>>());
    let logits = of(|i| 80.0 * i.sin());
    let y = activation::log_softmax(of(|i| -3.0 * (0.7 * i).cos()), 0);
    let q = ExpConcrete::new(logits.clone(), 0.05).unwrap();
    assert_near(q.log_prob(y.clone()), &[-4044532.498220374], 1e-12);
    let single = ExpConcrete::new(logits.cast(DType::F32), 0.05).unwrap();
    assert_near(single.log_prob(y.cast(DType::F32)), &[-4044532.498220374], 1e-6);
    let mut noise = Noise::from_seed(1);
    let y = single.reparameterized(&mut noise);
    assert!(number(single.log_prob(y)).is_finite());
    // n (1 + 1/2 + …) − ln Γ(n) − (n − 1) ln τ in 40-digit mpmath numbers.
    assert_near(q.entropy(), &[228648.3921377783], 1e-12);
}

/// Quadrature over the log-ratio u of two categories, where du = dx / (x (1 − x)).
#[test]
fn densities_of_two_integrate_to_one_and_have_their_entropy() {
    for (tau, logit) in [(0.05, 2.0), (0.5, -1.0), (3.0, 80.0)] {
        let q = ExpConcrete::new(row(&[logit, 0.0]).unsqueeze::<2>(), tau).unwrap();
        let log_space = |u: Tensor<1>| {
            let u = u.unsqueeze_dim::<2>(1);
            q.log_prob(Tensor::cat(vec![u.clone(), u.zeros_like()], 1)).squeeze_dim::<1>(1)
        };
        let (from, to) = ((logit - 60.0) / tau, (logit + 60.0) / tau);
        let mass = integral(from, to, 4000, |u| log_space(u).exp());
        assert!((mass - 1.0).abs() < 1e-12, "{mass}");
        let entropy = integral(from, to, 4000, |u| log_space(u.clone()).exp() * log_space(u).neg());
        assert_near(q.entropy(), &[entropy], 1e-11);
    }
    let q = Concrete::new(row(&logs(&[3.0, 1.0])).unsqueeze::<2>(), 0.5).unwrap();
    let mass = integral(-100.0, 100.0, 8000, |u| {
        let x = activation::sigmoid(u.clone().unsqueeze_dim::<2>(1));
        let both = Tensor::cat(vec![x, activation::sigmoid(u.clone().neg().unsqueeze_dim::<2>(1))], 1);
        (q.log_prob(both).squeeze_dim::<1>(1)
            + activation::log_sigmoid(u.clone())
            + activation::log_sigmoid(u.neg()))
        .exp()
    });
    assert!((mass - 1.0).abs() < 1e-10, "{mass}");
}

/// By quadrature over the log-ratios of three categories, as in `gumbel-kernels/tests/densities.rs`: the entropy on the
/// simplex is −1.791312 and the divergence 0.352030; in log space the entropy is another. 4 comparisons.
#[test]
fn estimates_have_the_value_of_quadrature_and_the_right_measure() {
    let q = Concrete::new(rows(&logs(&[2.0, 1.0, 0.5]), 1000), 0.7).unwrap();
    let p = Concrete::new(rows(&[0.0; 3], 1000), 0.7).unwrap();
    let pooled = |estimate: gumbel::distribution::MonteCarlo<2>| {
        let error = number(estimate.standard_error.square().sum()).sqrt() / 1000.0;
        (number(estimate.mean.mean()), error)
    };
    let mut noise = Noise::from_seed(4);
    let (mean, error) = pooled(monte_carlo_entropy(&q, 50, &mut noise).unwrap());
    assert_z("entropy on the simplex", mean, -1.791312, error);
    let (mean, error) = pooled(monte_carlo_kl(&q, &p, 50, &mut noise).unwrap());
    assert_z("divergence on the simplex", mean, 0.352030, error);
    let (q, p) = (q.in_log_space(), p.in_log_space());
    let (mean, error) = pooled(monte_carlo_entropy(&q, 50, &mut noise).unwrap());
    let closed = numbers(q.entropy())[0];
    assert_z("entropy in log space", mean, closed, error);
    assert!((closed + 1.791312) / error > 100.0, "the measure makes a difference");
    let (mean, error) = pooled(monte_carlo_kl(&q, &p, 50, &mut noise).unwrap());
    assert_z("divergence in log space", mean, 0.352030, error);
}

#[test]
fn masks_reduce_the_dimension() {
    let (masked, plain) = (exp_concrete(&[0.5, MASK, -1.0, 2.0], 0.7), exp_concrete(&LOGITS, 0.7));
    let y = numbers(activation::log_softmax(row(&[-1.0, -0.3, -4.0]), 0));
    let padded = row(&[y[0], MASK, y[1], y[2]]);
    let expected = numbers(plain.log_prob(row(&y)));
    assert_near(masked.log_prob(padded.clone()), &expected, 1e-14);
    assert_near(masked.entropy(), &numbers(plain.entropy()), 1e-14);
    assert!(masked.supports(padded.clone()).into_scalar::<bool>());
    assert!(!masked.supports(padded.clone() + 0.1).into_scalar::<bool>());
    let x = padded.exp();
    let expected = numbers(plain.on_simplex().log_prob(row(&y).exp()));
    assert_near(masked.on_simplex().log_prob(x.clone()), &expected, 1e-14);
    assert!(masked.on_simplex().supports(x).into_scalar::<bool>());
    for off in [[y[0], -5.0, y[1], y[2]], [MASK, MASK, y[1], y[2]]] {
        assert_near(masked.log_prob(row(&off)), &[MASK], 0.0);
        assert!(!masked.supports(row(&off)).into_scalar::<bool>());
    }
    let on_mask = row(&[0.2, 0.1, 0.3, 0.4]);
    assert_near(masked.on_simplex().log_prob(on_mask), &[MASK], 0.0);
    let gradient = gradient(&[0.5, -1.0, 2.0], |l| {
        let logits = Tensor::cat(
            vec![
                l.clone(),
                l.clone().narrow(0, 0, 1).detach().mask_fill(l.narrow(0, 0, 1).is_finite(), MASK),
            ],
            0,
        );
        ExpConcrete::new(logits, 0.7).unwrap().log_prob(row(&[y[0], y[1], y[2], MASK]))
    });
    let plain_gradient =
        super::support::gradient(&LOGITS, |l| ExpConcrete::new(l, 0.7).unwrap().log_prob(row(&y)));
    assert_near(gradient, &numbers(plain_gradient), 1e-14);
}

/// The exponent of ε is n τ − m (τ + 1). Where it is 0 the limit is a number, which points nearby approach.
#[test]
fn faces_of_the_simplex_have_the_limit_of_the_density() {
    assert_near(concrete(&LOGITS, 0.6).log_prob(row(&[0.0, 0.4, 0.6])), &[MASK], 0.0);
    assert_near(concrete(&LOGITS, 0.4).log_prob(row(&[0.0, 0.4, 0.6])), &[f64::INFINITY], 0.0);
    assert_near(concrete(&LOGITS, 0.05).log_prob(row(&[0.0, 0.0, 1.0])), &[f64::INFINITY], 0.0);
    for (tau, face, near) in
        [(0.5, [0.0, 0.4, 0.6], [1e-14, 0.4, 0.6]), (2.0, [0.0, 0.0, 1.0], [1e-14, 1e-14, 1.0])]
    {
        let q = concrete(&LOGITS, tau);
        assert_near(q.log_prob(row(&face)), &numbers(q.log_prob(row(&near))), 1e-5);
    }
    let q = concrete(&LOGITS, 0.7);
    assert!(q.supports(row(&[0.0, 0.4, 0.6])).into_scalar::<bool>());
    for off in [[0.2, 0.3, 0.6], [-0.1, 0.5, 0.6]] {
        assert!(!q.supports(row(&off)).into_scalar::<bool>());
        assert_near(q.log_prob(row(&off)), &[MASK], 0.0);
    }
    assert!(number(q.log_prob(row(&[f64::NAN, 0.5, 0.5]))).is_nan());
    let finite = gradient(&LOGITS, |l| Concrete::new(l, 0.5).unwrap().log_prob(row(&[0.0, 0.4, 0.6])));
    assert!(numbers(finite).into_iter().all(f64::is_finite));
}

#[test]
fn mode_in_log_space_is_a_maximum_and_paths_are_differentiable() {
    let q = exp_concrete(&LOGITS, 0.7);
    let slopes = gradient(&numbers(q.mode()), |y| q.log_prob(y));
    assert_near(slopes, &[0.0; 3], 1e-7);
    for tau in [0.05, 0.7] {
        assert_gradient(&LOGITS, |l| {
            let q = ExpConcrete::new(l, tau).unwrap();
            q.log_prob(q.reparameterized(&mut Noise::from_seed(6))) + q.mode().sum_dim(0)
        });
    }
}

#[test]
fn single_precision_is_finite_for_logits_of_eighty_at_low_temperature() {
    let q = ExpConcrete::new(rows(&[80.0, -80.0, 0.0, MASK], 200), 0.05).unwrap();
    let y = q.reparameterized(&mut Noise::from_seed(2));
    assert!(numbers(q.log_prob(y.clone())).into_iter().all(f64::is_finite));
    assert!(q.supports(y).all().into_scalar::<bool>());
    let x = q.on_simplex().sample(&mut Noise::from_seed(2));
    assert!(q.on_simplex().supports(x.clone()).all().into_scalar::<bool>());
    assert!(numbers(q.on_simplex().log_prob(x)).into_iter().all(|value| !value.is_nan()));
}

/// `LogitRelaxedBernoulli(tau, logits=..).log_prob` of PyTorch, with gradients in the log-odds and in y.
#[test]
fn binary_densities_and_gradients_are_those_of_pytorch() {
    let (l, y) = ([0.7, -3.0, 0.0], [0.4, -2.0, 30.0]);
    let golden = [
        (
            0.05,
            [-4.495465743481315, -6.002857825989917, -4.898558829519495],
            [-0.3274773948087051, 0.8956928738431645, 0.6351489523872873],
        ),
        (
            0.7,
            [-1.7867489315742398, -2.3244764257154102, -21.356674945455243],
            [-0.20696649972945247, 0.664036770267849, 0.9999999984834879],
        ),
    ];
    for (tau, values, slopes) in golden {
        let density = |l| BinaryConcrete::new(l, tau).unwrap().log_prob(row(&y));
        assert_near(density(row(&l)), &values, 1e-8);
        assert_near(gradient(&l, density), &slopes, 1e-6);
        assert_gradient(&y, |y| BinaryConcrete::new(row(&l), tau).unwrap().log_prob(y));
    }
}

/// One law and two moments.
#[test]
fn binary_closed_forms_are_those_of_quadrature_and_of_samples() {
    let (a, b) = (1.3, -0.4);
    let of =
        |l: f64, y: &Tensor<1>, tau| BinaryConcrete::new(y.full_like(l), tau).unwrap().log_prob(y.clone());
    for (a, b, tau) in [(a, b, 0.05), (a, b, 0.7), (0.3, 0.3001, 0.7), (0.2, 0.2, 1.0), (20.0, -20.0, 1.0)] {
        let kl = integral(-60.0 / tau, 60.0 / tau, 8000, |y| {
            of(a, &y, tau).exp() * (of(a, &y, tau) - of(b, &y, tau))
        });
        let (q, p) =
            (BinaryConcrete::new(row(&[a]), tau).unwrap(), BinaryConcrete::new(row(&[b]), tau).unwrap());
        assert_near(q.kl(&p).unwrap(), &[kl], 1e-9);
        assert_gradient(&[a], |l| BinaryConcrete::new(l, tau).unwrap().kl(&p).unwrap());
    }
    let q = BinaryConcrete::new(rows(&[a], 50_000), 0.7).unwrap();
    let sample = numbers(q.sample(&mut Noise::from_seed(8)));
    let (mean, variance) = (a / 0.7, numbers(q.variance())[0]);
    assert_mean("mean", &sample, mean);
    let squares: Vec<f64> = sample.iter().map(|y| (y - mean).powi(2)).collect();
    assert_mean("variance", &squares, variance);
    assert_law("binary concrete", sample, |y| 1.0 / (1.0 + (a - 0.7 * y).exp()));
}

/// Inside: the derivative of the distribution function in 30-digit mpmath numbers, and PyTorch's
/// `TransformedDistribution` of `LogitRelaxedBernoulli` by `SigmoidTransform` and `AffineTransform(-0.1, 1.2)`, which
/// agree. At the ends: the logarithms of the two masses, in mpmath.
#[test]
fn hard_concrete_densities_and_masses_are_those_of_mpmath() {
    let q = HardConcrete::new(row(&[0.7, -2.0, 0.7, 0.7, 0.7, 0.7]), 2.0 / 3.0).unwrap();
    let z = row(&[0.3, 0.999, 0.0, 1.0, -0.01, 1.01]);
    let expected = [-0.79017630121132, -1.6706423061258, -2.3942702540069, -1.2401565072319, MASK, MASK];
    assert_near(q.log_prob(z), &expected, 1e-8);
    assert_near(q.probability_closed().log().narrow(0, 0, 1), &[-2.3942702540069], 1e-8);
    assert_near(q.probability_full().log().narrow(0, 0, 1), &[-1.2401565072319], 1e-8);
    assert_gradient(&[0.7, -2.0, 0.3], |l| {
        let q = HardConcrete::new(l, 2.0 / 3.0).unwrap();
        q.log_prob(row(&[0.3, 0.0, 1.0])) + q.probability_open()
    });
    assert_gradient(&[0.3, 0.9], |z| HardConcrete::new(row(&[0.7, -2.0]), 0.5).unwrap().log_prob(z));
}

/// 3 comparisons and one law.
#[test]
fn hard_gates_have_their_masses_and_the_density_between() {
    let (n, tau) = (100_000, 0.5);
    let q = HardConcrete::new(rows(&[0.4], n), tau).unwrap();
    let gates = numbers(q.sample(&mut Noise::from_seed(9)));
    assert!(gates.iter().all(|z| (0.0..=1.0).contains(z)));
    let share = |of: f64| gates.iter().filter(|&&z| z == of).count() as f64 / n as f64;
    let one = HardConcrete::new(row(&[0.4]), tau).unwrap();
    let (closed, full) = (number(one.probability_closed()), number(one.probability_full()));
    for (share, p) in [(share(0.0), closed), (share(1.0), full)] {
        assert_z("share", share, p, (p * (1.0 - p) / n as f64).sqrt());
    }
    // Simpson's rule, for the density does not vanish at the ends.
    let points = 256;
    let at: Vec<f64> = (0..=points).map(|i| (i as f64 / points as f64).clamp(1e-15, 1.0 - 1e-15)).collect();
    let weight = |i| [2.0, 4.0][i % 2] / if i % points == 0 { 2.0 } else { 1.0 };
    let density = HardConcrete::new(row(&vec![0.4; points + 1]), tau).unwrap().log_prob(row(&at)).exp();
    let sum: f64 = numbers(density).into_iter().enumerate().map(|(i, p)| weight(i) * p).sum();
    let inside = sum / (3 * points) as f64;
    assert!((closed + full + inside - 1.0).abs() < 1e-7, "{closed} + {full} + {inside}");
    // P(s ≤ x) = σ(τ logit x − ℓ), and s is z before the stretch.
    let below = |z: f64| 1.0 / (1.0 + (0.4 - tau * ((z + 0.1) / (1.1 - z)).ln()).exp());
    let between = gates.iter().copied().filter(|&z| z > 0.0 && z < 1.0).collect();
    assert_law("gates between", between, |z| (below(z) - closed) / inside);
    let median = number(one.median());
    let below = gates.iter().filter(|&&z| z <= median).count() as f64 / n as f64;
    assert_z("median", below, 0.5, 0.5 / (n as f64).sqrt());
}

#[test]
fn a_gate_moves_with_its_log_odds_unless_it_is_shut() {
    let gate = |l: Tensor<1>| HardConcrete::new(l, 0.5).unwrap().reparameterized(&mut Noise::from_seed(3));
    let at = [0.1, 0.4, -8.0, 8.0];
    let gates = numbers(gate(row(&at)));
    assert!(gates[2] == 0.0 && gates[3] == 1.0, "{gates:?}");
    assert_gradient(&at, gate);
    assert_near(gradient(&at, gate).narrow(0, 2, 2), &[0.0, 0.0], 0.0);
    assert_near(HardConcrete::new(row(&at), 0.5).unwrap().noiseless().narrow(0, 2, 2), &[0.0, 1.0], 0.0);
}

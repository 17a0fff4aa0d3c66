//! Gumbel numbers: free, truncated, and conditioned on what they decide.

use super::support::*;
use burn::tensor::{Device, Int, Tensor};
use gumbel::Noise;
use gumbel::distribution::{ConditionedGumbels, Gumbel, Reparameterized, TruncatedGumbel};

fn gumbel(location: &[f64], scale: f64) -> Gumbel<1> {
    Gumbel::new(row(location), scale).unwrap()
}

fn truncated(location: &[f64], bound: &[f64]) -> TruncatedGumbel<1> {
    TruncatedGumbel::new(row(location), row(bound)).unwrap()
}

/// `Gumbel(loc, 1.5)` of PyTorch: `log_prob`, and `kl_divergence` to `Gumbel([0, 1], 0.8)`, with gradients in `loc`.
/// `gumbel_r` of SciPy 1.17: `cdf`, `ppf`; its `logsf` has lost its digits at −6, where the others are mpmath's.
#[test]
fn values_and_gradients_are_those_of_pytorch_and_scipy() {
    let at = [0.5, -2.0];
    let density = |l| Gumbel::new(l, 1.5).unwrap().log_prob(row(&[0.1, 3.0]));
    assert_near(density(row(&at)), &[-1.44440361350645, -3.77447243478875], 1e-14);
    assert_near(gradient(&at, density), &[-0.20373678137663478, 0.642884004435165], 1e-7);
    let kl = |l| Gumbel::new(l, 1.5).unwrap().kl(&gumbel(&[0.0, 1.0], 0.8));
    assert_near(kl(row(&at)), &[0.45834773688901187, 71.14185677176923], 1e-13);
    assert_near(gradient(&at, kl), &[0.05388413809681941, -93.76925215550344], 1e-6);
    let q = gumbel(&at, 1.5);
    assert_near(q.cdf(row(&[0.1, 3.0])), &[0.27100847864878913, 0.9649548239030259], 1e-14);
    assert_near(gumbel(&[0.5], 1.5).quantile(row(&[0.123])), &[-0.6097390502262505], 1e-14);
    let q = gumbel(&[0.5; 4], 1.5);
    let expected = [-0.316093177560715, -39.666666666666664, -199.66666666666666];
    assert_near(q.log_survival(row(&[0.1, 60.0, 300.0, -6.0])).narrow(0, 0, 3), &expected, 1e-14);
    assert_near(
        q.log_survival(row(&[-6.0, -2.0, 1.0, 20.0])).exp(),
        &numbers(q.cdf(row(&[-6.0, -2.0, 1.0, 20.0])) * -1.0 + 1.0),
        1e-14,
    );
    assert_gradient(&[-2.0, 1.0, 12.4, 12.6], |x| q.log_survival(x));
}

#[test]
fn quantiles_undo_the_distribution_function_and_moments_are_those_of_quadrature() {
    let q = gumbel(&[0.5; 3], 1.5);
    assert_near(q.cdf(q.quantile(row(&[1e-300, 0.3, 0.999]))), &[1e-300, 0.3, 0.999], 1e-13);
    let of = |x: &Tensor<1>| Gumbel::new(x.full_like(0.5), 1.5).unwrap();
    let expectation = |f: &dyn Fn(Tensor<1>) -> Tensor<1>| {
        integral(-20.0, 80.0, 20_000, |x| of(&x).log_prob(x.clone()).exp() * f(x))
    };
    let mean = expectation(&|x| x);
    assert_near(q.mean().narrow(0, 0, 1), &[mean], 1e-10);
    assert_near(q.variance().narrow(0, 0, 1), &[expectation(&|x| (x - mean).square())], 1e-10);
    assert_near(q.entropy().narrow(0, 0, 1), &[expectation(&|x| of(&x).log_prob(x).neg())], 1e-10);
    assert_near(gradient(&numbers(q.mode()), |x| q.log_prob(x)), &[0.0; 3], 1e-14);
}

/// One law.
#[test]
fn samples_follow_their_law_and_shift_with_their_location() {
    let q = Gumbel::new(rows(&[-1.0], 50_000), 2.0).unwrap();
    let sample = numbers(q.sample(&mut Noise::from_seed(1)));
    assert_law("Gumbel", sample, |x| (-(-(x + 1.0) / 2.0).exp()).exp());
    let path = |l| Gumbel::new(l, 2.0).unwrap().reparameterized(&mut Noise::from_seed(1));
    assert_near(gradient(&[0.3, 4.0], path), &[1.0, 1.0], 0.0);
}

/// Six laws; the samples below −20 are all within 1e-7 of it.
#[test]
fn truncated_samples_follow_their_law_at_every_bound() {
    for (seed, bound) in [-20.0, -4.0, -0.5, 1.0, 30.0, f64::INFINITY].into_iter().enumerate() {
        let q = TruncatedGumbel::new(row(&[0.0; 20_000]), row(&[bound; 20_000])).unwrap();
        let sample = numbers(q.sample(&mut Noise::from_seed(seed as u64)));
        assert!(sample.iter().all(|&x| x <= bound));
        assert_law(&format!("below {bound}"), sample, |x| ((-bound).exp() - (-x).exp()).exp());
    }
}

/// The entropy in 30-digit mpmath quadrature, `-∫ p ln p` below −2 and below 1.
#[test]
fn truncated_values_are_those_of_quadrature() {
    assert_near(
        truncated(&[0.0, 0.0], &[-2.0, 1.0]).entropy(),
        &[-1.12063410982103, 0.902896405265669],
        1e-13,
    );
    let free = truncated(&[0.5], &[f64::INFINITY]);
    let gumbel = gumbel(&[0.5], 1.0);
    assert_near(free.mean(), &numbers(gumbel.mean()), 1e-14);
    assert_near(free.entropy(), &numbers(gumbel.entropy()), 1e-14);
    for x in [-3.0, 0.1, 60.0] {
        assert_near(free.log_prob(row(&[x])), &numbers(gumbel.log_prob(row(&[x]))), 1e-13);
        assert_near(free.log_cdf(row(&[x])), &numbers(gumbel.log_cdf(row(&[x]))), 1e-13);
    }
    let q = truncated(&[0.5; 4], &[1.2; 4]);
    assert_near(q.log_prob(row(&[1.3, f64::INFINITY, MASK, 1.2])).narrow(0, 0, 3), &[MASK; 3], 0.0);
    assert_near(q.mode(), &[0.5; 4], 0.0);
    assert_near(q.log_cdf(row(&[1.2, 1.3, 2.0, 50.0])), &[0.0; 4], 0.0);
    // e^−(−60) (1 − e^−d) is d e^60 for a small d: an exponential law of rate e^60.
    let deep = truncated(&[0.0; 2], &[-60.0; 2]);
    assert_near(deep.log_prob(row(&[-60.0, -60.0 - 1e-10])), &[60.0, 60.0 - 1e-10 * 60f64.exp()], 1e-4);
    let single = TruncatedGumbel::new(rows(&[0.0], 1), rows(&[-100.0], 1)).unwrap();
    assert_near(single.log_prob(rows(&[-100.0], 1)), &[100.0], 0.0);
    assert_near(single.sample(&mut Noise::from_seed(1)), &[-100.0], 0.0);
    assert_near(single.mean(), &[-100.0], 0.0);
}

#[test]
fn truncated_values_and_paths_are_differentiable() {
    assert_gradient(&[0.3, -2.0, 1.5, -1.0], |parameters| {
        let q = TruncatedGumbel::new(parameters.clone().narrow(0, 0, 2), parameters.narrow(0, 2, 2)).unwrap();
        let path = q.reparameterized(&mut Noise::from_seed(3));
        q.mean() + q.entropy() * 2.0 + path * 3.0 + q.log_prob(row(&[-0.4, -3.0]))
    });
    assert_gradient(&[-0.4, -3.0], |x| truncated(&[0.3, -2.0], &[1.5, -1.0]).log_prob(x));
    let free = |l: Tensor<1>| {
        let bound = l.full_like(f64::INFINITY).detach();
        let q = TruncatedGumbel::new(l, bound).unwrap();
        q.mean() + q.reparameterized(&mut Noise::from_seed(3))
    };
    assert_near(gradient(&[0.3, -2.0], free), &[2.0, 2.0], 1e-14);
}

fn order(indices: &[i64]) -> Tensor<1, Int> {
    Tensor::from_data(indices, &Device::flex())
}

/// What free noise decides, and noise given that: together they have the law of free noise again. Six laws.
#[test]
fn conditioned_keys_mixed_over_what_they_are_given_are_free() {
    let (n, locations) = (20_000, [1.0, 0.0, -0.5]);
    for count in [1, 2] {
        let logits = rows(&[1.0, 0.0, -0.5, MASK], n);
        let mut noise = Noise::from_seed(20 + count as u64);
        let free = logits.clone() + noise.gumbel::<2>([n, 4], &Device::flex());
        let given = free.argsort_descending(1).narrow(1, 0, count);
        let q = ConditionedGumbels::given_top_k(logits, given.clone()).unwrap();
        let keys = q.sample(&mut noise);
        assert!(q.supports(keys.clone()).all().into_scalar::<bool>());
        let again = keys.clone().argsort_descending(1).narrow(1, 0, count);
        assert!(again.equal(given).all().into_scalar::<bool>());
        for (category, location) in locations.into_iter().enumerate() {
            let keys = numbers(keys.clone().narrow(1, category, 1));
            assert_law(&format!("key {category} given {count}"), keys, |x| (-(location - x).exp()).exp());
        }
        assert!(numbers(keys.narrow(1, 3, 1)).into_iter().all(|key| key == MASK));
    }
}

/// With nothing left over, order and density are those of the definition.
#[test]
fn density_given_an_order_is_the_free_one_over_the_probability() {
    let (logits, keys): ([f64; 3], [f64; 3]) = ([0.3, -1.0, 0.7], [0.5, -0.9, 2.0]);
    let free: f64 = logits.iter().zip(keys).map(|(l, x)| (l - x) - (l - x).exp()).sum();
    let p: Vec<f64> = logits.iter().map(|l| l.exp() / logits.iter().map(|l| l.exp()).sum::<f64>()).collect();
    let of = |indices: &[i64]| ConditionedGumbels::given_top_k(row(&logits), order(indices)).unwrap();
    for (indices, probability) in
        [(&[2][..], p[2]), (&[2, 0], p[2] * p[0] / (1.0 - p[2])), (&[2, 0, 1], p[2] * p[0] / (1.0 - p[2]))]
    {
        let q = of(indices);
        assert_near(q.order_log_prob(), &[probability.ln()], 1e-14);
        assert_near(q.log_prob(row(&keys)), &[free - probability.ln()], 1e-14);
    }
    for wrong in [&[0][..], &[2, 1]] {
        assert_near(of(wrong).log_prob(row(&keys)), &[MASK], 0.0);
        assert!(!of(wrong).supports(row(&keys)).into_scalar::<bool>());
    }
    let masked = ConditionedGumbels::given_argmax(row(&[0.3, -1.0, 0.7, MASK]), order(&[2])).unwrap();
    assert_near(masked.log_prob(row(&[0.5, -0.9, 2.0, MASK])), &[free - p[2].ln()], 1e-14);
    assert_near(masked.log_prob(row(&[0.5, -0.9, 2.0, 0.1])), &[MASK], 0.0);
}

#[test]
fn conditioned_keys_keep_their_order_and_their_gradient_far_out() {
    for indices in [&[1][..], &[1, 0], &[1, 3, 0, 2]] {
        let keys = |l| {
            let q = ConditionedGumbels::given_top_k(l, order(indices)).unwrap();
            let keys = q.reparameterized(&mut Noise::from_seed(5));
            keys.clone() * row(&[1.0, -2.0, 0.5, 3.0]) + q.log_prob(keys)
        };
        assert_gradient(&[0.3, -1.0, 0.7, 0.1], keys);
    }
    let far = rows(&[80.0, -80.0, 0.0], 100);
    let index = Tensor::<2, Int>::full([100, 1], 1, &Device::flex());
    let q = ConditionedGumbels::given_argmax(far, index).unwrap();
    let keys = q.sample(&mut Noise::from_seed(1));
    assert!(q.supports(keys.clone()).all().into_scalar::<bool>());
    assert!(numbers(q.log_prob(keys)).into_iter().all(f64::is_finite));
}

//! Categorical and Bernoulli.

use super::support::*;
use burn::tensor::Tensor;
use gumbel::Noise;
use gumbel::distribution::{Bernoulli, Categorical, Reparameterized};
use std::f64::consts::LN_2;

fn categorical(logits: Tensor<1>) -> Categorical<1> {
    Categorical::new(logits).unwrap()
}

fn bernoulli(log_odds: Tensor<1>) -> Bernoulli<1> {
    Bernoulli::new(log_odds).unwrap()
}

/// `OneHotCategorical(logits=..)`: `log_prob`, `entropy` and `kl_divergence` of PyTorch.
#[test]
fn categorical_values_and_gradients_are_those_of_pytorch() {
    let (q, p) = ([0.5, -1.0, 2.0], [0.0, 0.3, -0.4]);
    let log_prob = |q| categorical(q).log_prob(row(&[0.0, 1.0, 0.0]));
    let kl = |q| categorical(q).kl(&categorical(row(&p)));
    let entropy = |q| categorical(q).entropy();
    assert_near(log_prob(row(&q)), &[-3.241311296657157], 1e-14);
    assert_near(entropy(row(&q)), &[0.6215846046792746], 1e-14);
    assert_near(kl(row(&q)), &[0.7862364898586047], 1e-14);
    let slopes = [-0.1752903921400367, 0.9608874267293126, -0.7855970345892758];
    assert_near(gradient(&q, log_prob), &slopes, 1e-13);
    let slopes = [0.19627733092646915, 0.1024642521891606, -0.2987415831156297];
    assert_near(gradient(&q, entropy), &slopes, 1e-13);
    let slopes = [-0.24930355833748336, -0.12602977478465352, 0.3753333331221369];
    assert_near(gradient(&q, kl), &slopes, 1e-13);
}

/// `Bernoulli(logits=..)` of PyTorch.
#[test]
fn bernoulli_values_and_gradients_are_those_of_pytorch() {
    let (q, p, x) = ([0.7, -3.0, 0.0], [-0.2, 1.0, 0.4], [1.0, 0.0, 1.0]);
    let log_prob = |q| bernoulli(q).log_prob(row(&x));
    let entropy = |q| bernoulli(q).entropy();
    let kl = |q| bernoulli(q).kl(&bernoulli(row(&p)));
    let expected = [-0.4031860488854579, -0.048587351573742055, -LN_2];
    assert_near(log_prob(row(&q)), &expected, 1e-14);
    assert_near(gradient(&q, log_prob), &[0.33181222783183384, -0.04742587317756678, 0.5], 1e-7);
    let expected = [0.6354546083677416, 0.1908649711064423, LN_2];
    assert_near(entropy(row(&q)), &expected, 1e-14);
    assert_near(gradient(&q, entropy), &[-0.1551990113051763, 0.1355299791927364, 0.0], 1e-7);
    let expected = [0.09632181544748347, 1.0749708432342138, 0.01986807184000733];
    assert_near(kl(row(&q)), &expected, 1e-14);
    assert_near(gradient(&q, kl), &[0.19954158596379823, -0.18070663892364855, -0.1], 1e-7);
}

#[test]
fn masses_far_out_keep_their_digits() {
    let q = bernoulli(row(&[80.0, -80.0]));
    assert_near(q.log_prob(row(&[0.0, 1.0])), &[-80.0, -80.0], 1e-15);
    assert_near(q.variance().log(), &[-80.0, -80.0], 1e-14);
    let far = categorical(row(&[80.0, -80.0, MASK]));
    assert_near(far.log_prob(row(&[0.0, 1.0, 0.0])), &[-160.0], 1e-15);
    assert_near(far.kl(&categorical(row(&[-80.0, 80.0, 0.0]))), &[160.0], 1e-14);
}

#[test]
fn only_one_hot_rows_off_the_masks_are_supported() {
    let q = categorical(row(&[0.0, 1.0, MASK]));
    for (z, supported) in [
        ([1.0, 0.0, 0.0], true),
        ([0.0, 0.0, 1.0], false),
        ([0.0, 0.0, 0.0], false),
        ([1.0, 1.0, 0.0], false),
        ([0.5, 0.5, 0.0], false),
        ([f64::NAN, 1.0, 0.0], false),
    ] {
        assert_eq!(q.supports(row(&z)).into_scalar::<bool>(), supported, "{z:?}");
        let log_prob = number(q.log_prob(row(&z)));
        let unknown = z[0].is_nan();
        assert!(
            if unknown { log_prob.is_nan() } else { (log_prob > MASK) == supported },
            "{z:?}: {log_prob}"
        );
    }
    let x = row(&[0.0, 1.0, 0.5, f64::NAN]);
    let log_prob = numbers(bernoulli(row(&[0.0; 4])).log_prob(x));
    assert!(
        log_prob[0].is_finite() && log_prob[1].is_finite() && log_prob[2] == MASK && log_prob[3].is_nan()
    );
}

/// 4 comparisons.
#[test]
fn samples_have_their_mean_and_are_those_of_the_relaxation() {
    let n = 40_000;
    let q = Categorical::new(rows(&[0.5, -1.0, 1.0, MASK], n)).unwrap();
    let noise = Noise::from_seed(3);
    let z = q.sample(&mut noise.clone());
    let soft = q.relaxed(0.3).unwrap().sample(&mut noise.clone());
    assert_eq!(numbers(soft.argmax(1).float()), numbers(q.sample_index(&mut noise.clone()).float()));
    assert_eq!(numbers(z.clone().argmax(1).float()), numbers(q.sample_index(&mut noise.clone()).float()));
    let p = numbers(q.mean().slice([0..1, 0..4]));
    for category in 0..3 {
        let share = number(z.clone().slice([0..n, category..category + 1]).mean());
        let p = p[category];
        assert_z("share", share, p, (p * (1.0 - p) / n as f64).sqrt());
    }
    assert_eq!(p[3], 0.0);
    let bits = Bernoulli::new(rows(&[0.7], n)).unwrap();
    let x = bits.sample(&mut noise.clone());
    let soft = bits.relaxed(0.3).unwrap().sample(&mut noise.clone());
    assert_eq!(numbers(soft.greater_elem(0.0).float()), numbers(x.clone()));
    let p = 1.0 / (1.0 + (-0.7f64).exp());
    assert_z("ones", number(x.mean()), p, (p * (1.0 - p) / n as f64).sqrt());
}

//! The optimal straight-through estimator: exact for what it promises, and the minimum of its criterion.

use crate::states::{CATEGORIES, LOGITS, masses, problem};
use crate::support::{double, numbers};
use burn::tensor::{Device, Tensor};
use gumbel::{Noise, straight_through};

/// λ: straight-through, and on to exact for quadratics.
const WEIGHTS: [f64; 5] = [1e-6, 0.3, 3.0, 100.0, 1e6];

#[test]
fn it_is_exact_for_a_linear_objective_and_the_less_biased_for_a_quadratic_one_the_larger_its_weight() {
    let [linear, quadratic, curved] = [problem(false, false), problem(true, false), problem(true, true)];
    let bias =
        |of: &crate::states::Problem, weight: f64| of.bias(|l, b| straight_through::optimal(l, b, weight));
    for pair in WEIGHTS.windows(2) {
        assert!(bias(&linear, pair[0]) < 1e-10, "weight {}: {:e}", pair[0], bias(&linear, pair[0]));
        assert!(bias(&quadratic, pair[1]) < 0.9 * bias(&quadratic, pair[0]), "weights {pair:?}");
        assert!(bias(&curved, pair[1]) > 1e-3, "a bias too small to tell");
    }
    assert!(bias(&quadratic, 1e6) < 1e-5, "{:e}", bias(&quadratic, 1e6));
}

#[test]
fn without_a_weight_on_its_bias_it_is_straight_through() {
    let curved = problem(true, true);
    let plain = curved.estimates(|logits, hard| straight_through::softmax(logits, hard, 1.0));
    let optimal = curved.estimates(|logits, hard| straight_through::optimal(logits, hard, 1e-9));
    for (a, b) in optimal.concat().iter().zip(plain.concat()) {
        assert!((a - b).abs() < 1e-7 * (1.0 + b.abs()), "{a} for {b}");
    }
}

type Matrix = [[f64; CATEGORIES]; CATEGORIES];

/// S(b) for each b: row i is the gradient of coordinate i in the logits.
fn matrices(weight: f64) -> [Matrix; CATEGORIES] {
    let logits = &LOGITS[..CATEGORIES];
    std::array::from_fn(|b| {
        std::array::from_fn(|i| {
            let leaf = double(logits.to_vec(), [1, CATEGORIES]).require_grad();
            let hard = (0..CATEGORIES).map(|k| f64::from(u8::from(k == b))).collect();
            let z = straight_through::optimal(leaf.clone(), double(hard, [1, CATEGORIES]), weight);
            let slope = leaf.grad(&z.narrow(1, i, 1).sum().backward()).expect("a gradient");
            numbers(slope).try_into().expect("three logits")
        })
    })
}

/// `E‖S(b)‖² + (λ/2) Σ_ilj (p_l S_ij(l) + p_i S_lj(i) − δ_il J_ij)²`: what varies, and what biases for a quadratic f.
fn criterion(of: &[Matrix; CATEGORIES], weight: f64) -> f64 {
    let p = masses()[0];
    let delta = |i: usize, j: usize| f64::from(u8::from(i == j));
    let jacobian = |i: usize, j: usize| p[i] * (delta(i, j) - p[j]);
    let all = || {
        (0..CATEGORIES)
            .flat_map(|i| (0..CATEGORIES).flat_map(move |l| (0..CATEGORIES).map(move |j| (i, l, j))))
    };
    let size: f64 = all().map(|(i, l, j)| p[l] * of[l][i][j].powi(2)).sum();
    let excess = |(i, l, j): (usize, usize, usize)| {
        (p[l] * of[l][i][j] + p[i] * of[i][l][j] - delta(i, l) * jacobian(i, j)).powi(2)
    };
    size + 0.5 * weight * all().map(excess).sum::<f64>()
}

/// Any change that keeps the mean, and with it exactness for linear objectives, makes the criterion larger: by a quadratic
/// amount.
#[test]
fn no_other_estimator_that_is_exact_for_linear_objectives_has_less_of_its_criterion() {
    let p = masses()[0];
    for weight in WEIGHTS {
        let best = matrices(weight);
        for seed in 0..20 {
            let random: Tensor<1> = Noise::from_seed(seed).normal([CATEGORIES.pow(3)], &Device::flex());
            let random = numbers(random);
            let raw = |b: usize, i: usize, j: usize| random[(b * CATEGORIES + i) * CATEGORIES + j];
            let mean = |i: usize, j: usize| (0..CATEGORIES).map(|b| p[b] * raw(b, i, j)).sum::<f64>();
            let moved = |by: f64| -> [Matrix; CATEGORIES] {
                std::array::from_fn(|b| {
                    std::array::from_fn(|i| {
                        std::array::from_fn(|j| best[b][i][j] + by * (raw(b, i, j) - mean(i, j)))
                    })
                })
            };
            let [here, ahead, behind] = [0.0, 1e-3, -1e-3].map(|by| criterion(&moved(by), weight));
            let (rise, slope) = (ahead + behind - 2.0 * here, ahead - behind);
            assert!(rise > 0.0 && slope.abs() < 1e-3 * rise, "weight {weight}: {slope:e} beside {rise:e}");
        }
    }
}

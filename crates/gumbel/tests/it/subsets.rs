//! Subsets on tensors: forward values, gradients against enumeration, limits, and what is refused.

use crate::support::numbers;
use burn::tensor::{DType, Device, Tensor};
use gumbel::{Error, Noise, subset};

const MASK: f32 = f32::NEG_INFINITY;
const LOGITS: [[f32; 5]; 2] = [[0.5, -1.0, MASK, 1.5, 0.2], [80.0, 0.0, -80.0, 79.0, 1.0]];

fn logits() -> Tensor<2> {
    Tensor::from_floats(LOGITS, &Device::flex())
}

/// The value and the gradient of `⟨f(logits), d⟩`.
fn through<const D: usize>(
    logits: Tensor<D>,
    d: &Tensor<D>,
    f: impl Fn(Tensor<D>) -> Result<Tensor<D>, Error>,
) -> (Vec<f64>, Vec<f64>) {
    let leaf = logits.autodiff().require_grad();
    let value = f(leaf.clone()).expect("valid logits");
    let gradient = leaf.grad(&(value.clone() * d.clone().autodiff()).sum().backward()).expect("a gradient");
    (numbers(value), numbers(gradient))
}

fn cotangent() -> Tensor<2> {
    Noise::from_seed(9).logistic([2, 5], &Device::flex())
}

/// The `k`-subsets of a row, as k-hot vectors with their probabilities.
fn subsets(logits: &[f64], k: u32) -> Vec<(Vec<f64>, f64)> {
    let members = |set: u32| (0..logits.len()).map(move |i| f64::from(set >> i & 1)).collect::<Vec<_>>();
    let weight = |z: &[f64]| {
        let picked = z.iter().zip(logits).filter(|&(&z, _)| z > 0.0);
        picked.map(|(_, logit)| logit).sum::<f64>()
    };
    let sets = (0..1 << logits.len()).filter(|set: &u32| set.count_ones() == k).map(members);
    let weighed: Vec<_> = sets.map(|z| (weight(&z), z)).collect();
    let top = weighed.iter().map(|(weight, _)| *weight).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = weighed.iter().map(|(weight, _)| (weight - top).exp()).sum();
    weighed.into_iter().map(|(weight, z)| (z, (weight - top).exp() / total)).collect()
}

/// The gradient of `E f(z)` in the logits, `Σ q(z) f(z) (z − μ)`.
fn exact_gradient(logits: &[f64], k: u32, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let sets = subsets(logits, k);
    let mean = |i: usize| sets.iter().map(|(z, q)| q * z[i]).sum::<f64>();
    (0..logits.len()).map(|i| sets.iter().map(|(z, q)| q * f(z) * (z[i] - mean(i))).sum()).collect()
}

#[test]
fn simple_is_hard_forward_and_the_covariance_backward() {
    let d = cotangent();
    for k in 1..=4 {
        let noise = Noise::from_seed(3);
        let (hard, gradient) =
            through(logits(), &d, |l| subset::straight_through_k_hot(l, k, &mut noise.clone()));
        let (_, of_marginals) = through(logits(), &d, |l| subset::marginals(l, k));
        assert_eq!(hard, numbers(subset::k_hot(logits(), k, &mut noise.clone()).unwrap()));
        assert_eq!(gradient, of_marginals);
        assert!(hard.iter().all(|&z| z == 0.0 || z == 1.0), "{hard:?}");
        for row in 0..2 {
            let at = row * 5..row * 5 + 5;
            assert_eq!(hard[at.clone()].iter().sum::<f64>(), k as f64);
            let (theta, d) = (&numbers(logits())[at.clone()], &numbers(d.clone())[at.clone()]);
            let linear = |z: &[f64]| z.iter().zip(d).map(|(z, d)| z * d).sum();
            for (found, exact) in gradient[at].iter().zip(exact_gradient(theta, k as u32, linear)) {
                assert!((found - exact).abs() < 1e-6, "k {k}, row {row}: {found} against {exact}");
            }
        }
        assert_eq!((hard[2], gradient[2]), (0.0, 0.0));
    }
}

#[test]
fn one_member_is_the_softmax_with_its_straight_through() {
    let d = cotangent();
    let hard = subset::k_hot(logits(), 1, &mut Noise::from_seed(1)).unwrap();
    let (_, simple) =
        through(logits(), &d, |l| subset::straight_through_k_hot(l, 1, &mut Noise::from_seed(1)));
    let (_, path) = through(logits(), &d, |l| Ok(gumbel::straight_through::softmax(l, hard.clone(), 1.0)));
    for (simple, path) in simple.iter().zip(path) {
        assert!((simple - path).abs() < 1e-6, "{simple} against {path}");
    }
}

/// Mean and standard error of the gradient of `E f` by SIMPLE, each of many rows a replicate.
fn simple_gradient(f: impl Fn(Tensor<2>) -> Tensor<2>) -> Vec<(f64, f64)> {
    let rows = 20_000;
    let row = Tensor::<2>::from_floats([[0.5, -1.0, 1.5, 0.2]], &Device::flex());
    let leaf = row.repeat_dim(0, rows).autodiff().require_grad();
    let z = subset::straight_through_k_hot(leaf.clone(), 2, &mut Noise::from_seed(5)).unwrap();
    let gradient = numbers(leaf.grad(&f(z).sum().backward()).unwrap());
    let column = |i: usize| gradient.iter().skip(i).step_by(4);
    let moments = |i: usize| {
        let mean = column(i).sum::<f64>() / rows as f64;
        let variance = column(i).map(|g| (g - mean).powi(2)).sum::<f64>() / rows as f64;
        (mean, (variance / rows as f64).sqrt())
    };
    (0..4).map(moments).collect()
}

#[test]
fn simple_is_biased_for_a_curved_objective_and_exact_for_a_linear_one() {
    let theta = [0.5f32, -1.0, 1.5, 0.2].map(f64::from);
    let product = |z: Tensor<2>| (z.clone().narrow(1, 0, 1) * z.narrow(1, 2, 1)).powi_scalar(2);
    let exact = exact_gradient(&theta, 2, |z| z[0] * z[2]);
    let bias = simple_gradient(product).into_iter().zip(exact).map(|((mean, se), exact)| (mean - exact) / se);
    let largest = bias.map(f64::abs).fold(0.0, f64::max);
    assert!(largest > 10.0, "{largest} standard errors");
    let exact = exact_gradient(&theta, 2, |z| 3.0 * z[0] - z[1]);
    let linear = |z: Tensor<2>| z.clone().narrow(1, 0, 1) * 3.0 - z.narrow(1, 1, 1);
    for ((mean, _), exact) in simple_gradient(linear).into_iter().zip(exact) {
        assert!((mean - exact).abs() < 1e-6, "{mean} against {exact}");
    }
}

#[test]
fn densities_and_divergences_are_those_of_all_subsets() {
    let q = logits().slice([0..1, 0..5]);
    let p = Tensor::<2>::from_floats([[0.0, 0.7, 1.0, -0.3, 2.0]], &Device::flex());
    for k in 1..=3 {
        let (sets_q, sets_p) = (subsets(&numbers(q.clone()), k), subsets(&numbers(p.clone()), k));
        let entropy: f64 = sets_q.iter().filter(|(_, q)| *q > 0.0).map(|(_, q)| -q * q.ln()).sum();
        let found = numbers(subset::entropy(q.clone(), k as usize).unwrap())[0];
        assert!((found - entropy).abs() < 1e-5, "entropy at {k}: {found} against {entropy}");
        let pairs = sets_q.iter().zip(&sets_p).filter(|((_, q), _)| *q > 0.0);
        let kl: f64 = pairs.map(|((_, q), (_, p))| q * (q / p).ln()).sum();
        let found = numbers(subset::kl(q.clone(), p.clone(), k as usize).unwrap())[0];
        assert!((found - kl).abs() < 1e-5, "kl at {k}: {found} against {kl}");
        for (z, mass) in &sets_q {
            let z = Tensor::<1>::from_floats(
                z.iter().map(|&z| z as f32).collect::<Vec<_>>().as_slice(),
                &q.device(),
            );
            let found = numbers(subset::log_prob(q.clone(), k as usize, z.reshape([1, 5])).unwrap())[0];
            assert!(found == mass.ln() || (found - mass.ln()).abs() < 1e-5, "{found} against {}", mass.ln());
        }
    }
    assert_eq!(numbers(subset::kl(p, q, 3).unwrap()), [f64::INFINITY]);
}

#[test]
fn the_gradients_of_entropy_and_divergence_are_those_of_finite_differences() {
    let device = Device::flex();
    let start = Tensor::<1>::from_floats([0.3, -0.7, 1.1, 0.4, MASK], &device).cast(DType::F64);
    let prior = Tensor::<1>::from_floats([0.0, 0.5, -0.2, 1.0, 0.0], &device).cast(DType::F64);
    for divergence in [false, true] {
        let f = |theta: Tensor<1>| {
            let prior = if theta.is_autodiff() { prior.clone().autodiff() } else { prior.clone() };
            if divergence { subset::kl(theta, prior, 2) } else { subset::entropy(theta, 2) }.unwrap()
        };
        let leaf = start.clone().autodiff().require_grad();
        let slope = numbers(leaf.grad(&f(leaf.clone()).sum().backward()).unwrap());
        assert_eq!(slope[4], 0.0);
        for (i, slope) in slope[..4].iter().enumerate() {
            let at = |h: f64| {
                let mut step = [0.0; 5];
                step[i] = h;
                numbers(f(start.clone() + Tensor::from_data(step, (&device, DType::F64))))[0]
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - difference).abs() < 1e-8, "{divergence}, {i}: {slope} against {difference}");
        }
    }
}

#[test]
fn the_top_k_forms_agree_for_the_same_noise() {
    let d = cotangent();
    for (k, seed) in [(1, 1), (2, 2), (4, 3)] {
        let noise = || Noise::from_seed(seed);
        let order = subset::gumbel_top_k(logits(), k, &mut noise()).unwrap();
        let hot = numbers(order.one_hot::<3>(5).float().sum_dim(1).squeeze_dim::<2>(1));
        assert_eq!(numbers(subset::top_k_hot(logits(), k, &mut noise()).unwrap()), hot);
        let (hard, through_hard) =
            through(logits(), &d, |l| subset::straight_through_top_k(l, k, 0.7, &mut noise()));
        let (soft, through_soft) = through(logits(), &d, |l| subset::relaxed_top_k(l, k, 0.7, &mut noise()));
        assert_eq!((&hard, through_hard), (&hot, through_soft));
        assert_ne!(soft, hard);
        let (cold, _) = through(logits(), &d, |l| subset::relaxed_top_k(l, k, 1e-6, &mut noise()));
        assert!(cold.iter().zip(&hot).all(|(cold, hot)| (cold - hot).abs() < 1e-6), "{cold:?}, {hot:?}");
    }
    let first = subset::gumbel_top_k(logits(), 2, &mut Noise::from_seed(7)).unwrap().slice([0..2, 0..1]);
    assert_eq!(
        first.into_data(),
        gumbel::gumbel_max(logits(), &mut Noise::from_seed(7)).unwrap().into_data()
    );
}

#[test]
fn the_relaxed_top_k_has_the_gradient_of_finite_differences() {
    let device = Device::flex();
    let start = Tensor::<1>::from_floats([0.3, -0.7, 1.1, 0.4], &device).cast(DType::F64);
    let d = Tensor::<1>::from_floats([1.0, -2.0, 0.5, 0.3], &device).cast(DType::F64);
    let f = |theta| subset::relaxed_top_k(theta, 2, 0.6, &mut Noise::from_seed(4));
    let (_, slope) = through(start.clone(), &d, f);
    for (i, slope) in slope.iter().enumerate() {
        let at = |h: f64| {
            let mut step = [0.0; 4];
            step[i] = h;
            let moved = f(start.clone() + Tensor::from_data(step, (&device, DType::F64))).unwrap();
            numbers((moved * d.clone()).sum())[0]
        };
        let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
        assert!((slope - difference).abs() < 1e-7, "{i}: {slope} against {difference}");
    }
}

#[test]
fn implicit_mle_compares_two_subsets() {
    let device = Device::flex();
    let logits = Tensor::<1>::from_floats([3.0, 2.0, 1.0, MASK], &device);
    let d = Tensor::<1>::from_floats([0.0, 1.0, 0.0, -9.0], &device);
    let step = |lambda| {
        through(logits.clone(), &d, |l| subset::implicit_mle(l, 2, 1e-6, lambda, &mut Noise::from_seed(1)))
    };
    assert_eq!(step(4.0), (vec![1.0, 1.0, 0.0, 0.0], vec![0.0, 0.25, -0.25, 0.0]));
    // Half a step leaves the second where it is: the gradient is zero, which a linear objective's is not.
    assert_eq!(step(0.5).1, [0.0; 4]);
}

#[test]
fn every_rank_and_float_type_is_served() {
    for dtype in [DType::F64, DType::F16, DType::BF16] {
        let typed = logits().cast(dtype).reshape([1, 2, 1, 5]);
        let d = cotangent().cast(dtype).reshape([1, 2, 1, 5]);
        let noise = || Noise::from_seed(2);
        let forms: [&dyn Fn(Tensor<4>) -> Result<Tensor<4>, Error>; 4] = [
            &|l| subset::straight_through_k_hot(l, 2, &mut noise()),
            &|l| subset::straight_through_top_k(l, 2, 0.5, &mut noise()),
            &|l| subset::implicit_mle(l, 2, 0.5, 1.0, &mut noise()),
            &|l| subset::marginals(l, 2),
        ];
        for form in forms {
            assert_eq!(form(typed.clone()).unwrap().dtype(), dtype);
            let (value, gradient) = through(typed.clone(), &d, form);
            let total: f64 = gradient.iter().sum();
            assert!((value.iter().sum::<f64>() - 4.0).abs() < 0.05, "{dtype:?}: {value:?}");
            assert!(total.abs() < 0.05, "{dtype:?}: {gradient:?}");
        }
    }
}

/// Gaps of 2^30 leave no room for noise in single precision: keys are equal, and the first comes first.
#[test]
fn keys_are_in_the_precision_of_the_logits() {
    let order = |dtype| {
        let far = Tensor::<1>::full([40], -2f32.powi(30), (&Device::flex(), dtype));
        let logits = far.slice_fill(7..8, 0.0);
        numbers(subset::gumbel_top_k(logits, 20, &mut Noise::from_seed(3)).unwrap().float())
    };
    let in_turn: Vec<f64> = [7.0].into_iter().chain((0..20).map(f64::from).filter(|&at| at != 7.0)).collect();
    assert_eq!(order(DType::F32), in_turn);
    assert_eq!(order(DType::F64)[0], 7.0);
    assert_ne!(order(DType::F64), in_turn);
}

#[test]
fn a_mistake_is_an_error_that_names_it() {
    let mut noise = Noise::from_seed(1);
    let message = |result: Result<Tensor<2>, Error>| result.unwrap_err().to_string();
    let few = "cannot choose 5 categories from row 0: only 4 are unmasked; request fewer or unmask more";
    assert_eq!(message(subset::marginals(logits(), 5)), few);
    assert_eq!(message(subset::straight_through_k_hot(logits(), 5, &mut noise)), few);
    assert_eq!(message(subset::relaxed_top_k(logits(), 5, 1.0, &mut noise)), few);
    assert_eq!(message(subset::straight_through_top_k(logits(), 5, 1.0, &mut noise)), few);
    assert_eq!(message(subset::implicit_mle(logits(), 5, 1.0, 1.0, &mut noise)), few);
    let none = "the size of a subset must be at least 1, got 0";
    assert_eq!(message(subset::entropy(logits(), 0)), none);
    assert_eq!(message(subset::top_k_hot(logits(), 0, &mut noise)), none);
    assert_eq!(message(subset::implicit_mle(logits(), 0, 1.0, 1.0, &mut noise)), none);
    let unfit = Tensor::<2>::from_floats([[0.0, f32::NAN]], &Device::flex());
    assert!(message(subset::k_hot(unfit, 1, &mut noise)).contains("row 0, column 1 is NaN"));
    for bad in [0.0, -1.0, f64::NAN] {
        assert!(
            message(subset::straight_through_top_k(logits(), 2, bad, &mut noise))
                .contains(&format!("got {bad}"))
        );
        assert!(
            message(subset::implicit_mle(logits(), 2, 1.0, bad, &mut noise)).contains(&format!("got {bad}"))
        );
    }
}

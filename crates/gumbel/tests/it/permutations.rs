//! What the relaxed permutations promise, on the Flex backend.

use burn::tensor::{DType, Device, Tensor};
use gumbel::permutation::*;
use gumbel::{Error, Noise};

type Sort = fn(Tensor<2>, f64) -> Result<Tensor<3>, Error>;
const SOFT: [(&str, Sort, Sort); 2] = [
    ("NeuralSort", neural_sort, straight_through_neural_sort),
    ("SoftSort", soft_sort, straight_through_soft_sort),
];

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.inner().cast(DType::F32).into_data().try_to_vec().expect("f32")
}

fn logistic<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
    Noise::from_seed(seed).logistic(shape, &Device::flex())
}

/// The gradient of a random linear function of `relaxed(input)`.
fn gradient<const D: usize>(
    input: Tensor<D>,
    relaxed: impl Fn(Tensor<D>) -> Result<Tensor<3>, Error>,
) -> Vec<f32> {
    let leaf = input.autodiff().require_grad();
    let p = relaxed(leaf.clone()).expect("valid input");
    let weights = logistic::<3>(99, p.dims());
    values(leaf.grad(&(p * weights).sum().backward()).expect("a gradient"))
}

/// Whether every matrix is a permutation: zeros and ones, one in each row and column.
fn is_permutation(p: Tensor<3>) -> bool {
    let entries = values(p.clone()).iter().all(|x| *x == 0.0 || *x == 1.0);
    let sums = [p.clone().sum_dim(1), p.sum_dim(2)];
    entries && sums.into_iter().all(|sum| values(sum).iter().all(|x| *x == 1.0))
}

#[test]
fn hard_sort_is_a_permutation_that_sorts_and_keeps_ties_in_order() {
    let scores = logistic::<2>(1, [40, 9]);
    let p: Tensor<3> = hard_sort(scores.clone()).unwrap();
    assert!(is_permutation(p.clone()));
    let sorted = values(p.matmul(scores.clone().unsqueeze_dim(2)));
    assert_eq!(sorted, values(scores.sort_descending(1)));
    let tied = Tensor::<2>::from_floats([[1.0, 2.0, 1.0, 2.0]], &Device::flex());
    let p: Tensor<3> = hard_sort(tied).unwrap();
    let order: Vec<i64> = p.argmax(2).into_data().iter::<i64>().collect();
    assert_eq!(order, [1, 3, 0, 2]);
}

#[test]
fn relaxed_sorts_have_rows_in_the_simplex_that_point_at_the_order() {
    for (name, soft, _) in SOFT {
        for scale in [1e-3, 1.0, 80.0] {
            for tau in [1e-30, 0.1, 1.0, 10.0, 1e30] {
                let scores = logistic::<2>(2, [30, 8]) * scale;
                let p = soft(scores.clone(), tau).unwrap();
                assert!(values(p.clone()).iter().all(|x| (0.0..=1.0).contains(x)), "{name} at {tau}");
                for sum in values(p.clone().sum_dim(2)) {
                    assert!((sum - 1.0).abs() < 1e-5, "{name} at {tau}: a row sums to {sum}");
                }
                let slopes = gradient(scores.clone(), |s| soft(s, tau));
                assert!(slopes.iter().all(|slope| slope.is_finite()), "{name} at {tau}: {slopes:?}");
                if tau <= 1.0 && scale >= 1.0 {
                    let hard: Tensor<3> = hard_sort(scores).unwrap();
                    assert_eq!(p.argmax(2).into_data(), hard.argmax(2).into_data(), "{name} at {tau}");
                }
            }
        }
    }
}

#[test]
fn in_the_limit_they_are_the_sort() {
    let scores = logistic::<2>(3, [30, 8]);
    let hard: Tensor<3> = hard_sort(scores.clone()).unwrap();
    for (name, soft, straight) in SOFT {
        assert_eq!(values(soft(scores.clone(), 1e-9).unwrap()), values(hard.clone()), "{name}");
        assert_eq!(values(straight(scores.clone(), 1.0).unwrap()), values(hard.clone()), "{name}");
        let pair = [soft, straight].map(|sort| gradient(scores.clone(), |s| sort(s, 1.0)));
        assert_eq!(pair[0], pair[1], "{name}: the gradient is the soft one's");
        let wide = values(soft(scores.clone(), 1e9).unwrap());
        assert!(wide.iter().all(|x| (x - 0.125).abs() < 1e-6), "{name}: uniform at a high temperature");
    }
}

#[test]
fn sorting_does_not_care_for_shifts_and_follows_permutations() {
    let scores = logistic::<2>(4, [10, 6]);
    for (name, soft, _) in SOFT {
        let p = soft(scores.clone(), 0.7).unwrap();
        let shifted = soft(scores.clone() + 64.0, 0.7).unwrap();
        assert!((p.clone() - shifted).abs().max().into_scalar::<f32>() < 1e-4, "{name}");
        // Turning the scores round turns the columns round, and leaves the rows.
        let turned = soft(scores.clone().flip([1]), 0.7).unwrap();
        assert!((p.flip([2]) - turned).abs().max().into_scalar::<f32>() < 1e-5, "{name}");
    }
}

/// Central differences of `Σ weights · f` in double precision against the gradient.
fn assert_differences<const D: usize>(name: &str, start: Tensor<D>, f: impl Fn(Tensor<D>) -> Tensor<1>) {
    let leaf = start.clone().autodiff().require_grad();
    let slopes = leaf.grad(&f(leaf.clone()).backward()).unwrap().into_data().try_to_vec::<f64>().unwrap();
    for (at, slope) in slopes.iter().enumerate() {
        let mut step = vec![0.0; slopes.len()];
        step[at] = 1e-6;
        let step =
            Tensor::<1>::from_data(step.as_slice(), (&Device::flex(), DType::F64)).reshape(start.dims());
        let value = |start: Tensor<D>| f(start).into_scalar::<f64>();
        let difference = (value(start.clone() + step.clone()) - value(start.clone() - step)) / 2e-6;
        let close = (difference - slope).abs() < 1e-6 * (1.0 + slope.abs());
        assert!(close, "{name}, {at}: {slope}, by differences {difference}");
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let scores = logistic::<2>(5, [3, 5]).cast(DType::F64);
    let weights = logistic::<3>(6, [3, 5, 5]).cast(DType::F64);
    for (name, soft, _) in SOFT {
        assert_differences(name, scores.clone(), |s| (soft(s, 0.8).unwrap() * weights.clone()).sum());
    }
    let order: Tensor<3> = hard_sort(perturb(scores.clone(), &mut Noise::from_seed(1)).unwrap()).unwrap();
    assert_differences("Plackett-Luce", scores, |s| plackett_luce_log_prob(s, order.clone()).unwrap().sum());
    assert_differences("Sinkhorn", weights.clone(), |l| {
        (gumbel_sinkhorn(l, 0.8, 7, 0.0, &mut Noise::from_seed(2)).unwrap() * weights.clone()).sum()
    });
}

/// The 24 permutations of four things.
fn all_orders() -> Tensor<3> {
    let digits = |code: usize| [code / 64, code / 16 % 4, code / 4 % 4, code % 4];
    let distinct = |order: &[usize; 4]| (0..4).all(|place| order.contains(&place));
    let one_hot = |order: [usize; 4]| order.map(|place| [0, 1, 2, 3].map(|at| f32::from(at == place)));
    let orders: Vec<f32> = (0..256).map(digits).filter(distinct).flat_map(one_hot).flatten().collect();
    Tensor::<1>::from_floats(orders.as_slice(), &Device::flex()).reshape([24, 4, 4])
}

#[test]
fn plackett_luce_sums_to_one_and_is_the_law_of_perturbed_sorts() {
    const DRAWS: usize = 60_000;
    let scores = Tensor::<2>::from_floats([[1.0, 0.0, -0.5, 0.3]], &Device::flex());
    let orders = all_orders();
    let log_probs = plackett_luce_log_prob(scores.clone().repeat_dim(0, 24), orders.clone()).unwrap();
    let probs = values(log_probs.exp());
    assert!((probs.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    let drawn = perturb(scores.repeat_dim(0, DRAWS), &mut Noise::from_seed(8)).unwrap();
    let drawn: Tensor<3> = hard_sort(drawn).unwrap();
    for (order, p) in probs.into_iter().enumerate() {
        let one = orders.clone().narrow(0, order, 1);
        let agree = (drawn.clone() * one).sum_dim(2).sum_dim(1).greater_elem(3.5);
        let count = agree.int().sum().into_scalar::<i64>() as f32;
        let z = (count - DRAWS as f32 * p) / (DRAWS as f32 * p * (1.0 - p)).sqrt();
        assert!(z.abs() < 4.0, "order {order} of probability {p}: {z:.1} standard errors off");
    }
}

#[test]
fn plackett_luce_is_finite_for_far_scores_and_a_shift_changes_nothing() {
    let scores = Tensor::<2>::from_floats([[80.0, -80.0, 0.0]], &Device::flex());
    let worst: Tensor<3> = hard_sort(scores.clone().neg()).unwrap();
    let log_prob =
        |shift: f32| values(plackett_luce_log_prob(scores.clone() + shift, worst.clone()).unwrap())[0];
    assert_eq!(log_prob(0.0), -160.0 - 80.0);
    assert_eq!(log_prob(64.0), -240.0);
}

#[test]
fn matchings_agree_for_the_same_noise() {
    let logits = logistic::<3>(7, [20, 5, 5]);
    let hard = gumbel_matching(logits.clone(), &mut Noise::from_seed(1)).unwrap();
    assert!(is_permutation(hard.clone()));
    for tau in [0.1, 1.0, 5.0] {
        let straight =
            straight_through_gumbel_sinkhorn(logits.clone(), tau, 20, 0.0, &mut Noise::from_seed(1));
        assert_eq!(values(straight.unwrap()), values(hard.clone()), "tau {tau}");
        let pair = [
            gradient(logits.clone(), |l| gumbel_sinkhorn(l, tau, 20, 0.0, &mut Noise::from_seed(1))),
            gradient(logits.clone(), |l| {
                straight_through_gumbel_sinkhorn(l, tau, 20, 0.0, &mut Noise::from_seed(1))
            }),
        ];
        assert_eq!(pair[0], pair[1], "tau {tau}: the gradient is the soft one's");
    }
    let mut noise = Noise::from_seed(1);
    gumbel_matching(logits.clone(), &mut noise).unwrap();
    assert_ne!(values(gumbel_matching(logits, &mut noise).unwrap()), values(hard), "the noise has moved on");
}

/// `P(L₁ + L₂ < x)` of two logistic variables.
fn two_logistics(x: f64) -> f64 {
    let e = x.exp();
    e * (e - 1.0 - x) / (e - 1.0).powi(2)
}

#[test]
fn gumbel_matching_has_its_law_and_the_straight_through_gradient_its_bias() {
    const DRAWS: usize = 40_000;
    // Of two things, the first stays if 1 + L₁ + L₂ > 0.
    let logits = Tensor::<3>::from_floats([[[1.0, 0.0], [0.0, 0.0]]], &Device::flex()).repeat_dim(0, DRAWS);
    let p = two_logistics(1.0);
    let first = |matrices: Tensor<3>| matrices.slice([0..DRAWS, 0..1, 0..1]);
    let stays = values(first(gumbel_matching(logits.clone(), &mut Noise::from_seed(1)).unwrap()));
    let z = (stays.iter().sum::<f32>() as f64 - DRAWS as f64 * p) / (DRAWS as f64 * p * (1.0 - p)).sqrt();
    assert!(z.abs() < 4.0, "{z:.1} standard errors from {p}");

    let slope = (two_logistics(1.0 + 1e-4) - two_logistics(1.0 - 1e-4)) / 2e-4;
    let leaf = logits.autodiff().require_grad();
    let sample = straight_through_gumbel_sinkhorn(leaf.clone(), 1.0, 20, 0.0, &mut Noise::from_seed(2));
    let slopes = values(first(leaf.grad(&first(sample.unwrap()).sum().backward()).unwrap()));
    let mean = slopes.iter().map(|s| f64::from(*s)).sum::<f64>() / DRAWS as f64;
    let variance = slopes.iter().map(|s| (f64::from(*s) - mean).powi(2)).sum::<f64>() / DRAWS as f64;
    let z = (mean - slope) / (variance / DRAWS as f64).sqrt();
    assert!(z.abs() > 10.0, "the bias is seen: {mean} for {slope}, {z:.1} standard errors");
}

#[test]
fn the_limit_of_gumbel_sinkhorn_is_the_matching_of_the_same_noise() {
    let logits = logistic::<3>(7, [20, 4, 4]);
    let hard = gumbel_matching(logits.clone(), &mut Noise::from_seed(3)).unwrap();
    let far = |tau| {
        let soft = gumbel_sinkhorn(logits.clone(), tau, 20_000, 1e-5, &mut Noise::from_seed(3)).unwrap();
        values((soft - hard.clone()).abs().sum()).remove(0) / 20.0
    };
    let [warm, cool, cold] = [1.0, 0.1, 0.003].map(far);
    assert!(warm > 2.0 * cool && cool > 2.0 * cold && cold < 0.05, "{warm}, {cool}, {cold}");
}

#[test]
fn forbidden_pairs_and_impossible_matrices() {
    const MASK: f32 = f32::NEG_INFINITY;
    let logits =
        Tensor::<3>::from_floats([[[0.0, MASK, 1.0], [2.0, 0.5, MASK], [0.0, 80.0, -80.0]]], &Device::flex());
    for seed in 0..20 {
        let hard = values(gumbel_matching(logits.clone(), &mut Noise::from_seed(seed)).unwrap());
        assert_eq!((hard[1], hard[5]), (0.0, 0.0));
        let soft =
            values(gumbel_sinkhorn(logits.clone(), 1.0, 20, 0.0, &mut Noise::from_seed(seed)).unwrap());
        assert_eq!((soft[1], soft[5]), (0.0, 0.0));
        let slopes =
            gradient(logits.clone(), |l| gumbel_sinkhorn(l, 1.0, 20, 0.0, &mut Noise::from_seed(seed)));
        assert!(slopes.iter().all(|slope| slope.is_finite()) && (slopes[1], slopes[5]) == (0.0, 0.0));
    }
    let none = Tensor::<2>::from_floats([[0.0, MASK], [1.0, MASK]], &Device::flex());
    let message = "every permutation of matrix 0 contains a masked pair (-inf); mask fewer pairs";
    assert_eq!(matching(none.clone()).unwrap_err().to_string(), message);
    assert_eq!(sinkhorn(none, 1.0, 20, 0.0).unwrap_err().to_string(), message);
}

#[test]
fn mistakes_are_errors_that_name_them() {
    let device = Device::flex();
    let fine = Tensor::<2>::zeros([2, 2], &device);
    let refused = |tau, iterations, tolerance| {
        sinkhorn(fine.clone(), tau, iterations, tolerance).unwrap_err().to_string()
    };
    assert_eq!(refused(-1.0, 20, 0.0), "temperature must be positive and finite, got -1");
    assert_eq!(refused(1.0, 0, 0.0), "the number of iterations must be at least 1, got 0");
    assert!(refused(1.0, 20, f64::NAN).contains("got NaN"));
    let unfit = Tensor::<2>::from_floats([[0.0, 1.0], [f32::INFINITY, 0.0]], &device);
    for (name, soft, _) in SOFT {
        let error = soft(unfit.clone(), 1.0).unwrap_err();
        assert_eq!(error, Error::Score { row: 1, column: 0, value: f64::INFINITY }, "{name}");
        assert!(soft(fine.clone(), 0.0).is_err(), "{name}");
        assert!(soft(Tensor::zeros([2, 0], &device), 1.0).is_err(), "{name}");
    }
    assert!(matching(unfit).unwrap_err().to_string().contains("row 1, column 0 is inf"));
}

#[test]
#[should_panic(expected = "square matrices, got the shape [2, 3]")]
fn a_matching_needs_a_square() {
    let _ = matching(Tensor::<2>::zeros([2, 3], &Device::flex()));
}

#[test]
fn half_precision_is_computed_in_single() {
    let scores = logistic::<2>(3, [4, 5]).cast(DType::BF16);
    for (name, soft, _) in SOFT {
        let (half, single) = (soft(scores.clone(), 0.5).unwrap(), soft(scores.clone().cast(DType::F32), 0.5));
        assert_eq!(half.dtype(), DType::BF16, "{name}");
        assert_eq!(values(half), values(single.unwrap().cast(DType::BF16)), "{name}");
    }
    let logits = logistic::<3>(3, [4, 5, 5]).cast(DType::BF16);
    let soft = gumbel_sinkhorn(logits, 0.5, 20, 0.0, &mut Noise::from_seed(1)).unwrap();
    assert_eq!(soft.dtype(), DType::BF16);
}

//! Coupled samples, CARMS and ARSM without Monte Carlo: their mean over all cells of the noise, in double precision.
//! Each is also compared, sample by sample, with the estimator that it is for two categories.

use crate::support::{double, gradients, numbers};
use burn::tensor::{DType, Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{
    Arm, Arms, Arsm, Carms, Coupled, CouplingOrder, DisArm, Estimate, Estimator, Objective, Sample,
};
use std::cell::RefCell;

fn tiled(logits: &[f64], [latents, categories]: [usize; 2], rows: usize) -> Tensor<3> {
    double(logits.repeat(rows), [rows, latents, categories]).require_grad()
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let total: f64 = logits.iter().map(|l| l.exp()).sum();
    logits.iter().map(|l| l.exp() / total).collect()
}

/// A loss that no sum over latents makes.
fn f(sample: &Sample) -> Tensor<2> {
    let [samples, rows, latents, categories] = sample.z.dims();
    let weights = [1.0, -0.5, 0.2, -1.0, 0.7, 0.4, 0.9, -0.3];
    let weights = double(weights[..latents * categories].to_vec(), [1, 1, latents, categories]);
    (sample.z.clone() * weights).sum_dim(3).sum_dim(2).reshape([samples, rows]).exp() * 2.0
}

/// The gradient of E f, from all states.
fn exact(logits: &[f64], [latents, categories]: [usize; 2]) -> Vec<f64> {
    let p: Vec<f64> = logits.chunks(categories).flat_map(softmax).collect();
    let states = categories.pow(latents as u32);
    let place = |state: usize, d: usize| d * categories + state / categories.pow(d as u32) % categories;
    let one_hot = |state: usize| {
        let mut z = vec![0.0; latents * categories];
        (0..latents).for_each(|d| z[place(state, d)] = 1.0);
        z
    };
    let z = (0..states).flat_map(one_hot).collect();
    let losses = numbers(f(&Sample::hard(double(z, [states, 1, latents, categories]))));
    let mass = |state: usize| (0..latents).map(|d| p[place(state, d)]).product::<f64>();
    let slope = |at: usize| (0..states).map(|s| mass(s) * losses[s] * (one_hot(s)[at] - p[at])).sum::<f64>();
    (0..latents * categories).map(slope).collect()
}

fn assert_mean(gradients: &[f64], weights: &[f64], exact: &[f64], what: &str) {
    let total: f64 = weights.iter().sum();
    assert!((total - 1.0).abs() < 1e-12, "{what}: the weights add up to {total}");
    for (at, exact) in exact.iter().enumerate() {
        let rows = gradients.chunks(gradients.len() / weights.len());
        let mean: f64 = rows.zip(weights).map(|(row, weight)| weight * row[at]).sum();
        assert!((mean - exact).abs() < 1e-11, "{what}, coordinate {at}: {mean} for {exact}");
    }
}

/// All combinations of one from each list, with the product of their weights.
fn combinations<T: Clone>(lists: &[Vec<(T, f64)>]) -> Vec<(Vec<T>, f64)> {
    lists.iter().fold(vec![(Vec::new(), 1.0)], |all, list| {
        let extend = |(head, weight): &(Vec<T>, f64)| {
            let (head, weight) = (head.clone(), *weight);
            let one =
                move |(item, w): &(T, f64)| ([&head[..], std::slice::from_ref(item)].concat(), weight * w);
            list.iter().map(one).collect::<Vec<_>>()
        };
        all.iter().flat_map(extend).collect()
    })
}

const FOUR: [f64; 8] = [0.3, -0.5, 0.8, 0.1, -1.3, 0.4, 1.1, -0.2];

/// The log-odds of the three choices among four categories.
fn log_odds(order: CouplingOrder, logits: &[f64]) -> [f64; 3] {
    let mass = |of: &[usize], logits: &[f64]| of.iter().map(|&c| logits[c].exp()).sum::<f64>();
    let mut sorted = logits.to_vec();
    sorted.sort_by(f64::total_cmp);
    let odds = |yes: &[usize], no: &[usize], logits: &[f64]| (mass(yes, logits) / mass(no, logits)).ln();
    match order {
        CouplingOrder::Ascending => {
            [(0, &[1, 2, 3][..]), (1, &[2, 3]), (2, &[3])].map(|(c, later)| odds(&[c], later, &sorted))
        }
        CouplingOrder::Tree => {
            [odds(&[1], &[0], logits), odds(&[2, 3], &[0, 1], logits), odds(&[3], &[2], logits)]
        }
    }
}

/// Between ±ℓ a choice's answer to L and to −L does not change: a point in each piece, and its mass.
fn pieces(log_odds: f64) -> Vec<(f64, f64)> {
    let (reach, tail) = (log_odds.abs(), 1.0 / (1.0 + log_odds.abs().exp()));
    vec![(-reach - 1.0, tail), (0.0, 1.0 - 2.0 * tail), (reach + 1.0, tail)]
}

#[test]
fn coupled_pairs_are_unbiased_in_either_order() {
    for order in CouplingOrder::ALL {
        let choices: Vec<_> = FOUR.chunks(4).flat_map(|logits| log_odds(order, logits)).map(pieces).collect();
        let (noise, weights): (Vec<Vec<f64>>, Vec<f64>) = combinations(&choices).into_iter().unzip();
        let spare = noise.iter().flat_map(|l| [l[0], l[1], l[2], 0.0, l[3], l[4], l[5], 0.0]).collect();
        let theta = tiled(&FOUR, [2, 4], noise.len());
        let coupled = Coupled::new(2, order).expect("a pair");
        let noise = double(spare, [1, noise.len(), 2, 4]);
        let estimate =
            coupled.with_logistic(theta.clone(), &Objective::mean(f), noise).expect("a supported problem");
        assert_mean(&gradients(&estimate, &theta), &weights, &exact(&FOUR, [2, 4]), &order.to_string());
    }
}

const BINARY: [f64; 4] = [0.2, -0.6, 0.0, 1.4];

#[test]
fn for_two_categories_coupled_is_disarm() {
    let noise = Noise::from_seed(4).logistic::<4>([1, 50, 2, 2], &Device::flex()).cast(DType::F64).autodiff();
    let uniform = burn::tensor::activation::sigmoid(noise.clone().narrow(3, 0, 1)).squeeze_dim::<3>(3);
    let theta = tiled(&BINARY, [2, 2], 50);
    let disarm = DisArm::new(2).expect("a pair");
    let disarm =
        disarm.with_uniform(theta.clone(), &Objective::mean(f), uniform).expect("a supported problem");
    let disarm = gradients(&disarm, &theta);
    // Ascending, the choice is for the rarer category: in the second latent not for a one, but for a zero.
    let rarer = noise.clone() * double(vec![1.0, 1.0, -1.0, -1.0], [1, 1, 2, 2]);
    for (order, noise) in [(CouplingOrder::Ascending, rarer), (CouplingOrder::Tree, noise)] {
        let (coupled, theta) = (Coupled::new(2, order).expect("a pair"), tiled(&BINARY, [2, 2], 50));
        let coupled =
            coupled.with_logistic(theta.clone(), &Objective::mean(f), noise).expect("a supported problem");
        for (a, b) in gradients(&coupled, &theta).iter().zip(&disarm) {
            assert!((a - b).abs() < 1e-12, "{order}: {a} and {b}");
        }
    }
}

/// The intervals of categories, `i` first and `j` last, the others from the rarest on.
fn intervals(p: &[f64], order: &[usize], i: usize, j: usize) -> Vec<[f64; 2]> {
    let between = order.iter().copied().filter(|c| *c != i && *c != j);
    let mut all = vec![[0.0; 2]; p.len()];
    let mut start = 0.0;
    for c in [i].into_iter().chain(between).chain([j]) {
        all[c] = [start, start + p[c]];
        start += p[c];
    }
    all[j][1] = 1.0;
    all
}

/// The probability that Dirichlet shares fall into a box: over its corners, `±(1 − Σ)^(S−1)`.
fn box_mass(sides: &[[f64; 2]]) -> f64 {
    let corner = |bits: usize| {
        let sum: f64 = sides.iter().enumerate().map(|(s, side)| side[bits >> s & 1]).sum();
        let sign = if bits.count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * (1.0 - sum).max(0.0).powi(sides.len() as i32 - 1)
    };
    (0..1 << sides.len()).map(corner).sum()
}

/// All tuples of categories of a latent with their probabilities.
fn tuples(logits: &[f64], samples: usize) -> Vec<(Vec<usize>, f64)> {
    let (p, k) = (softmax(logits), logits.len());
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let ends: Vec<_> = (0..k).flat_map(|j| (0..j).map(move |i| (i, j))).collect();
    let laid: Vec<_> = ends.iter().map(|&(i, j)| intervals(&p, &order, order[i], order[j])).collect();
    let share = |u: f64| 1.0 - u.powf(1.0 / (samples - 1) as f64);
    let probability = |tuple: &[usize]| {
        let sides = |laid: &Vec<[f64; 2]>| -> Vec<[f64; 2]> {
            tuple.iter().map(|&c| [share(laid[c][1]), share(laid[c][0])]).collect()
        };
        laid.iter().map(|laid| box_mass(&sides(laid))).sum::<f64>() / laid.len() as f64
    };
    let digits = |at: usize| (0..samples).map(|s| at / k.pow(s as u32) % k).collect::<Vec<_>>();
    (0..k.pow(samples as u32)).map(digits).map(|tuple| (tuple.clone(), probability(&tuple))).collect()
}

#[test]
fn carms_is_unbiased_for_its_exact_joint_law() {
    for (k, latents, samples) in [(3, 1, 2), (3, 2, 2), (3, 1, 3), (3, 2, 3), (4, 2, 2), (3, 1, 4), (4, 1, 5)]
    {
        let logits = &FOUR[..latents * k];
        let lists: Vec<_> = logits.chunks(k).map(|logits| tuples(logits, samples)).collect();
        let (rows, weights): (Vec<Vec<Vec<usize>>>, Vec<f64>) = combinations(&lists).into_iter().unzip();
        let mut z = vec![0.0; samples * rows.len() * latents * k];
        for (row, tuples) in rows.iter().enumerate() {
            for (d, tuple) in tuples.iter().enumerate() {
                let place = |(s, c): (usize, &usize)| ((s * rows.len() + row) * latents + d) * k + c;
                tuple.iter().enumerate().map(place).for_each(|at| z[at] = 1.0);
            }
        }
        let z = double(z, [samples, rows.len(), latents, k]);
        let (theta, carms) = (tiled(logits, [latents, k], rows.len()), Carms::new(samples).expect("samples"));
        let estimate =
            carms.with_samples(theta.clone(), &Objective::mean(f), z).expect("a supported problem");
        let what = format!("{latents} latents of {k}, {samples} samples");
        assert_mean(&gradients(&estimate, &theta), &weights, &exact(logits, [latents, k]), &what);
    }
}

#[test]
fn carms_draws_from_that_law() {
    let (rows, logits) = (100_000, &FOUR[..3]);
    let seen = RefCell::new(Vec::new());
    let watched = Objective::mean(|sample: &Sample| {
        let index = sample.z.clone().argmax(3).into_data();
        *seen.borrow_mut() = index.iter::<i64>().map(|at| at as usize).collect();
        f(sample)
    });
    let carms = Carms::new(3).expect("samples");
    carms
        .estimate(tiled(logits, [1, 3], rows), &watched, &mut Noise::from_seed(7), 0)
        .expect("a supported problem");
    let seen = seen.borrow();
    for (tuple, probability) in tuples(logits, 3) {
        let same = |row: &usize| (0..3).all(|s| seen[s * rows + row] == tuple[s]);
        let (count, n) = ((0..rows).filter(same).count() as f64, rows as f64);
        let z = (count - n * probability) / (n * probability * (1.0 - probability)).sqrt().max(1e-9);
        assert!(z.abs() < 4.0, "{tuple:?}: {count} of {n}, {z:.1} standard errors from {probability}");
    }
}

#[test]
fn for_two_categories_carms_is_arms() {
    for samples in [2, 3, 5] {
        let seen = RefCell::new(None);
        let watched = Objective::mean(|sample: &Sample| {
            *seen.borrow_mut() = Some(sample.z.clone());
            f(sample)
        });
        let (left, right) = (tiled(&BINARY, [2, 2], 50), tiled(&BINARY, [2, 2], 50));
        let arms = Arms::new(samples).expect("samples");
        let arms =
            arms.estimate(left.clone(), &watched, &mut Noise::from_seed(3), 0).expect("a supported problem");
        let z = seen.borrow().clone().expect("samples");
        let carms = Carms::new(samples).expect("samples");
        let carms = carms.with_samples(right.clone(), &Objective::mean(f), z).expect("a supported problem");
        for (a, b) in gradients(&arms, &left).iter().zip(gradients(&carms, &right)) {
            assert!((a - b).abs() < 1e-12, "{samples} samples: {a} and {b}");
        }
    }
}

#[test]
fn for_two_categories_arsm_is_arm() {
    let uniform = Noise::from_seed(4).uniform::<3>([1, 50, 2], &Device::flex()).cast(DType::F64).autodiff();
    let shares = Tensor::stack::<4>(vec![uniform.clone(), uniform.clone().neg() + 1.0], 3);
    let (left, right) = (tiled(&BINARY, [2, 2], 50), tiled(&BINARY, [2, 2], 50));
    let arm = Arm::new(2).expect("a pair");
    let arm = arm.with_uniform(left.clone(), &Objective::mean(f), uniform).expect("a supported problem");
    let arsm = Arsm::new(1).expect("a draw");
    let arsm =
        arsm.with_exponential(right.clone(), &Objective::mean(f), shares).expect("a supported problem");
    for (a, b) in gradients(&arm, &left).iter().zip(gradients(&arsm, &right)) {
        assert!((a - b).abs() < 1e-12, "{a} and {b}");
    }
}

/// Two Gauss points in each piece between sorted breakpoints within (0, end).
fn gauss(mut breaks: Vec<f64>, end: f64) -> Vec<(f64, f64)> {
    breaks.retain(|at| *at > 0.0 && *at < end);
    breaks.extend([0.0, end]);
    breaks.sort_by(f64::total_cmp);
    let piece = |pair: &[f64]| {
        let (middle, half) = ((pair[0] + pair[1]) / 2.0, (pair[1] - pair[0]) / 2.0);
        let reach = half / 3f64.sqrt();
        [(middle - reach, half), (middle + reach, half)]
    };
    breaks.windows(2).flat_map(piece).collect()
}

/// Where the sample of some swap changes: lines `π_a e^{−θ_c} = π_b e^{−θ_d}` of the simplex, and its edges, as
/// coefficients of x, y and 1 in π = (x, y, 1 − x − y).
fn lines(logits: &[f64]) -> Vec<[f64; 3]> {
    let coordinate = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, -1.0, 1.0]];
    let pairs: Vec<_> = (0..3).flat_map(|a| (0..3).filter(move |&b| b != a).map(move |b| (a, b))).collect();
    let line = |(a, b): (usize, usize), (c, d): (usize, usize)| -> [f64; 3] {
        let (left, right) = ((-logits[c]).exp(), (-logits[d]).exp());
        std::array::from_fn(|i| left * coordinate[a][i] - right * coordinate[b][i])
    };
    let inner = pairs.iter().flat_map(|&ab| pairs.iter().map(move |&cd| (ab, cd)));
    inner.map(|(ab, cd)| line(ab, cd)).chain(coordinate).collect()
}

/// Between these lines ARSM is linear in π, so that its integral over y is quadratic in x between the points where
/// two lines cross.
#[test]
fn the_integral_of_arsm_over_the_simplex_is_exact() {
    let logits = &FOUR[..3];
    let lines = lines(logits);
    let crossing = |l: &[f64; 3], m: &[f64; 3]| (l[1] * m[2] - m[1] * l[2]) / (l[0] * m[1] - m[0] * l[1]);
    let crossings = lines.iter().flat_map(|l| lines.iter().map(move |m| crossing(l, m)));
    let crossings = crossings.filter(|x| x.is_finite()).collect();
    let column = |(x, width): (f64, f64)| {
        let breaks = lines.iter().map(|l| -(l[0] * x + l[2]) / l[1]).filter(|y| y.is_finite()).collect();
        gauss(breaks, 1.0 - x).into_iter().map(move |(y, height)| ([x, y, 1.0 - x - y], 2.0 * width * height))
    };
    let points: Vec<([f64; 3], f64)> = gauss(crossings, 1.0).into_iter().flat_map(column).collect();
    let (shares, weights): (Vec<[f64; 3]>, Vec<f64>) = points.into_iter().unzip();
    let theta = tiled(logits, [1, 3], shares.len());
    let shares = double(shares.concat(), [1, weights.len(), 1, 3]);
    let arsm = Arsm::new(1).expect("a draw");
    let estimate =
        arsm.with_exponential(theta.clone(), &Objective::mean(f), shares).expect("a supported problem");
    assert_mean(&gradients(&estimate, &theta), &weights, &exact(logits, [1, 3]), "arsm");
}

#[test]
fn a_constant_has_no_gradient_at_all() {
    for choice in ["arsm", "coupled", "coupled:order=tree", "carms"] {
        let estimator =
            choice.parse::<gumbel::estimator::EstimatorSpec>().expect(choice).build().expect(choice);
        let theta = tiled(&FOUR, [2, 4], 50);
        let constant = Objective::mean(|sample| f(sample) * 0.0 + 3.0);
        let estimate = estimator.estimate(theta.clone(), &constant, &mut Noise::from_seed(6), 0);
        let gradients = gradients(&estimate.expect(choice), &theta);
        assert!(gradients.iter().all(|&slope| slope == 0.0), "{choice}");
    }
}

/// Another category before the others.
fn widened(values: Tensor<4>, fill: f64) -> Tensor<4> {
    let added = values.clone().narrow(3, 0, 1) * 0.0 + fill;
    Tensor::cat(vec![added, values], 3)
}

/// Estimates of three categories from noise or samples `[.., 3]`, and of these and a masked one.
fn with_and_without_mask(
    what: &str,
    given: Tensor<4>,
    estimate: impl Fn(Tensor<3>, &Objective, Tensor<4>) -> Estimate,
) {
    let (three, four) = ([0.3, 0.8, -0.5], [f64::NEG_INFINITY, 0.3, 0.8, -0.5]);
    let (narrow, wide) = (tiled(&three, [1, 3], 50), tiled(&four, [1, 4], 50));
    let without = Objective::mean(|sample| f(&Sample::hard(sample.z.clone().narrow(3, 1, 3))));
    let fill = if what == "carms" { 0.0 } else { 0.4 };
    let left = gradients(&estimate(narrow.clone(), &Objective::mean(f), given.clone()), &narrow);
    let right = gradients(&estimate(wide.clone(), &without, widened(given, fill)), &wide);
    for (left, right) in left.chunks(3).zip(right.chunks(4)) {
        assert_eq!(right[0], 0.0, "{what}: a gradient at the mask");
        for (a, b) in left.iter().zip(&right[1..]) {
            assert!((a - b).abs() < 1e-12, "{what}: {left:?} and {right:?}");
        }
    }
}

#[test]
fn a_masked_category_is_as_if_it_were_not_there() {
    let device = Device::flex();
    let mut noise = Noise::from_seed(8);
    let exponential = noise.exponential::<4>([1, 50, 1, 3], &device).cast(DType::F64).autodiff();
    let logistic = noise.logistic::<4>([1, 50, 1, 3], &device).cast(DType::F64).autodiff();
    let z = gumbel::sample_one_hot(Tensor::<4>::zeros([2, 50, 1, 3], (&device, DType::F64)), &mut noise);
    let arsm = Arsm::new(1).expect("a draw");
    with_and_without_mask("arsm", exponential, |theta, f, noise| {
        arsm.with_exponential(theta, f, noise).expect("a supported problem")
    });
    // The masked category is the rarest, so its choice comes first.
    let coupled = Coupled::new(2, CouplingOrder::Ascending).expect("a pair");
    with_and_without_mask("coupled", logistic, |theta, f, noise| {
        coupled.with_logistic(theta, f, noise).expect("a supported problem")
    });
    let carms = Carms::new(2).expect("samples");
    with_and_without_mask("carms", z.expect("logits").autodiff(), |theta, f, z| {
        carms.with_samples(theta, f, z).expect("a supported problem")
    });
}

//! The straight-through family against its theory: which objectives each is exact for, and which of them are the
//! same estimator. Given the hard sample all but Gumbel-Rao are deterministic, so their mean is a sum over all
//! states, in double precision and without Monte Carlo.

use crate::support::{double, numbers};
use burn::tensor::{Device, Tensor};
use gumbel::estimator::{Decoupled, Estimator, LogitGap, Objective, Sample, StraightThroughGumbel, find};
use gumbel::{Noise, Schedule, straight_through};

const LATENTS: usize = 2;
const CATEGORIES: usize = 3;
const WIDTH: usize = LATENTS * CATEGORIES;
const STATES: usize = CATEGORIES * CATEGORIES;
const LOGITS: [f64; WIDTH] = [0.3, -0.5, 0.8, 0.0, 1.0, -1.2];

type Path = fn(Tensor<3>, Tensor<3>) -> Tensor<3>;

const PROBABILITIES: Path = |logits, hard| straight_through::softmax(logits, hard, 1.0);
const REINMAX: Path = |logits, hard| straight_through::reinmax(logits, hard, 1.0);
const ZGR: Path = straight_through::zgr;
const GAPPED: Path = |logits, hard| straight_through::gapped(logits, hard, 1.0, LogitGap::Fixed(1.0));
const PUBLISHED_GAPPED: Path =
    |logits, hard| straight_through::gapped(logits, hard, 1.0, LogitGap::Probability);

fn masses() -> [[f64; CATEGORIES]; LATENTS] {
    std::array::from_fn(|latent| {
        let row = &LOGITS[latent * CATEGORIES..][..CATEGORIES];
        let total: f64 = row.iter().map(|l| l.exp()).sum();
        std::array::from_fn(|k| row[k].exp() / total)
    })
}

/// State `s` has its first latent in category `s / 3`, its second in `s % 3`.
fn states() -> Vec<[f64; WIDTH]> {
    let one_hot = |s: usize| {
        let mut z = [0.0; WIDTH];
        z[s / CATEGORIES] = 1.0;
        z[CATEGORIES + s % CATEGORIES] = 1.0;
        z
    };
    (0..STATES).map(one_hot).collect()
}

fn mass(state: usize) -> f64 {
    masses()[0][state / CATEGORIES] * masses()[1][state % CATEGORIES]
}

/// An objective on the host: the coefficients of its linear and quadratic parts, and whether it is curved further.
struct Problem {
    linear: [f64; WIDTH],
    quadratic: [[f64; WIDTH]; WIDTH],
    exponential: bool,
}

fn problem(quadratic: bool, exponential: bool) -> Problem {
    let number = |i: usize| (1.0 + i as f64).powi(2).sin();
    let linear = std::array::from_fn(number);
    let entry = |i: usize, j: usize| if quadratic { number(i * 11 + j * 5 + 3) } else { 0.0 };
    Problem { linear, quadratic: std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j))), exponential }
}

impl Problem {
    /// `[N, D, K]` to `[N]`.
    fn value(&self, z: Tensor<3>) -> Tensor<1> {
        let rows = z.dims()[0];
        let flat = z.reshape([rows, WIDTH]);
        let matrix = double(self.quadratic.concat(), [WIDTH, WIDTH]);
        let score =
            flat.clone() * double(self.linear.to_vec(), [1, WIDTH]) + flat.clone().matmul(matrix) * flat;
        let score = score.sum_dim(1).squeeze_dim::<1>(1);
        if self.exponential { score.exp() } else { score }
    }

    fn value_at(&self, state: usize) -> f64 {
        numbers(self.value(double(states()[state].to_vec(), [1, LATENTS, CATEGORIES])))[0]
    }

    /// Σ q f (z − p), the gradient by enumeration.
    fn gradient(&self) -> Vec<f64> {
        let p = masses().concat();
        let term = |s: usize, i: usize| mass(s) * self.value_at(s) * (states()[s][i] - p[i]);
        (0..WIDTH).map(|i| (0..STATES).map(|s| term(s, i)).sum()).collect()
    }

    /// The estimate at each state, `[STATES][WIDTH]`.
    fn estimates(&self, path: Path) -> Vec<Vec<f64>> {
        let logits = double(LOGITS.repeat(STATES), [STATES, LATENTS, CATEGORIES]).require_grad();
        let hard = double(states().concat(), [STATES, LATENTS, CATEGORIES]);
        let loss = self.value(path(logits.clone(), hard)).sum();
        let gradient = numbers(logits.grad(&loss.backward()).expect("a gradient"));
        gradient.chunks(WIDTH).map(<[f64]>::to_vec).collect()
    }

    fn bias(&self, path: Path) -> f64 {
        let estimates = self.estimates(path);
        let mean = |i: usize| (0..STATES).map(|s| mass(s) * estimates[s][i]).sum::<f64>();
        let exact = self.gradient();
        (0..WIDTH).map(|i| (mean(i) - exact[i]).powi(2)).sum::<f64>().sqrt()
    }
}

#[test]
fn each_is_exact_for_its_class_of_objectives_and_for_no_larger_one() {
    let [linear, quadratic, curved] = [problem(false, false), problem(true, false), problem(true, true)];
    for (path, exact) in [(PROBABILITIES, 1), (REINMAX, 2), (ZGR, 2), (GAPPED, 0), (PUBLISHED_GAPPED, 0)] {
        for (order, problem) in [(1, &linear), (2, &quadratic), (3, &curved)] {
            let bias = problem.bias(path);
            assert_eq!(bias < 1e-10, order <= exact, "order {order}, claimed {exact}: bias {bias:e}");
            assert!(order <= exact || bias > 1e-3, "order {order}: the bias {bias:e} is too small to tell");
        }
    }
}

#[test]
fn reinmax_at_one_is_zgr_and_both_are_the_closed_form() {
    let curved = problem(true, true);
    let (reinmax, zgr) = (curved.estimates(REINMAX), curved.estimates(ZGR));
    for state in 0..STATES {
        let z = double(states()[state].to_vec(), [1, LATENTS, CATEGORIES]).require_grad();
        let g = numbers(z.grad(&curved.value(z.clone()).sum().backward()).expect("a gradient"));
        for latent in 0..LATENTS {
            let at = latent * CATEGORIES;
            let (b, p, g) = (&states()[state][at..][..CATEGORIES], masses()[latent], &g[at..][..CATEGORIES]);
            let dot = |weights: &[f64]| weights.iter().zip(g).map(|(w, g)| w * g).sum::<f64>();
            let (bg, pg) = (dot(b), dot(&p));
            for k in 0..CATEGORIES {
                let form = 0.5 * (p[k] * g[k] + b[k] * bg - p[k] * bg - b[k] * pg);
                assert!((zgr[state][at + k] - form).abs() < 1e-12 * (1.0 + form.abs()));
                assert!((reinmax[state][at + k] - form).abs() < 1e-12 * (1.0 + form.abs()));
            }
        }
    }
}

#[test]
fn the_forward_value_is_the_hard_sample_bit_for_bit() {
    let logits = Tensor::<2>::from_floats([[1e4, -80.0, f32::NEG_INFINITY, 0.1]], &Device::flex().autodiff());
    let hard = Tensor::<2>::from_floats([[0.0, 1.0, 0.0, 0.0]], &Device::flex());
    let (theta, b) = (|| logits.clone(), || hard.clone());
    let noise = &mut Noise::from_seed(1);
    let paths = [
        straight_through::softmax(theta(), b(), 0.3),
        straight_through::identity(theta(), b()),
        straight_through::reinmax(theta(), b(), 1.5),
        straight_through::zgr(theta(), b()),
        straight_through::gapped(theta(), b(), 0.5, LogitGap::Probability),
        straight_through::gumbel_rao(theta(), b(), 0.1, 3, noise),
    ];
    for z in paths {
        assert_eq!(z.inner().into_data(), hard.clone().into_data());
    }
}

/// Gradients of a curved objective, one row for each replicate.
fn replicates(estimator: &dyn Estimator, rows: usize, seed: u64) -> Vec<Vec<f64>> {
    let logits = double(LOGITS.repeat(rows), [rows, LATENTS, CATEGORIES]).require_grad();
    let curved = problem(true, true);
    let objective = Objective::mean(|sample: &Sample| {
        let [samples, rows, ..] = sample.z.dims();
        let flat = sample.z.clone().reshape([samples * rows, LATENTS, CATEGORIES]);
        curved.value(flat).reshape([samples, rows])
    });
    let estimate = estimator
        .estimate(logits.clone(), &objective, &mut Noise::from_seed(seed), 0)
        .expect("a supported problem");
    let gradient = numbers(logits.grad(&estimate.loss.sum().backward()).expect("a gradient"));
    gradient.chunks(WIDTH).map(<[f64]>::to_vec).collect()
}

fn mean_and_variance(rows: &[Vec<f64>], i: usize) -> (f64, f64) {
    let n = rows.len() as f64;
    let mean = rows.iter().map(|row| row[i]).sum::<f64>() / n;
    (mean, rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

fn gumbel_rao(text: &str) -> Box<dyn Estimator> {
    text.parse::<gumbel::estimator::EstimatorSpec>().expect("a choice").build().expect("an estimator")
}

/// Twelve comparisons at four standard errors: a false alarm in 1300 seeds.
#[test]
fn gumbel_rao_has_the_mean_of_straight_through_gumbel_and_less_variance_the_more_it_draws() {
    const ROWS: usize = 100_000;
    let plain = StraightThroughGumbel::new(1, Schedule::Constant(0.5)).expect("one sample");
    let plain = replicates(&plain, ROWS, 1);
    let one = replicates(gumbel_rao("gumbel-rao:tau=0.5:draws=1").as_ref(), ROWS, 2);
    let ten = replicates(gumbel_rao("gumbel-rao:tau=0.5:draws=10").as_ref(), ROWS, 3);
    let mut totals = [0.0; 3];
    for i in 0..WIDTH {
        let (mean, variance) = mean_and_variance(&plain, i);
        for (total, rows) in totals.iter_mut().zip([&plain, &one, &ten]) {
            let (other, spread) = mean_and_variance(rows, i);
            let z = (other - mean) / ((variance + spread) / ROWS as f64).sqrt();
            assert!(z.abs() < 4.0, "coordinate {i}: {z} standard errors");
            *total += spread;
        }
    }
    let [plain, one, ten] = totals;
    assert!((one / plain - 1.0).abs() < 0.05, "one draw is the same estimator: {one} and {plain}");
    assert!(ten < 0.8 * one, "{ten} with ten draws, {one} with one");
}

#[test]
fn gumbel_rao_tends_to_zgr_as_the_temperature_falls() {
    const ROWS: usize = 100_000;
    let cold = replicates(gumbel_rao("gumbel-rao:tau=0.02:draws=1").as_ref(), ROWS, 4);
    let zgr = problem(true, true).estimates(ZGR);
    let limit = |i: usize| (0..STATES).map(|s| mass(s) * zgr[s][i]).sum::<f64>();
    for i in 0..WIDTH {
        let limit = limit(i);
        let (mean, variance) = mean_and_variance(&cold, i);
        let z = (mean - limit) / (variance / ROWS as f64).sqrt();
        assert!(z.abs() < 4.0, "coordinate {i}: {z} standard errors");
    }
}

#[test]
fn decoupled_at_a_forward_temperature_of_one_is_straight_through_gumbel() {
    let tau = Schedule::Constant(0.4);
    let plain = StraightThroughGumbel::new(2, tau).expect("two samples");
    let same = Decoupled::new(2, tau, Schedule::Constant(1.0)).expect("two samples");
    assert_eq!(replicates(&plain, 50, 5), replicates(&same, 50, 5));
    let sharp = Decoupled::new(2, tau, Schedule::Constant(0.1)).expect("two samples");
    assert_ne!(replicates(&plain, 50, 5), replicates(&sharp, 50, 5));
}

#[test]
fn the_tempered_backward_pass_is_the_jacobian_of_the_tempered_softmax() {
    let linear = problem(false, false);
    const TAU: f64 = 0.4;
    let tempered: Path = |logits, hard| straight_through::softmax(logits, hard, TAU);
    let estimate = &linear.estimates(tempered)[0];
    let weights: Vec<f64> = LOGITS[..CATEGORIES].iter().map(|l| (l / TAU).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mean: f64 = (0..CATEGORIES).map(|k| weights[k] / total * linear.linear[k]).sum();
    for k in 0..CATEGORIES {
        let expected = weights[k] / total * (linear.linear[k] - mean) / TAU;
        assert!((estimate[k] - expected).abs() < 1e-12);
    }
}

#[test]
fn temperatures_out_of_range_are_errors_with_a_remedy() {
    for (name, text, part) in [
        ("reinmax", "reinmax:tau=0.9", "tau must be at least 1, got 0.9; below 1 use gumbel-rao"),
        ("reinmax", "reinmax:tau=linear:2:0.5:100", "tau must be at least 1"),
        (
            "straight-through-gumbel",
            "straight-through-gumbel:tau=1.5",
            "at most 1, got 1.5; above 1 use reinmax",
        ),
        ("gapped", "gapped:gap=-1", "gap must be a number that is not negative, or p, got '-1'"),
        ("gumbel-rao", "gumbel-rao:draws=0", "at least 1, got 0"),
    ] {
        let error =
            text.parse::<gumbel::estimator::EstimatorSpec>().and_then(|choice| choice.build()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(find(name).is_ok());
    }
}

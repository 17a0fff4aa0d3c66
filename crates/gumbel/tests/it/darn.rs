//! DARN against its theory, by enumeration of all bits in double precision: exact for quadratics and for nothing beyond,
//! and the same as ZGR and ReinMax sample by sample.

use crate::support::{double, gradients, numbers};
use burn::tensor::{DType, Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{Darn, Estimator, Objective, Reduction, Sample, Zgr};
use gumbel::straight_through;

const LATENTS: usize = 3;
const WIDTH: usize = 2 * LATENTS;
const STATES: usize = 8;
const LOG_ODDS: [f64; LATENTS] = [0.7, -1.3, 0.2];

fn bits(state: usize) -> [f64; LATENTS] {
    std::array::from_fn(|i| (state >> i & 1) as f64)
}

fn probabilities() -> [f64; LATENTS] {
    LOG_ODDS.map(|l| 1.0 / (1.0 + (-l).exp()))
}

fn mass(state: usize) -> f64 {
    let one = |(bit, p): (f64, f64)| if bit == 1.0 { p } else { 1.0 - p };
    bits(state).into_iter().zip(probabilities()).map(one).product()
}

fn states() -> Tensor<3> {
    let one_hot = |state| bits(state).into_iter().flat_map(|bit| [1.0 - bit, bit]);
    double((0..STATES).flat_map(one_hot).collect(), [STATES, LATENTS, 2])
}

fn logits() -> Tensor<3> {
    double(LOG_ODDS.map(|l| [0.1, l + 0.1]).concat().repeat(STATES), [STATES, LATENTS, 2]).require_grad()
}

/// `[N, D, 2]` to `[N]`: quadratic in the one-hot rows, or the exponential of that.
fn loss(z: Tensor<3>, seed: u64, exponential: bool) -> Tensor<1> {
    let coefficients =
        Noise::from_seed(seed).logistic::<2>([WIDTH, WIDTH + 1], &Device::flex()).cast(DType::F64);
    let rows = z.dims()[0];
    let flat = z.reshape([rows, WIDTH]);
    let quadratic = flat.clone().matmul(coefficients.clone().narrow(1, 0, WIDTH)) * flat.clone();
    let linear = flat.matmul(coefficients.narrow(1, WIDTH, 1));
    let score = (quadratic.sum_dim(1) + linear).squeeze_dim::<1>(1);
    if exponential { (score * 0.2).exp() } else { score }
}

/// The derivative in every log-odds at every state.
fn estimates(
    path: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
    seed: u64,
    exponential: bool,
) -> Vec<[f64; LATENTS]> {
    let theta = logits();
    let total = loss(path(theta.clone(), states()), seed, exponential).sum();
    let gradient = numbers(theta.grad(&total.backward()).expect("a gradient"));
    gradient.chunks(WIDTH).map(|row| std::array::from_fn(|i| row[2 * i + 1])).collect()
}

/// The largest component of E ĝ − ∇E f, by two sums over all states.
fn bias(seed: u64, exponential: bool) -> f64 {
    let (estimates, values) =
        (estimates(straight_through::darn, seed, exponential), numbers(loss(states(), seed, exponential)));
    let term =
        |s: usize, i: usize| mass(s) * (estimates[s][i] - values[s] * (bits(s)[i] - probabilities()[i]));
    let component = |i: usize| (0..STATES).map(|s| term(s, i)).sum::<f64>().abs();
    (0..LATENTS).map(component).fold(0.0, f64::max)
}

#[test]
fn it_is_exact_for_quadratics_and_biased_beyond() {
    for seed in 0..20 {
        let (quadratic, curved) = (bias(seed, false), bias(seed, true));
        assert!(quadratic < 1e-12, "seed {seed}: {quadratic:e}");
        assert!(curved > 1e-4, "seed {seed}: a bias of {curved:e} is too small to tell");
    }
}

#[test]
fn it_is_zgr_and_reinmax_and_the_closed_form_sample_by_sample() {
    let darn = estimates(straight_through::darn, 7, true);
    let (zgr, reinmax) = (
        estimates(straight_through::zgr, 7, true),
        estimates(|l, b| straight_through::reinmax(l, b, 1.0), 7, true),
    );
    let z = states().require_grad();
    let slopes = numbers(z.grad(&loss(z.clone(), 7, true).sum().backward()).expect("a gradient"));
    for state in 0..STATES {
        for (i, (bit, p)) in bits(state).into_iter().zip(probabilities()).enumerate() {
            let slope = slopes[state * WIDTH + 2 * i + 1] - slopes[state * WIDTH + 2 * i];
            let form = slope * (bit - 0.5) * (bit - p);
            for estimate in [&darn, &zgr, &reinmax] {
                assert!((estimate[state][i] - form).abs() < 1e-12 * (1.0 + form.abs()));
            }
        }
    }
}

#[test]
fn the_estimator_is_that_of_zgr_for_the_same_noise_under_either_reduction() {
    for reduction in [Reduction::Mean, Reduction::LogMeanExp] {
        let gradient = |estimator: &dyn Estimator| {
            let f = |sample: &Sample| {
                let [samples, rows, ..] = sample.z.dims();
                loss(sample.z.clone().reshape([samples * rows, LATENTS, 2]), 3, true).reshape([samples, rows])
            };
            let objective = match reduction {
                Reduction::Mean => Objective::mean(f),
                Reduction::LogMeanExp => Objective::log_mean_exp(f),
            };
            let theta = logits();
            let estimate = estimator.estimate(theta.clone(), &objective, &mut Noise::from_seed(1), 0);
            gradients(&estimate.expect("a supported problem"), &theta)
        };
        let (darn, zgr) = (gradient(&Darn::new(3).unwrap()), gradient(&Zgr::new(3).unwrap()));
        for (darn, zgr) in darn.iter().zip(zgr) {
            assert!((darn - zgr).abs() < 1e-12 * (1.0 + zgr.abs()), "{darn} and {zgr}");
        }
    }
}

#[test]
fn the_sample_comes_back_bit_for_bit_and_a_mask_has_no_gradient() {
    let theta =
        Tensor::<2>::from_floats([[f32::NEG_INFINITY, 1.0], [80.0, -80.0]], &Device::flex().autodiff());
    let theta = theta.require_grad();
    let hard = Tensor::<2>::from_floats([[0.0, 1.0], [0.0, 1.0]], &Device::flex());
    let b = straight_through::darn(theta.clone(), hard.clone());
    assert_eq!(b.clone().inner().into_data(), hard.into_data());
    let weights = Tensor::<2>::from_floats([[2.0, 5.0], [2.0, 5.0]], &Device::flex());
    let gradient = theta.grad(&(b * weights).sum().backward()).expect("a gradient");
    // The second bit is one against all odds: (5 − 2) (1 − ½) (1 − 0).
    assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.0, -1.5, 1.5]);
}

#[test]
#[should_panic(expected = "bits have two categories, got logits of shape [1, 3]")]
fn three_categories_panic() {
    let zeros = Tensor::<2>::zeros([1, 3], &Device::flex());
    straight_through::darn(zeros.clone(), zeros);
}

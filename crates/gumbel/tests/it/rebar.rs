//! REBAR without Monte Carlo, in double precision: against the formulas of the papers by finite differences, and its
//! mean and variance by quadrature over the noise.

use crate::support::{double, gradients, numbers};
use burn::tensor::{DType, Device, Tensor};
use gumbel::estimator::{
    ControlCoefficient, Estimator, Objective, Rebar, Reinforce, ReinforceBaseline, Sample,
};
use gumbel::{Noise, Schedule};

const LATENTS: usize = 2;
const TAU: f64 = 0.5;

fn weight(i: usize) -> f64 {
    [1.0, -0.5, 0.2, -1.0, 0.7, 0.4][i]
}

/// `exp(Σ w z)`, on the host.
fn smooth_at(z: &[f64]) -> f64 {
    z.iter().enumerate().map(|(i, z)| weight(i) * z).sum::<f64>().exp()
}

fn smooth(sample: &Sample) -> Tensor<2> {
    let [samples, rows, latents, categories] = sample.z.dims();
    let weights = double((0..latents * categories).map(weight).collect(), [1, 1, latents, categories]);
    (sample.z.clone() * weights).sum_dim(3).sum_dim(2).reshape([samples, rows]).exp()
}

/// The same at the vertices; inside the simplex it says the contrary.
fn misleading(sample: &Sample) -> Tensor<2> {
    let inside = sample.z.clone() * (sample.z.clone().neg() + 1.0);
    let [samples, rows, latents, categories] = sample.z.dims();
    let weights = double((0..latents * categories).map(weight).collect(), [1, 1, latents, categories]);
    smooth(sample) - (inside * weights).sum_dim(3).sum_dim(2).reshape([samples, rows]) * 20.0
}

fn rebar(samples: usize, weight: ControlCoefficient) -> Rebar {
    Rebar::new(samples, Schedule::Constant(TAU), weight).expect("samples")
}

fn softmax(keys: &[f64], tau: f64) -> Vec<f64> {
    let largest = keys.iter().copied().fold(f64::MIN, f64::max);
    let masses: Vec<f64> = keys.iter().map(|key| ((key - largest) / tau).exp()).collect();
    let total: f64 = masses.iter().sum();
    masses.into_iter().map(|mass| mass / total).collect()
}

fn argmax(keys: &[f64]) -> usize {
    (0..keys.len()).max_by(|&a, &b| keys[a].total_cmp(&keys[b])).expect("keys")
}

/// The derivative of `f` in coordinate `i` of `theta`.
fn slope(f: impl Fn(&[f64]) -> f64, theta: &[f64], i: usize) -> f64 {
    const STEP: f64 = 1e-5;
    let moved = |by: f64| {
        f(&theta.iter().enumerate().map(|(j, t)| if i == j { t + by } else { *t }).collect::<Vec<_>>())
    };
    (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
}

/// Rows of K categories, each made of a row of logits and of its noise.
fn rows_of<'a>(k: usize, theta: &'a [f64], noise: &'a [f64]) -> impl Iterator<Item = (&'a [f64], &'a [f64])> {
    theta.chunks(k).zip(noise.chunks(k))
}

/// The three-evaluation form: z and z̃ as functions of the logits, the noise of z̃ inverted from that of z.
fn reference(k: usize, theta: &[f64], gumbel: &[f64], eta: f64) -> Vec<f64> {
    let keys = |theta: &[f64], gumbel: &[f64]| -> Vec<f64> {
        softmax(theta, 1.0).iter().zip(gumbel).map(|(p, g)| p.ln() + g).collect()
    };
    let relaxed = |theta: &[f64]| -> f64 {
        smooth_at(
            &rows_of(k, theta, gumbel)
                .flat_map(|(theta, g)| softmax(&keys(theta, g), TAU))
                .collect::<Vec<_>>(),
        )
    };
    // Exponentials that are independent of b: E_b = min E / p, and what the others exceed their bound by.
    let conditional: Vec<f64> = rows_of(k, theta, gumbel)
        .flat_map(|(theta, g)| {
            let (p, b) = (softmax(theta, 1.0), argmax(&keys(theta, g)));
            let first = (-g[b]).exp() / p[b];
            (0..k).map(move |i| if i == b { first } else { (-g[i]).exp() - p[i] * first }).collect::<Vec<_>>()
        })
        .collect();
    let hard: Vec<f64> = rows_of(k, theta, gumbel)
        .flat_map(|(theta, g)| {
            let b = argmax(&keys(theta, g));
            (0..k).map(move |i| f64::from(u8::from(i == b)))
        })
        .collect();
    let again = |theta: &[f64]| -> f64 {
        let row = |((theta, e), b): ((&[f64], &[f64]), &[f64])| {
            let (p, b) = (softmax(theta, 1.0), argmax(b));
            let key = |i: usize| if i == b { -e[b].ln() } else { -(e[i] / p[i] + e[b]).ln() };
            softmax(&(0..k).map(key).collect::<Vec<_>>(), TAU)
        };
        smooth_at(&rows_of(k, theta, &conditional).zip(hard.chunks(k)).flat_map(row).collect::<Vec<_>>())
    };
    let p: Vec<f64> = theta.chunks(k).flat_map(|row| softmax(row, 1.0)).collect();
    let signal = smooth_at(&hard) - eta * again(theta);
    (0..theta.len())
        .map(|i| signal * (hard[i] - p[i]) + eta * (slope(relaxed, theta, i) - slope(again, theta, i)))
        .collect()
}

#[test]
fn it_is_the_form_with_conditional_gumbels() {
    for k in [2, 3] {
        let theta = [0.3, -0.5, 0.8, 0.0, 1.0, -1.2][..LATENTS * k].to_vec();
        let gumbel = Noise::from_seed(1).gumbel::<4>([1, 100, LATENTS, k], &Device::flex()).cast(DType::F64);
        for eta in [1.0, -0.4] {
            let logits = double(theta.repeat(100), [100, LATENTS, k]).require_grad();
            let estimate = rebar(1, ControlCoefficient::Fixed(eta))
                .with_gumbel(logits.clone(), &Objective::mean(smooth), gumbel.clone(), 0)
                .expect("a supported problem");
            let found = gradients(&estimate, &logits);
            for (found, gumbel) in found.chunks(LATENTS * k).zip(numbers(gumbel.clone()).chunks(LATENTS * k))
            {
                for (found, expected) in found.iter().zip(reference(k, &theta, gumbel, eta)) {
                    assert!(
                        (found - expected).abs() < 1e-7 * (1.0 + expected.abs()),
                        "{found} for {expected}"
                    );
                }
            }
        }
    }
}

/// Log-odds of the problems in bits.
const LOG_ODDS: [f64; LATENTS] = [0.7, -1.3];

fn sigmoid(l: f64) -> f64 {
    1.0 / (1.0 + (-l).exp())
}

fn logit(u: f64) -> f64 {
    u.ln() - (-u).ln_1p()
}

fn bits_logits(rows: usize) -> Tensor<3> {
    let [a, b] = LOG_ODDS;
    double([0.0, a, 0.0, b].repeat(rows), [rows, LATENTS, 2]).require_grad()
}

/// Uniform numbers `[rows][D]` as the Gumbel noise of bits: only the difference counts, and it is logistic.
fn logistic(uniform: &[[f64; LATENTS]]) -> Tensor<4> {
    let noise = uniform.iter().flatten().flat_map(|&u| [0.0, logit(u)]).collect();
    double(noise, [1, uniform.len(), LATENTS, 2])
}

/// Tucker et al. 2017: u, v uniform, z = ℓ + logit u and z̃ = ℓ + logit v′; v tied to u.
#[test]
fn for_bits_it_is_the_form_with_uniform_noise() {
    let uniform: Vec<[f64; LATENTS]> = [[0.1, 0.9], [0.5, 0.2], [0.99, 0.6], [0.34, 0.97]].to_vec();
    let theta = bits_logits(uniform.len());
    let objective = Objective::mean(smooth);
    let estimate = rebar(1, ControlCoefficient::Fixed(1.0)).with_gumbel(
        theta.clone(),
        &objective,
        logistic(&uniform),
        0,
    );
    let found = gradients(&estimate.expect("a supported problem"), &theta);
    for (found, u) in found.chunks(2 * LATENTS).zip(uniform) {
        let p = LOG_ODDS.map(sigmoid);
        let b: [bool; LATENTS] = std::array::from_fn(|i| u[i] > 1.0 - p[i]);
        let v: [f64; LATENTS] =
            std::array::from_fn(|i| if b[i] { (u[i] - (1.0 - p[i])) / p[i] } else { u[i] / (1.0 - p[i]) });
        let at = |ones: [f64; LATENTS]| smooth_at(&ones.map(|one| [1.0 - one, one]).concat());
        let free = |l: &[f64]| at(std::array::from_fn(|i| sigmoid((l[i] + logit(u[i])) / TAU)));
        let given = |l: &[f64]| {
            at(std::array::from_fn(|i| {
                let p = sigmoid(l[i]);
                let u = if b[i] { v[i] * p + 1.0 - p } else { v[i] * (1.0 - p) };
                sigmoid((l[i] + logit(u)) / TAU)
            }))
        };
        let signal = at(b.map(|b| f64::from(u8::from(b)))) - given(&LOG_ODDS);
        for i in 0..LATENTS {
            let score = f64::from(u8::from(b[i])) - p[i];
            let expected = signal * score + slope(free, &LOG_ODDS, i) - slope(given, &LOG_ODDS, i);
            assert!((found[2 * i + 1] - expected).abs() < 1e-8, "{} for {expected}", found[2 * i + 1]);
        }
    }
}

/// Nodes and weights of Gauss and Legendre on (0, 1): exact for polynomials below degree 2n.
fn legendre(n: usize) -> Vec<(f64, f64)> {
    let evaluate = |x: f64| {
        let (mut before, mut here) = (1.0, x);
        for k in 2..=n {
            let k = k as f64;
            (before, here) = (here, ((2.0 * k - 1.0) * x * here - (k - 1.0) * before) / k);
        }
        (here, n as f64 * (x * here - before) / (x * x - 1.0))
    };
    let root = |i: usize| {
        let guess = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        (0..20).fold(guess, |x, _| x - evaluate(x).0 / evaluate(x).1)
    };
    (0..n).map(root).map(|x| (0.5 * (1.0 + x), 1.0 / ((1.0 - x * x) * evaluate(x).1.powi(2)))).collect()
}

/// Uniform numbers for every latent, with weights; the estimate is smooth on either side of 1 − p.
fn nodes() -> (Vec<[f64; LATENTS]>, Vec<f64>) {
    let of = |l: f64| -> Vec<(f64, f64)> {
        let cut = sigmoid(-l);
        let both = |(x, w): (f64, f64)| [(cut * x, cut * w), (cut + (1.0 - cut) * x, (1.0 - cut) * w)];
        legendre(32).into_iter().flat_map(both).collect()
    };
    let [first, second] = LOG_ODDS.map(of);
    let pair = |a: &(f64, f64)| second.iter().map(move |b| ([a.0, b.0], a.1 * b.1)).collect::<Vec<_>>();
    first.iter().flat_map(pair).unzip()
}

/// The mean of the estimate in every log-odds, and the trace of its covariance.
fn moments(estimator: &Rebar, f: fn(&Sample) -> Tensor<2>) -> ([f64; LATENTS], f64) {
    let (uniform, weights) = nodes();
    let theta = bits_logits(uniform.len());
    let estimate = estimator
        .with_gumbel(theta.clone(), &Objective::mean(f), logistic(&uniform), 0)
        .expect("a supported problem");
    let rows = gradients(&estimate, &theta);
    let moment = |i: usize, power: i32| -> f64 {
        rows.chunks(2 * LATENTS).zip(&weights).map(|(row, w)| w * row[2 * i + 1].powi(power)).sum()
    };
    let mean = std::array::from_fn(|i| moment(i, 1));
    (mean, (0..LATENTS).map(|i| moment(i, 2) - moment(i, 1).powi(2)).sum())
}

fn exact() -> [f64; LATENTS] {
    let p = LOG_ODDS.map(sigmoid);
    let term = |s: usize, i: usize| {
        let b = [(s / 2) as f64, (s % 2) as f64];
        let mass: f64 = (0..LATENTS).map(|j| if b[j] == 1.0 { p[j] } else { 1.0 - p[j] }).product();
        mass * smooth_at(&b.map(|one| [1.0 - one, one]).concat()) * (b[i] - p[i])
    };
    std::array::from_fn(|i| (0..4).map(|s| term(s, i)).sum())
}

#[test]
fn it_is_unbiased_whatever_the_coefficient() {
    for f in [smooth as fn(&Sample) -> Tensor<2>, misleading] {
        for eta in [0.0, 1.0, -0.7] {
            let (mean, _) = moments(&rebar(1, ControlCoefficient::Fixed(eta)), f);
            for (mean, exact) in mean.into_iter().zip(exact()) {
                assert!((mean - exact).abs() < 1e-10, "η = {eta}: {mean} for {exact}");
            }
        }
    }
}

/// One estimator after training on its own estimates.
fn trained(weight: ControlCoefficient, f: fn(&Sample) -> Tensor<2>) -> Rebar {
    let mut estimator = rebar(1, weight);
    for seed in 0..100 {
        let estimate =
            estimator.estimate(bits_logits(300), &Objective::mean(f), &mut Noise::from_seed(seed), 0);
        estimator.adapt(&estimate.expect("a supported problem"));
    }
    estimator
}

#[test]
fn a_learned_coefficient_lowers_the_variance_where_it_can_and_does_no_harm_elsewhere() {
    for (f, gain) in [(smooth as fn(&Sample) -> Tensor<2>, 0.95), (misleading, 1.02)] {
        let learned = trained(ControlCoefficient::Learned, f);
        let [plain, one, best] =
            [trained(ControlCoefficient::Fixed(0.0), f), trained(ControlCoefficient::Fixed(1.0), f), learned]
                .map(|estimator| moments(&estimator, f).1);
        assert!(best < gain * plain && best < 1.02 * one, "η = 0: {plain}, η = 1: {one}, learned: {best}");
    }
}

/// Where a score is noisy because the other latents are many, the control variate pays.
#[test]
fn the_more_latents_the_more_it_takes_out_of_what_a_baseline_leaves() {
    let curved = |sample: &Sample| {
        let [samples, rows, latents, _] = sample.z.dims();
        let ones = sample.z.clone().narrow(3, 1, 1).squeeze_dim::<3>(3);
        let score = (ones - 0.4).sum_dim(2) / (latents as f64).sqrt();
        score.squeeze_dim::<2>(2).exp().reshape([samples, rows])
    };
    let spread = |latents: usize, weight: ControlCoefficient| {
        let theta =
            |rows: usize| Tensor::<3>::zeros([rows, latents, 2], &Device::flex().autodiff()).require_grad();
        let mut estimator = rebar(1, weight);
        let run = |estimator: &Rebar, theta: &Tensor<3>, seed: u64| {
            let noise = &mut Noise::from_seed(seed);
            estimator
                .estimate(theta.clone(), &Objective::mean(curved), noise, 0)
                .expect("a supported problem")
        };
        for seed in 0..100 {
            let last = run(&estimator, &theta(300), seed);
            estimator.adapt(&last);
        }
        let many = theta(20_000);
        let gradient = many.grad(&run(&estimator, &many, 1000).loss.sum().backward()).expect("a gradient");
        f64::from(gradient.var(0).sum().into_scalar::<f32>())
    };
    let [few, more] = [4, 40].map(|latents| {
        spread(latents, ControlCoefficient::Learned) / spread(latents, ControlCoefficient::Fixed(0.0))
    });
    assert!(more < 0.4 && more < 0.8 * few && few < 1.0, "of 4 latents {few:.3} is left, of 40 {more:.3}");
}

#[test]
fn without_its_control_variate_it_is_reinforce() {
    let objective = Objective::mean(smooth);
    let mut rebar = rebar(2, ControlCoefficient::Fixed(0.0));
    let mut plain = Reinforce::new(2, ReinforceBaseline::MovingAverage).expect("samples");
    for seed in 0..3 {
        let theta = [(); 2].map(|()| bits_logits(200));
        let noise = || Noise::from_seed(seed);
        let both = [
            rebar.estimate(theta[0].clone(), &objective, &mut noise(), 0).expect("a supported problem"),
            plain.estimate(theta[1].clone(), &objective, &mut noise(), 0).expect("a supported problem"),
        ];
        let [found, expected] = [0, 1].map(|i| gradients(&both[i], &theta[i]));
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "seed {seed}");
        rebar.adapt(&both[0]);
        plain.adapt(&both[1]);
    }
}

#[test]
fn two_samples_are_the_mean_of_one_and_one() {
    let noise = [1, 2].map(|seed| Noise::from_seed(seed).gumbel::<4>([1, 50, LATENTS, 2], &Device::flex()));
    let run = |samples: usize, noise: Tensor<4>| {
        let theta = bits_logits(50);
        let estimator = rebar(samples, ControlCoefficient::Fixed(0.8));
        let estimate = estimator
            .with_gumbel(theta.clone(), &Objective::mean(smooth), noise, 0)
            .expect("a supported problem");
        gradients(&estimate, &theta)
    };
    let [first, second] = noise.clone().map(|noise| run(1, noise));
    let both = run(2, Tensor::cat(noise.to_vec(), 0));
    for (i, both) in both.iter().enumerate() {
        assert!((both - 0.5 * (first[i] + second[i])).abs() < 1e-12);
    }
}

//! Samples compared with their distributions.
//!
//! Seeds are fixed, so results do not change from run to run. With a new seed, each Kolmogorov-Smirnov or chi-square
//! comparison would fail with probability 0.001, and each z-score beyond 4 would occur with probability 6e-5.

use crate::support::{MASK, assert_z, draw, output, single};
use gumbel_kernels::*;
use statrs::distribution::{ChiSquared, ContinuousCDF};
use statrs::function::erf::erfc;
use std::f64::consts::SQRT_2;

const ALPHA: f64 = 0.001;

/// Kolmogorov-Smirnov test at level `ALPHA`, by the limit distribution P(√n D > x) ≈ 2 exp(−2x²) (Smirnov 1948).
#[track_caller]
fn assert_distribution(name: &str, mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) {
    sample.sort_unstable_by(f64::total_cmp);
    let n = sample.len() as f64;
    let gap = |(i, &x): (usize, &f64)| (cdf(x) - i as f64 / n).max((i + 1) as f64 / n - cdf(x));
    let largest = sample.iter().enumerate().map(gap).fold(0.0, f64::max);
    let limit = (-(ALPHA / 2.0).ln() / 2.0).sqrt();
    assert!(largest * n.sqrt() < limit, "{name}: √n D = {}, limit {limit}", largest * n.sqrt());
}

/// Pearson's chi-square test at level `ALPHA`; cells with an expected count below five are merged.
#[track_caller]
fn assert_counts(name: &str, counts: &[u64], probabilities: &[f64]) {
    let n = counts.iter().sum::<u64>() as f64;
    let (mut cells, mut rare) = (Vec::new(), (0.0, 0.0));
    for (&count, probability) in counts.iter().zip(probabilities) {
        let (count, expected) = (count as f64, n * probability);
        assert!(expected > 0.0 || count == 0.0, "{name}: an impossible outcome");
        if expected < 5.0 {
            rare = (rare.0 + count, rare.1 + expected)
        } else {
            cells.push((count, expected))
        }
    }
    if rare.1 >= 5.0 {
        cells.push(rare);
    }
    let statistic: f64 = cells.iter().map(|(count, expected)| (count - expected).powi(2) / expected).sum();
    let p = ChiSquared::new((cells.len() - 1) as f64).unwrap().sf(statistic);
    assert!(p > ALPHA, "{name}: chi-square {statistic} on {} cells, p = {p}", cells.len());
}

/// Name, cumulative distribution function, mean, variance and kurtosis.
type Distribution = (&'static str, fn(f64) -> f64, f64, f64, f64);
const PI2: f64 = std::f64::consts::PI * std::f64::consts::PI;
const EULER: f64 = 0.577_215_664_901_532_9;
const DISTRIBUTIONS: [Distribution; 5] = [
    ("uniform", |u| u, 0.5, 1.0 / 12.0, 1.8),
    ("exponential", |e| -(-e).exp_m1(), 1.0, 1.0, 9.0),
    ("gumbel", |g| (-(-g).exp()).exp(), EULER, PI2 / 6.0, 5.4),
    ("logistic", |l| 1.0 / (1.0 + (-l).exp()), 0.0, PI2 / 3.0, 4.2),
    ("normal", |n| erfc(-n / SQRT_2) / 2.0, 0.0, 1.0, 3.0),
];

fn samples<T: Real>(stream: Stream, len: usize) -> [Vec<f64>; 5] {
    [noise::uniform, noise::exponential, noise::gumbel, noise::logistic, noise::normal]
        .map(|fill| draw::<T>(fill, stream, len))
}

/// 30 comparisons.
#[test]
fn noise_has_its_distribution() {
    for seed in 0..3 {
        let stream = Stream::new(100).split(seed);
        let both =
            samples::<f32>(stream, 1 << 19).into_iter().zip(samples::<f64>(stream.skip(1 << 19), 1 << 19));
        for ((single, double), (name, cdf, ..)) in both.zip(DISTRIBUTIONS) {
            assert_distribution(name, single, cdf);
            assert_distribution(name, double, cdf);
        }
    }
}

/// 20 comparisons.
#[test]
fn noise_has_the_mean_and_variance_of_its_distribution() {
    let n = 1 << 20;
    let single = samples::<f32>(Stream::new(7), n).into_iter().zip(DISTRIBUTIONS);
    let double = samples::<f64>(Stream::new(8), n).into_iter().zip(DISTRIBUTIONS);
    for (sample, (name, _, mean, variance, kurtosis)) in single.chain(double) {
        let n = n as f64;
        let found = sample.iter().sum::<f64>() / n;
        assert_z(name, found, mean, (variance / n).sqrt(), 4.0);
        let spread = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        assert_z(name, spread, variance, variance * ((kurtosis - 1.0) / n).sqrt(), 4.0);
    }
}

/// Counts of 2^26 draws beyond thresholds in both tails. The furthest is near the largest Gumbel number of a 24-bit
/// uniform, 16.6. 10 comparisons.
#[test]
fn gumbel_tails_have_the_right_probability() {
    const DRAWS: u64 = 1 << 26;
    const ABOVE: [f32; 5] = [3.0, 6.0, 10.0, 13.0, 16.0];
    const BELOW: [f32; 5] = [-1.0, -1.7, -2.2, -2.5, -2.7];
    let (mut above, mut below) = ([0u64; 5], [0u64; 5]);
    let mut block = vec![0.0f32; 1 << 14];
    for start in (0..DRAWS).step_by(block.len()) {
        noise::gumbel(Stream::new(26).skip(start), &mut block);
        for index in 0..5 {
            above[index] += block.iter().filter(|&&g| g > ABOVE[index]).count() as u64;
            below[index] += block.iter().filter(|&&g| g < BELOW[index]).count() as u64;
        }
    }
    for index in 0..5 {
        let upper = -(-(-f64::from(ABOVE[index])).exp()).exp_m1() * DRAWS as f64;
        let lower = (-(-f64::from(BELOW[index])).exp()).exp() * DRAWS as f64;
        assert_z("above", above[index] as f64, upper, upper.sqrt(), 4.0);
        assert_z("below", below[index] as f64, lower, lower.sqrt(), 4.0);
    }
}

/// Counts of 2^24 normal draws beyond thresholds in both tails. 8 comparisons.
#[test]
fn normal_tails_have_the_right_probability() {
    const DRAWS: usize = 1 << 24;
    let mut draws = vec![0.0f32; DRAWS];
    noise::normal(Stream::new(27), &mut draws);
    for threshold in [2.0f32, 3.0, 4.0, 4.5] {
        let expected = erfc(f64::from(threshold) / SQRT_2) / 2.0 * DRAWS as f64;
        let above = draws.iter().filter(|&&n| n > threshold).count();
        let below = draws.iter().filter(|&&n| n < -threshold).count();
        assert_z("above", above as f64, expected, expected.sqrt(), 4.0);
        assert_z("below", below as f64, expected, expected.sqrt(), 4.0);
    }
}

/// Draws so near an end that further bits are read, scaled to the unit interval.
#[test]
fn refined_draws_are_uniform() {
    let mut block = vec![0.0f32; 1 << 14];
    let (mut near_zero, mut near_one) = (Vec::new(), Vec::new());
    for start in (0..1u64 << 25).step_by(block.len()) {
        noise::exponential(Stream::new(25).skip(start), &mut block);
        let exact = block.iter().map(|&e| f64::from(e));
        near_zero.extend(exact.clone().map(|e| (-e).exp() * 512.0).filter(|u| *u < 1.0));
        near_one.extend(exact.map(|e| -(-e).exp_m1() * 512.0).filter(|u| *u < 1.0));
    }
    for (name, sample) in [("near zero", near_zero), ("near one", near_one)] {
        assert_z(name, sample.len() as f64, 65536.0, 256.0, 4.0);
        assert_distribution(name, sample, |u| u);
    }
}

/// 406 correlations of 2^14 pairs: the false-alarm rate at 4.5 is 0.003 in all.
#[test]
fn streams_are_uncorrelated() {
    let n = 1 << 14;
    let mut parent = Stream::new(77);
    let mut streams: Vec<Stream> = (0..10).map(|label| parent.split(label)).collect();
    streams.extend((0..10).map(|_| parent.fork()));
    streams.extend((0..9).map(Stream::new));
    let centred: Vec<Vec<f64>> = streams
        .iter()
        .map(|&s| draw::<f64>(noise::uniform, s, n).iter().map(|u| u - 0.5).collect())
        .collect();
    for (i, a) in centred.iter().enumerate() {
        for (j, b) in centred[..i].iter().enumerate() {
            let covariance = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / n as f64;
            assert_z(&format!("streams {i}, {j}"), covariance, 0.0, 1.0 / 12.0 / (n as f64).sqrt(), 4.5);
        }
    }
}

fn probabilities(logits: &[f64]) -> Vec<f64> {
    output(logits.len(), |out| softmax(logits, logits.len(), out))
}

/// Uneven logits, every seventh masked.
fn uneven_logits(k: usize) -> Vec<f64> {
    let mut logits = draw::<f64>(noise::logistic, Stream::new(k as u64), k);
    logits.iter_mut().skip(3).step_by(7).for_each(|logit| *logit = MASK);
    logits
}

#[test]
fn gumbel_max_samples_the_softmax() {
    for (k, rows) in [(2, 1 << 20), (10, 1 << 18), (64, 1 << 16), (500, 1 << 15)] {
        let logits = uneven_logits(k);
        let mut drawn = vec![0; rows];
        let mut counts = [vec![0; k], vec![0; k]];
        gumbel_max(&logits.repeat(rows), k, Stream::new(3), &mut drawn).unwrap();
        drawn.iter().for_each(|&index| counts[0][index as usize] += 1);
        gumbel_max(&single(&logits).repeat(rows), k, Stream::new(4), &mut drawn).unwrap();
        drawn.iter().for_each(|&index| counts[1][index as usize] += 1);
        for counts in counts {
            assert_counts(&format!("k = {k}"), &counts, &probabilities(&logits));
        }
    }
}

/// Every ordered outcome of 2 and of 4 out of 4.
#[test]
fn top_k_has_the_plackett_luce_probabilities() {
    const ROWS: usize = 1 << 18;
    let logits = [1.0, 0.0, -1.0, 0.5];
    let p = probabilities(&logits);
    for count in [2usize, 4] {
        let mut drawn = vec![0; ROWS * count];
        gumbel_top_k(&logits.repeat(ROWS), 4, count, Stream::new(5), &mut drawn).unwrap();
        let mut counts = vec![0; 4usize.pow(count as u32)];
        let code = |order: &[u32]| order.iter().fold(0, |code, &index| 4 * code + index as usize);
        drawn.chunks(count).for_each(|order| counts[code(order)] += 1);
        let expected: Vec<f64> = (0..counts.len()).map(|code| order_probability(&p, code, count)).collect();
        assert!((expected.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_counts(&format!("{count} of 4"), &counts, &expected);
    }
}

/// The probability of the order whose base-4 digits are `code`; 0 if a digit occurs twice.
fn order_probability(p: &[f64], code: usize, count: usize) -> f64 {
    let order: Vec<usize> = (0..count).rev().map(|place| code / 4usize.pow(place as u32) % 4).collect();
    let (mut probability, mut rest) = (1.0, 1.0);
    for (place, &index) in order.iter().enumerate() {
        if order[..place].contains(&index) {
            return 0.0;
        }
        probability *= p[index] / rest;
        rest -= p[index];
    }
    probability
}

/// Maddison et al. (2017), proposition 1(b).
#[test]
fn relaxed_samples_round_to_the_softmax_at_every_temperature() {
    const ROWS: usize = 1 << 17;
    let logits = uneven_logits(6);
    for (seed, tau) in [0.1, 0.5, 1.0, 5.0].into_iter().enumerate() {
        let mut y = vec![0.0; 6 * ROWS];
        gumbel_softmax(&logits.repeat(ROWS), 6, tau, Stream::new(60 + seed as u64), &mut y).unwrap();
        let mut counts = [0; 6];
        for row in y.chunks(6) {
            let largest = (0..6).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            counts[largest] += 1;
        }
        assert_counts(&format!("tau = {tau}"), &counts, &probabilities(&logits));
    }
}

/// With two categories the log-ratio is `(l₁ − l₂ + L) / tau` with logistic `L`: Binary Concrete in logit space.
#[test]
fn relaxed_sample_of_two_has_a_logistic_log_ratio() {
    const ROWS: usize = 1 << 17;
    for tau in [0.1, 1.0, 3.0] {
        let mut y = vec![0.0f32; 2 * ROWS];
        log_gumbel_softmax(&[1.5, 0.25].repeat(ROWS), 2, tau, Stream::new(70), &mut y).unwrap();
        let ratios = y.chunks(2).map(|y| f64::from(y[0]) - f64::from(y[1])).collect();
        assert_distribution("log-ratio", ratios, |u| 1.0 / (1.0 + (1.25 - f64::from(tau) * u).exp()));
    }
}

/// E[q(y) / p(y)] = 1 under samples of p, so the sampler of three categories has that density. The ratio is bounded,
/// because p has the heavier tails (the smaller tau).
#[test]
fn importance_ratios_of_two_densities_average_to_one() {
    const ROWS: usize = 1 << 17;
    let (p, q) = (([0.7, 0.0, -0.7], 0.5), ([0.0, 0.3, 0.2], 0.8));
    let (p_logits, q_logits) = (p.0.repeat(ROWS), q.0.repeat(ROWS));
    let (mut y, mut log_p, mut log_q) = (vec![0.0; 3 * ROWS], vec![0.0; ROWS], vec![0.0; ROWS]);
    log_gumbel_softmax(&p_logits, 3, p.1, Stream::new(80), &mut y).unwrap();
    exp_concrete_log_prob(&p_logits, &y, 3, p.1, &mut log_p).unwrap();
    exp_concrete_log_prob(&q_logits, &y, 3, q.1, &mut log_q).unwrap();
    let ratios: Vec<f64> = log_q.iter().zip(&log_p).map(|(q, p): (&f64, &f64)| (q - p).exp()).collect();
    let mean = ratios.iter().sum::<f64>() / ROWS as f64;
    let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / ROWS as f64;
    assert_z("ratio", mean, 1.0, (variance / ROWS as f64).sqrt(), 4.0);
}

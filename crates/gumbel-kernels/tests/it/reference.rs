//! Each test draws a thousand rows with random lengths, masks, common parts, spreads and temperatures. An invalid row must
//! give a typed error. For a valid row, single precision must agree with the formula in double precision. The tolerances
//! allow for the rounding of a gap and of its noise, half a unit in the last place each, and for some units in the functions.

use gumbel_kernels::*;

/// Numbers of a draw, in the order in which they are asked for.
pub struct Chance(Vec<f64>);

impl Chance {
    pub fn new(seed: u64) -> Self {
        let mut u = vec![0.0; 4000];
        noise::uniform(Stream::new(seed).split(1), &mut u);
        Self(u)
    }

    pub fn uniform(&mut self) -> f64 {
        self.0.pop().expect("few numbers")
    }

    pub fn one_of(&mut self, options: &[f64]) -> f64 {
        options[(self.uniform() * options.len() as f64) as usize]
    }
}

/// A row in single precision, and the temperature.
struct Row {
    logits: Vec<f32>,
    tau: f32,
    valid: bool,
}

fn row(seed: u64) -> Row {
    let mut chance = Chance::new(seed);
    let k = chance
        .one_of(&[1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 10.0, 16.0, 17.0, 33.0, 64.0, 100.0, 257.0, 600.0]);
    let common = chance.one_of(&[0.0, 0.0, 1.0, -30.0, 1e4, -1e7, 1e30, -3e38]);
    let spread = chance.one_of(&[0.0, 0.1, 1.0, 5.0, 50.0, 1e4]);
    let masked = chance.one_of(&[0.0, 0.0, 0.3, 0.9]);
    let tau = chance.one_of(&[1e-3, 0.1, 0.5, 1.0, 3.0, 1e3]) as f32;
    let mut logits: Vec<f32> = (0..k as usize)
        .map(|_| match chance.uniform() < masked {
            true => f32::NEG_INFINITY,
            false => (common + spread * (2.0 * chance.uniform() - 1.0)) as f32,
        })
        .collect();
    let fault = chance.uniform();
    if fault < 0.1 {
        let place = (chance.uniform() * k) as usize;
        logits[place] = if fault < 0.05 { f32::NAN } else { f32::INFINITY };
    }
    let valid =
        logits.iter().all(|&logit| logit < f32::INFINITY) && logits.iter().any(|logit| logit.is_finite());
    Row { logits, tau, valid }
}

/// `xᵢ − ln Σ exp x`.
fn log_softmax_of(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = x.iter().map(|x| (x - max).exp()).sum();
    x.iter().map(|x| x - max - total.ln()).collect()
}

/// Logits minus their largest, in double precision, which is exact.
fn gaps(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter().map(|&logit| f64::from(logit) - f64::from(max)).collect()
}

const STEP: f64 = f32::EPSILON as f64;

#[track_caller]
fn near(found: f32, exact: f64, tolerance: f64, case: &str) {
    let same = f64::from(found) == exact || (f64::from(found) - exact).abs() <= tolerance;
    let beyond = exact < f64::from(f32::MIN) && found <= f32::MIN;
    assert!(same || beyond, "{case}: {found}, not {exact} by {tolerance:e}");
}

/// The outcome of a function: its numbers if the row is valid, and else an error.
#[track_caller]
fn numbers(
    row: &Row,
    len: usize,
    case: &str,
    run: impl FnOnce(&mut [f32]) -> Result<(), Error>,
) -> Option<Vec<f32>> {
    let mut out = vec![f32::NAN; len];
    let outcome = run(&mut out);
    assert_eq!(outcome.is_ok(), row.valid, "{case}: {outcome:?} for {:?}", row.logits);
    row.valid.then_some(out)
}

#[test]
fn samples_agree_with_their_formula_in_double_precision() {
    for seed in 0..1000 {
        let row = row(seed);
        let (k, tau, stream) = (row.logits.len(), f64::from(row.tau), Stream::new(seed));
        let (logits, case) = (&row.logits, format!("seed {seed}, k {}, tau {}", row.logits.len(), row.tau));
        let mut g = vec![0.0f32; k];
        noise::gumbel(stream, &mut g);
        let keys: Vec<f64> = gaps(logits).iter().zip(&g).map(|(gap, &g)| gap + f64::from(g)).collect();
        let tempered: Vec<f64> = keys.iter().map(|key| key / tau).collect();
        let exact = log_softmax_of(&tempered);
        let largest = keys.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // The rounding of a key, of the largest one, and of the logarithm in each.
        let rounding = |key: f64| 2.0 * STEP * (8.0 + key.abs() + largest.abs());
        let tolerance =
            |i: usize| (rounding(keys[i]) + rounding(largest)) / tau + 4.0 * STEP * (1.0 + exact[i].abs());
        let log = numbers(&row, k, &case, |out| log_gumbel_softmax(logits, k, row.tau, stream, out));
        for (i, &log) in log.iter().flatten().enumerate() {
            near(log, exact[i], tolerance(i), &case);
            assert_eq!(log == f32::NEG_INFINITY, logits[i] == f32::NEG_INFINITY, "{case}");
        }
        let soft = numbers(&row, k, &case, |out| gumbel_softmax(logits, k, row.tau, stream, out));
        for (i, &soft) in soft.iter().flatten().enumerate() {
            near(soft, exact[i].exp(), exact[i].exp() * tolerance(i).exp_m1() + 1e-36, &case);
        }
        let mut drawn = [0];
        if gumbel_max(logits, k, stream, &mut drawn).is_ok() {
            assert!(row.valid && keys[drawn[0] as usize] >= largest - 2.0 * rounding(largest), "{case}");
        }
    }
}

#[test]
fn laws_agree_with_their_formulas_in_double_precision() {
    for seed in 0..1000 {
        let (row, other) = (row(seed), row(seed));
        let (logits, k, tau) = (&row.logits, row.logits.len(), f64::from(row.tau));
        let (case, exact) = (format!("seed {seed}, k {k}, tau {tau}"), log_softmax_of(&gaps(logits)));
        let tolerance = |log: f64| 2.0 * STEP * (2.0 + log.abs());
        let log = numbers(&row, k, &case, |out| log_softmax(logits, k, out));
        log.iter().flatten().zip(&exact).for_each(|(&log, &exact)| near(log, exact, tolerance(exact), &case));
        let soft = numbers(&row, k, &case, |out| softmax(logits, k, out));
        for (&soft, &exact) in soft.iter().flatten().zip(&exact) {
            near(soft, exact.exp(), 2.0 * exact.exp() * tolerance(exact) + 1e-36, &case);
        }
        let total = numbers(&row, 1, &case, |out| log_sum_exp(logits, k, out));
        if let Some(total) = total {
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum = f64::from(max) + gaps(logits).iter().map(|gap| gap.exp()).sum::<f64>().ln();
            near(total[0], sum, STEP * (2.0 + sum.abs()), &case);
        }
        let entropy = numbers(&row, 1, &case, |out| categorical::entropy(logits, k, out));
        if let Some(entropy) = entropy {
            let sum: f64 = exact.iter().filter(|log| log.is_finite()).map(|log| -log.exp() * log).sum();
            near(entropy[0], sum, 8.0 * STEP * (1.0 + sum), &case);
        }
        let uniform = vec![0.0f32; k];
        let divergence = numbers(&row, 1, &case, |out| categorical::kl(&other.logits, &uniform, k, out));
        if let Some(divergence) = divergence {
            let terms = exact.iter().filter(|log| log.is_finite());
            let sum: f64 = terms.map(|log| log.exp() * (log + (k as f64).ln())).sum();
            near(divergence[0], sum.max(0.0), 8.0 * STEP * (1.0 + sum.abs() + (k as f64).ln()), &case);
        }
        density(&row, seed, &case);
    }
}

/// The ExpConcrete density at its own sample.
fn density(row: &Row, seed: u64, case: &str) {
    let (logits, k, tau) = (&row.logits, row.logits.len(), f64::from(row.tau));
    let mut y = vec![0.0f32; k];
    if !row.valid || log_gumbel_softmax(logits, k, row.tau, Stream::new(seed), &mut y).is_err() {
        return;
    }
    let mut out = [f32::NAN];
    exp_concrete_log_prob(logits, &y, k, row.tau, &mut out).unwrap();
    let gaps = gaps(logits);
    let open: Vec<usize> = (0..k).filter(|&i| gaps[i].is_finite()).collect();
    let tilted: Vec<f64> = open.iter().map(|&i| gaps[i] - tau * f64::from(y[i])).collect();
    let n = open.len() as f64;
    let exact = statrs::function::gamma::ln_gamma(n)
        + (n - 1.0) * tau.ln()
        + log_softmax_of(&tilted).iter().sum::<f64>();
    let size: f64 = open.iter().map(|&i| gaps[i].abs() + (tau * f64::from(y[i])).abs() + 2.0).sum();
    near(out[0], exact, 8.0 * STEP * (size + n * (n + 1.0).ln() + exact.abs()), case);
}

/// Sums over all subsets.
#[test]
fn subsets_agree_with_enumeration() {
    for seed in 0..1000 {
        let row = row(seed);
        let (logits, k) = (&row.logits[..row.logits.len().min(8)], row.logits.len().min(8));
        let open = logits.iter().filter(|&&logit| logit > f32::NEG_INFINITY).count();
        let valid = logits.iter().all(|&logit| logit < f32::INFINITY) && open >= 2;
        let mut out = [f32::NAN];
        let outcome = subset::log_partition(logits, k, 2, &mut out);
        assert_eq!(outcome.is_ok(), valid, "seed {seed}: {outcome:?} for {logits:?}");
        if valid {
            let wide = |i: usize| f64::from(logits[i]);
            let pairs = (0..k).flat_map(|i| (0..i).map(move |j| (i, j)));
            let sums: Vec<f64> = pairs.map(|(i, j)| wide(i) + wide(j)).collect();
            let max = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exact = max + sums.iter().map(|sum| (sum - max).exp()).sum::<f64>().ln();
            let beyond = exact.abs() > f64::from(f32::MAX);
            assert!(!beyond || out[0].is_infinite(), "seed {seed}: {} for {exact}", out[0]);
            if !beyond {
                near(out[0], exact, STEP * (2.0 + exact.abs()), &format!("seed {seed}"));
            }
        }
    }
}

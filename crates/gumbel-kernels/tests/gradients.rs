//! Every vector-Jacobian product against central differences of its function, in `f64`.
//!
//! With steps of 1e-5 the differences are good to about 1e-9 of the largest slope; 1e-6 is asked.

use gumbel_kernels::*;

const MASK: f64 = f64::NEG_INFINITY;
const STEP: f64 = 1e-5;

/// Numbers of both signs and order one.
fn numbers(seed: u64, len: usize) -> Vec<f64> {
    let mut out = vec![0.0; len];
    noise::logistic(Stream::new(seed), &mut out);
    out
}

/// Rows of three without, with one and with two masks.
fn logits() -> Vec<f64> {
    let mut logits = numbers(1, 12);
    logits[4] = MASK;
    (logits[6], logits[8]) = (MASK, MASK);
    logits
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).filter(|product| product.is_finite()).sum()
}

/// The slope of `Σ d · f(input)` in every input; 0 at masks.
fn differences(input: &[f64], d: &[f64], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let moved = |index: usize, by: f64| {
        let mut input = input.to_vec();
        input[index] += by;
        dot(d, &f(&input))
    };
    let slope = |index| (moved(index, STEP) - moved(index, -STEP)) / (2.0 * STEP);
    (0..input.len()).map(|index| if input[index] == MASK { 0.0 } else { slope(index) }).collect()
}

#[track_caller]
fn assert_close(name: &str, vjp: &[f64], differences: &[f64]) {
    assert_eq!(vjp.len(), differences.len());
    let scale = differences.iter().fold(1.0f64, |max, slope| max.max(slope.abs()));
    for (index, (vjp, slope)) in vjp.iter().zip(differences).enumerate() {
        assert!((vjp - slope).abs() < 1e-6 * scale, "{name}: {vjp} at {index}, differences give {slope}");
        assert!(*slope != 0.0 || *vjp == 0.0, "{name}: {vjp} at {index}, which is masked");
    }
}

fn output(len: usize, kernel: impl Fn(&mut [f64]) -> Result<(), Error>) -> Vec<f64> {
    let mut out = vec![f64::NAN; len];
    kernel(&mut out).unwrap();
    out
}

#[test]
fn softmax_family() {
    let (logits, d, d_rows) = (logits(), numbers(2, 12), numbers(3, 4));
    let slopes = differences(&logits, &d, |l| output(12, |out| softmax(l, 3, out)));
    let y = output(12, |out| softmax(&logits, 3, out));
    assert_close("softmax", &output(12, |out| softmax_vjp(&y, &d, 3, out)), &slopes);

    let slopes = differences(&logits, &d, |l| output(12, |out| log_softmax(l, 3, out)));
    let y = output(12, |out| log_softmax(&logits, 3, out));
    assert_close("log_softmax", &output(12, |out| log_softmax_vjp(&y, &d, 3, out)), &slopes);

    let slopes = differences(&logits, &d_rows, |l| output(4, |out| log_sum_exp(l, 3, out)));
    let vjp = output(12, |out| log_sum_exp_vjp(&logits, &d_rows, 3, out));
    assert_close("log_sum_exp", &vjp, &slopes);
}

#[test]
fn gumbel_softmax_with_common_noise() {
    let (logits, d, stream) = (logits(), numbers(2, 12), Stream::new(6));
    for tau in [0.3, 1.0, 4.0] {
        let slopes = differences(&logits, &d, |l| output(12, |out| gumbel_softmax(l, 3, tau, stream, out)));
        let y = output(12, |out| gumbel_softmax(&logits, 3, tau, stream, out));
        assert_close("relaxed", &output(12, |out| gumbel_softmax_vjp(&y, &d, 3, tau, out)), &slopes);

        let slopes =
            differences(&logits, &d, |l| output(12, |out| log_gumbel_softmax(l, 3, tau, stream, out)));
        let y = output(12, |out| log_gumbel_softmax(&logits, 3, tau, stream, out));
        assert_close("log", &output(12, |out| log_gumbel_softmax_vjp(&y, &d, 3, tau, out)), &slopes);
    }
}

/// A density and its VJP, of (sample, logits, tau).
type Density = fn(&[f64], &[f64], usize, f64, &mut [f64]) -> Result<(), Error>;
type DensityVjp =
    fn(&[f64], &[f64], usize, f64, &[f64], &mut [f64], &mut [f64], &mut [f64]) -> Result<(), Error>;

#[track_caller]
fn check_density(
    name: &str,
    density: Density,
    vjp: DensityVjp,
    sample: &[f64],
    logits: &[f64],
    k: usize,
    tau: f64,
) {
    let (len, rows) = (logits.len(), logits.len() / k);
    let d = numbers(4, rows);
    let (mut d_sample, mut d_logits, mut d_tau) = (vec![9.0; len], vec![9.0; len], vec![9.0; rows]);
    vjp(sample, logits, k, tau, &d, &mut d_sample, &mut d_logits, &mut d_tau).unwrap();
    let run = |sample: &[f64], logits: &[f64], tau| output(rows, |out| density(sample, logits, k, tau, out));
    // A sample is held fixed where its logit is masked: there the density falls off at once.
    let free: Vec<f64> = sample.iter().zip(logits).map(|(&x, &l)| if l == MASK { MASK } else { x }).collect();
    let restore = |free: &[f64]| {
        free.iter().zip(sample).map(|(&f, &x)| if f == MASK { x } else { f }).collect::<Vec<_>>()
    };
    assert_close(name, &d_sample, &differences(&free, &d, |x| run(&restore(x), logits, tau)));
    assert_close(name, &d_logits, &differences(logits, &d, |l| run(sample, l, tau)));
    assert_close(name, &[d_tau.iter().sum()], &differences(&[tau], &d, |tau| run(sample, logits, tau[0])));
}

#[test]
fn concrete_densities() {
    let logits = logits();
    for tau in [0.3, 1.0, 4.0] {
        let y = output(12, |out| log_gumbel_softmax(&logits, 3, tau, Stream::new(6), out));
        check_density("exp", exp_concrete_log_density, exp_concrete_log_density_vjp, &y, &logits, 3, tau);
        let x = output(12, |out| gumbel_softmax(&logits, 3, 2.0, Stream::new(6), out));
        check_density("simplex", concrete_log_density, concrete_log_density_vjp, &x, &logits, 3, tau);
    }
}

#[test]
fn binary_densities() {
    let (log_odds, y) = (numbers(7, 20), numbers(8, 20));
    let x: Vec<f64> = y.iter().map(|y| 1.0 / (1.0 + (-y).exp())).collect();
    for tau in [0.3, 1.0, 4.0] {
        check_density(
            "logit",
            |y, l, _, tau, out| binary_concrete_log_density(y, l, tau, out),
            |y, l, _, tau, d, d_y, d_l, d_tau| binary_concrete_log_density_vjp(y, l, tau, d, d_y, d_l, d_tau),
            &y,
            &log_odds,
            1,
            tau,
        );
        check_density(
            "unit",
            |x, l, _, tau, out| binary_concrete_unit_log_density(x, l, tau, out),
            |x, l, _, tau, d, d_x, d_l, d_tau| {
                binary_concrete_unit_log_density_vjp(x, l, tau, d, d_x, d_l, d_tau)
            },
            &x,
            &log_odds,
            1,
            tau,
        );
    }
}

#[test]
fn masks_get_zero_from_any_cotangent() {
    let (y, x, logits) = ([-1.0, -0.5, MASK], [0.3, 0.7, 0.0], [0.0, 1.0, MASK]);
    for d in [f64::INFINITY, f64::NAN] {
        for (vjp, sample) in [(exp_concrete_log_density_vjp as DensityVjp, y), (concrete_log_density_vjp, x)]
        {
            let (mut d_sample, mut d_logits, mut d_tau) = ([9.0; 3], [9.0; 3], [9.0]);
            vjp(&sample, &logits, 3, 0.5, &[d], &mut d_sample, &mut d_logits, &mut d_tau).unwrap();
            assert_eq!((d_sample[2], d_logits[2]), (0.0, 0.0));
        }
    }
}

#[test]
fn gradients_vanish_where_the_density_does() {
    let (log_half, d) = (0.5f64.ln(), [1.0]);
    // Mass on the mask; no mass on an unmasked category.
    for (y, logits) in [([log_half, log_half], [0.0, MASK]), ([0.0, MASK], [0.0, 0.0])] {
        let x = y.map(f64::exp);
        for (vjp, sample) in
            [(exp_concrete_log_density_vjp as DensityVjp, y), (concrete_log_density_vjp as DensityVjp, x)]
        {
            let (mut d_sample, mut d_logits, mut d_tau) = ([9.0; 2], [9.0; 2], [9.0]);
            vjp(&sample, &logits, 2, 0.5, &d, &mut d_sample, &mut d_logits, &mut d_tau).unwrap();
            assert_eq!((d_sample, d_logits, d_tau), ([0.0; 2], [0.0; 2], [0.0]));
        }
    }
    for end in [0.0, 1.0] {
        let (mut d_x, mut d_l, mut d_tau) = ([9.0], [9.0], [9.0]);
        binary_concrete_unit_log_density_vjp(&[end], &[1.0], 0.5, &d, &mut d_x, &mut d_l, &mut d_tau)
            .unwrap();
        assert_eq!((d_x, d_l, d_tau), ([0.0], [0.0], [0.0]));
    }
}

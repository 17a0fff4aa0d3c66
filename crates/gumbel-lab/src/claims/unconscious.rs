//! The expectation over a variable equals that over the noise that it is a function of.

use super::draw::Draws;
use super::triangle::expectation;
use super::{Claim, ClaimRow, Equal, Finding, Sampling, count};
use crate::support::stats::Mean;
use anyhow::Result;
use gumbel_kernels::{Stream, noise};
use std::f64::consts::PI;

pub(super) const CLAIM: Claim = Claim {
    name: "unconscious-statistician",
    title: "E f(z) over the density of z equals E f(g(ε)) over the noise",
    compute,
};

const CENTRE: f64 = 0.5;
const WIDTH: f64 = 0.8;
const LOGITS: [f64; 3] = [std::f64::consts::LN_2, 0.0, -std::f64::consts::LN_2];
const TAU: f64 = 0.7;

type Scalar = (&'static str, fn(f64) -> f64);
const OF_NUMBERS: [Scalar; 3] = [("z²", |z| z * z), ("cos z", f64::cos), ("tanh z", f64::tanh)];
type Plane = (&'static str, fn(&[f64]) -> f64);
const OF_POINTS: [Plane; 3] = [
    ("x₁²", |x| x[0] * x[0]),
    ("x₁ x₂", |x| x[0] * x[1]),
    ("−Σ x ln x", |x| -x.iter().map(|x| if *x > 0.0 { x * x.ln() } else { 0.0 }).sum::<f64>()),
];

fn compute(sampling: &Sampling) -> Result<Finding> {
    let normals = normals(sampling.stream.split(0), sampling.samples);
    let gaussian = OF_NUMBERS.map(|(name, f)| {
        let mean = Mean::of(normals.iter().map(|e| f(CENTRE + WIDTH * e)));
        let exact = gaussian_integral(f);
        ClaimRow::mean(format!("E {name}"), "z = 0.5 + 0.8 ε, ε normal", mean).expect(Equal, exact, SOURCE)
    });
    let draws =
        Draws { logits: &LOGITS, tau: TAU, count: sampling.samples, stream: sampling.stream.split(1) };
    let means = draws.tally(|x| OF_POINTS.map(|(_, f)| f(x)))?.means();
    let concrete = OF_POINTS.iter().zip(means).map(|((name, f), mean)| {
        let exact = expectation(&LOGITS, TAU, |log_x| f(&log_x.map(f64::exp)));
        let setting = "x = softmax((ln α + g)/τ), α = (2, 1, ½), τ = 0.7";
        ClaimRow::mean(format!("E {name}"), setting, mean).expect(Equal, exact, SOURCE)
    });
    let rows: Vec<ClaimRow> = gaussian.into_iter().chain(concrete).collect();
    let worst = rows.iter().filter_map(ClaimRow::z).map(f64::abs).fold(0.0, f64::max);
    let text = format!(
        "By the law of the unconscious statistician, the gradient can be moved inside the expectation: the noise does not \
         depend on the parameters. For a Gaussian and for a relaxed category, integrals over the density of z and means \
         over {} draws of the noise agree within {worst:.1} standard errors in all {} cases.",
        count(sampling.samples),
        rows.len()
    );
    Ok(Finding { text, figures: Vec::new(), rows })
}

const SOURCE: &str = "quadrature of the density";

/// `∫ f(z) N(z; 0.5, 0.8²) dz`, by the trapezoidal rule within twelve standard deviations.
fn gaussian_integral(f: impl Fn(f64) -> f64) -> f64 {
    let step = 0.05;
    let term = |i: i32| {
        let e = f64::from(i) * step;
        f(CENTRE + WIDTH * e) * (-e * e / 2.0).exp() / (2.0 * PI).sqrt()
    };
    (-240..=240).map(term).sum::<f64>() * step
}

/// Standard normal numbers (Box and Muller 1958).
fn normals(stream: Stream, count: usize) -> Vec<f64> {
    let (mut radius, mut angle) = (vec![0.0; count], vec![0.0; count]);
    noise::exponential(stream.split(0), &mut radius);
    noise::uniform(stream.split(1), &mut angle);
    radius.iter().zip(angle).map(|(e, u): (&f64, f64)| (2.0 * e).sqrt() * (2.0 * PI * u).cos()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integrals_are_the_closed_forms() {
        assert!((gaussian_integral(|z| z * z) - (0.25 + 0.64)).abs() < 1e-12);
        assert!((gaussian_integral(f64::cos) - (-0.32f64).exp() * 0.5f64.cos()).abs() < 1e-12);
    }

    #[test]
    fn a_variance_instead_of_a_standard_deviation_is_detected() {
        let normals = normals(Stream::new(5), 100_000);
        let row = |width: f64| {
            let mean = Mean::of(normals.iter().map(|e| (CENTRE + width * e).powi(2)));
            ClaimRow::mean("", "", mean).expect(Equal, gaussian_integral(|z| z * z), "")
        };
        assert!(row(WIDTH).holds() && !row(WIDTH * WIDTH).holds());
    }
}

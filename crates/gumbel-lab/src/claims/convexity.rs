//! Log-convexity of the density along the simplex, and maxima in its interior.

use super::curvature::extremes;
use super::density::log_density;
use super::draw::Draws;
use super::{AtLeast, AtMost, Claim, ClaimRow, Figure, Finding, Sampling, Within};
use crate::page::{LineChart, Series};
use anyhow::Result;
use gumbel_kernels::{Stream, concrete_log_prob, softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "convexity",
    title: "The density is log-convex if and only if τ ≤ 1/(n−1); an interior maximum requires a much higher τ",
    compute,
};

const SIZES: [usize; 4] = [3, 4, 5, 10];
/// Values of τ·(n−1) in the figure, and in the rows.
const RATIOS: [f64; 9] = [0.25, 0.5, 0.75, 1.0, 1.05, 1.2, 1.5, 1.75, 2.0];
const TESTED: [f64; 4] = [0.5, 1.0, 1.05, 1.5];
/// Temperatures of the search for maxima.
const TEMPERATURES: [f64; 6] = [0.3, 0.5, 0.7, 0.95, 1.05, 1.5];
const POINTS: usize = 1000;

fn compute(sampling: &Sampling) -> Result<Finding> {
    let least = SIZES.map(|n| least_curvatures(n, sampling.stream.split(n as u64)));
    let least = least.into_iter().collect::<Result<Vec<_>>>()?;
    let peaks = SIZES.map(|n| peak_curvatures(n, sampling.stream.split(100 + n as u64)));
    let peaks = peaks.into_iter().collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<ClaimRow> =
        SIZES.iter().zip(&least).flat_map(|(&n, curve)| sign_rows(n, curve)).collect();
    rows.extend([0.9, 1.0, 1.1].map(centre_row));
    rows.extend(SIZES.iter().zip(&peaks).flat_map(|(&n, curve)| peak_rows(n, curve)));
    let at = |i: usize| format!("{:.3}", rows[i].measured).replace("-0.000", "0.000");
    let text = format!(
        "Scaled by the coordinates of the point, the minimum curvature of ln p along the simplex, over all weights and \
         points, is 1 − τ(n−1). A random search finds {} at half the bound, {} at the bound and {} at 1.05 times the \
         bound for n = 3, and {}, {} and {} for n = 10: the bound is tight.\nThis is convexity in the sample, not in the \
         parameters, and has no consequence for optimisation; it implies that there is no interior maximum. For that it \
         is far stronger than necessary: at a maximum, n−1 entries of w = softmax(ln α − τ ln x) exceed 1/(nτ), so there \
         is none for τ ≤ (n−1)/n. Of the stationary points searched, over even and uneven weights, every one at τ = 0.95 \
         has positive curvature in some direction, at least {} for n = 10; at τ = 1.05 the centre is a maximum for equal \
         weights.",
        at(0),
        at(1),
        at(2),
        at(12),
        at(13),
        at(14),
        at(rows.len() - 2)
    );
    Ok(Finding { text, figures: vec![least_figure(&least), median_figure()], rows })
}

/// Random points of the simplex, or random weights, from the centre to the corners.
fn points(n: usize, stream: Stream, spread: f64) -> Result<Vec<Vec<f64>>> {
    let (zeros, mut points) = (vec![0.0; n], Vec::new());
    for (part, tau) in [1.0, 0.3, 0.1].into_iter().enumerate() {
        let stream = stream.split(part as u64);
        let draws = Draws { logits: &zeros, tau: tau / spread, count: POINTS / 3, stream };
        draws.each(|x| points.push(x.to_vec()))?;
    }
    Ok(points)
}

/// The minimum tangent curvature for each τ(n−1), over random weights and points.
fn least_curvatures(n: usize, stream: Stream) -> Result<Vec<(f64, f64)>> {
    let (xs, alphas) = (points(n, stream.split(0), 1.0)?, points(n, stream.split(1), 2.0)?);
    let least = |ratio: f64| {
        let tau = ratio / (n - 1) as f64;
        let curvature = |(x, alpha): (&Vec<f64>, &Vec<f64>)| Ok(extremes(x, &tilted(alpha, x, tau)?, tau).0);
        // Combines points of one spread with weights of another.
        let alphas = alphas.iter().cycle().skip(POINTS / 3 - 1);
        let all = xs.iter().zip(alphas).map(curvature).collect::<Result<Vec<f64>>>()?;
        Ok((ratio, all.into_iter().fold(f64::INFINITY, f64::min)))
    };
    RATIOS.into_iter().map(least).collect()
}

/// `w = softmax(ln α − τ ln x)`.
fn tilted(alpha: &[f64], x: &[f64], tau: f64) -> Result<Vec<f64>> {
    let logits: Vec<f64> = alpha.iter().zip(x).map(|(a, x)| a.ln() - tau * x.ln()).collect();
    let mut w = vec![0.0; logits.len()];
    softmax(&logits, w.len(), &mut w)?;
    Ok(w)
}

fn sign_rows(n: usize, curve: &[(f64, f64)]) -> impl Iterator<Item = ClaimRow> {
    curve.iter().filter(|(ratio, _)| TESTED.contains(ratio)).map(move |&(ratio, least)| {
        let row = ClaimRow::exact("minimum tangent curvature", format!("n = {n}, τ(n−1) = {ratio}"), least);
        row.expect(Within(0.01), 1.0 - ratio, "1 − τ(n−1); sign: Maddison et al. 2017, prop. 1d")
    })
}

/// The curvature of the library's density at the centre of three categories, by finite differences.
fn centre_row(tau: f64) -> ClaimRow {
    let h = 1e-3;
    let at = |t: f64| {
        let mut out = [f64::NAN];
        let x = [1.0 / 3.0 + t / 2f64.sqrt(), 1.0 / 3.0 - t / 2f64.sqrt(), 1.0 / 3.0];
        drop(concrete_log_prob(&[0.0; 3], &x, 3, tau, &mut out)); // an error leaves NaN
        out[0]
    };
    let curvature = (at(h) - 2.0 * at(0.0) + at(-h)) / (h * h);
    let row =
        ClaimRow::exact("curvature at the centre, equal weights", format!("n = 3, τ = {tau}"), curvature);
    row.expect(Within(1e-3), 9.0 * (1.0 - tau * tau), "n² (1 − τ²)")
}

/// For each τ, the maximum tangent curvature at a stationary point, minimised over stationary points: if it is negative,
/// there is a maximum. Every w belongs to a stationary point for some weights: `x = ((τ+1) − nτ w)/n`, if positive.
fn peak_curvatures(n: usize, stream: Stream) -> Result<Vec<(f64, f64)>> {
    let count = n as f64;
    let mut ws = points(n, stream, 0.05)?; // from even to uneven
    ws.push(vec![1.0 / count; n]);
    let least = |tau: f64| {
        let place = |w: &Vec<f64>| w.iter().map(|w| (tau + 1.0) / count - tau * w).collect::<Vec<f64>>();
        let inside = ws.iter().map(|w| (place(w), w)).filter(|(x, _)| x.iter().all(|x| *x > 0.0));
        (tau, inside.map(|(x, w)| extremes(&x, w, tau).1).fold(f64::INFINITY, f64::min))
    };
    Ok(TEMPERATURES.into_iter().map(least).collect())
}

fn peak_rows(n: usize, curve: &[(f64, f64)]) -> [ClaimRow; 2] {
    let row = |(tau, least): (f64, f64), test, source: &str| {
        let setting = format!("n = {n}, τ = {tau}");
        ClaimRow::exact("minimum over stationary points of the maximum curvature", setting, least)
            .expect(test, 0.0, source)
    };
    [row(curve[3], AtLeast, "no maximum"), row(curve[4], AtMost, "the centre is a maximum")]
}

fn least_figure(least: &[Vec<(f64, f64)>]) -> Figure {
    let title = "Minimum curvature of the log-density along the simplex";
    let series = SIZES.iter().zip(least).map(|(n, points)| Series::new(format!("n = {n}"), points.clone()));
    let chart = LineChart::new(title, "τ (n − 1)", "minimum curvature found", series);
    let caption = "Below zero the density is not log-convex. The four curves coincide and cross zero at 1.";
    Figure::new("log-convexity", caption, &chart)
}

/// The log-density of equal weights along a median of the triangle, from the middle of an edge to the corner.
fn median_figure() -> Figure {
    let on = |t: f64, tau: f64| {
        let rest = (1.0 - t) / 2.0;
        (t, log_density(&[0.0; 3], tau, &[t.ln(), rest.ln(), rest.ln()]))
    };
    let series = [0.3, 0.5, 0.75, 1.0, 1.5]
        .map(|tau| Series::new(format!("τ = {tau}"), (2..=98).map(|i| on(f64::from(i) / 100.0, tau))));
    let title = "Log-density along a median of the simplex";
    let chart = LineChart::new(title, "x₁, with x₂ = x₃", "ln p for n = 3, equal weights", series);
    let caption = "Convex for τ ≤ ½; not convex between ½ and 1, but without a maximum at the centre, x₁ = ⅓; with a maximum \
                   for τ > 1.";
    Figure::new("interior-maximum", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::super::draw::shares;
    use super::*;

    #[test]
    fn no_random_point_is_below_the_bound_and_some_are_close() {
        for (ratio, least) in least_curvatures(4, Stream::new(8)).unwrap() {
            assert!((-1e-9..0.01).contains(&(least - (1.0 - ratio))), "{ratio}: {least}");
        }
    }

    #[test]
    fn stationary_points_are_stationary() {
        let (n, tau, w) = (3.0, 1.2, shares([1.0, 1.5, 0.8]));
        let x = w.map(|w| (tau + 1.0) / n - tau * w);
        let alpha: Vec<f64> = w.iter().zip(x).map(|(w, x)| w * x.powf(tau)).collect();
        let logits: Vec<f64> = alpha.iter().map(|a| a.ln()).collect();
        let at = |t: f64| {
            let moved = [x[0] + t, x[1] - 2.0 * t, x[2] + t].map(f64::ln);
            log_density(&logits, tau, &moved)
        };
        assert!(((at(1e-5) - at(-1e-5)) / 2e-5).abs() < 1e-6);
    }

    #[test]
    fn the_bound_of_another_n_is_caught() {
        let curve = least_curvatures(5, Stream::new(8)).unwrap();
        let wrong: Vec<(f64, f64)> =
            curve.iter().map(|(ratio, least)| (*ratio, least - 0.25 * ratio)).collect();
        assert!(sign_rows(5, &curve).all(|row| row.holds()) && !sign_rows(5, &wrong).all(|row| row.holds()));
    }
}

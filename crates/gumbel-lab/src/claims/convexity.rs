//! Where the density is log-convex along the simplex, and where it has a maximum inside.

use super::curvature::extremes;
use super::density::log_density;
use super::draw::Draws;
use super::{Claim, Figure, Finding, Row, Settings, Test};
use crate::report::figure::{LineChart, Series};
use anyhow::Result;
use gumbel_kernels::{Stream, concrete_log_prob, softmax};

pub(super) const CLAIM: Claim = Claim {
    name: "convexity",
    title: "The density is log-convex if and only if τ ≤ 1/(n−1); a maximum inside needs far more",
    compute,
};

const SIZES: [usize; 4] = [3, 4, 5, 10];
/// τ·(n−1) of the figure, and of the rows.
const RATIOS: [f64; 9] = [0.25, 0.5, 0.75, 1.0, 1.05, 1.2, 1.5, 1.75, 2.0];
const TESTED: [f64; 4] = [0.5, 1.0, 1.05, 1.5];
/// τ of the search for maxima.
const TEMPERATURES: [f64; 6] = [0.3, 0.5, 0.7, 0.95, 1.05, 1.5];
const POINTS: usize = 1000;

fn compute(settings: &Settings) -> Result<Finding> {
    let least = SIZES.map(|n| least_curvatures(n, settings.stream.split(n as u64)));
    let least = least.into_iter().collect::<Result<Vec<_>>>()?;
    let peaks = SIZES.map(|n| peak_curvatures(n, settings.stream.split(100 + n as u64)));
    let peaks = peaks.into_iter().collect::<Result<Vec<_>>>()?;
    let mut rows: Vec<Row> = SIZES.iter().zip(&least).flat_map(|(&n, curve)| sign_rows(n, curve)).collect();
    rows.extend([0.9, 1.0, 1.1].map(centre_row));
    rows.extend(SIZES.iter().zip(&peaks).flat_map(|(&n, curve)| peak_rows(n, curve)));
    let at = |i: usize| format!("{:.3}", rows[i].measured).replace("-0.000", "0.000");
    let said = format!(
        "Scaled by the point’s coordinates, the least curvature of ln p along the simplex, over all weights and \
         points, is 1 − τ(n−1). The search finds {} at half the bound, {} at it and {} a twentieth above it for n = 3, \
         and {}, {} and {} for n = 10: the bound is tight.\nBut it is convexity in the sample, not in the parameters, \
         and promises nothing for optimisation; what it says is that no maximum lies inside. For that it asks far \
         more than it need: at a maximum n−1 entries of w = softmax(ln α − τ ln x) exceed 1/(nτ), so there is none for \
         τ ≤ (n−1)/n. Of the stationary points searched, over weights of all kinds, every one at τ = 0.95 is curved \
         upwards in some direction, by {} at least for n = 10; at τ = 1.05 the centre is a maximum for equal weights.",
        at(0),
        at(1),
        at(2),
        at(12),
        at(13),
        at(14),
        at(rows.len() - 2)
    );
    Ok(Finding { said, figures: vec![least_figure(&least), median_figure()], rows })
}

/// Random points of the simplex of n and random weights, from the middle to far out in the corners.
fn points(n: usize, stream: Stream, spread: f64) -> Result<Vec<Vec<f64>>> {
    let (zeros, mut points) = (vec![0.0; n], Vec::new());
    for (part, tau) in [1.0, 0.3, 0.1].into_iter().enumerate() {
        let stream = stream.split(part as u64);
        let draws = Draws { logits: &zeros, tau: tau / spread, count: POINTS / 3, stream };
        draws.each(|x| points.push(x.to_vec()))?;
    }
    Ok(points)
}

/// The least tangent curvature for each τ(n−1), over random weights and points.
fn least_curvatures(n: usize, stream: Stream) -> Result<Vec<(f64, f64)>> {
    let (xs, alphas) = (points(n, stream.split(0), 1.0)?, points(n, stream.split(1), 2.0)?);
    let least = |ratio: f64| {
        let tau = ratio / (n - 1) as f64;
        let curvature = |(x, alpha): (&Vec<f64>, &Vec<f64>)| Ok(extremes(x, &tilted(alpha, x, tau)?, tau).0);
        // Points of one spread meet weights of another.
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

fn sign_rows(n: usize, curve: &[(f64, f64)]) -> impl Iterator<Item = Row> {
    curve.iter().filter(|(ratio, _)| TESTED.contains(ratio)).map(move |&(ratio, least)| {
        Row::exact("least tangent curvature", format!("n = {n}, τ(n−1) = {ratio}"), least).expect(
            Test::Within(0.01),
            1.0 - ratio,
            "1 − τ(n−1); sign: Maddison et al. 2017, prop. 1d",
        )
    })
}

/// The curvature of the kernel's density at the even centre of three, by differences.
fn centre_row(tau: f64) -> Row {
    let h = 1e-3;
    let at = |t: f64| {
        let mut out = [f64::NAN];
        let x = [1.0 / 3.0 + t / 2f64.sqrt(), 1.0 / 3.0 - t / 2f64.sqrt(), 1.0 / 3.0];
        drop(concrete_log_prob(&[0.0; 3], &x, 3, tau, &mut out)); // refused, it stays NaN
        out[0]
    };
    let curvature = (at(h) - 2.0 * at(0.0) + at(-h)) / (h * h);
    Row::exact("curvature at the centre, equal weights", format!("n = 3, τ = {tau}"), curvature).expect(
        Test::Within(1e-3),
        9.0 * (1.0 - tau * tau),
        "n² (1 − τ²)",
    )
}

/// For each τ the greatest tangent curvature at a stationary point, the least over all of them: below zero, it is a
/// maximum. Any w is that of a stationary point for some weights: `x = ((τ+1) − nτ w)/n`, if that is positive.
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

fn peak_rows(n: usize, curve: &[(f64, f64)]) -> [Row; 2] {
    let row = |(tau, least): (f64, f64), test, source: &str| {
        let setting = format!("n = {n}, τ = {tau}");
        Row::exact("greatest curvature at a stationary point, least", setting, least)
            .expect(test, 0.0, source)
    };
    [row(curve[3], Test::AtLeast, "no maximum"), row(curve[4], Test::AtMost, "the centre is a maximum")]
}

fn series(points: &[Vec<(f64, f64)>]) -> Vec<Series> {
    let named = SIZES.iter().zip(points);
    named
        .map(|(n, points)| Series { name: format!("n = {n}"), points: points.clone(), dashed: false })
        .collect()
}

fn least_figure(least: &[Vec<(f64, f64)>]) -> Figure {
    let chart = LineChart {
        title: "Least curvature of the log-density along the simplex".into(),
        x_label: "τ (n − 1)".into(),
        y_label: "least curvature found".into(),
        series: series(least),
        ..LineChart::default()
    };
    let caption =
        "Below zero the density is not log-convex. The four curves lie on one another and cross at 1.";
    Figure::chart("log-convexity", caption, &chart)
}

/// Along a median of the triangle of equal weights, from the middle of an edge to the corner.
fn median_figure() -> Figure {
    let on = |t: f64, tau: f64| {
        let rest = (1.0 - t) / 2.0;
        (t, log_density(&[0.0; 3], tau, &[t.ln(), rest.ln(), rest.ln()]))
    };
    let series = [0.3, 0.5, 0.75, 1.0, 1.5].map(|tau| Series {
        name: format!("τ = {tau}"),
        points: (2..=98).map(|i| on(f64::from(i) / 100.0, tau)).collect(),
        dashed: false,
    });
    let chart = LineChart {
        title: "Log-density along a median of the simplex".into(),
        x_label: "x₁, with x₂ = x₃".into(),
        y_label: "ln p for n = 3, equal weights".into(),
        series: series.into(),
        ..LineChart::default()
    };
    let caption = "Convex up to τ = ½; between ½ and 1 no longer, but without a maximum at the centre, x₁ = ⅓; beyond 1 \
                   with one.";
    Figure::chart("interior-maximum", caption, &chart)
}

#[cfg(test)]
mod tests {
    use super::super::draw::shares;
    use super::*;

    #[test]
    fn no_random_point_is_below_the_bound_and_some_are_near() {
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

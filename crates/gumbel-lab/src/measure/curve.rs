//! Variance and bias against a temperature or a number of latents.

use super::{Case, MeasureOptions, MeasureRow};
use crate::measure::problem::ProblemKind;
use crate::support::interrupt::{Interrupted, Watch};
use anyhow::Result;
use gumbel::estimator::EstimatorSpec;
use serde::{Deserialize, Serialize};

/// The quantity that a curve varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Curve {
    /// The temperature of the estimator.
    Tau,
    /// The number of latents of the problem.
    Latents,
}

/// A line of `curves.csv`: a point of a curve and the measurement there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The quantity that varies.
    pub curve: Curve,
    /// The estimator, without the temperature if that varies.
    pub series: String,
    /// The problem, without its shape.
    pub kind: String,
    /// The temperature or the number of latents.
    pub x: f64,
    /// The measurement.
    pub row: MeasureRow,
}

impl MeasureOptions {
    /// Number of points of all curves, if every estimator supports them.
    pub fn points(&self, choices: &[EstimatorSpec]) -> usize {
        let tempered = choices.iter().filter(|choice| choice.entry.tempered()).count();
        self.problem.len() * (tempered * self.taus.0.len() + choices.len() * self.curve_latents.0.len())
    }

    /// The points of all curves of one problem. Points that an estimator does not support are left out, and counted on
    /// the progress bar.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn curves(
        &self,
        kind: ProblemKind,
        case: &Case,
        choices: &[EstimatorSpec],
        watch: &Watch,
    ) -> Result<Vec<CurvePoint>> {
        let mut points = Vec::new();
        for &tau in &self.taus.0 {
            for choice in choices.iter().filter(|choice| choice.entry.tempered()) {
                let cooled = choice.clone().with("tau", tau);
                let series = cooled.to_string().replace(&format!(":tau={tau}"), "");
                let (row, kind) = (self.point(case, &cooled, watch)?, kind.to_string());
                points.extend(row.map(|row| CurvePoint { curve: Curve::Tau, series, kind, x: tau, row }));
            }
        }
        for &latents in &self.curve_latents.0 {
            let case = self.case(kind, latents)?;
            for choice in choices {
                let row = self.point(&case, choice, watch)?;
                let (series, kind, x) = (choice.to_string(), kind.to_string(), f64::from(latents));
                points.extend(row.map(|row| CurvePoint { curve: Curve::Latents, series, kind, x, row }));
            }
        }
        Ok(points)
    }

    /// The measurement at a point, if the estimator supports it.
    fn point(&self, case: &Case, choice: &EstimatorSpec, watch: &Watch) -> Result<Option<MeasureRow>> {
        let settings = self.curve_settings();
        watch.bar.set_message(format!("{choice}, {}", case.name()));
        let before = watch.bar.position();
        let measured = match case.check(choice) {
            Ok(()) => case.measure(choice, &settings, watch),
            Err(error) => Err(error.into()),
        };
        match measured {
            Ok(row) => Ok(Some(row)),
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(_) => {
                watch.bar.set_position(before + settings.replicates as u64);
                Ok(None)
            }
        }
    }
}

/// Highest temperature of the fitted power law: above it, a relaxed sample is no longer close to a hard one.
const COOL: f64 = 0.1;

/// A power law of the variance in the temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The estimator.
    pub series: String,
    /// The problem.
    pub kind: String,
    /// d ln variance / d ln tau, by least squares over the temperatures up to 0.1.
    pub slope: f64,
}

/// The slope of every curve along the temperature that has at least three points.
pub fn fits(points: &[CurvePoint]) -> Vec<Fit> {
    let cool = |point: &&CurvePoint| point.curve == Curve::Tau && point.x <= COOL && point.row.std > 0.0;
    let mut fits: Vec<Fit> = Vec::new();
    for CurvePoint { series, kind, .. } in points.iter().filter(cool) {
        if fits.iter().any(|fit| (&fit.series, &fit.kind) == (series, kind)) {
            continue;
        }
        let same = points.iter().filter(cool).filter(|point| (&point.series, &point.kind) == (series, kind));
        let logs: Vec<_> = same.map(|point| (point.x.ln(), point.row.variance().ln())).collect();
        if logs.len() >= 3 {
            fits.push(Fit { series: series.clone(), kind: kind.clone(), slope: slope(&logs) });
        }
    }
    fits
}

/// Slope of the least-squares line.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / n, sum.1 + point.1 / n));
    let (cross, square) = points.iter().fold((0.0, 0.0), |sum, point| {
        (sum.0 + (point.0 - x) * (point.1 - y), sum.1 + (point.0 - x).powi(2))
    });
    cross / square
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel::measure::Measured;

    #[test]
    fn a_power_has_its_exponent_as_slope() {
        let points = [0.1f64, 0.2, 0.7].map(|t| (t.ln(), (3.0 / t).ln()));
        assert!((slope(&points) + 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_power_law_is_found_where_it_is_cool_only() {
        let at = |x: f64| {
            let variance = if x <= COOL { vec![3.0 / x] } else { vec![100.0] };
            let measured =
                Measured { replicates: 9, mean: vec![0.0], variance, bias: None, nanoseconds: 1.0 };
            let row = MeasureRow::new("zgr".into(), "mlp-1x2".into(), &measured, 1, 1);
            CurvePoint { curve: Curve::Tau, series: "zgr".into(), kind: "mlp".into(), x, row }
        };
        let fits = fits(&[0.01, 0.03, 0.1, 2.0].map(at));
        assert_eq!(fits.len(), 1);
        assert!((fits[0].slope + 1.0).abs() < 1e-4, "{fits:?}");
        assert!(super::fits(&[0.03, 0.1, 2.0].map(at)).is_empty());
    }
}

//! Curvature of the logarithm of the density along the simplex.
//!
//! ```text
//! w = softmax(θ − τ ln x),   ∇² ln p = X⁻¹ [ (τ+1) I − nτ(τ+1) diag(w) + nτ² wwᵀ ] X⁻¹,   X = diag(x)
//! ```
//!
//! A direction d along the simplex has Σ d = 0; in v = X⁻¹d the condition is x·v = 0. The signs of the curvatures do
//! not depend on this change of coordinates (Sylvester), and in v they stay of order one where x does not.

/// The minimum and the maximum curvature over unit v with `x·v = 0`.
pub fn extremes(x: &[f64], w: &[f64], tau: f64) -> (f64, f64) {
    let values = eigenvalues(tangent(&matrix(w, tau), x));
    // The projection sets the eigenvalue of the direction x to zero: skip the eigenvalue closest to it.
    let nearest = values.iter().enumerate().min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    let skip = nearest.map_or(0, |(i, _)| i);
    let rest = values.iter().enumerate().filter(|(i, _)| *i != skip).map(|(_, v)| *v);
    rest.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// The matrix in brackets of the formula.
fn matrix(w: &[f64], tau: f64) -> Vec<Vec<f64>> {
    let n = w.len() as f64;
    let entry = |i: usize, j: usize| {
        let diagonal = if i == j { (tau + 1.0) * (1.0 - n * tau * w[i]) } else { 0.0 };
        diagonal + n * tau * tau * w[i] * w[j]
    };
    (0..w.len()).map(|i| (0..w.len()).map(|j| entry(i, j)).collect()).collect()
}

/// `P M P`, with P the projection along x.
fn tangent(m: &[Vec<f64>], x: &[f64]) -> Vec<Vec<f64>> {
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let unit: Vec<f64> = x.iter().map(|x| x / norm).collect();
    let dot = |a: &[f64]| a.iter().zip(&unit).map(|(a, u)| a * u).sum::<f64>();
    let along: Vec<f64> = m.iter().map(|row| dot(row)).collect();
    let twice = dot(&along);
    let entry =
        |i: usize, j: usize| m[i][j] - along[i] * unit[j] - unit[i] * along[j] + twice * unit[i] * unit[j];
    (0..x.len()).map(|i| (0..x.len()).map(|j| entry(i, j)).collect()).collect()
}

/// Eigenvalues of a symmetric matrix, by Jacobi rotations until the off-diagonal entries vanish.
fn eigenvalues(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    let scale: f64 = a.iter().flatten().map(|x| x * x).sum();
    for _ in 0..50 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j] * a[i][j]).sum();
        if off <= 1e-24 * scale {
            break;
        }
        for i in 0..n {
            (0..i).for_each(|j| rotate(&mut a, j, i));
        }
    }
    (0..n).map(|i| a[i][i]).collect()
}

/// The rotation in the plane (p, q), p < q, that makes `a[p][q]` zero.
fn rotate(a: &mut [Vec<f64>], p: usize, q: usize) {
    if a[p][q] == 0.0 {
        return;
    }
    let cot = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let tan = cot.signum() / (cot.abs() + (cot * cot + 1.0).sqrt());
    let cos = 1.0 / (tan * tan + 1.0).sqrt();
    let sin = tan * cos;
    for row in a.iter_mut() {
        (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
    }
    let (upper, lower) = a.split_at_mut(q);
    for (x, y) in upper[p].iter_mut().zip(&mut lower[0]) {
        (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::super::density::log_density;
    use super::*;

    #[test]
    fn eigenvalues_are_those_of_known_matrices() {
        let mut values = eigenvalues(vec![vec![2.0, 1.0, 0.0], vec![1.0, 2.0, 1.0], vec![0.0, 1.0, 2.0]]);
        values.sort_by(f64::total_cmp);
        for (value, expected) in values.iter().zip([2.0 - 2f64.sqrt(), 2.0, 2.0 + 2f64.sqrt()]) {
            assert!((value - expected).abs() < 1e-12, "{values:?}");
        }
    }

    /// `vᵀ M v` against second differences of the density along d = X v.
    #[test]
    fn the_formula_is_the_second_derivative_of_the_density() {
        let (logits, x, tau) = ([0.3f64, -0.4, 0.1], [0.2f64, 0.3, 0.5], 0.8);
        let weights: Vec<f64> = logits.iter().zip(x).map(|(l, x)| (l - tau * x.ln()).exp()).collect();
        let w: Vec<f64> = weights.iter().map(|weight| weight / weights.iter().sum::<f64>()).collect();
        let (d, h) = ([0.05, -0.08, 0.03], 1e-3);
        let at =
            |t: f64| log_density(&logits, tau, &std::array::from_fn::<f64, 3, _>(|k| (x[k] + t * d[k]).ln()));
        let measured = (at(h) - 2.0 * at(0.0) + at(-h)) / (h * h);
        let (m, v): (_, Vec<f64>) = (matrix(&w, tau), d.iter().zip(x).map(|(d, x)| d / x).collect());
        let formula: f64 = (0..3).map(|i| (0..3).map(|j| v[i] * m[i][j] * v[j]).sum::<f64>()).sum();
        assert!((measured - formula).abs() < 1e-6, "{measured} and {formula}");
    }

    #[test]
    fn at_the_centre_the_curvature_is_the_same_in_every_direction() {
        let (low, high) = extremes(&[0.25; 4], &[0.25; 4], 0.5);
        assert!((low - 0.75).abs() < 1e-12 && (high - 0.75).abs() < 1e-12); // 1 − τ²
    }
}

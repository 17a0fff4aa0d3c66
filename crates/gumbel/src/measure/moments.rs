//! Means and variances of many replicates, piece by piece and in double precision.

/// Count, means and sums of squared deviations of some coordinates.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Moments {
    pub count: f64,
    pub mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Of rows of `width` numbers: two passes, so that a large mean costs no digits.
    pub fn of(rows: &[f64], width: usize) -> Self {
        let count = (rows.len() / width) as f64;
        let (mut mean, mut squares) = (vec![0.0; width], vec![0.0; width]);
        for row in rows.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / count);
        }
        for row in rows.chunks_exact(width) {
            let deviations = row.iter().zip(&mean).map(|(x, mean)| (x - mean).powi(2));
            squares.iter_mut().zip(deviations).for_each(|(sum, square)| *sum += square);
        }
        Self { count, mean, squares }
    }

    /// Of both together: Chan, Golub and LeVeque 1979.
    pub fn merge(&mut self, other: Self) {
        if self.count == 0.0 {
            *self = other;
            return;
        }
        let (n, m) = (self.count, other.count);
        for i in 0..self.mean.len() {
            let apart = other.mean[i] - self.mean[i];
            self.mean[i] += apart * m / (n + m);
            self.squares[i] += other.squares[i] + apart * apart * n * m / (n + m);
        }
        self.count += m;
    }

    /// The variance of each coordinate; zero of a single replicate.
    pub fn variance(&self) -> Vec<f64> {
        self.squares.iter().map(|sum| sum / (self.count - 1.0).max(1.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_make_the_moments_of_the_whole() {
        let rows: Vec<f64> = (0..60).map(|i| 1e6 + f64::from(i * i % 17)).collect();
        let whole = Moments::of(&rows, 2);
        let mut pieces = Moments::default();
        for piece in [&rows[..2], &rows[2..20], &rows[20..]] {
            pieces.merge(Moments::of(piece, 2));
        }
        assert_eq!((pieces.count, whole.count), (30.0, 30.0));
        for i in 0..2 {
            assert!((pieces.mean[i] - whole.mean[i]).abs() < 1e-9);
            assert!((pieces.variance()[i] - whole.variance()[i]).abs() < 1e-9);
        }
        // Of 0, 4, 16, 2, .. one by one.
        let first: Vec<f64> = rows.iter().step_by(2).copied().collect();
        let mean = first.iter().sum::<f64>() / 30.0;
        let variance = first.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 29.0;
        assert!((whole.variance()[0] - variance).abs() < 1e-9);
    }

    #[test]
    fn one_replicate_has_no_variance() {
        assert_eq!(Moments::of(&[3.0], 1).variance(), [0.0]);
    }
}

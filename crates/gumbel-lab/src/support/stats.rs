//! Means of independent numbers, with their standard errors.

/// A mean and its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl Mean {
    /// Of all of these independent numbers, in two passes.
    pub fn of_all(numbers: &[f64]) -> Self {
        let count = numbers.len() as f64;
        let value = numbers.iter().sum::<f64>() / count;
        let variance = numbers.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        Self { value, standard_error: (variance / count).sqrt() }
    }

    /// Of independent numbers, in one pass.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut tally = Tally::<1>::default();
        numbers.into_iter().for_each(|x| tally.add([x]));
        tally.means()[0]
    }
}

/// Running means of `N` numbers (Welford 1962), which sums of squares would lose digits of.
#[derive(Clone, Debug)]
pub struct Tally<const N: usize> {
    count: f64,
    mean: [f64; N],
    squares: [f64; N],
}

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self { count: 0.0, mean: [0.0; N], squares: [0.0; N] }
    }
}

impl<const N: usize> Tally<N> {
    /// Adds one of each.
    pub fn add(&mut self, numbers: [f64; N]) {
        self.count += 1.0;
        for (i, x) in numbers.into_iter().enumerate() {
            let apart = x - self.mean[i];
            self.mean[i] += apart / self.count;
            self.squares[i] += apart * (x - self.mean[i]);
        }
    }

    /// The means so far.
    pub fn means(&self) -> [Mean; N] {
        let error = |i: usize| (self.squares[i] / (self.count * (self.count - 1.0).max(1.0))).sqrt();
        std::array::from_fn(|i| Mean { value: self.mean[i], standard_error: error(i) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_and_its_error_are_those_of_the_numbers() {
        let numbers = [1.0, 2.0, 3.0, 6.0];
        for mean in [Mean::of(numbers), Mean::of_all(&numbers)] {
            // Squared deviations 4 + 1 + 0 + 9, over 3, over 4.
            assert_eq!(mean.value, 3.0);
            assert!((mean.standard_error - (14.0f64 / 12.0).sqrt()).abs() < 1e-15);
        }
    }
}

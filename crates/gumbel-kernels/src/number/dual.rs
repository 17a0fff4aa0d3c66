//! Dual numbers: a value with its derivative in one direction.
//!
//! The Jacobian of the means of an exponential family is its covariance, which is symmetric. The derivative in the
//! direction of a cotangent is therefore the vector-Jacobian product, and a program for the means, run on dual
//! numbers, computes it.

use core::ops::{Add, Div, Mul, Sub};

/// The arithmetic of plain and of dual numbers.
pub(crate) trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// A number whose derivative is 0.
    fn constant(value: f64) -> Self;
    fn value(self) -> f64;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
}

impl Number for f64 {
    fn constant(value: f64) -> Self {
        value
    }

    fn value(self) -> f64 {
        self
    }

    fn exp(self) -> Self {
        f64::exp(self)
    }

    fn ln(self) -> Self {
        f64::ln(self)
    }
}

/// A value and its derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dual {
    pub value: f64,
    pub slope: f64,
}

impl Number for Dual {
    fn constant(value: f64) -> Self {
        Self { value, slope: 0.0 }
    }

    fn value(self) -> f64 {
        self.value
    }

    fn exp(self) -> Self {
        let value = self.value.exp();
        Self { value, slope: value * self.slope }
    }

    fn ln(self) -> Self {
        Self { value: self.value.ln(), slope: self.slope / self.value }
    }
}

impl Add for Dual {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, slope: self.slope + other.slope }
    }
}

impl Sub for Dual {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, slope: self.slope - other.slope }
    }
}

impl Mul for Dual {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let slope = self.slope * other.value + self.value * other.slope;
        Self { value: self.value * other.value, slope }
    }
}

impl Div for Dual {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, slope: (self.slope - value * other.slope) / other.value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formula<N: Number>(x: N) -> N {
        (x * x + N::constant(3.0)).ln() / x.exp() - x
    }

    #[test]
    fn slope_equals_finite_differences() {
        let (x, h) = (0.7, 1e-5);
        let exact = formula(Dual { value: x, slope: 2.0 });
        let difference = (formula(x + h) - formula(x - h)) / h;
        assert_eq!(exact.value(), formula(x));
        assert!((exact.slope - difference).abs() < 1e-8, "{} against {difference}", exact.slope);
    }
}

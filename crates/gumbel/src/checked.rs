//! Numbers that a caller gives, or the error for one that is out of its range.

use crate::Error;

pub(crate) fn at_least_one(
    owner: &'static str,
    parameter: &'static str,
    value: usize,
) -> Result<usize, Error> {
    match value {
        0 => Err(Error::parameter(owner, parameter, "at least 1", 0)),
        value => Ok(value),
    }
}

pub(crate) fn not_negative(owner: &'static str, parameter: &'static str, value: f64) -> Result<f64, Error> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(value),
        false => Err(Error::parameter(owner, parameter, "finite and at least 0", value)),
    }
}

pub(crate) fn positive(owner: &'static str, parameter: &'static str, value: f64) -> Result<f64, Error> {
    match value.is_finite() && value > 0.0 {
        true => Ok(value),
        false => Err(Error::parameter(owner, parameter, "positive and finite", value)),
    }
}

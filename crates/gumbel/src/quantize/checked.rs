//! Options out of their range.

use crate::Error;

pub(super) fn at_least_one(owner: &'static str, parameter: &'static str, value: usize) -> Result<(), Error> {
    match value {
        0 => Err(Error::parameter(owner, parameter, "at least 1", 0)),
        _ => Ok(()),
    }
}

pub(super) fn not_negative(owner: &'static str, parameter: &'static str, value: f64) -> Result<(), Error> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(()),
        false => Err(Error::parameter(owner, parameter, "finite and at least 0", value)),
    }
}

pub(super) fn positive(owner: &'static str, parameter: &'static str, value: f64) -> Result<(), Error> {
    match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(Error::parameter(owner, parameter, "positive and finite", value)),
    }
}

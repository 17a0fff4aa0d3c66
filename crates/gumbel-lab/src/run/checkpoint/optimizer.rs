//! The state of an optimiser in Burn's own format, which is checked before Burn takes it: Burn panics where it does not fit.

use crate::support::excerpt::{excerpt, message};
use burn::tensor::{Bytes, DType};
use burn_pack::{Error, Reader};
use std::collections::{BTreeMap, BTreeSet};

/// The scalar with the rank of a parameter.
const RANK: &str = "__rank";

/// What is wrong with the state of an optimiser of parameters with these shapes, by their identities.
pub(super) fn problem(state: &[u8], shapes: &BTreeMap<u64, Vec<usize>>) -> Option<String> {
    match misfit(state, shapes) {
        Ok(None) => None,
        Ok(Some(entry)) => {
            Some(format!("{} in the state of its optimiser is not of this model", excerpt(&entry)))
        }
        Err(error) => Some(format!("the state of its optimiser: {}", message(&error.to_string()))),
    }
}

/// The first entry that does not fit.
fn misfit(state: &[u8], shapes: &BTreeMap<u64, Vec<usize>>) -> Result<Option<String>, Error> {
    let reader = Reader::from_bytes(Bytes::from_bytes_vec(state.to_vec()))?;
    let mut fields: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    // Whether an entry `IDENTITY.FIELD` is of a parameter, with what holds of its shape.
    let mut fits = |name: &str, holds: &dyn Fn(u64, &[usize], &str) -> bool| {
        let Some((id, field)) = name.split_once('.') else { return false };
        let Some((id, shape)) = id.parse().ok().and_then(|id| Some((id, shapes.get(&id)?))) else {
            return false;
        };
        fields.entry(id).or_default().insert(field.to_string());
        holds(id, shape, field)
    };
    for (name, &value) in reader.scalars() {
        let rank =
            |_, shape: &[usize], field: &str| field != RANK || usize::try_from(value) == Ok(shape.len());
        if !fits(name, &rank) {
            return Ok(Some(name.clone()));
        }
    }
    for tensor in reader.into_tensors()? {
        let (name, dtype, shape, of, _) = tensor.into_parts()?;
        let same = |id, expected: &[usize], _: &str| {
            of == Some(id) && dtype == DType::F32 && shape.as_slice() == expected
        };
        if !fits(&name, &same) {
            return Ok(Some(name));
        }
    }
    // All parameters have the same fields: one without a field would start anew, without a word.
    let all: BTreeSet<&String> = fields.values().flatten().collect();
    let lacking = fields.iter().find(|(_, own)| own.len() < all.len() || !own.contains(RANK));
    Ok(lacking.map(|(id, _)| format!("parameter {id}")))
}

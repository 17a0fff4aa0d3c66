//! Entropies, divergences and variances are never below 0, and log-probabilities never above, not even by a rounding.

use super::{Function, Row, functions::FUNCTIONS, row};
use crate::support::{double, numbers};
use burn::tensor::Tensor;
use gumbel::distribution::{Bernoulli, BinaryConcrete, Categorical, Gumbel, LogisticNormal};
use gumbel::{Error, subset};

/// A function whose results are all of one sign.
type Signed = (&'static str, f64, fn(&Row) -> Result<Tensor<2>, Error>);

/// The same logits, with differences from none to a few roundings.
fn almost(row: &Row) -> Tensor<2> {
    let nudges = row.choices(30, &[0.0, 1e-7, -3e-7, 1e-5, 1e-3]);
    let values: Vec<f64> =
        row.logits.iter().zip(nudges).map(|(logit, nudge)| logit + nudge * logit.abs().max(1.0)).collect();
    row.of(&values)
}

/// What is almost certain: one logit far above the others, or two.
fn peaked(row: &Row) -> Tensor<2> {
    let peaks = row.choices(31, &[0.0, 0.0, 20.0, 40.0]);
    row.of(&row.logits.iter().zip(peaks).map(|(logit, peak)| logit + peak).collect::<Vec<_>>())
}

const SIGNED: [Signed; 12] = [
    ("Categorical::entropy", 1.0, |row| Ok(Categorical::new(peaked(row))?.entropy())),
    ("Categorical::kl", 1.0, |row| Ok(Categorical::new(row.tensor())?.kl(&Categorical::new(almost(row))?))),
    ("Categorical::log_prob", -1.0, |row| {
        let q = Categorical::new(peaked(row))?;
        Ok(q.log_prob(q.mode()))
    }),
    ("Bernoulli::entropy", 1.0, |row| Ok(Bernoulli::new(peaked(row))?.entropy())),
    ("Bernoulli::variance", 1.0, |row| Ok(Bernoulli::new(peaked(row))?.variance())),
    ("Bernoulli::kl", 1.0, |row| Ok(Bernoulli::new(row.tensor())?.kl(&Bernoulli::new(almost(row))?))),
    ("BinaryConcrete::kl", 1.0, |row| {
        BinaryConcrete::new(row.tensor(), row.tau)?.kl(&BinaryConcrete::new(almost(row), row.tau)?)
    }),
    ("Gumbel::kl", 1.0, |row| {
        Ok(Gumbel::new(row.tensor(), row.tau)?.kl(&Gumbel::new(almost(row), row.tau * (1.0 + 1e-9))?))
    }),
    ("LogisticNormal::kl", 1.0, |row| {
        let scale = || row.of(&row.scales(11));
        Ok(LogisticNormal::new(row.tensor(), scale())?
            .kl(&LogisticNormal::new(almost(row), scale() * 1.000_001)?))
    }),
    ("subset::entropy", 1.0, |row| subset::entropy(peaked(row), 2)),
    ("subset::entropy of all", 1.0, |row| subset::entropy(row.tensor(), row.logits.len())),
    ("subset::kl", 1.0, |row| subset::kl(row.tensor(), almost(row), 2)),
];

#[test]
fn entropies_divergences_and_variances_are_not_negative_and_log_probabilities_not_positive() {
    let mut faults = Vec::new();
    for (name, sign, f) in SIGNED {
        faults.extend((0..1000).find_map(|seed| {
            let row = row(seed, 2, 6);
            let wrong = numbers(f(&row).ok()?).into_iter().find(|x| sign * x < 0.0)?;
            Some(format!("{name} of {:?}, {:?}: {wrong}", row.logits, row.dtype))
        }));
    }
    let of_table = |function: &&Function| {
        // Neither a term of a divergence nor a density.
        let parts = ["entropy", "kl::categorical", "subset::kl", "log_prob"];
        parts.iter().any(|part| function.name.contains(part)) && !function.name.contains("concrete")
    };
    for function in FUNCTIONS.iter().filter(of_table) {
        let sign = if function.name.contains("log_prob") { -1.0 } else { 1.0 };
        let [least, more] = function.lengths;
        faults.extend((0..1000).find_map(|seed| {
            let row = row(seed, least, more);
            let wrong = (function.run)(&row).ok()?.into_iter().find(|x| sign * x < 0.0)?;
            Some(format!("{} of {:?}, {:?}: {wrong}", function.name, row.logits, row.dtype))
        }));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Where a small divergence is a rounding below 0 it is 0, and its gradient is that of a small divergence all the same.
#[test]
fn a_divergence_that_is_rounded_to_zero_has_its_gradient() {
    let nudge = 1e-9;
    let q = double(vec![nudge, 0.0, 0.0, 0.0], [1, 4]).require_grad();
    let kl = subset::kl(q.clone(), q.clone().detach().zeros_like(), 2).unwrap();
    let slope = numbers(q.grad(&kl.sum().backward()).unwrap())[0];
    // The variance of a member, ½ · ½, times the difference.
    assert!((slope / (0.25 * nudge) - 1.0).abs() < 1e-5, "{slope}");
}

//! Against `results/sequences/compare.py`: all keys of a tree at 50 digits, sorted, with the same random bits; weights by sums over
//! all orders; group forms by PyTorch. Prints the worst differences.

use super::*;
use crate::support::{double, numbers};
use gumbel::sequence::GroupScore;
use serde_json::Value;

const COUNT: usize = 5;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference.json")).expect("valid JSON")
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// The same numbers as the script's, which adds and multiplies in this order.
fn logits(row: usize, prefix: &[usize]) -> Vec<f64> {
    let terms = prefix.iter().enumerate().map(|(at, &token)| (at + 1) as f64 * (token as f64 + 0.5));
    let total = terms.fold(0.25 * row as f64, |total, term| total + term);
    let masked = (prefix.len() * 2 + prefix.iter().sum::<usize>()) % COUNT;
    let value = |token| if token == masked { MASK } else { 2.0 * (1.3 * (token + 1) as f64 + total).sin() };
    (0..COUNT).map(value).collect()
}

fn step(_: (), prefixes: &[Prefix<'_>]) -> (Tensor<2>, ()) {
    let values: Vec<f64> = prefixes.iter().flat_map(|prefix| logits(prefix.row, prefix.tokens)).collect();
    let values = TensorData::new(values, [prefixes.len(), COUNT]);
    (Tensor::from_data(values, (&Device::flex(), DType::F64)), ())
}

/// The largest difference, relative to the expected number where that is above one.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max)
}

fn assert_close(what: &str, differences: impl Iterator<Item = f64>) {
    let worst = differences.fold(0.0, f64::max);
    println!("{what:<24} {worst:.1e}");
    assert!(worst < 1e-12, "{what}: {worst}");
}

#[test]
fn sequences_keys_and_weights_match() {
    let reference = reference();
    let rows = reference["rows"].as_array().expect("rows");
    let (seed, samples) =
        (reference["seed"].as_u64().expect("a seed"), rows[0]["losses"].as_array().expect("S").len());
    let sampler = Sampler::new(4).expect("a length").with_end(0);
    let drawn =
        sampler.distinct(0..rows.len(), samples, (), step, &mut Noise::from_seed(seed)).expect("valid");
    for (row, expected) in drawn.sequences().rows().iter().zip(rows) {
        let tokens: Vec<Vec<f64>> = expected["tokens"].as_array().expect("S").iter().map(floats).collect();
        let found = row
            .iter()
            .map(|sequence| sequence.tokens.iter().map(|&token| token as f64).collect::<Vec<f64>>());
        assert_eq!(found.collect::<Vec<_>>(), tokens);
    }
    let compared = |what: &str, name: &str, found: &[Vec<f64>]| {
        assert_close(what, found.iter().zip(rows).map(|(found, row)| difference(found, &floats(&row[name]))));
    };
    let log_probs = drawn.sequences().rows().iter().map(|row| row.iter().map(|s| s.log_prob).collect());
    compared("log-probabilities", "log_probs", &log_probs.collect::<Vec<_>>());
    compared("perturbed", "perturbed", drawn.perturbed_log_probs());
    let single = |name: &str, found: &[f64]| {
        let expected: Vec<f64> = rows.iter().map(|row| row[name].as_f64().expect("a number")).collect();
        assert_close(name, [difference(found, &expected)].into_iter());
    };
    single("kappa", drawn.kappa());
    single("log_rest", drawn.log_rest());
    let losses: Vec<f64> = rows.iter().flat_map(|row| floats(&row["losses"])).collect();
    let shape = [rows.len(), samples];
    for (name, loss) in [
        ("unordered_set", DistinctSequences::unordered_set_loss as super::gradients::Loss),
        ("reinforce", DistinctSequences::reinforce_loss),
        ("normalized", DistinctSequences::normalized_reinforce_loss),
    ] {
        let log_probs = double(vec![-1.0; losses.len()], shape).require_grad();
        let loss =
            loss(&drawn, log_probs.clone(), double(losses.clone(), shape)).expect("a supported problem");
        let factors = numbers(log_probs.grad(&loss.clone().sum().backward()).expect("a gradient"));
        let of = |(row, factors): (&Value, &[f64])| difference(factors, &floats(&row[name]["factors"]));
        assert_close(&format!("{name}, gradient"), rows.iter().zip(factors.chunks(samples)).map(of));
        let values: Vec<f64> =
            rows.iter().map(|row| row[name]["value"].as_f64().expect("a number")).collect();
        assert_close(&format!("{name}, value"), [difference(&numbers(loss), &values)].into_iter());
    }
    // Inclusion weights are tensors in single precision.
    let weights = numbers(drawn.weights(&Device::flex()));
    let expected: Vec<f64> = rows.iter().flat_map(|row| floats(&row["weights"])).collect();
    assert!(difference(&weights, &expected) < 1e-7);
}

#[test]
fn group_forms_match() {
    let groups = &reference()["groups"];
    let shape: Vec<usize> = floats(&groups["shape"]).iter().map(|&size| size as usize).collect();
    let shape = [shape[0], shape[1], shape[2]];
    let mask: Vec<bool> =
        groups["mask"].as_array().expect("a mask").iter().map(|flag| flag == true).collect();
    for (name, form) in [
        ("rloo", GroupScore::RLOO),
        ("grpo", GroupScore::GRPO),
        ("dapo", GroupScore::DAPO),
        ("dr_grpo", GroupScore::dr_grpo(shape[2])),
    ] {
        let log_probs = double(floats(&groups["log_probs"]), shape).require_grad();
        let mask = Tensor::from_data(TensorData::new(mask.clone(), shape), &Device::flex());
        let rewards = double(floats(&groups["rewards"]), [shape[0], shape[1]]);
        let loss = form.loss(log_probs.clone(), mask, rewards).expect("valid");
        let found = numbers(log_probs.grad(&loss.sum().backward()).expect("a gradient"));
        assert_close(name, [difference(&found, &floats(&groups["forms"][name]))].into_iter());
    }
}

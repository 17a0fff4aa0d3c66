//! Against results of vector-quantize-pytorch 1.32.0, which `results/quantize/compare.py --golden` wrote.

#[path = "../../../examples/quantize_cases.rs"]
mod quantize_cases;

use super::assert_close;
use quantize_cases::{Case, Outcome, Table};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    case: Case,
    outcomes: Vec<Outcome>,
}

fn flat(table: &Table) -> Vec<f64> {
    table.concat().into_iter().map(f64::from).collect()
}

/// That library bounds the logarithms of its entropies at 1e-5, ours are exact.
fn tolerance(term: &str) -> f64 {
    if ["entropy", "diversity"].contains(&term) { 2e-4 } else { 2e-6 }
}

#[test]
fn results_are_those_of_vector_quantize_pytorch() {
    let golden: Golden = serde_json::from_str(include_str!("golden.json")).expect("the cases");
    assert_eq!(golden.cases.len(), 13);
    for Entry { case, outcomes } in golden.cases {
        println!("{}", case.name);
        let entropies = ["LFQ", "BSQ"].contains(&case.name.as_str());
        let got = case.run().expect("valid");
        assert_eq!(got.len(), outcomes.len());
        for (got, expected) in got.iter().zip(&outcomes) {
            assert_eq!(got.indices, expected.indices);
            assert_close(&flat(&got.values), &flat(&expected.values), 2e-6);
            assert_close(&flat(&got.gradient), &flat(&expected.gradient), 5e-6);
            assert_close(
                &flat(&got.loss_gradient),
                &flat(&expected.loss_gradient),
                if entropies { 1e-3 } else { 2e-6 },
            );
            for (name, value) in &expected.terms {
                assert_close(&[got.terms[name].into()], &[f64::from(*value)], tolerance(name));
            }
            if let Some(expected) = &expected.parameter_gradient {
                assert_close(&flat(got.parameter_gradient.as_ref().unwrap()), &flat(expected), 2e-6);
            }
            for (got, expected) in got.books.iter().zip(&expected.books) {
                assert_close(&flat(got), &flat(expected), 2e-6);
            }
            if !expected.counts.is_empty() {
                assert_close(&flat(&got.counts), &flat(&expected.counts), 2e-6);
            }
        }
    }
}

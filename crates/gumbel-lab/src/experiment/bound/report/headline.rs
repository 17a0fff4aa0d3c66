//! The numbers at the top of the page of a training run.

use crate::experiment::bound::Results;
use crate::model::Quantity;
use crate::page::number::grouped;
use crate::page::{Card, Page};

/// The results on the test set, most important first, each with its meaning.
pub(super) fn cards(page: &mut Page, quantity: Quantity, results: &Results) {
    let (m, one) = (grouped(results.importance_bound.samples as f64), results.example());
    match quantity {
        Quantity::NegativeElbo => {
            let meaning = format!(
                "An upper bound on −log p(x) of the model with truly discrete latents, estimated with one one-hot sample \
                 per {one}. Lower is better."
            );
            one_sample(page, "Hard negative ELBO", &meaning, results);
            importance_bound(page, &m, results);
        }
        Quantity::NegativeElboSummed => {
            accuracy(page, results);
            one_sample(page, "Negative ELBO, classes summed", SUMMED, results);
            importance_bound(page, &m, results);
        }
        Quantity::Conditional => {
            one_sample(page, "Hard objective of the lower half", CONDITIONAL, results);
            let meaning = format!(
                "−log of the mean of p(lower half | z) over m\u{a0}=\u{a0}{m} one-hot samples per image, given the upper \
                 half: on average an upper bound on −log p(lower half | upper half), tighter as m grows. Lower is better."
            );
            bound(page, &format!("Bound on −log p(lower | upper), m\u{a0}=\u{a0}{m}"), &meaning, results);
        }
    }
}

const SUMMED: &str = "An upper bound on −log p(x) of images without their labels: summed over the classes, weighted by their \
     posterior probability, with one style per image. Lower is better.";
const CONDITIONAL: &str = "−log p(lower half | z) at one one-hot sample of all latents, given the upper half: on average an \
     upper bound on −log p(lower half | upper half). Lower is better.";
const ACCURACY: &str =
    "Share of images whose most probable class under q(y|x) is the true one. Higher is better.";

fn one_sample(page: &mut Page, label: &str, meaning: &str, results: &Results) {
    let number = (results.hard_negative_elbo, results.hard_negative_elbo_standard_error);
    card(page, label, number, &nats(results), &over(meaning, results.images, results.example()));
}

fn importance_bound(page: &mut Page, m: &str, results: &Results) {
    let meaning = format!(
        "The importance-weighted bound on −log p(x) with m\u{a0}=\u{a0}{m} one-hot samples per {}: never looser than the \
         ELBO on average, and tighter as m grows. Lower is better.",
        results.example()
    );
    bound(page, &format!("Importance-weighted bound, m\u{a0}=\u{a0}{m}"), &meaning, results);
}

fn bound(page: &mut Page, label: &str, meaning: &str, results: &Results) {
    let bound = &results.importance_bound;
    let number = (bound.nats, bound.standard_error);
    card(page, label, number, &nats(results), &over(meaning, bound.images, results.example()));
}

/// The accuracy, if the labels are known.
fn accuracy(page: &mut Page, results: &Results) {
    let Some(accuracy) = results.accuracy else { return };
    let [share, error] = accuracy.per_cent();
    card(page, "Accuracy", (share, error), "% of test images", &over(ACCURACY, accuracy.images, "image"));
}

fn nats(results: &Results) -> String {
    format!("nats per {}", results.example())
}

fn over(meaning: &str, count: usize, one: &str) -> String {
    format!("{meaning} Mean over {} test {one}s.", grouped(count as f64))
}

fn card(page: &mut Page, label: &str, (value, error): (f64, f64), unit: &str, meaning: &str) {
    page.card(&Card { label, value, standard_error: Some(error), unit, meaning });
}

//! Sentences that depend on how a model was trained.

use super::data::Report;
use crate::page::{LineChart, Series};

/// Definition of the gradient variance.
pub(in crate::experiment) const VARIANCE: &str = "The gradient of one batch’s mean objective with respect to the first layer’s logits, \
     estimated several times at the same parameters on the same held-out examples: the variance of its coordinates, \
     summed. It does not include the bias.";

/// Caption of a chart of the temperature.
pub(in crate::experiment) const TEMPERATURE: &str =
    "The temperature τ: the lower, the closer relaxed samples are to hard ones.";

/// The chart of the gradient variance.
pub(super) fn variance(series: impl IntoIterator<Item = Series>) -> LineChart {
    let (title, y_label) = ("Variance of the gradient over steps", "total variance of the gradient (nats²)");
    LineChart::new(title, "step", y_label, series).log_y()
}

/// Name of the training curve.
pub(super) fn training_name(report: &Report) -> &'static str {
    if report.relaxed { "training, relaxed samples" } else { "training, hard samples" }
}

/// The training objective, and whether it can be compared with the hard one.
pub(super) fn objective(report: &Report) -> String {
    match (report.training_bound, report.relaxed) {
        (None, _) => samples(report),
        (Some(m), true) => format!("{} {}", samples(report), weighted(report, m)),
        (Some(m), false) => {
            format!("The decoder trains on hard, one-hot samples. {}", weighted(report, m))
        }
    }
}

fn samples(report: &Report) -> String {
    let one = report.example;
    match (report.relaxed, report.training_is_bound) {
        (true, false) => text(
            "The decoder trains on relaxed samples, points inside the simplex that carry more information than a \
             category. Their reconstruction error is added to the KL of a different variable, the discrete one, so \
             the training curve is not a bound on a likelihood, and it is optimistic. Evaluate the model by the hard \
             curve, which is a bound for the model with truly discrete latents.",
        ),
        (true, true) => text(
            "The decoder trains on relaxed samples, points inside the simplex that carry more information than a \
             category. The training curve is a bound, but for a model whose latents are the relaxed points. Evaluate \
             the model by the hard curve, which is a bound for the model with truly discrete latents.",
        ),
        (false, true) => format!(
            "The decoder trains on hard, one-hot samples, so both curves are the same bound: the training curve \
             on batches of training {one}s, the other on held-out {one}s. They differ by the noise of the batches \
             and by the generalisation gap."
        ),
        (false, false) => text(
            "The decoder trains on hard, one-hot samples, but the training objective is not itself a bound on \
             −log p(x). Evaluate the model by the held-out curve, which is one.",
        ),
    }
}

/// The effect of several samples on the training curve.
fn weighted(report: &Report, samples: usize) -> String {
    let kl = match report.kl {
        Some(_) => " Its KL part is the difference between it and the mean reconstruction.",
        None => "",
    };
    format!(
        "The training curve is a log-mean-exp of {samples} samples, a tighter bound than the held-out curve with one \
         sample: this is part of the difference between them.{kl}"
    )
}

/// Terms and their meaning, only those the page uses.
pub(super) fn glossary(report: &Report) -> Vec<(&'static str, String)> {
    let mut terms =
        vec![("nat", text("Unit of information with the natural logarithm: 1 nat is 1.44 bits."))];
    terms.extend(report.kl.as_deref().map_or_else(conditional, |kl| divergent(kl, report.an_example())));
    terms.push(("hard sample", text("A one-hot vector for each latent, as in the trained model.")));
    if report.relaxed {
        terms.push(("relaxed sample", text(
            "A point inside the simplex near a one-hot vector, through which gradients can flow. It carries more \
             information than a category, so numbers computed from it are optimistic.",
        )));
    }
    if report.tempered() {
        terms.push(("temperature τ", text(
            "The distance of relaxed samples from one-hot vectors. A low τ is close to the discrete model but gives \
             noisy gradients; a high τ gives smooth gradients of a different model.",
        )));
    }
    if report.usage.is_some() {
        terms.extend(use_of_categories());
    }
    terms
}

/// Terms of an objective with a divergence.
fn divergent(kl: &str, an_example: &str) -> Vec<(&'static str, String)> {
    vec![
        (
            "negative ELBO",
            format!(
                "Reconstruction plus KL, averaged over posterior samples: an upper bound on −log p(x), the cost of \
                 coding {an_example} with this model. Lower is better."
            ),
        ),
        (
            "reconstruction",
            format!("−log p(x | z): the cost of {an_example} when its latent code z is known."),
        ),
        ("KL", format!("The cost of the code itself. Here: {}.", kl.trim_end_matches('.'))),
        (
            "importance-weighted bound",
            text(
                "−log of the mean of m importance weights p(x, z) / q(z | x). On average between −log p(x) and the \
                 negative ELBO, and closer to −log p(x) as m grows.",
            ),
        ),
    ]
}

/// Terms of a model whose latents are drawn given the input.
fn conditional() -> Vec<(&'static str, String)> {
    vec![
        (
            "hard objective",
            text(
                "−log p(lower half | z) at one sample of all latents given the upper half, averaged over images: an \
                 upper bound on −log p(lower half | upper half), the cost of coding the lower half when the upper \
                 half is known. Lower is better.",
            ),
        ),
        (
            "bound with m samples",
            text(
                "−log of the mean of p(lower half | z) over m samples. On average between −log p(lower half | upper \
                 half) and the hard objective, and closer to the former as m grows.",
            ),
        ),
    ]
}

fn use_of_categories() -> [(&'static str, String); 2] {
    [
        (
            "perplexity",
            text(
                "exp of the entropy of a latent’s mean use of categories: the effective number of categories in use.",
            ),
        ),
        ("dead category", text("One with a mean probability below a tenth of an even share, 1 / (10 K).")),
    ]
}

fn text(words: &str) -> String {
    words.into()
}

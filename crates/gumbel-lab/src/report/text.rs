//! The sentences that depend on how a model was trained.

use super::data::{Report, SampleKind};

/// What the variance of a gradient is taken of.
pub(super) const VARIANCE: &str = "The gradient of one batch’s mean objective with respect to the first layer’s logits, \
     estimated several times at the same parameters on the same held-out examples: the variance of its coordinates, \
     added up. It says nothing of a bias.";

/// Name of the training curve.
pub(super) fn training_name(report: &Report) -> &'static str {
    match report.training_samples {
        SampleKind::Relaxed => "training, relaxed samples",
        SampleKind::Hard => "training, hard samples",
    }
}

/// What the training objective is, and how it may be compared with the hard one.
pub(super) fn objective(report: &Report) -> String {
    match (report.training_bound, report.training_samples) {
        (None, _) => samples(report),
        (Some(m), SampleKind::Relaxed) => format!("{} {}", samples(report), weighted(report, m)),
        (Some(m), SampleKind::Hard) => {
            format!("The decoder trains on hard, one-hot samples. {}", weighted(report, m))
        }
    }
}

fn samples(report: &Report) -> String {
    let one = report.example();
    match (report.training_samples, report.training_is_bound) {
        (SampleKind::Relaxed, false) => text(
            "The decoder trains on relaxed samples, points inside the simplex that tell it more than a category \
             can. Their reconstruction error is added to the KL of another variable, the discrete one, so the \
             training curve bounds no likelihood: it flatters. Judge the model by the hard curve, which is a \
             bound for the model with truly discrete latents.",
        ),
        (SampleKind::Relaxed, true) => text(
            "The decoder trains on relaxed samples, points inside the simplex that tell it more than a category \
             can. The training curve is a bound, but for a model whose latents are those relaxed points. Judge \
             the model by the hard curve, which is a bound for the model with truly discrete latents.",
        ),
        (SampleKind::Hard, true) => format!(
            "The decoder trains on hard, one-hot samples, so both curves are the same bound: the training curve \
             on batches of training {one}s, the other on held-out {one}s. The distance between them is noise of \
             the batches and what does not generalise."
        ),
        (SampleKind::Hard, false) => text(
            "The decoder trains on hard, one-hot samples, but the training objective is not itself a bound on \
             −log p(x). Judge the model by the held-out curve, which is one.",
        ),
    }
}

/// What several samples make of the training curve.
fn weighted(report: &Report, samples: usize) -> String {
    let kl = match report.kl {
        Some(_) => " Its KL part is what the reconstruction’s mean leaves of it.",
        None => "",
    };
    format!(
        "The training curve is a log-mean-exp of {samples} samples, tighter than the held-out one, which has one: part \
         of the distance between them is that.{kl}"
    )
}

/// Terms and their meaning, only those the page uses.
pub(super) fn glossary(report: &Report) -> Vec<(&'static str, String)> {
    let mut terms =
        vec![("nat", text("Unit of information with the natural logarithm: 1 nat is 1.44 bits."))];
    terms.extend(report.kl.as_deref().map_or_else(conditional, |kl| divergent(kl, report.an_example())));
    terms.push(("hard sample", text("A one-hot vector for each latent, as the finished model uses it.")));
    if report.training_samples == SampleKind::Relaxed {
        terms.push(("relaxed sample", text(
            "A point inside the simplex near a one-hot vector, through which gradients can flow. It tells the \
             decoder more than a category can, so numbers computed from it look better than they are.",
        )));
    }
    if report.metrics.iter().any(|point| point.tau.is_some()) {
        terms.push(("temperature τ", text(
            "How far relaxed samples are from one-hot. A low τ is close to the discrete model but gives noisy \
             gradients; a high τ gives smooth gradients of a different model.",
        )));
    }
    if report.usage.is_some() {
        terms.extend(use_of_categories());
    }
    terms
}

/// Of an objective with a divergence.
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
                 negative ELBO, and nearer to −log p(x) as m grows.",
            ),
        ),
    ]
}

/// Of a model that draws its latents from what is given.
fn conditional() -> Vec<(&'static str, String)> {
    vec![
        (
            "hard objective",
            text(
                "−log p(lower half | z) at one sample of all latents given the upper half, averaged over images: an \
                 upper bound on −log p(lower half | upper half), the cost of coding the one when the other is \
                 known. Lower is better.",
            ),
        ),
        (
            "bound with m samples",
            text(
                "−log of the mean of p(lower half | z) over m samples. On average between −log p(lower half | upper \
                 half) and the hard objective, and nearer to the former as m grows.",
            ),
        ),
    ]
}

fn use_of_categories() -> [(&'static str, String); 2] {
    [
        (
            "perplexity",
            text(
                "exp of the entropy of a latent’s mean use of categories: how many categories it uses in effect.",
            ),
        ),
        ("dead category", text("One with a mean probability below a tenth of an even share, 1 / (10 K).")),
    ]
}

fn text(words: &str) -> String {
    words.into()
}

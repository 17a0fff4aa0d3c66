//! The page of a run: its course, and what its model has to show.

mod data;
mod headline;
mod page;
mod strings;
mod words;

pub(in crate::experiment) use words::{TEMPERATURE, VARIANCE};

use super::{BoundExperiment, HeldOut, Metrics, Results};
use crate::data::text::TextEncoding;
use crate::model::{Exhibit, Model, ModelConfig, Quantity};
use crate::page::{Images, Rendered, Usage};
use crate::run::{RunConfig, SummaryOf, Use, noise};
use anyhow::Result;
use data::{Classes, Completions, Reconstructions, Report};
use headline::Headline;
use strings::Strings;

/// The page of a run: of one that still runs without a summary.
pub(super) fn page<M: Model>(
    experiment: &BoundExperiment<M>,
    rows: &[Metrics],
    summary: Option<&SummaryOf<BoundExperiment<M>>>,
) -> Result<Rendered> {
    let mut report = course(experiment, rows)?;
    if let Some(summary) = summary {
        report.facts = facts(experiment, summary);
        report.headline = headline::<M>(&summary.test);
        for exhibit in exhibits(experiment)? {
            show(experiment, &summary.test, exhibit, &mut report);
        }
        if M::Config::QUANTITY != Quantity::Conditional {
            report.usage = Some(usage(experiment));
        }
    }
    Ok(page::render(&report)?)
}

/// What the page of every run has, finished or not.
fn course<M: Model>(experiment: &BoundExperiment<M>, rows: &[Metrics]) -> Result<Report> {
    let (config, model) = (&experiment.config, &experiment.config.model);
    let entry = config.info()?;
    let kind = entry.properties.sample_kind;
    let trained = format!("trained for {} steps by {}.", config.common.steps, entry.title);
    Ok(Report {
        title: M::Config::title(&experiment.data.name),
        summary: model.summarize(&trained),
        command: config.command(),
        estimator: config.estimator.clone(),
        training_samples: kind,
        training_is_bound: model.training_is_bound(kind),
        training_bound: model.bound(),
        kl: model.divergence(),
        example: M::Config::EXAMPLE,
        metrics: rows.to_vec(),
        configuration: config.typed(),
        ..Report::default()
    })
}

fn headline<M: Model>(results: &Results) -> Vec<Headline> {
    match M::Config::QUANTITY {
        Quantity::NegativeElbo => vec![Headline::hard_elbo(results), Headline::importance_bound(results)],
        Quantity::Conditional => {
            vec![Headline::conditional(results), Headline::conditional_bound(results)]
        }
        Quantity::NegativeElboSummed => {
            let elbo = [Headline::summed_elbo(results), Headline::importance_bound(results)];
            Headline::accuracy(results).into_iter().chain(elbo).collect()
        }
    }
}

fn facts<M: Model>(
    experiment: &BoundExperiment<M>,
    summary: &SummaryOf<BoundExperiment<M>>,
) -> Vec<(String, String)> {
    let mut facts = summary.facts(&experiment.data.source);
    let examples = (format!("training {}s", M::Config::EXAMPLE), experiment.data.train.count.to_string());
    facts.insert(facts.len() - 2, examples);
    facts
}

fn test_set<M: Model>(experiment: &BoundExperiment<M>) -> HeldOut {
    let config = &experiment.config;
    HeldOut::new(&experiment.data.test, config.binarize, &config.common.device.for_evaluation())
}

fn exhibits<M: Model>(experiment: &BoundExperiment<M>) -> Result<Vec<Exhibit>> {
    let held_out = test_set(experiment);
    let noise = &mut noise(experiment.config.common.seed, Use::Pictures);
    Ok(experiment.model().exhibits(&|count| held_out.sample(count), noise)?)
}

/// The images that the model shows, by name.
pub(super) fn pictures<M: Model>(experiment: &BoundExperiment<M>) -> Result<Vec<(&'static str, Images)>> {
    let test = &experiment.data.test;
    let images = |pixels| Images { pixels, height: test.height, width: test.width };
    let named = exhibits(experiment)?.into_iter().filter_map(|exhibit| {
        Some(match exhibit {
            Exhibit::Reconstructions { means, .. } => ("reconstructions", images(means)),
            Exhibit::Completions { drawn, .. } => ("completions", images(drawn.concat())),
            Exhibit::Classes { images: pixels, .. } => ("classes", images(pixels)),
            Exhibit::Samples(pixels) => ("samples", images(pixels)),
            Exhibit::Strings { .. } => return None,
        })
    });
    Ok(named.collect())
}

/// How much the model uses the categories of its first layer.
fn usage<M: Model>(experiment: &BoundExperiment<M>) -> Usage {
    let (latents, categories) = experiment.config.model.latents();
    let probabilities = test_set(experiment).usage(&experiment.model());
    Usage { latents, categories, probabilities }
}

/// Puts an exhibit where the report has a place for it.
fn show<M: Model>(experiment: &BoundExperiment<M>, results: &Results, exhibit: Exhibit, report: &mut Report) {
    let test = &experiment.data.test;
    let images = |pixels| Images { pixels, height: test.height, width: test.width };
    match exhibit {
        Exhibit::Reconstructions { originals, means } => {
            report.reconstructions =
                Some(Reconstructions { originals: images(originals), means: images(means) });
        }
        Exhibit::Completions { originals, drawn } => {
            let drawn = drawn.into_iter().map(images).collect();
            report.completions = Some(Completions { originals: images(originals), drawn });
        }
        Exhibit::Classes { images: pixels, classes } => {
            report.classes = Some(Classes { images: images(pixels), classes });
        }
        Exhibit::Samples(pixels) => report.samples = Some(images(pixels)),
        Exhibit::Strings { originals, reconstructions, samples } => {
            let (Some(written), Some(text)) = (&experiment.data.text, &results.text) else { return };
            let read = |codes: Vec<u8>| read(&codes, test.height, written);
            report.strings = Some(Strings {
                originals: read(originals),
                reconstructions: read(reconstructions),
                samples: read(samples),
                table: text.table(results),
                notes: text.notes(),
            });
        }
    }
}

fn read(codes: &[u8], length: usize, written: &TextEncoding) -> Vec<String> {
    codes.chunks(length).map(|codes| written.alphabet.decode(codes)).collect()
}

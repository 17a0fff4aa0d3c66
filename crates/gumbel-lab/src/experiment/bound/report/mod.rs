//! The page of a run: training curves, results, images and strings.

mod data;
mod headline;
mod page;
mod strings;
mod words;

pub(in crate::experiment) use words::{TEMPERATURE, VARIANCE};

use super::{BoundExperiment, Metrics, Results};
use crate::model::{Exhibit, Model, ModelConfig, Quantity};
use crate::page::number::grouped;
use crate::page::{Images, Rendered, Usage};
use crate::run::{Course, RunConfig, SummaryOf, Use, noise};
use anyhow::Result;
use data::{Report, Sheet};
use gumbel::estimator::SampleKind;
use strings::Strings;

/// The page of a run; a run in progress has no summary.
pub(super) fn page<M: Model>(
    experiment: &BoundExperiment<M>,
    course: &Course<Metrics>,
    summary: Option<&SummaryOf<BoundExperiment<M>>>,
) -> Result<Rendered> {
    let mut report = any_run(experiment, course)?;
    if let Some(summary) = summary {
        report.facts = summary.facts(&experiment.data.source);
        let count = grouped(experiment.data.train.count as f64);
        report.facts.insert(report.facts.len() - 2, (format!("training {}s", M::Config::EXAMPLE), count));
        report.results = Some((M::Config::QUANTITY, summary.test.clone()));
        for exhibit in exhibits(experiment)? {
            show(experiment, &summary.test, exhibit, &mut report);
        }
        if M::Config::QUANTITY != Quantity::Conditional {
            let (latents, categories) = experiment.config.model.latents();
            let probabilities = experiment.test_set().usage(&experiment.model());
            report.usage = Some(Usage { latents, categories, probabilities });
        }
    }
    Ok(page::render(&report)?)
}

/// The report of every run, finished or not.
fn any_run<M: Model>(experiment: &BoundExperiment<M>, course: &Course<Metrics>) -> Result<Report> {
    let (config, model) = (&experiment.config, &experiment.config.model);
    let entry = config.info()?;
    let kind = entry.properties.sample_kind;
    let steps = grouped(config.common.steps as f64);
    let trained = format!("trained for {steps} steps with {}: {}.", entry.name(), entry.title);
    Ok(Report {
        title: M::Config::title(&experiment.data.name),
        summary: model.summarize(&trained),
        command: config.command(),
        estimator: config.estimator.clone(),
        relaxed: kind == SampleKind::Relaxed,
        training_is_bound: model.training_is_bound(kind),
        training_bound: model.bound(),
        kl: model.divergence(),
        example: M::Config::EXAMPLE,
        course: course.clone(),
        configuration: config.typed(),
        ..Report::default()
    })
}

fn exhibits<M: Model>(experiment: &BoundExperiment<M>) -> Result<Vec<Exhibit>> {
    let held_out = experiment.test_set();
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

/// Puts an exhibit where the report has a place for it.
fn show<M: Model>(experiment: &BoundExperiment<M>, results: &Results, exhibit: Exhibit, report: &mut Report) {
    let test = &experiment.data.test;
    let images = |pixels| Images { pixels, height: test.height, width: test.width };
    report.sheets.push(match exhibit {
        Exhibit::Reconstructions { originals, means } => {
            Sheet::Reconstructions([originals, means].map(images))
        }
        Exhibit::Completions { originals, drawn } => {
            Sheet::Completions([originals].into_iter().chain(drawn).map(images).collect())
        }
        Exhibit::Classes { images: pixels, classes } => Sheet::Classes(images(pixels), classes),
        Exhibit::Samples(pixels) => Sheet::Samples(images(pixels)),
        Exhibit::Strings { originals, reconstructions, samples } => {
            let (Some(written), Some(text)) = (&experiment.data.text, &results.text) else { return };
            let decode = |codes: &[u8]| written.alphabet.decode(codes);
            let read = |codes: Vec<u8>| codes.chunks(test.height).map(decode).collect();
            let columns = [originals, reconstructions, samples].map(read);
            report.strings = Some(Strings { columns, table: text.table(results), notes: text.notes() });
            return;
        }
    });
}

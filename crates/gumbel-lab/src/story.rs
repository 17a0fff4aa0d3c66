//! What the report of a run shows: its course, and what its model has to tell.

use crate::config::{Config, Options, Typed};
use crate::data::Dataset;
use crate::metrics::Metrics;
use crate::model::{Finished, Model};
use crate::report::{Point, Report, SampleKind};
use crate::run::{RunFolder, Summary};
use crate::train::{Use, noise};
use anyhow::Result;
use gumbel::estimator;

/// Writes `report.html` and `figures/`.
///
/// # Errors
/// A full disk.
pub fn write<M: Model>(
    run: &RunFolder,
    config: &Config<M::Options>,
    data: &Dataset,
    model: &M,
    metrics: &[Metrics],
    summary: &Summary,
) -> Result<()> {
    let report = report::<M>(config, data, metrics, summary)?;
    let finished = Finished { config, data, test: &summary.test };
    let report = model.tell(&finished, &mut noise(config.seed, Use::Pictures), report)?;
    let rendered = crate::report::render(&report)?;
    for (name, svg) in &rendered.figures {
        run.write(&format!("figures/{name}"), svg)?;
    }
    run.write("report.html", rendered.html)
}

/// What the reports of all models have.
fn report<M: Model>(
    config: &Config<M::Options>,
    data: &Dataset,
    metrics: &[Metrics],
    summary: &Summary,
) -> Result<Report> {
    Ok(Report {
        command: config.command(),
        estimator: config.estimator.clone(),
        training_samples: match config.info()?.properties.sample_kind {
            estimator::SampleKind::Relaxed => SampleKind::Relaxed,
            _ => SampleKind::Hard,
        },
        metrics: metrics.iter().map(point).collect(),
        configuration: config.typed(),
        facts: facts(data, summary, M::Options::EXAMPLE),
        ..Report::default()
    })
}

fn point(line: &Metrics) -> Point {
    Point {
        step: line.step,
        loss: line.training_loss,
        reconstruction: line.reconstruction,
        kl: line.kl,
        hard: line.hard_negative_elbo,
        variance: line.gradient_variance,
        tau: line.tau,
        seconds: line.seconds,
    }
}

fn facts(data: &Dataset, summary: &Summary, example: &str) -> Vec<(String, String)> {
    let mut facts = vec![
        ("parameters".to_string(), summary.parameters.to_string()),
        (
            "training".into(),
            format!("{:.1} s, {:.0} steps per second", summary.seconds, summary.steps_per_second),
        ),
        (format!("training {example}s"), data.train.count.to_string()),
        ("data".into(), data.source.clone()),
        ("version".into(), format!("gumbel {}", summary.version)),
    ];
    if let Some(bytes) = summary.peak_memory_bytes {
        facts.insert(2, ("peak memory".into(), format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))));
    }
    facts
}

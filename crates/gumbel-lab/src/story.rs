//! What the report of a run shows: pictures and numbers taken from the trained model.

use crate::config::{Prior, VaeConfig};
use crate::data::Dataset;
use crate::evaluate::{HeldOut, spread};
use crate::metrics::Metrics;
use crate::model::Vae;
use crate::report::{Headline, Images, Point, Reconstructions, Report, SampleKind, Usage};
use crate::run::{RunFolder, Summary};
use crate::train::{Use, noise};
use anyhow::Result;
use burn::tensor::{Device, Tensor, activation};
use gumbel::Noise;
use gumbel::estimator::Samples;
use gumbel::kl::Kl;

/// Pictures of each kind: whole rows of twelve.
const RECONSTRUCTIONS: usize = 24;
const PRIOR_SAMPLES: usize = 96;
/// Images decoded at once, which bounds the memory.
const AT_ONCE: usize = 500;

/// Writes `report.html` and `figures/`.
///
/// # Errors
/// A full disk.
pub fn write(
    run: &RunFolder,
    config: &VaeConfig,
    data: &Dataset,
    model: &Vae,
    metrics: &[Metrics],
    summary: &Summary,
) -> Result<()> {
    let rendered = crate::report::render(&report(config, data, model, metrics, summary)?)?;
    for (name, svg) in &rendered.figures {
        run.write(&format!("figures/{name}"), svg)?;
    }
    run.write("report.html", rendered.html)
}

fn report(
    config: &VaeConfig,
    data: &Dataset,
    model: &Vae,
    metrics: &[Metrics],
    summary: &Summary,
) -> Result<Report> {
    let info = config.info()?;
    let held_out = HeldOut::new(&data.test, config.binarise);
    let mut noise = noise(config.seed, Use::Pictures);
    let images = |pixels| Images { pixels, height: data.test.height, width: data.test.width };
    let (originals, means) = reconstructions(model, &held_out, &mut noise.fork())?;
    Ok(Report {
        title: format!("Categorical VAE on {}", data.name),
        summary: format!(
            "{} latents of {} categories, trained for {} steps by {}.",
            config.latents, config.categories, config.steps, info.title
        ),
        command: config.command(),
        estimator: config.estimator.clone(),
        training_samples: match info.samples {
            Samples::Hard => SampleKind::Hard,
            Samples::Relaxed => SampleKind::Relaxed,
        },
        training_is_bound: info.samples == Samples::Hard || config.divergence().kind.bounds_relaxed_model(),
        kl: describe_kl(config),
        headline: headline(summary),
        metrics: metrics.iter().map(point).collect(),
        reconstructions: Some(Reconstructions { originals: images(originals), means: images(means) }),
        samples: Some(images(prior_samples(model, PRIOR_SAMPLES, &mut noise.fork())?)),
        usage: Some(Usage {
            latents: config.latents,
            categories: config.categories,
            probabilities: held_out.usage(model),
        }),
        configuration: config.options(),
        facts: facts(data, summary),
    })
}

fn headline(summary: &Summary) -> Vec<Headline> {
    let (test, bound) = (&summary.test, &summary.test.importance_bound);
    let mut elbo = Headline::hard_elbo(test.hard_negative_elbo, test.images);
    elbo.standard_error = Some(test.hard_negative_elbo_standard_error);
    let mut importance = Headline::importance_bound(bound.nats, bound.samples, bound.images);
    importance.standard_error = Some(bound.standard_error);
    vec![elbo, importance]
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

fn describe_kl(config: &VaeConfig) -> String {
    let prior = if config.prior == Prior::Learned { "the learned prior" } else { "the uniform prior" };
    match config.kl {
        Kl::Categorical => format!("the KL of the categorical posterior from {prior}, in closed form"),
        Kl::MassAtSample => format!("the discrete log-ratio to {prior}, weighted by the sample"),
        Kl::Density => {
            format!("the log-ratio of the Concrete densities of posterior and {prior} at the sample")
        }
    }
}

fn facts(data: &Dataset, summary: &Summary) -> Vec<(String, String)> {
    let mut facts = vec![
        ("parameters".to_string(), summary.parameters.to_string()),
        (
            "training".into(),
            format!("{:.1} s, {:.0} steps per second", summary.seconds, summary.steps_per_second),
        ),
        ("training images".into(), data.train.count.to_string()),
        ("data".into(), data.source.clone()),
        ("version".into(), format!("gumbel {}", summary.version)),
    ];
    if let Some(bytes) = summary.peak_memory_bytes {
        facts.insert(2, ("peak memory".into(), format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))));
    }
    facts
}

/// Test images and the decoder's means for one hard code each, as grey pixels.
fn reconstructions(model: &Vae, held_out: &HeldOut, noise: &mut Noise) -> Result<(Vec<u8>, Vec<u8>)> {
    let images = held_out.batch(&spread(RECONSTRUCTIONS, held_out.count()));
    let z = gumbel::one_hot(model.encode(images.clone()), noise)?;
    Ok((grey(images), grey(activation::sigmoid(model.decode(z.unsqueeze())))))
}

/// The decoder's means for codes drawn from the prior, as grey pixels.
///
/// # Errors
/// A model with NaN in its prior.
pub fn prior_samples(model: &Vae, count: usize, noise: &mut Noise) -> Result<Vec<u8>> {
    let mut pixels = Vec::new();
    for first in (0..count).step_by(AT_ONCE) {
        let prior = model.prior(&Device::flex()).repeat_dim(0, AT_ONCE.min(count - first));
        let z = gumbel::one_hot(prior, noise)?;
        pixels.extend(grey(activation::sigmoid(model.decode(z.unsqueeze()))));
    }
    Ok(pixels)
}

fn grey<const D: usize>(means: Tensor<D>) -> Vec<u8> {
    means.into_data().iter::<f32>().map(|mean| (mean * 255.0).round() as u8).collect()
}

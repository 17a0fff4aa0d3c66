//! The results of a finished run of a model on a bound.

use super::saved::{self, Described};
use super::{
    Accuracy, BoundExperiment, Config, HeldOut, ImportanceBound, Metrics, Results, Setup, TextResults, spread,
};
use crate::data::labelled::LabelSource;
use crate::model::{Model, ModelConfig};
use crate::page::{Images, Rendered};
use crate::run::{Course, DeviceName, Experiment, Generated, Outcome, RunFolder, SummaryOf, Use, noise};
use crate::support::interrupt::{Stop, Watch};
use crate::support::stats::Mean;
use anyhow::Result;
use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use indicatif::{ProgressBar, ProgressStyle};

impl<M: Model> Outcome for BoundExperiment<M> {
    const ABOUT: &'static str = M::Config::ABOUT;
    const EXAMPLES: &'static str = M::Config::EXAMPLES;
    type Setup = Setup;
    type Results = Results;

    fn data_name(&self) -> &str {
        &self.data.name
    }

    fn describe(&self) -> String {
        format!(
            "{} on {} ({} training {}s), {} parameters, {}",
            self.config.model.describe(),
            self.data.name,
            self.data.train.count,
            M::Config::EXAMPLE,
            self.parameters(),
            self.config.choice().expect("checked before training").complete()
        )
    }

    fn parameters(&self) -> usize {
        self.learner.model().num_params()
    }

    fn setup(&self, _steps: u64) -> Setup {
        Setup { estimator: self.config.estimator.clone() }
    }

    fn saved(&self) -> Result<Vec<u8>> {
        saved::bytes(self)
    }

    fn load_saved(&mut self, run: &RunFolder) -> Result<()> {
        saved::load(self, run)
    }

    fn test(&self, stop: &Stop) -> Result<Results> {
        let (config, model) = (&self.config, self.model());
        let images = self.importance_images();
        let watch = Watch { bar: self.bar(images)?, stop: stop.clone() };
        let held_out = self.test_set().watched(watch.clone());
        let draws = noise(config.common.seed, Use::Evaluation);
        let elbo = held_out.negative_elbo(&model, held_out.count(), &draws.split(1))?;
        let samples = config.importance_samples;
        let bound = held_out.importance_bound(&model, samples, images, &draws.split(2))?;
        watch.bar.finish_and_clear();
        let text = self.data.text.as_ref();
        let text = text.map(|written| self.string_results(written, &held_out, &mut draws.split(3)));
        let Mean { value: nats, standard_error } = bound;
        Ok(Results {
            hard_negative_elbo: elbo.value,
            hard_negative_elbo_standard_error: elbo.standard_error,
            images: held_out.count(),
            importance_bound: ImportanceBound { samples, nats, standard_error, images },
            accuracy: self.accuracy(&model, &held_out),
            text: text.transpose()?,
        })
    }

    fn check(results: &Results) -> Result<()> {
        results.check()
    }

    fn announce(results: &Results) -> String {
        announcement::<M>(results)
    }

    fn pictures(&self) -> Result<Vec<(&'static str, Images)>> {
        super::report::pictures(self)
    }

    fn report(&self, course: &Course<Metrics>, summary: Option<&SummaryOf<Self>>) -> Result<Rendered> {
        super::report::page(self, course, summary)
    }

    fn generate(
        run: &RunFolder,
        device: Option<DeviceName>,
        count: usize,
        noise: &mut Noise,
    ) -> Result<Generated> {
        let (config, model, described, device) = saved::open::<M>(run, device)?;
        let test = |count| test_images::<M>(&config, &described, run, count, &device);
        let made = model.generate(count, &test, noise)?;
        let Described { size, alphabet, .. } = described;
        Ok(match alphabet {
            Some(alphabet) => {
                Generated::Strings(made.chunks(size.height).map(|codes| alphabet.decode(codes)).collect())
            }
            None => Generated::Images(Images { pixels: made, height: size.height, width: size.width }),
        })
    }
}

/// Test images of a run's data, `count` of them: spread over the set, or each several times.
fn test_images<M: Model>(
    config: &Config<M::Config>,
    described: &Described,
    run: &RunFolder,
    count: usize,
    device: &Device,
) -> Result<Tensor<2>> {
    let data = BoundExperiment::<M>::load(config)?;
    described.check::<M>(&data, run)?;
    let held_out = config.held_out(&data.test, device);
    let chosen: Vec<usize> = match count <= held_out.count() {
        true => spread(count, held_out.count()),
        false => (0..count).map(|place| place % held_out.count()).collect(),
    };
    Ok(held_out.batch(&chosen))
}

impl<M: Model> BoundExperiment<M> {
    /// The number of test images for the final bound.
    fn importance_images(&self) -> usize {
        match self.config.importance_images {
            0 => self.data.test.count,
            images => images.min(self.data.test.count),
        }
    }

    /// The bar of the final evaluation, which counts samples; the bound is over `images` images.
    fn bar(&self, images: usize) -> Result<ProgressBar> {
        let samples = self.config.importance_samples;
        let bar = ProgressBar::new(self.data.test.count as u64 + images as u64 * samples as u64);
        bar.set_style(ProgressStyle::with_template("{bar:30} {percent}%  {msg}  {eta} left")?);
        let bound = M::Config::QUANTITY.bound();
        bar.set_message(format!("{bound}, m = {samples}, on {images} test {}s", M::Config::EXAMPLE));
        Ok(bar)
    }

    /// For a model that takes true labels, the share of test images that it classifies correctly.
    fn accuracy(&self, model: &M, held_out: &HeldOut) -> Option<Accuracy> {
        let labelling = self.config.model.labelling()?;
        let known = labelling.source == LabelSource::Data && self.data.test.labels.is_some();
        known.then(|| held_out.accuracy(model))
    }
}

fn announcement<M: Model>(results: &Results) -> String {
    let (bound, quantity) = (&results.importance_bound, M::Config::QUANTITY);
    let line = |name: &str, nats: f64, error: f64, images: usize| {
        format!("{name:<45} {nats:8.2} ± {error:.2} nats ({images} test {}s)\n", M::Config::EXAMPLE)
    };
    let (nats, error) = (results.hard_negative_elbo, results.hard_negative_elbo_standard_error);
    let elbo = line(quantity.one_sample(), nats, error, results.images);
    let name = format!("{}, m = {}", quantity.bound(), bound.samples);
    let bound = line(&name, bound.nats, bound.standard_error, bound.images);
    let accuracy = results.accuracy.map_or(String::new(), |accuracy| {
        let [share, error] = accuracy.per_cent();
        format!("{:<45} {share:8.2} ± {error:.2} % ({} test images)\n", "accuracy", accuracy.images)
    });
    let text = results.text.as_ref().map_or(String::new(), |text| costs(text, results));
    format!("{elbo}{bound}{accuracy}{text}")
}

/// Costs of a test string, one line per method of coding.
fn costs(text: &TextResults, results: &Results) -> String {
    let line = |(name, nats, bits): (String, f64, f64)| {
        format!("{name:<45} {nats:8.2} nats per string, {bits:.3} bits per character\n")
    };
    text.table(results).into_iter().map(line).collect::<String>() + &text.notes() + "\n"
}

//! The metadata of `model.safetensors`: the model, the size of its images, and the symbols of its strings.

use super::{BoundExperiment, Config};
use crate::data::text::Alphabet;
use crate::data::{Dataset, ImageSize};
use crate::experiment::image_size::check_size;
use crate::model::{Model, ModelConfig};
use crate::run::{DeviceName, RunFolder, checkpoint, config_of};
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use gumbel::Noise;
use serde::{Deserialize, Serialize};

/// The key of the metadata.
const KEY: &str = "image_size";

/// The metadata of a saved model.
#[derive(Serialize, Deserialize)]
pub(super) struct Described {
    #[serde(flatten)]
    pub(super) size: ImageSize,
    /// Before there were others, no file said that it holds a VAE.
    #[serde(default = "vae")]
    model: String,
    /// The symbols of the columns of its images, where they are strings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alphabet: Option<Alphabet>,
}

fn vae() -> String {
    "vae".into()
}

impl Described {
    /// Rejects data of another form than those that the model of `run` was trained on.
    pub(super) fn check<M: Model>(&self, data: &Dataset, run: &RunFolder) -> Result<()> {
        check_size(M::Config::EXAMPLE, data, self.size, run)?;
        ensure!(
            data.text.as_ref().map(|text| &text.alphabet) == self.alphabet.as_ref(),
            "the strings of {} have other symbols than those of {}; use strings of the same symbols",
            data.name,
            run.path().display()
        );
        Ok(())
    }
}

/// The trained parameters with names such as `encoder.layers.0.weight`, described.
pub(super) fn bytes<M: Model>(experiment: &BoundExperiment<M>) -> Result<Vec<u8>> {
    let described = Described {
        size: ImageSize::of(&experiment.data.train),
        model: M::Config::NAME.into(),
        alphabet: experiment.data.text.as_ref().map(|text| text.alphabet.clone()),
    };
    checkpoint::described(&experiment.model(), KEY, &described)
}

/// Takes the parameters of a run, for data of the same form.
pub(super) fn load<M: Model>(experiment: &mut BoundExperiment<M>, run: &RunFolder) -> Result<()> {
    let weights = run.trained(M::Config::NAME)?;
    checkpoint::description::<Described>(&weights, KEY)?.check::<M>(&experiment.data, run)?;
    experiment.learner.load(&weights)
}

/// The configuration, the model, its description and its device, from the folder of a run.
pub(super) fn open<M: Model>(
    run: &RunFolder,
    device: Option<DeviceName>,
) -> Result<(Config<M::Config>, M, Described, Device)> {
    let (config, weights) =
        (config_of::<Config<M::Config>>(&run.file(RunFolder::CONFIG))?, run.trained(M::Config::NAME)?);
    let described: Described = checkpoint::description(&weights, KEY)?;
    ensure!(
        described.model == M::Config::NAME,
        "{} holds the model {}, expected {} as in {}; restore the file of the run",
        weights.display(),
        described.model,
        M::Config::NAME,
        RunFolder::CONFIG
    );
    config.check_sizes(described.size)?;
    let device = device.unwrap_or(config.common.device).for_evaluation()?;
    let mean = vec![0.5; described.size.pixels()];
    let blank = M::init(&config.model, described.size, &mean, &mut Noise::from_seed(0), &device);
    let model = checkpoint::load_model(&weights, blank)
        .with_context(|| format!("cannot open {}", run.path().display()))?;
    Ok((config, model, described, device))
}

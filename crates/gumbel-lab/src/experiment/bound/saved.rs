//! What `model.safetensors` says of itself: the model, the size of its images, and the symbols that they stand for.

use super::{BoundExperiment, Config};
use crate::data::ImageSize;
use crate::data::text::Alphabet;
use crate::model::{Model, ModelConfig};
use crate::run::{RunFolder, checkpoint, config_of};
use anyhow::{Context, Result, ensure};
use gumbel::Noise;
use serde::{Deserialize, Serialize};

/// The key of the metadata.
const KEY: &str = "image_size";

/// What a saved model says of itself.
#[derive(Serialize, Deserialize)]
pub(super) struct Described {
    #[serde(flatten)]
    pub(super) size: ImageSize,
    /// Before there were others, no file said that it holds a VAE.
    #[serde(default = "vae")]
    model: String,
    /// What the columns of its images stand for, where they are strings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alphabet: Option<Alphabet>,
}

fn vae() -> String {
    "vae".into()
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
    let (weights, data) = (run.trained(M::Config::NAME)?, &experiment.data);
    let Described { size, alphabet, .. } = checkpoint::description(&weights, KEY)?;
    let found = ImageSize::of(&data.test);
    ensure!(
        found == size,
        "the {}s of {} are {} x {}, expected {} x {} as in {}",
        M::Config::EXAMPLE,
        data.name,
        found.height,
        found.width,
        size.height,
        size.width,
        run.path().display()
    );
    let known = data.text.as_ref().map(|text| &text.alphabet);
    ensure!(
        known == alphabet.as_ref(),
        "the strings of {} have other symbols than those of {}",
        data.name,
        run.path().display()
    );
    experiment.learner.load(&weights)
}

/// The configuration, the model and its description from the folder of a run.
pub(super) fn open<M: Model>(run: &RunFolder) -> Result<(Config<M::Config>, M, Described)> {
    let (config, weights) =
        (config_of::<Config<M::Config>>(&run.file(RunFolder::CONFIG))?, run.trained(M::Config::NAME)?);
    let described: Described = checkpoint::description(&weights, KEY)?;
    ensure!(
        described.model == M::Config::NAME,
        "{} holds the model {}; {} records {}",
        weights.display(),
        described.model,
        RunFolder::CONFIG,
        M::Config::NAME
    );
    config.check_sizes(described.size)?;
    let (mean, device) = (vec![0.5; described.size.pixels()], config.common.device.for_evaluation());
    let blank = M::init(&config.model, described.size, &mean, &mut Noise::from_seed(0), &device);
    let model = checkpoint::load_model(&weights, blank)
        .with_context(|| format!("cannot open {}", run.path().display()))?;
    Ok((config, model, described))
}

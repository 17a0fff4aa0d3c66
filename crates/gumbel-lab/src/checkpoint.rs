//! A model's parameters as safetensors, alone or with all that training needs to go on.

use crate::config::{Options, VaeOptions};
use crate::data::Images;
use crate::model::Model;
use crate::sequences::Alphabet;
use anyhow::{Context, Result, anyhow, bail, ensure};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::ModuleOptimizer;
use burn::tensor::{Bytes, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Where a run stands besides its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// The estimator's name.
    pub estimator: String,
    /// What the first layer's has learned. Kept as bits: decimal text would lose the last of them.
    #[serde(with = "bits")]
    pub estimator_state: Vec<f64>,
    /// What those of the layers below have, bits too.
    #[serde(default)]
    pub states_below: Vec<Vec<u64>>,
    /// [`Dataset::digest`](crate::data::Dataset::digest) of what it was trained on.
    pub data: String,
    /// Seconds of training so far.
    pub seconds: f64,
}

impl Progress {
    /// Refuses fewer steps than are done: they would have to be undone.
    ///
    /// # Errors
    /// More steps done than `steps`.
    pub fn allows(&self, steps: u64) -> Result<()> {
        let done = self.step;
        ensure!(
            done <= steps,
            "--steps must be at least the {done} steps that the run has done, got {steps}"
        );
        Ok(())
    }
}

mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(numbers: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(numbers.iter().map(|number| number.to_bits()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<u64>::deserialize(from)?.into_iter().map(f64::from_bits).collect())
    }
}

/// The safetensors entry that holds the optimiser's own format.
const OPTIMIZER: &str = "optimizer.burnpack";
/// The metadata key of [`Progress`].
const PROGRESS: &str = "progress";
/// The metadata key of [`Described`].
const SIZE: &str = "image_size";

/// Pixels of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// What a saved model says of itself.
#[derive(Serialize, Deserialize)]
struct Described {
    #[serde(flatten)]
    size: ImageSize,
    /// Before there were others, no file said that it holds a VAE.
    #[serde(default = "vae")]
    model: String,
    /// What the columns of its images stand for, where they are strings.
    #[serde(skip_serializing_if = "Option::is_none")]
    alphabet: Option<Alphabet>,
}

fn vae() -> String {
    VaeOptions::MODEL.into()
}

impl ImageSize {
    /// Of these images.
    pub fn of(images: &Images) -> Self {
        Self { height: images.height, width: images.width }
    }

    /// Pixels of an image, or as many as can be counted.
    pub fn pixels(self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

/// The parameters of a model as a safetensors file, with names such as `encoder.layers.0.weight`; its name and
/// the size of the images it models stand in the metadata, and the symbols that they stand for, where they are strings.
///
/// # Errors
/// Only if the format refuses its own names.
pub fn model_bytes<M: Model>(model: &M, size: ImageSize, alphabet: Option<Alphabet>) -> Result<Vec<u8>> {
    described(model, SIZE, &Described { size, model: M::Options::MODEL.into(), alphabet })
}

/// The parameters of any model, with what else is needed to use it under a key of the metadata.
///
/// # Errors
/// Only if the format refuses its own names.
pub fn described<M: Module>(model: &M, key: &str, description: &impl Serialize) -> Result<Vec<u8>> {
    // One entry: the order of several would change from run to run, and the file with it.
    let metadata = HashMap::from([(key.to_string(), serde_json::to_string(description)?)]);
    Ok(safetensors::serialize(views(&parameters(model))?, Some(metadata))?)
}

/// What [`described`] put beside the parameters.
///
/// # Errors
/// A file that is missing, corrupt, or without it.
pub fn description<T: DeserializeOwned>(path: &Path, key: &str) -> Result<T> {
    entry(path, &read(path)?, key)
}

/// The size of the images that a saved model models.
///
/// # Errors
/// A file that is missing, corrupt, or not of this program.
pub fn image_size(path: &Path) -> Result<ImageSize> {
    description(path, SIZE)
}

/// The name of a saved model.
///
/// # Errors
/// A file that is missing or corrupt.
pub fn model_name(path: &Path) -> Result<String> {
    Ok(entry::<Described>(path, &read(path)?, SIZE)?.model)
}

/// The symbols of a saved model of strings.
///
/// # Errors
/// A file that is missing, corrupt, or of a model of something else.
pub fn alphabet(path: &Path) -> Result<Alphabet> {
    let alphabet = entry::<Described>(path, &read(path)?, SIZE)?.alphabet;
    alphabet.with_context(|| format!("{} has no alphabet", path.display()))
}

/// The parameters, the optimiser's moments, and [`Progress`].
///
/// # Errors
/// An optimiser that cannot be recorded.
pub fn training_bytes<M: Module>(
    model: &M,
    optimizer: &ModuleOptimizer,
    progress: &Progress,
) -> Result<Vec<u8>> {
    let parameters = parameters(model);
    let moments = optimizer.into_bytes().map_err(|error| anyhow!("cannot record the optimiser: {error}"))?;
    let mut views = views(&parameters)?;
    views.push((OPTIMIZER.into(), TensorView::new(Dtype::U8, vec![moments.len()], &moments)?));
    let metadata = HashMap::from([(PROGRESS.to_string(), serde_json::to_string(progress)?)]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}

/// Puts saved parameters into a model of the same shape.
///
/// # Errors
/// A file that is missing, corrupt, or of a model of another shape.
pub fn load_model<M: Module>(path: &Path, model: M) -> Result<M> {
    with_parameters(path, &read(path)?, model)
}

/// Puts a saved run back as it was.
///
/// # Errors
/// As [`load_model`]; or a file that holds a model alone.
pub fn load_training<M: Module>(
    path: &Path,
    model: M,
    optimizer: ModuleOptimizer,
) -> Result<(M, ModuleOptimizer, Progress)> {
    let bytes = read(path)?;
    let progress = entry(path, &bytes, PROGRESS)?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let moments =
        tensors.tensor(OPTIMIZER).with_context(|| format!("{} has no optimiser", path.display()))?;
    let optimizer = optimizer
        .from_bytes(Bytes::from_bytes_vec(moments.data().to_vec()))
        .map_err(|error| anyhow!("{}: the optimiser's state is corrupt: {error}", path.display()))?;
    Ok((with_parameters(path, &bytes, model)?, optimizer, progress))
}

/// Where a saved run stands.
///
/// # Errors
/// A file that is missing, corrupt, or that holds a model alone.
pub fn progress(path: &Path) -> Result<Progress> {
    description(path, PROGRESS)
}

/// A metadata entry of a safetensors file.
fn entry<T: DeserializeOwned>(path: &Path, bytes: &[u8], key: &str) -> Result<T> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).with_context(|| corrupt(path))?;
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get(key));
    let text =
        text.with_context(|| format!("{} was not written for this: it has no {key}", path.display()))?;
    serde_json::from_str(text).with_context(|| corrupt(path))
}

fn corrupt(path: &Path) -> String {
    format!("{} is not a safetensors file, or is cut short", path.display())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn with_parameters<M: Module>(path: &Path, bytes: &[u8], model: M) -> Result<M> {
    let tensors = SafeTensors::deserialize(bytes).with_context(|| corrupt(path))?;
    let mut stored = BTreeMap::new();
    for (name, tensor) in tensors.iter().filter(|(name, _)| *name != OPTIMIZER) {
        ensure!(tensor.dtype() == Dtype::F32, "{}: {name} is {:?}, not F32", path.display(), tensor.dtype());
        let values: Vec<f32> =
            tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        stored.insert(name.to_string(), TensorData::new(values, tensor.shape().to_vec()));
    }
    compare(path, &parameters(&model), &stored)?;
    Ok(model.map(&mut Loader { stored, path: Vec::new() }))
}

/// Refuses the parameters of another model.
fn compare(path: &Path, wanted: &Parameters, stored: &BTreeMap<String, TensorData>) -> Result<()> {
    for (name, data) in wanted {
        match stored.get(name).map(TensorData::shape) {
            None => bail!("{} is of another model: it has no {name}", path.display()),
            Some(shape) if shape != data.shape() => bail!(
                "{} is of another model: {name} is {:?} there, {:?} here; check the options of the model",
                path.display(),
                shape.as_slice(),
                data.shape().as_slice()
            ),
            Some(_) => {}
        }
    }
    let known = |name: &&String| wanted.iter().any(|(wanted, _)| wanted == *name);
    match stored.keys().find(|name| !known(name)) {
        Some(name) => bail!("{} is of another model: {name} has no place here", path.display()),
        None => Ok(()),
    }
}

type Parameters = Vec<(String, TensorData)>;

fn views(parameters: &Parameters) -> Result<Vec<(String, TensorView<'_>)>> {
    parameters
        .iter()
        .map(|(name, data)| {
            Ok((name.clone(), TensorView::new(Dtype::F32, data.shape().to_vec(), data.as_bytes())?))
        })
        .collect()
}

fn parameters<M: Module>(model: &M) -> Parameters {
    let mut collector = Collector::default();
    model.visit(&mut collector);
    collector.found
}

/// Gathers parameters under their dotted paths.
#[derive(Default)]
struct Collector {
    path: Vec<String>,
    found: Parameters,
}

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push((self.path.join("."), param.val().into_data()));
    }

    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }
}

/// Replaces parameters by what is stored under their paths.
struct Loader {
    path: Vec<String>,
    stored: BTreeMap<String, TensorData>,
}

impl ModuleMapper for Loader {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let data = self.stored.remove(&self.path.join(".")).expect("compared before loading");
        param.map(|old| {
            let new = Tensor::from_data(data, &old.device());
            if old.is_require_grad() { new.require_grad() } else { new }
        })
    }

    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_keeps_every_bit() {
        let awkward = [-0.0, 5e-324, 0.1 + 0.2, 1.0 / 3.0, 143.247_264_862_060_55, f64::INFINITY, f64::MAX];
        let other = (0..1000).map(|i| f64::from_bits(0x4061_e7e9_7f62_b6ae + i * 0x0123_4567_89ab));
        let progress = Progress {
            step: 1,
            estimator: "reinforce".into(),
            estimator_state: awkward.into_iter().chain(other).collect(),
            states_below: Vec::new(),
            data: String::new(),
            seconds: 0.5,
        };
        let text = serde_json::to_string(&progress).unwrap();
        let bits = |progress: &Progress| -> Vec<u64> {
            progress.estimator_state.iter().map(|number| number.to_bits()).collect()
        };
        assert_eq!(bits(&serde_json::from_str(&text).unwrap()), bits(&progress));
    }
}

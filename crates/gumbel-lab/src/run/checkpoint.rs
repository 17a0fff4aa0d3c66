//! A model's parameters as safetensors, alone or with all that a resumed run needs.

use anyhow::{Context, Result, anyhow, bail, ensure};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::ModuleOptimizer;
use burn::tensor::{Bytes, Tensor, TensorData};
use gumbel::estimator::State;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The progress of a run, without its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// The estimator's name.
    pub estimator: String,
    /// The state of the estimator of each layer of latents; in tensors of the file, not in its header.
    #[serde(skip)]
    pub states: Vec<State>,
    /// The number of states.
    #[serde(default)]
    layers: usize,
    /// [`Dataset::digest`](crate::data::Dataset::digest) of what it was trained on.
    pub data: String,
    /// Seconds of training so far.
    pub seconds: f64,
    /// In files of version 0.1, the state of the first layer's estimator, and those of the layers below.
    #[serde(default, skip_serializing)]
    estimator_state: Vec<u64>,
    #[serde(default, skip_serializing)]
    states_below: Vec<Vec<u64>>,
}

/// A checkpoint of version 0.1 with the state of an estimator, whose layout was not recorded.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} was written by version 0.1, which did not record the layout of estimator states; start a new run"
)]
pub struct Outdated {
    path: String,
}

impl Progress {
    /// The progress of a run with a state for each layer of latents.
    pub fn new(step: u64, estimator: &str, states: Vec<State>, data: String, seconds: f64) -> Self {
        let (layers, estimator) = (states.len(), estimator.into());
        let (estimator_state, states_below) = (Vec::new(), Vec::new());
        Self { step, estimator, states, layers, data, seconds, estimator_state, states_below }
    }

    /// The same with the states in a file.
    fn with_states(mut self, path: &Path, tensors: &SafeTensors) -> Result<Self> {
        let learned =
            !self.estimator_state.is_empty() || self.states_below.iter().any(|state| !state.is_empty());
        ensure!(!learned, Outdated { path: path.display().to_string() });
        // Version 0.1 did not count the layers either.
        let layers = if self.layers == 0 { 1 + self.states_below.len() } else { self.layers };
        self.states = (0..layers).map(|layer| state(tensors, layer)).collect();
        Ok(Self { layers, estimator_state: Vec::new(), states_below: Vec::new(), ..self })
    }

    /// Rejects fewer steps than the run has done.
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

/// The state of the estimator of a layer.
fn state(tensors: &SafeTensors, layer: usize) -> State {
    let prefix = format!("{ESTIMATOR}{layer}.");
    let named = tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?, tensor)));
    let numbers = |tensor: &TensorView| -> Vec<f64> {
        let numbers = tensor.data().as_chunks::<8>().0;
        numbers.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect()
    };
    named.fold(State::new(), |state, (name, tensor)| state.with(name, numbers(&tensor)))
}

/// The entries of estimator states begin with this and the layer.
const ESTIMATOR: &str = "estimator.";
/// The safetensors entry that holds the optimiser's own format.
const OPTIMIZER: &str = "optimizer.burnpack";
/// The metadata key of [`Progress`].
const PROGRESS: &str = "progress";

/// The parameters of any model, with a description under a key of the metadata.
///
/// # Errors
/// Only if the format refuses its own names.
pub fn described<M: Module>(model: &M, key: &str, description: &impl Serialize) -> Result<Vec<u8>> {
    // One entry: the order of several would change from run to run, and the file with it.
    let metadata = HashMap::from([(key.to_string(), serde_json::to_string(description)?)]);
    Ok(safetensors::serialize(views(&parameters(model))?, Some(metadata))?)
}

/// The description that [`described`] wrote.
///
/// # Errors
/// A file that is missing, corrupt, or without it.
pub fn description<T: DeserializeOwned>(path: &Path, key: &str) -> Result<T> {
    entry(path, &read(path)?, key)
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
    let states: Parameters =
        (0..).zip(&progress.states).flat_map(|(layer, state)| named(layer, state)).collect();
    let moments = optimizer.into_bytes().map_err(|error| anyhow!("cannot record the optimiser: {error}"))?;
    let mut views = views(&parameters)?;
    for (name, data) in &states {
        views.push((name.clone(), TensorView::new(Dtype::F64, data.shape().to_vec(), data.as_bytes())?));
    }
    views.push((OPTIMIZER.into(), TensorView::new(Dtype::U8, vec![moments.len()], &moments)?));
    let metadata = HashMap::from([(PROGRESS.to_string(), serde_json::to_string(progress)?)]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}

/// The tensors of a layer's estimator under their names in the file.
fn named(layer: usize, state: &State) -> Parameters {
    state.iter().map(|(name, data)| (format!("{ESTIMATOR}{layer}.{name}"), data.clone())).collect()
}

/// Loads saved parameters into a model of the same shape.
///
/// # Errors
/// A file that is missing, corrupt, or of a model of another shape.
pub fn load_model<M: Module>(path: &Path, model: M) -> Result<M> {
    with_parameters(path, &read(path)?, model)
}

/// Restores a saved run.
///
/// # Errors
/// As [`load_model`]; a file that holds a model alone; an [`Outdated`] one.
pub fn load_training<M: Module>(
    path: &Path,
    model: M,
    optimizer: ModuleOptimizer,
) -> Result<(M, ModuleOptimizer, Progress)> {
    let bytes = read(path)?;
    let progress: Progress = entry(path, &bytes, PROGRESS)?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let progress = progress.with_states(path, &tensors)?;
    let moments =
        tensors.tensor(OPTIMIZER).with_context(|| format!("{} has no optimiser", path.display()))?;
    let optimizer = optimizer
        .from_bytes(Bytes::from_bytes_vec(moments.data().to_vec()))
        .map_err(|error| anyhow!("{}: the optimiser's state is corrupt: {error}", path.display()))?;
    Ok((with_parameters(path, &bytes, model)?, optimizer, progress))
}

/// The progress of a saved run.
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
    let text = text
        .with_context(|| format!("{} is another kind of file: its metadata have no {key}", path.display()))?;
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
    let of_model = |name: &str| name != OPTIMIZER && !name.starts_with(ESTIMATOR);
    for (name, tensor) in tensors.iter().filter(|(name, _)| of_model(name)) {
        ensure!(tensor.dtype() == Dtype::F32, "{}: {name} is {:?}, not F32", path.display(), tensor.dtype());
        let values: Vec<f32> =
            tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        stored.insert(name.to_string(), TensorData::new(values, tensor.shape().to_vec()));
    }
    compare(path, &parameters(&model), &stored)?;
    Ok(model.map(&mut Loader { stored, path: Vec::new() }))
}

/// Rejects the parameters of another model.
fn compare(path: &Path, wanted: &Parameters, stored: &BTreeMap<String, TensorData>) -> Result<()> {
    for (name, data) in wanted {
        match stored.get(name).map(TensorData::shape) {
            None => bail!("{} holds a different model: parameter {name} is missing", path.display()),
            Some(shape) if shape != data.shape() => bail!(
                "{} holds a different model: {name} has shape {:?}, expected {:?}; check the options of the model",
                path.display(),
                shape.as_slice(),
                data.shape().as_slice()
            ),
            Some(_) => {}
        }
    }
    let known = |name: &&String| wanted.iter().any(|(wanted, _)| wanted == *name);
    match stored.keys().find(|name| !known(name)) {
        Some(name) => bail!("{} holds a different model: parameter {name} is not expected", path.display()),
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
    fn what_estimators_learned_keeps_every_bit() {
        let awkward = [-0.0, 5e-324, 0.1 + 0.2, 1.0 / 3.0, 143.247_264_862_060_55, f64::INFINITY, f64::MAX];
        let other = (0..1000).map(|i| f64::from_bits(0x4061_e7e9_7f62_b6ae + i * 0x0123_4567_89ab));
        let states = [awkward.into_iter().chain(other).collect(), vec![1.0], Vec::new()];
        let states: Vec<State> = states.map(|numbers| State::new().with("average", numbers)).into();
        let tensors: Parameters = (0..).zip(&states).flat_map(|(layer, state)| named(layer, state)).collect();
        let views = tensors.iter().map(|(name, data)| {
            (name, TensorView::new(Dtype::F64, data.shape().to_vec(), data.as_bytes()).unwrap())
        });
        let bytes = safetensors::serialize(views, None).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let bits = |state: &State| -> Vec<u64> {
            state.vec("average").unwrap().into_iter().map(f64::to_bits).collect()
        };
        for (layer, saved) in states.iter().enumerate() {
            assert_eq!(bits(&state(&file, layer)), bits(saved));
        }
    }

    #[test]
    fn a_checkpoint_of_version_0_1_loads_unless_its_estimator_had_learned_something() {
        let read = |learned: &str| {
            let text = format!(
                r#"{{"step":3,"estimator":"rloo","estimator_state":{learned},"states_below":[[]],"data":"","seconds":1.0}}"#
            );
            let bytes = safetensors::serialize(Vec::<(String, TensorView)>::new(), None).unwrap();
            let progress: Progress = serde_json::from_str(&text).unwrap();
            progress.with_states(Path::new("old"), &SafeTensors::deserialize(&bytes).unwrap())
        };
        let loaded = read("[]").unwrap();
        assert_eq!((loaded.step, loaded.states), (3, vec![State::new(); 2]));
        let error = read("[4607182418800017408, 0]").unwrap_err();
        assert!(error.downcast_ref::<Outdated>().is_some(), "{error}");
    }
}

//! A model's parameters as safetensors, alone or with all that a resumed run needs.

mod optimizer;
mod parameters;
mod sealed;

use super::{Damaged, RowsMark};
use crate::support::excerpt::message;
use anyhow::{Result, anyhow, ensure};
use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::Bytes;
use gumbel::estimator::State;
use parameters::{ESTIMATOR, OPTIMIZER, Parameters, check_finite, load, parameters, shapes, views};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sealed::SealedFile;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The progress of a run, without its parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// The experiment; empty in files of version 0.1, as are the options.
    #[serde(default)]
    pub model: String,
    /// The options that training depends on, with their values.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// The estimator's name.
    pub estimator: String,
    /// The state of the estimator of each layer of latents; in tensors of the file, not in its header.
    #[serde(skip)]
    pub states: Vec<State>,
    /// The number of states.
    #[serde(default)]
    pub(super) layers: usize,
    /// [`Dataset::digest`](crate::data::Dataset::digest) of what it was trained on.
    pub data: String,
    /// Seconds of training so far.
    pub seconds: f64,
    /// What the rows of `metrics.csv` up to this step are recognised by; not in files of version 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<RowsMark>,
    /// The row of its step, as a table of one row, where its evaluation was interrupted: `metrics.csv` gets it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unevaluated: Option<String>,
    /// In files of version 0.1, the state of the first layer's estimator, and those of the layers below.
    #[serde(default, skip_serializing)]
    pub(super) estimator_state: Vec<u64>,
    #[serde(default, skip_serializing)]
    pub(super) states_below: Vec<Vec<u64>>,
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

/// The metadata key of [`Progress`].
const PROGRESS: &str = "progress";

/// The parameters of any model, with a description under a key of the metadata and a checksum over all.
///
/// # Errors
/// A parameter that is not finite.
pub fn described<M: Module>(model: &M, key: &str, description: &impl Serialize) -> Result<Vec<u8>> {
    sealed::bytes(views(&parameters(model))?, key, description)
}

/// The description that [`described`] wrote.
///
/// # Errors
/// A file that is missing, damaged, or without it.
pub fn description<T: DeserializeOwned>(path: &Path, key: &str) -> Result<T> {
    SealedFile::read(path).and_then(|file| file.description(key)).map_err(restorable)
}

/// Loads saved parameters into a model of the same shape.
///
/// # Errors
/// A file that is missing, damaged, or of a model of another shape.
pub fn load_model<M: Module>(path: &Path, model: M) -> Result<M> {
    let file = SealedFile::read(path).map_err(restorable)?;
    check_finite(&file).map_err(restorable)?;
    load(&file, model)
}

/// The error for a damaged model, with the remedy.
fn restorable(error: anyhow::Error) -> anyhow::Error {
    match error.is::<Damaged>() {
        true => anyhow!("{error}; restore the file, or resume its run, which writes it again"),
        false => error,
    }
}

/// The parameters, the optimiser's moments, and [`Progress`], with a checksum over all.
///
/// # Errors
/// A parameter that is not finite, an optimiser that cannot be recorded.
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
    sealed::bytes(views, PROGRESS, &Progress { layers: progress.states.len(), ..progress.clone() })
}

/// The tensors of a layer's estimator under their names in the file.
fn named(layer: usize, state: &State) -> Parameters {
    state.iter().map(|(name, data)| (format!("{ESTIMATOR}{layer}.{name}"), data.clone())).collect()
}

/// A checkpoint that was read and found to be as it was written.
pub struct Checkpoint {
    file: SealedFile,
    /// The progress of its run.
    pub progress: Progress,
}

impl Checkpoint {
    /// Reads and checks a checkpoint. One of version 0.1 has no checksum: there, only what Burn or training would fail at is
    /// found, here and in [`load`](Self::load).
    ///
    /// # Errors
    /// A file that is missing; a [`Damaged`] one; an [`Outdated`] one.
    pub fn read(path: &Path) -> Result<Self> {
        Self::checked(path, SealedFile::read(path)?)
    }

    /// One of these bytes, named in errors as a path.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        Self::checked(path, SealedFile::of(path, bytes)?)
    }

    fn checked(path: &Path, file: SealedFile) -> Result<Self> {
        let progress: Progress = file.description(PROGRESS)?;
        let progress = progress.with_states(path, &file.tensors())?;
        check_finite(&file)?;
        Ok(Self { file, progress })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Restores networks and optimiser.
    ///
    /// # Errors
    /// A checkpoint of networks of another shape; an optimiser that is not theirs.
    pub fn load<M: Module>(&self, model: M, optimizer: ModuleOptimizer) -> Result<(M, ModuleOptimizer)> {
        let model = load(&self.file, model)?;
        let tensors = self.file.tensors();
        let moments = tensors.tensor(OPTIMIZER).map_err(|_| self.file.damaged("it has no optimiser"))?;
        if let Some(problem) = optimizer::problem(moments.data(), &shapes(&model)) {
            return Err(self.file.damaged(problem).into());
        }
        let restored = optimizer.from_bytes(Bytes::from_bytes_vec(moments.data().to_vec()));
        let restored = restored
            .map_err(|error| self.file.damaged(format!("its optimiser: {}", message(&error.to_string()))))?;
        Ok((model, restored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Mlp;
    use crate::run::{DeviceName, FusedAdam, Learner};
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Tensor};
    use gumbel::Noise;
    use std::collections::HashMap;

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

    /// A small network after two steps of Adam.
    fn trained() -> Learner<Mlp> {
        let device = DeviceName::default().for_training().unwrap();
        let mlp = Mlp::new(&[2, 3, 1], &mut (1..), &mut Noise::from_seed(0), &device);
        let mut learner = Learner::new(mlp, FusedAdam::default());
        (0..2).for_each(|_| step(&mut learner));
        learner
    }

    fn step(learner: &mut Learner<Mlp>) {
        let device = DeviceName::default().for_training().unwrap();
        let loss = learner.model().forward(Tensor::<2>::ones([4, 2], &device)).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), learner.model());
        learner.update(0.1, gradients);
    }

    fn progress() -> Progress {
        Progress { step: 2, estimator: "zgr".into(), ..Progress::default() }
    }

    /// A checkpoint as version 0.1 wrote it: without a checksum.
    fn without_checksum() -> Vec<u8> {
        let bytes = trained().checkpoint(&progress()).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let text = r#"{"step":2,"estimator":"zgr","layers":0,"data":"","seconds":1.0}"#;
        let metadata = HashMap::from([(PROGRESS.to_string(), text.to_string())]);
        safetensors::serialize(tensors.iter(), Some(metadata)).unwrap()
    }

    #[test]
    fn a_checkpoint_restores_what_it_was_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let (mut whole, mut resumed) = (trained(), trained());
        std::fs::write(&path, whole.checkpoint(&progress()).unwrap()).unwrap();
        step(&mut resumed);
        resumed.resume(&Checkpoint::read(&path).unwrap()).unwrap();
        [&mut whole, &mut resumed].into_iter().for_each(step);
        // After another step, on which the moments have their effect.
        let bytes = |learner: &Learner<Mlp>| described(learner.model(), "progress", &progress()).unwrap();
        assert!(bytes(&whole) == bytes(&resumed));
    }

    /// Burn panics at a state that does not fit, in loading or in a later step. Where no checksum protects it, it must not
    /// get there.
    #[test]
    fn no_flipped_bit_of_an_optimiser_makes_burn_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let bytes = without_checksum();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let state = file.tensor(OPTIMIZER).unwrap().data();
        let start = bytes.windows(state.len()).position(|window| window == state).unwrap();
        let (mut refused, mut learner) = (0, trained());
        for bit in 0..8 * state.len() {
            let mut flipped = bytes.clone();
            flipped[start + bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, flipped).unwrap();
            match Checkpoint::read(&path).and_then(|checkpoint| learner.resume(&checkpoint)) {
                Ok(()) => step(&mut learner),
                Err(error) => {
                    assert!(error.is::<Damaged>(), "bit {bit}: {error:#}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 1000, "{refused}");
    }

    #[test]
    fn a_parameter_that_is_not_finite_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let mut bytes = without_checksum();
        let name = "layers.1.weight";
        let tensor = SafeTensors::deserialize(&bytes).unwrap().tensor(name).unwrap().data().to_vec();
        let start = bytes.windows(tensor.len()).position(|window| window == tensor).unwrap();
        bytes[start + 4..start + 8].copy_from_slice(&f32::NAN.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let expected = format!("parameter {name} is NaN at element 1, expected a finite number");
        let error = Checkpoint::read(&path).err().unwrap();
        assert!(error.is::<Damaged>() && error.to_string().ends_with(&expected), "{error}");
        // Nor is one written.
        let mut learner = trained();
        let infinite =
            learner.model().clone().with_output_bias(Tensor::from_floats([f32::INFINITY], &Device::flex()));
        *learner.model_mut() = infinite;
        let error = learner.checkpoint(&progress()).unwrap_err().to_string();
        assert!(error.starts_with("parameter layers.1.bias is inf at element 0"), "{error}");
    }
}

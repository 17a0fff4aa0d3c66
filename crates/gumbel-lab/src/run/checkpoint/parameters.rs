//! The parameters of a model under their dotted paths.

use super::sealed::SealedFile;
use crate::support::excerpt::excerpt;
use anyhow::{Result, bail, ensure};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// The entries of estimator states begin with this and the layer.
pub(super) const ESTIMATOR: &str = "estimator.";
/// The safetensors entry that holds the optimiser's own format.
pub(super) const OPTIMIZER: &str = "optimizer.burnpack";

/// Tensors by name.
pub(super) type Parameters = Vec<(String, TensorData)>;

/// The parameters of a model.
pub(super) fn parameters<M: Module>(model: &M) -> Parameters {
    let mut collector = Collector::default();
    model.visit(&mut collector);
    collector.found
}

/// The shapes of a model's parameters by their identities.
pub(super) fn shapes<M: Module>(model: &M) -> BTreeMap<u64, Vec<usize>> {
    let mut collector = Collector::default();
    model.visit(&mut collector);
    collector.shapes
}

/// Parameters as tensors of a file.
///
/// # Errors
/// A parameter that is not finite: nothing can be trained or drawn from there.
pub(super) fn views(parameters: &Parameters) -> Result<Vec<(String, TensorView<'_>)>> {
    parameters.iter().map(view).collect()
}

fn view((name, data): &(String, TensorData)) -> Result<(String, TensorView<'_>)> {
    let values = data.as_slice::<f32>().into_iter().flatten();
    if let Some(problem) = not_finite(name, values.copied()) {
        bail!("{problem}");
    }
    Ok((name.clone(), TensorView::new(Dtype::F32, data.shape().to_vec(), data.as_bytes())?))
}

/// Rejects a file with a parameter that is not finite.
///
/// # Errors
/// [`Damaged`](crate::run::Damaged), with the parameter.
pub(super) fn check_finite(file: &SealedFile) -> Result<()> {
    let tensors = file.tensors();
    let mut floats = of_model(tensors.iter()).filter(|(_, tensor)| tensor.dtype() == Dtype::F32);
    match floats.find_map(|(name, tensor)| not_finite(name, floats_of(&tensor))) {
        Some(problem) => Err(file.damaged(problem).into()),
        None => Ok(()),
    }
}

fn not_finite(name: &str, values: impl IntoIterator<Item = f32>) -> Option<String> {
    let (place, value) = values.into_iter().enumerate().find(|(_, value)| !value.is_finite())?;
    Some(format!("parameter {} is {value} at element {place}, expected a finite number", excerpt(name)))
}

fn of_model<'a>(
    tensors: impl Iterator<Item = (&'a str, TensorView<'a>)>,
) -> impl Iterator<Item = (&'a str, TensorView<'a>)> {
    tensors.filter(|(name, _)| *name != OPTIMIZER && !name.starts_with(ESTIMATOR))
}

fn floats_of(tensor: &TensorView) -> Vec<f32> {
    tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// Loads the parameters of a file into a model of the same shape.
///
/// # Errors
/// A file of a model of another shape.
pub(super) fn load<M: Module>(file: &SealedFile, model: M) -> Result<M> {
    let (path, tensors, mut stored) = (file.path(), file.tensors(), BTreeMap::new());
    for (name, tensor) in of_model(tensors.iter()) {
        ensure!(
            tensor.dtype() == Dtype::F32,
            "{}: {} is {:?}, not F32",
            path.display(),
            excerpt(name),
            tensor.dtype()
        );
        stored.insert(name.to_string(), TensorData::new(floats_of(&tensor), tensor.shape().to_vec()));
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
        Some(name) => {
            bail!("{} holds a different model: parameter {} is not expected", path.display(), excerpt(name))
        }
        None => Ok(()),
    }
}

/// Gathers parameters under their dotted paths.
#[derive(Default)]
struct Collector {
    path: Vec<String>,
    found: Parameters,
    shapes: BTreeMap<u64, Vec<usize>>,
}

impl ModuleVisitor for Collector {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.shapes.insert(param.id.val(), param.val().dims().to_vec());
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

//! The devices that kernels have been launched on, each with its note of faults.

use crate::ops::kind::Precision;
use crate::{Error, RowFault};
use burn::backend::{BackendTensor, DispatchTensorKind, TensorMetadata};
use burn::tensor::{Device, Tensor};
use burn_cubecl::{CubeDevice, tensor::CubeTensor};
use gumbel_cubecl::{Device as Launcher, FaultKind};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

static DEVICES: LazyLock<Mutex<HashMap<CubeDevice, Arc<Launcher>>>> = LazyLock::new(Mutex::default);

fn devices() -> MutexGuard<'static, HashMap<CubeDevice, Arc<Launcher>>> {
    DEVICES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The device of a tensor.
pub(super) fn device_of(tensor: &CubeTensor) -> Arc<Launcher> {
    launcher_of(&tensor.device)
}

fn launcher_of(device: &CubeDevice) -> Arc<Launcher> {
    let new = || Arc::new(Launcher::new(device.client(), gumbel_cubecl::Precision::Exact));
    devices().entry(device.clone()).or_insert_with(new).clone()
}

/// `None` for a device that is no GPU.
fn launcher(device: &Device) -> Option<Arc<Launcher>> {
    match Tensor::<1>::empty([1], &device.clone().inner()).into_dispatch().kind {
        DispatchTensorKind::Cube(BackendTensor::Float(tensor)) => Some(launcher_of(&tensor.device())),
        _ => None,
    }
}

pub(in crate::ops) fn check_device(device: &Device) -> Result<(), Error> {
    let Some(launcher) = launcher(device) else {
        return Ok(());
    };
    device.sync().map_err(|error| Error::Device(error.to_string()))?;
    match launcher.take_fault() {
        None => Ok(()),
        Some(fault) => Err(Error::Unfit {
            operation: fault.operation.unwrap_or("an earlier call"),
            row: fault.row,
            fault: match fault.kind {
                FaultKind::AllMasked => RowFault::AllMasked,
                FaultKind::TooFew => RowFault::TooFew,
                FaultKind::Sample => RowFault::Point,
                _ => RowFault::Logit,
            },
        }),
    }
}

pub(in crate::ops) fn set_precision(device: &Device, precision: Precision) {
    if let Some(launcher) = launcher(device) {
        launcher.set_precision(match precision {
            Precision::Exact => gumbel_cubecl::Precision::Exact,
            Precision::Fast => gumbel_cubecl::Precision::Fast,
        });
    }
}

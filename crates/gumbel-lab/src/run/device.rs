//! The devices that a run can be trained on: the only place that names one.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// The device that holds and computes tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceName {
    /// The processor, by Burn's Flex backend and the fused kernels of this workspace
    #[default]
    Flex,
}

impl DeviceName {
    /// The device, with gradients.
    pub fn for_training(self) -> Device {
        self.for_evaluation().autodiff()
    }

    /// The device without gradients.
    pub fn for_evaluation(self) -> Device {
        match self {
            Self::Flex => Device::flex(),
        }
    }
}

//! The devices that a run can be trained on: the only place that names one.

use crate::support::excerpt::{excerpt, message};
use crate::support::suggest::unknown;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, OnceLock};
use std::{fmt, str::FromStr};

/// The device that holds and computes tensors: a kind, and where there are several of it, a number from 0.
///
/// ```
/// use gumbel_lab::run::DeviceName;
/// assert_eq!("cuda:1".parse::<DeviceName>()?.to_string(), "cuda:1");
/// assert_eq!(DeviceName::default().to_string(), "cpu");
/// let error = "cdua".parse::<DeviceName>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown device 'cdua'; did you mean 'cuda'?");
/// # Ok::<(), gumbel_lab::run::DeviceError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceName {
    kind: Kind,
    index: Option<usize>,
}

/// The processor, by Burn's Flex backend and the fused kernels of this workspace; or one of Burn's GPU backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Cpu,
    Cuda,
    Wgpu,
    Vulkan,
    Metal,
    Rocm,
}

/// In the order of [`Kind`].
const NAMES: [&str; 6] = ["cpu", "cuda", "wgpu", "vulkan", "metal", "rocm"];
const KINDS: [Kind; 6] = [Kind::Cpu, Kind::Cuda, Kind::Wgpu, Kind::Vulkan, Kind::Metal, Kind::Rocm];
/// What the processor was called when it was the only device.
const EARLIER: &str = "flex";

/// A device that does not exist or cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// No device has that name.
    #[error("{}", unknown("device", .0, &NAMES))]
    Unknown(String),
    /// A number that is none, or where there is only one.
    #[error("device '{}' has the number '{}', expected {}", excerpt(.name), excerpt(.index), numbered(.kind))]
    Index {
        /// The name as it was given.
        name: String,
        /// The part after the colon.
        index: String,
        /// The part before it.
        kind: String,
    },
    /// The program was built without it.
    #[error(
        "this program was built without {0}; build it with: cargo install gumbel-lab --features {0}, or use --device cpu"
    )]
    NotBuilt(&'static str),
    /// The machine does not have it.
    #[error("device {name} does not exist: found {found} of {}; use a smaller number, or --device cpu", .kind)]
    Missing {
        /// The device.
        name: String,
        /// Its kind.
        kind: &'static str,
        /// The devices of that kind.
        found: usize,
    },
    /// Its driver or its adapter is missing or failed.
    #[error("cannot open device {name}: {reason}; check its driver, or use --device cpu")]
    Unopened {
        /// The device.
        name: String,
        /// The message of its backend.
        reason: String,
    },
}

fn numbered(kind: &str) -> String {
    if kind == NAMES[0] { "cpu alone".into() } else { format!("a whole number, as in {kind}:0") }
}

impl DeviceName {
    /// The device, with gradients.
    ///
    /// # Errors
    /// As [`for_evaluation`](Self::for_evaluation).
    pub fn for_training(self) -> Result<Device, DeviceError> {
        Ok(self.for_evaluation()?.autodiff())
    }

    /// The device without gradients, after it has computed something.
    ///
    /// # Errors
    /// A device that this program was built without; one that the machine does not have; one that cannot be opened.
    pub fn for_evaluation(self) -> Result<Device, DeviceError> {
        match self.kind {
            Kind::Cpu => Ok(Device::flex()),
            kind if !built(kind) => Err(DeviceError::NotBuilt(self.name())),
            kind => self.opened(|| found(kind, self.index)),
        }
    }

    /// The name without a number.
    fn name(self) -> &'static str {
        NAMES[self.kind as usize]
    }

    /// Burn panics where a driver or an adapter is missing: the device computes something here, before there is a run.
    fn opened(self, find: impl FnOnce() -> Found) -> Result<Device, DeviceError> {
        let tried = quietly(|| {
            let device = find()?;
            let two = (Tensor::<1>::ones([1], &device) + 1.0).into_scalar::<f32>();
            assert!(two == 2.0, "it computes 1 + 1 = {two}");
            Ok(device)
        });
        let (name, kind) = (self.to_string(), self.name());
        match tried {
            Ok(found) => found.map_err(|found| DeviceError::Missing { name, kind, found }),
            Err(reason) => Err(DeviceError::Unopened { name, reason }),
        }
    }
}

/// The device, or the number of devices where it is not among them.
type Found = Result<Device, usize>;

/// Whether this program has the backend.
fn built(kind: Kind) -> bool {
    match kind {
        Kind::Cpu => true,
        Kind::Cuda => cfg!(feature = "cuda"),
        Kind::Wgpu => cfg!(feature = "wgpu"),
        Kind::Vulkan => cfg!(feature = "vulkan"),
        Kind::Metal => cfg!(feature = "metal"),
        Kind::Rocm => cfg!(feature = "rocm"),
    }
}

/// The device with a number, or the one that Burn prefers.
fn found(kind: Kind, index: Option<usize>) -> Found {
    #[cfg(feature = "wgpu")]
    use burn::tensor::DeviceKind::DefaultDevice;
    #[allow(unused_imports)]
    use burn::tensor::DeviceType;
    match (kind, index) {
        #[cfg(feature = "cuda")]
        (Kind::Cuda, index) => nth(DeviceType::Cuda, index.unwrap_or(0)),
        #[cfg(feature = "rocm")]
        (Kind::Rocm, index) => nth(DeviceType::Rocm, index.unwrap_or(0)),
        #[cfg(feature = "wgpu")]
        (Kind::Wgpu, None) => Ok(Device::wgpu(DefaultDevice)),
        #[cfg(feature = "wgpu")]
        (Kind::Wgpu, Some(index)) => nth(DeviceType::Wgpu, index),
        #[cfg(feature = "vulkan")]
        (Kind::Vulkan, None) => Ok(Device::vulkan(DefaultDevice)),
        #[cfg(feature = "vulkan")]
        (Kind::Vulkan, Some(index)) => nth(DeviceType::Vulkan, index),
        #[cfg(feature = "metal")]
        (Kind::Metal, None) => Ok(Device::metal(DefaultDevice)),
        #[cfg(feature = "metal")]
        (Kind::Metal, Some(index)) => nth(DeviceType::Metal, index),
        _ => unreachable!("built, and not the processor"),
    }
}

#[cfg(any(feature = "cuda", feature = "rocm", feature = "wgpu", feature = "vulkan", feature = "metal"))]
fn nth(kind: burn::tensor::DeviceType, index: usize) -> Found {
    let all: Vec<Device> = Device::enumerate(kind).into_iter().collect();
    all.get(index).cloned().ok_or(all.len())
}

/// The result of a computation, or the message of the first panic, which is not printed: the device may have a thread of
/// its own, whose panic is the cause, and that of this thread its consequence.
fn quietly<T>(compute: impl FnOnce() -> T) -> Result<T, String> {
    let first = Arc::new(OnceLock::new());
    let (seen, printing) = (Arc::clone(&first), take_hook());
    set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or("its backend gave no reason");
        drop(seen.set(message(text.lines().next().unwrap_or(text))));
    }));
    let result = catch_unwind(AssertUnwindSafe(compute));
    set_hook(printing);
    result.map_err(|_| first.get().cloned().unwrap_or_default())
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            None => f.pad(self.name()),
            Some(index) => f.pad(&format!("{}:{index}", self.name())),
        }
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let (kind, index) = text.split_once(':').map_or((text, None), |(kind, index)| (kind, Some(index)));
        let known = NAMES.iter().position(|name| *name == kind || (kind == EARLIER && *name == NAMES[0]));
        let kind_of = KINDS[known.ok_or_else(|| DeviceError::Unknown(kind.into()))?];
        let refused =
            || DeviceError::Index { name: text.into(), index: index.unwrap_or("").into(), kind: kind.into() };
        let number = index.map(|index| index.parse::<u16>().map_err(|_| refused())).transpose()?;
        match (kind_of, number) {
            (Kind::Cpu, Some(_)) => Err(refused()),
            (kind, number) => Ok(Self { kind, index: number.map(usize::from) }),
        }
    }
}

impl TryFrom<String> for DeviceName {
    type Error = DeviceError;

    fn try_from(text: String) -> Result<Self, DeviceError> {
        text.parse()
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_the_earlier_name_of_the_processor_is_known() {
        for text in ["cpu", "cuda", "cuda:0", "wgpu:12", "vulkan", "metal:1", "rocm:3"] {
            assert_eq!(text.parse::<DeviceName>().unwrap().to_string(), text);
        }
        assert_eq!("flex".parse::<DeviceName>(), Ok(DeviceName::default()));
    }

    #[test]
    fn errors_name_the_value_and_the_remedy() {
        let cases = [
            ("gpu", "unknown device 'gpu'; did you mean "),
            ("x", "unknown device 'x'; expected one of: cpu, cuda, wgpu, vulkan, metal, rocm"),
            ("cuda:", "device 'cuda:' has the number '', expected a whole number, as in cuda:0"),
            ("cuda:-1", "device 'cuda:-1' has the number '-1', expected a whole number, as in cuda:0"),
            ("cpu:0", "device 'cpu:0' has the number '0', expected cpu alone"),
        ];
        for (text, part) in cases {
            let error = text.parse::<DeviceName>().unwrap_err().to_string();
            assert!(error.starts_with(part), "{error}");
        }
    }

    #[test]
    fn a_device_that_is_not_built_in_names_the_feature() {
        for (&name, kind) in NAMES.iter().zip(KINDS).filter(|(_, kind)| !built(*kind)) {
            let error = DeviceName { kind, index: None }.for_training().unwrap_err();
            assert_eq!(error, DeviceError::NotBuilt(name));
            assert!(
                error.to_string().contains(&format!("--features {name}, or use --device cpu")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_panic_of_the_backend_is_an_error_with_its_first_line() {
        let name: DeviceName = "wgpu".parse().unwrap();
        let error = name.opened(|| panic!("no adapter\nat all")).unwrap_err().to_string();
        assert_eq!(error, "cannot open device wgpu: no adapter; check its driver, or use --device cpu");
        let error = name.opened(|| Err(0)).unwrap_err().to_string();
        assert!(error.starts_with("device wgpu does not exist: found 0 of wgpu"), "{error}");
    }
}

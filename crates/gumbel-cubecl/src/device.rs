//! What a device computes with.

use crate::faults::{Fault, Faults};
use cubecl::client::Client;
use cubecl::ir::features::Plane;
use cubecl::prelude::BufferArg;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How accurate logarithms and exponentials are.
///
/// ```
/// use gumbel_cubecl::Precision;
/// let relative_error = |precision, tau: f64| match precision {
///     Precision::Exact => 8.0 * f64::from(f32::EPSILON), // on CUDA
///     Precision::Fast => 2e-6 / tau + 2e-6,
/// };
/// assert!(relative_error(Precision::Fast, 0.5) < 7.0 * relative_error(Precision::Exact, 0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// The polynomials of the CPU. On CUDA keys are the same floats as there, so that samples of Gumbel-max are equal,
    /// and relaxed samples are within 8 units in the last place.
    Exact,
    /// The device's own instructions, away from the arguments where they are inaccurate: perturbed logits are within
    /// 2e-6 of the exact ones, so that relaxed samples are within a factor of 1 ± (2e-6 / tau + 2e-6).
    Fast,
}

/// The instructions that logarithms and exponentials are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Math {
    /// Polynomials.
    Exact,
    /// Polynomials, where a compiler may delete the rounding trick of the exponential.
    Portable,
    /// The special function unit of NVIDIA's cards: `lg2.approx` and `ex2.approx`.
    Special,
    /// The platform's own.
    Platform,
}

impl Math {
    pub fn new(client: &Client, precision: Precision) -> Self {
        match (client.name().starts_with("wgpu"), client.name().starts_with("cuda"), precision) {
            (true, _, Precision::Exact) => Self::Portable,
            (true, _, Precision::Fast) => Self::Platform,
            (_, true, Precision::Fast) => Self::Special,
            _ => Self::Exact,
        }
    }
}

/// The number of units that exchange values without shared memory; 0 if it is not known or varies.
pub(crate) fn plane_size(client: &Client) -> u32 {
    let hardware = &client.properties().hardware;
    let fixed = hardware.plane_size_min == hardware.plane_size_max;
    if fixed && client.features().plane.contains(Plane::Ops) { hardware.plane_size_max } else { 0 }
}

/// A device that kernels are launched on.
///
/// Kernels are compiled when they are first launched. Launches wait for nothing: results are read by whoever needs them.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// use gumbel_cubecl::{Device, Law, Precision, noise};
/// let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// let uniform = noise(&device, Law::Uniform, gumbel_kernels::Stream::new(0), 4);
/// let bytes = device.client().read_one(uniform.handle().clone()).unwrap(); // waits
/// assert_eq!(bytes.len(), 16);
/// assert_eq!(device.take_fault(), None);
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub struct Device {
    pub(crate) client: Client,
    fast: AtomicBool,
    faults: Mutex<Faults>,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("name", &self.client.name())
            .field("precision", &self.precision())
            .finish()
    }
}

impl Device {
    /// The device of a client.
    pub fn new(client: Client, precision: Precision) -> Self {
        let (fast, faults) = (precision == Precision::Fast, Mutex::new(Faults::new(&client)));
        Self { client, fast: fast.into(), faults }
    }

    /// What reads and writes the memory of the device.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The precision of what is launched now.
    pub fn precision(&self) -> Precision {
        if self.fast.load(Ordering::Relaxed) { Precision::Fast } else { Precision::Exact }
    }

    /// Changes the precision of what is launched from now on.
    pub fn set_precision(&self, precision: Precision) {
        self.fast.store(precision == Precision::Fast, Ordering::Relaxed);
    }

    /// The first row that could not be sampled from since the last call of this function; it waits for the device.
    pub fn take_fault(&self) -> Option<Fault> {
        self.faults().take(&self.client)
    }

    /// The arguments of a call that notes faults: the note, and the number of the call.
    pub(crate) fn note(&self, operation: &'static str) -> (BufferArg, u32) {
        self.faults().arguments(operation)
    }

    /// A panic of another thread leaves no fault half noted.
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn math(&self) -> Math {
        Math::new(&self.client, self.precision())
    }
}

//! Random numbers as an argument of functions.

use crate::Error;
use crate::ops::{self, NoiseKind};
use crate::tensor::at_least_single;
use burn::tensor::{DType, Device, Shape, Tensor};
use gumbel_kernels::Stream;
use serde::{Deserialize, Serialize};

/// A seeded, splittable stream of random numbers, which advances as numbers are drawn.
///
/// Every function that needs randomness takes a `&mut Noise`; two calls with equal noise return equal results. The
/// random bits are those of [`gumbel_kernels`] on every backend and device, for any number of threads. On a GPU the noise is
/// made there: on CUDA it is equal bit for bit but for normal noise, elsewhere within 1e-6.
///
/// # Shapes
/// The methods that return tensors take the shape of the result. They draw one number per element, in single precision.
///
/// # Serialisation
/// The three numbers (seed, id, position): a restored `Noise` continues where the saved one was.
///
/// ```
/// use gumbel::Noise;
/// use burn::tensor::{Device, Tensor};
/// let mut noise = Noise::from_seed(7);
/// let again = noise.clone();
/// let g: Tensor<2> = noise.gumbel([2, 3], &Device::flex());
/// assert_ne!(noise, again); // it has advanced
/// let mean = again.split(1).gumbel::<1>([100_000], &Device::flex()).mean().into_scalar::<f32>();
/// assert!((mean - 0.5772).abs() < 0.02); // Euler's constant
/// # assert_eq!(g.dims(), [2, 3]);
/// ```
#[doc(alias = "rng")]
#[doc(alias = "generator")]
#[doc(alias = "Philox")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, u64)", into = "(u64, u64, u64)")]
pub struct Noise {
    stream: Stream,
}

impl Noise {
    /// Starts the stream of a seed.
    #[doc(alias = "manual_seed")]
    pub fn from_seed(seed: u64) -> Self {
        Self { stream: Stream::new(seed) }
    }

    /// Returns the independent stream with a given label.
    ///
    /// It does not depend on how many numbers of this stream have been drawn: `noise.split(1000)` is the same stream at
    /// step 1000 whether or not step 999 ran.
    #[must_use]
    pub fn split(&self, label: u64) -> Self {
        Self { stream: self.stream.split(label) }
    }

    /// Returns an independent stream and advances this one, so every call returns a different stream.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self { stream: self.stream.fork() }
    }

    /// Returns the underlying stream, for use with [`gumbel_kernels`].
    pub fn stream(&self) -> Stream {
        self.stream
    }

    /// Draws uniform noise u on the open interval (0, 1).
    pub fn uniform<const D: usize>(&mut self, shape: impl Into<Shape>, device: &Device) -> Tensor<D> {
        self.draw(NoiseKind::Uniform, shape.into(), device)
    }

    /// Draws standard exponential noise, `−ln u`.
    pub fn exponential<const D: usize>(&mut self, shape: impl Into<Shape>, device: &Device) -> Tensor<D> {
        self.draw(NoiseKind::Exponential, shape.into(), device)
    }

    /// Draws standard Gumbel noise, `−ln(−ln u)`.
    pub fn gumbel<const D: usize>(&mut self, shape: impl Into<Shape>, device: &Device) -> Tensor<D> {
        self.draw(NoiseKind::Gumbel, shape.into(), device)
    }

    /// Draws standard logistic noise, `ln u − ln(1 − u)`.
    pub fn logistic<const D: usize>(&mut self, shape: impl Into<Shape>, device: &Device) -> Tensor<D> {
        self.draw(NoiseKind::Logistic, shape.into(), device)
    }

    /// Draws standard normal noise, `Φ⁻¹(u)`.
    pub fn normal<const D: usize>(&mut self, shape: impl Into<Shape>, device: &Device) -> Tensor<D> {
        self.draw(NoiseKind::Normal, shape.into(), device)
    }

    /// Reserves the next `count` numbers: returns the stream at the first and advances past the last.
    pub(crate) fn take(&mut self, count: usize) -> Stream {
        let start = self.stream;
        self.stream = start.skip(count as u64);
        start
    }

    /// `θ + g` in single precision or better, differentiable in θ.
    pub(crate) fn perturb<const D: usize>(&mut self, logits: Tensor<D>) -> Result<Tensor<D>, Error> {
        let logits = at_least_single(logits);
        let stream = self.take(logits.shape().num_elements());
        ops::perturbed(logits, stream)
    }

    fn draw<const D: usize>(&mut self, kind: NoiseKind, shape: Shape, device: &Device) -> Tensor<D> {
        self.draw_as(kind, shape, device, DType::F32)
    }

    /// In double precision if the type is that, else in single.
    pub(crate) fn draw_as<const D: usize>(
        &mut self,
        kind: NoiseKind,
        shape: Shape,
        device: &Device,
        dtype: DType,
    ) -> Tensor<D> {
        let stream = self.take(shape.num_elements());
        ops::noise(kind, stream, shape, device, dtype)
    }
}

impl From<Noise> for (u64, u64, u64) {
    fn from(noise: Noise) -> Self {
        noise.stream.parts()
    }
}

impl From<(u64, u64, u64)> for Noise {
    fn from((seed, id, position): (u64, u64, u64)) -> Self {
        Self { stream: Stream::from_parts(seed, id, position) }
    }
}

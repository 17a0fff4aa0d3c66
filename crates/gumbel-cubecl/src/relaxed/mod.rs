//! Relaxed samples and their gradients.

mod launch;

use crate::device::Device;
use crate::matrix::Matrix;
use crate::softmax::Form;
use crate::vjp::Saved;
use gumbel_kernels::{Error, Stream};
use launch::Call;

/// Gumbel-Softmax samples of rows of logits: the relaxed sample, its logarithm, or the exact one-hot sample that the
/// largest entry of the relaxed one marks.
///
/// The noise is that of [`gumbel_kernels::gumbel_softmax`] for the same stream. Logits and samples are in the type of the
/// matrix, and everything is computed in single precision.
///
/// A row that cannot be sampled from (a logit that is NaN or +∞, or nothing but masks) becomes NaN, and
/// [`Device::take_fault`] names it.
///
/// # Shapes
/// `logits` and the result `[rows, k]`; `rows · k` numbers of the stream are used.
///
/// # Errors
/// [`Error::Temperature`]; [`Error::Categories`] for rows of length 0.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::{Form, gumbel_softmax};
/// let logits = device.client().create_from_slice(&[1f32, 0.0].map(f32::to_le_bytes).concat());
/// let logits = Matrix::new(logits, 1, 2, 2, f32);
/// let y = gumbel_softmax(&device, &logits, 0.5, gumbel_kernels::Stream::new(7), Form::Soft).unwrap();
/// let bytes = device.client().read_one(y.handle().clone()).unwrap();
/// let [first, second] = [0, 4].map(|i| f32::from_le_bytes(bytes[i..i + 4].try_into().unwrap()));
/// assert!((first + second - 1.0).abs() < 1e-6);
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn gumbel_softmax(
    device: &Device,
    logits: &Matrix,
    tau: f64,
    stream: Stream,
    form: Form,
) -> Result<Matrix, Error> {
    Call::new(logits, tau, stream, form, true)?.run(device, "gumbel_softmax")
}

/// `softmax(logits / tau)`, or its logarithm.
///
/// # Shapes
/// `logits` and the result `[rows, k]`.
///
/// # Errors
/// Those of [`gumbel_softmax`].
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::softmax;
/// let logits = device.client().create_from_slice(&[3f32.ln(), 0.0].map(f32::to_le_bytes).concat());
/// let p = softmax(&device, &Matrix::new(logits, 1, 2, 2, f32), 1.0, false).unwrap();
/// let bytes = device.client().read_one(p.handle().clone()).unwrap();
/// let first = f32::from_le_bytes(bytes[..4].try_into().unwrap());
/// assert!((first - 0.75).abs() < 1e-6);
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn softmax(device: &Device, logits: &Matrix, tau: f64, log: bool) -> Result<Matrix, Error> {
    let form = if log { Form::Log } else { Form::Soft };
    Call::new(logits, tau, Stream::new(0), form, false)?.run(device, "softmax")
}

/// Vector-Jacobian product in the logits of a relaxed sample `y`, or of its logarithm, for the cotangent `dy`.
///
/// # Shapes
/// `y`, `dy` and the result `[rows, k]`.
///
/// # Errors
/// [`Error::Temperature`], [`Error::Categories`].
///
/// # Panics
/// If the shapes differ, or the types, or for [`Form::OneHot`], which has no derivative.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::{Form, gumbel_softmax_vjp};
/// let [y, dy] = [[0.5f32, 0.5], [1.0, 0.0]].map(|row| {
///     let row = device.client().create_from_slice(&row.map(f32::to_le_bytes).concat());
///     Matrix::new(row, 1, 2, 2, f32)
/// });
/// let gradient = gumbel_softmax_vjp(&device, &y, &dy, 0.5, Form::Soft).unwrap();
/// let bytes = device.client().read_one(gradient.handle().clone()).unwrap();
/// let first = f32::from_le_bytes(bytes[..4].try_into().unwrap());
/// assert!((first - 0.5).abs() < 1e-6); // y₀ (dy₀ − Σ y dy) / tau
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn gumbel_softmax_vjp(
    device: &Device,
    y: &Matrix,
    dy: &Matrix,
    tau: f64,
    form: Form,
) -> Result<Matrix, Error> {
    assert!(form != Form::OneHot, "a one-hot sample has no derivative; pass the logits");
    Call::new(y, tau, Stream::new(0), form, false)?.pull_back(device, dy, Saved::Sample(form))
}

/// The same product with nothing saved: the relaxed sample is recomputed from the logits and the stream.
///
/// It costs a fifth more time than a saved sample, and none of its memory.
///
/// # Shapes
/// `logits`, `dy` and the result `[rows, k]`; the numbers of the stream are those of [`gumbel_softmax`].
///
/// # Errors
/// Those of [`gumbel_softmax`].
///
/// # Panics
/// If the shapes differ, or the types.
///
/// ```
/// # #[cfg(feature = "wgpu")]
/// # fn main() {
/// # use gumbel_cubecl::{Device, Matrix, Precision};
/// # let f32 = cubecl::ir::ElemType::Float(cubecl::ir::FloatKind::F32);
/// # let device = Device::new(cubecl::Device::default().client(), Precision::Exact);
/// use gumbel_cubecl::gumbel_softmax_vjp_from_logits;
/// let [logits, dy] = [[0f32, 0.0], [1.0, 0.0]].map(|row| {
///     let row = device.client().create_from_slice(&row.map(f32::to_le_bytes).concat());
///     Matrix::new(row, 1, 2, 2, f32)
/// });
/// let stream = gumbel_kernels::Stream::new(7);
/// let gradient = gumbel_softmax_vjp_from_logits(&device, &logits, &dy, 0.5, stream).unwrap();
/// let bytes = device.client().read_one(gradient.handle().clone()).unwrap();
/// let [first, second] = [0, 4].map(|i| f32::from_le_bytes(bytes[i..i + 4].try_into().unwrap()));
/// assert!(first > 0.0 && (first + second).abs() < 1e-6); // the sample stays normalised
/// # }
/// # #[cfg(not(feature = "wgpu"))]
/// # fn main() {}
/// ```
pub fn gumbel_softmax_vjp_from_logits(
    device: &Device,
    logits: &Matrix,
    dy: &Matrix,
    tau: f64,
    stream: Stream,
) -> Result<Matrix, Error> {
    Call::new(logits, tau, stream, Form::Soft, true)?.pull_back(device, dy, Saved::Logits)
}

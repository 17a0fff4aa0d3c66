//! What a device computes with, and the errors that it notes while nobody waits for it.

use crate::Error;
use crate::ops::{self, Precision};
use burn::tensor::Device;

/// Returns the error that calls on a GPU have noted since the last call of this function, if any.
///
/// On the CPU every function that samples checks its logits and returns an error. On a GPU that would wait for the
/// device in each call. There a row that cannot be computed with (a [`RowFault`](crate::RowFault), such as a logit that is
/// NaN or every category masked) becomes NaN, or for an index the number of categories, and the device notes the first such
/// row. This function waits for the device and reads the note: call it where you read the loss.
///
/// # Errors
/// [`Error::Unfit`] for a noted row; [`Error::Device`] if the device failed. Never an error on the CPU.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex(); // or a GPU
/// let logits = Tensor::<1>::from_floats([0.0, 1.0], &device);
/// let y = gumbel::gumbel_softmax(logits, 1.0, &mut gumbel::Noise::from_seed(7))?;
/// let total = y.sum().into_scalar::<f32>();
/// gumbel::check_device(&device)?;
/// assert!((total - 1.0).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn check_device(device: &Device) -> Result<(), Error> {
    ops::check_device(device)
}

/// Sets the precision of the kernels on a GPU, from now on and for all threads. It has no effect on the CPU.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex(); // or a GPU
/// gumbel::set_precision(&device, gumbel::Precision::Fast);
/// let logits = Tensor::<1>::from_floats([0.0, 90.0], &device);
/// let index = gumbel::gumbel_max(logits, &mut gumbel::Noise::from_seed(7))?;
/// assert_eq!(index.into_scalar::<i64>(), 1);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn set_precision(device: &Device, precision: Precision) {
    ops::set_precision(device, precision);
}

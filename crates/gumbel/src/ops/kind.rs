//! Variants of an operation.

/// What is computed from perturbed logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    Soft,
    Log,
    StraightThrough,
}

/// The standard distribution that noise is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum NoiseKind {
    Uniform,
    Exponential,
    Gumbel,
    Logistic,
    Normal,
}

/// How accurate logarithms and exponentials are on a GPU. The random bits are those of the CPU in either case.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, Precision, gumbel_softmax, set_precision};
/// let device = Device::flex(); // or a GPU
/// set_precision(&device, Precision::Fast);
/// let y = gumbel_softmax(Tensor::<1>::from_floats([0.0, 90.0], &device), 1.0, &mut Noise::from_seed(7))?;
/// assert!(y.slice([1..2]).into_scalar::<f32>() > 0.999);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// The polynomials of the CPU. On CUDA, exact samples are those of the CPU, and relaxed samples are within 8 units
    /// in the last place.
    #[default]
    Exact,
    /// The instructions of the GPU. Perturbed logits are within 2e-6 of the exact ones, so that relaxed samples are
    /// within a factor of 1 ± (2e-6 / tau + 2e-6). About 1.6 times as fast on long rows.
    Fast,
}

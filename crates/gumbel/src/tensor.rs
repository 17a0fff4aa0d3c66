//! Small operations on tensors that Burn does not have.

use crate::Error;
use burn::tensor::{Bool, DType, Int, Shape, Tensor, TensorData};

/// Half precision is computed in single precision: 128 distinct noise values would let ties decide.
pub(crate) fn at_least_single<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F32 | DType::F64 => tensor,
        _ => tensor.cast(DType::F32),
    }
}

/// Casts back to the type of the caller's tensor.
pub(crate) fn restored<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    if tensor.dtype() == dtype { tensor } else { tensor.cast(dtype) }
}

/// Computes in single precision or better, and returns the type of the argument.
pub(crate) fn in_single<const D: usize, const E: usize>(
    tensor: Tensor<D>,
    compute: impl FnOnce(Tensor<D>) -> Result<Tensor<E>, Error>,
) -> Result<Tensor<E>, Error> {
    let dtype = tensor.dtype();
    Ok(restored(compute(at_least_single(tensor))?, dtype))
}

/// Single precision cannot represent every temperature: returns the nearest that the type has.
pub(crate) fn within_range(tau: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F64 => tau,
        _ => tau.clamp(f32::MIN_POSITIVE.into(), f32::MAX.into()),
    }
}

/// The numbers of a tensor in double precision, row-major, from any device.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    read(tensor.inner()).convert::<f64>().try_to_vec().expect("converted")
}

/// Waits for the device of a tensor and copies its numbers to the host.
fn read<const D: usize>(tensor: Tensor<D>) -> TensorData {
    #[cfg(test)]
    READS.set(READS.get() + 1);
    tensor.into_data()
}

#[cfg(test)]
thread_local! {
    static READS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How often this thread has read a tensor back.
#[cfg(test)]
pub(crate) fn reads() -> usize {
    READS.get()
}

/// The rows of a tensor that a property holds for, `[.., K]` to `[.., 1]`.
pub(crate) fn rows_where<const D: usize>(
    tensor: &Tensor<D>,
    holds: impl Fn(&[f64]) -> bool,
) -> Tensor<D, Bool> {
    let shape = with_last(tensor.dims(), 1);
    let rows: Vec<bool> = numbers(tensor.clone()).chunks(tensor.dims()[D - 1].max(1)).map(holds).collect();
    Tensor::from_data(TensorData::new(rows, shape), &tensor.device())
}

/// Flat numbers as a tensor with the shape, type and device of `like`, without a gradient.
pub(crate) fn shaped_like<const D: usize>(like: &Tensor<D>, data: TensorData) -> Tensor<D> {
    Tensor::from_data(in_shape(data, like.dims()), (&like.device(), like.dtype()))
}

/// Flat numbers in a shape, which may have an axis of no size: Burn reshapes no tensor to that.
pub(crate) fn in_shape<const D: usize>(flat: TensorData, shape: [usize; D]) -> TensorData {
    let (bytes, _, dtype) = flat.into_parts();
    TensorData::from_bytes(bytes, shape, dtype)
}

/// The shape with another last axis.
pub(crate) fn with_last<const D: usize>(mut shape: [usize; D], last: usize) -> [usize; D] {
    shape[D - 1] = last;
    shape
}

/// One-hot rows: a one at each index `[.., 1]` of `zeros` `[.., K]`.
pub(crate) fn scatter_one<const D: usize>(zeros: Tensor<D>, index: Tensor<D, Int>) -> Tensor<D> {
    let ones = Tensor::ones(index.dims(), (&zeros.device(), zeros.dtype()));
    zeros.scatter(D - 1, index, ones, burn::tensor::IndexingUpdateOp::Add)
}

/// One-hot rows at the largest entry of each row, the first of equal ones; without a gradient.
pub(crate) fn one_hot_argmax<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let tensor = tensor.detach();
    scatter_one(tensor.zeros_like(), tensor.argmax(D - 1))
}

/// The value of `hard` with the gradient of `soft`. The bracket is exactly zero, so the sum equals `hard` bit for bit.
pub(crate) fn attach<const D: usize>(hard: Tensor<D>, soft: Tensor<D>) -> Tensor<D> {
    tracked_as(hard, &soft) + (soft.clone() - soft.detach())
}

/// A quotient. Burn's derivative of a division by a number is in single precision, that of one by a tensor is not.
pub(crate) fn over<const D: usize>(tensor: Tensor<D>, divisor: f64) -> Tensor<D> {
    if tensor.dtype() != DType::F64 {
        return tensor / divisor;
    }
    let divisor = Tensor::full([1; D], divisor, (&tensor.device(), DType::F64));
    tensor / divisor
}

/// The tensor on an autodiff device if `like` is on one.
pub(crate) fn tracked_as<const D: usize, const E: usize>(tensor: Tensor<D>, like: &Tensor<E>) -> Tensor<D> {
    if like.is_autodiff() && !tensor.is_autodiff() { tensor.autodiff() } else { tensor }
}

/// `y`, to whose derivative `slope` in a parameter is added.
pub(crate) fn with_slope<const D: usize>(y: Tensor<D>, slope: Tensor<D>, parameter: Tensor<D>) -> Tensor<D> {
    // The difference is exactly zero, with a derivative of one.
    let change = tracked_as(restored(parameter.clone() - parameter.detach(), y.dtype()), &y);
    tracked_as(y, &change) + tracked_as(slope, &change) * change
}

/// Where logits mask their category.
pub(crate) fn masked<const D: usize>(logits: &Tensor<D>) -> Tensor<D, Bool> {
    logits.clone().equal_elem(f32::NEG_INFINITY)
}

/// The logits with 0 where they mask their category.
pub(crate) fn unmasked<const D: usize>(logits: Tensor<D>) -> Tensor<D> {
    let masked = masked(&logits);
    logits.mask_fill(masked, 0.0)
}

/// The shape that two tensors are broadcast to. As a [`Shape`] it may have no rows: `expand` refuses 0 in an array.
pub(crate) fn broadcast<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> Shape {
    let size = |axis: usize| if a.dims()[axis] == 1 { b.dims()[axis] } else { a.dims()[axis] };
    Shape::from(std::array::from_fn::<usize, D, _>(size))
}

/// Logits minus the largest of their row, a constant in the gradient, in single precision at least. Logits are
/// unnormalised: noise that is added to the differences is not lost in rounding, however large their common part is.
/// −∞ stays exactly where the masks are.
pub(crate) fn centred<const D: usize>(logits: Tensor<D>) -> Tensor<D> {
    let logits = at_least_single(logits);
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    let masked = masked(&logits);
    let least = if logits.dtype() == DType::F64 { f64::MIN } else { f32::MIN.into() };
    let gaps = logits.clone() - logits.detach().max_dim(D - 1);
    let beyond = gaps.clone().lower_elem(least);
    gaps.mask_fill(beyond, least).mask_fill(masked, f32::NEG_INFINITY)
}

/// A function of [`centred`] logits and of a sample of theirs, in the type of the logits.
pub(crate) fn of_centred<const D: usize>(
    logits: Tensor<D>,
    sample: Tensor<D>,
    compute: impl FnOnce(Tensor<D>, Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    let dtype = logits.dtype();
    let logits = centred(logits);
    let sample = restored(sample, logits.dtype());
    restored(compute(logits, sample), dtype)
}

/// An entropy or a divergence without the rounding error that makes a small one negative; NaN stays, and so does the
/// gradient, which is right where the value is a rounding below 0.
pub(crate) fn not_negative<const D: usize>(value: Tensor<D>) -> Tensor<D> {
    let at_least = value.clone().greater_equal_elem(0.0).bool_or(value.clone().is_nan());
    value.clone() - value.detach().mask_fill(at_least, 0.0)
}

/// The same for log-probabilities, which are at most 0.
pub(crate) fn not_positive<const D: usize>(value: Tensor<D>) -> Tensor<D> {
    let at_most = value.clone().lower_equal_elem(0.0).bool_or(value.clone().is_nan());
    value.clone() - value.detach().mask_fill(at_most, 0.0)
}

/// Reductions of each row of flags to one, `[.., K]` to `[.., 1]`, which Burn refuses where there are no rows.
pub(crate) trait Flags {
    /// Whether one of a row is true.
    fn any_of_row(self) -> Self;
    /// Whether all of a row are true.
    fn all_of_row(self) -> Self;
}

impl<const D: usize> Flags for Tensor<D, Bool> {
    fn any_of_row(self) -> Self {
        if self.shape().num_elements() > 0 {
            return self.any_dim(D - 1);
        }
        Tensor::empty(with_last(self.dims(), 1), &self.device())
    }

    fn all_of_row(self) -> Self {
        self.bool_not().any_of_row().bool_not()
    }
}

/// Returns log-odds in single precision or better, or an error if one is not finite.
pub(crate) fn finite_log_odds<const D: usize>(log_odds: Tensor<D>) -> Result<Tensor<D>, Error> {
    let log_odds = at_least_single(log_odds);
    match first_where(&log_odds, |value| !value.is_finite()) {
        None => Ok(log_odds),
        Some((index, value)) => Err(gumbel_kernels::Error::LogOdds { index, value }.into()),
    }
}

/// The first number that is unfit, with its index in the flat tensor.
pub(crate) fn first_where<const D: usize>(
    tensor: &Tensor<D>,
    unfit: impl Fn(f64) -> bool,
) -> Option<(usize, f64)> {
    let data = read(tensor.clone().detach());
    data.iter::<f64>().enumerate().find(|&(_, value)| unfit(value))
}

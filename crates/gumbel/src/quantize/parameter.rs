//! Parameters that are set, and not trained.

use crate::ops::accumulated_as;
use burn::module::Param;
use burn::tensor::{IndexingUpdateOp, Int, Tensor};

/// The value in the precision of running sums, without a graph.
pub fn precise<const D: usize>(param: &Param<Tensor<D>>) -> Tensor<D> {
    let value = param.val().inner();
    let dtype = accumulated_as(&value.device());
    value.cast(dtype)
}

/// Gives a parameter another value, in its type and with its training state.
pub fn set<const D: usize>(param: &mut Param<Tensor<D>>, value: Tensor<D>) {
    *param = param.clone().map(|old| {
        let value = value.cast(old.dtype());
        if old.is_autodiff() { value.autodiff().set_require_grad(old.is_require_grad()) } else { value }
    });
}

/// Replaces rows of a parameter.
pub fn replace<const D: usize>(param: &mut Param<Tensor<D>>, at: Tensor<1, Int>, rows: Tensor<D>) {
    let old = param.val().inner();
    let rows = rows.cast(old.dtype());
    set(param, old.select_assign(0, at, rows, IndexingUpdateOp::Assign));
}

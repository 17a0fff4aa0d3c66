//! The log-density of the ExpConcrete distribution, differentiable in the logits and in the point.

use super::bridge::{VALID, with_last};
use super::check_categories;
use super::devices::device_of;
use super::rows::{from_matrix, into_matrix};
use crate::Error;
use crate::tensor::{broadcast, tracked_as};
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use gumbel_cubecl::{self as kernels, AtMasks};

/// In single precision, `[.., 1]`. What the point is at masks does not matter.
pub(in crate::ops) fn exp_concrete_log_prob<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    y: Tensor<D>,
) -> Result<Tensor<D>, Error> {
    check_categories(&logits)?;
    let [logits, y] = of_one_shape(tracked_as(logits.clone(), &y), tracked_as(y, &logits));
    Ok(Tensor::from_dispatch(Dispatch::exp_concrete_log_prob(logits.into_dispatch(), y.into_dispatch(), tau)))
}

fn of_one_shape<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> [Tensor<D>; 2] {
    let shape = broadcast(&a, &b);
    [a, b].map(|tensor| if tensor.shape() == shape { tensor } else { tensor.expand(shape.clone()) })
}

#[backend_extension(Cube, Fusion, Autodiff)]
trait LogProb: Backend {
    #[fusion(dtype = DType::F32, shape = with_last(logits, 1))]
    fn exp_concrete_log_prob(logits: FloatTensor<Self>, y: FloatTensor<Self>, tau: f64) -> FloatTensor<Self>;
}

/// Its vector-Jacobian products in both, by one kernel.
#[backend_extension(Cube, Fusion)]
trait LogProbVjp: Backend {
    #[fusion(meta = |logits, y, _, _| (logits.clone(), y.clone()))]
    fn exp_concrete_log_prob_vjp(
        logits: FloatTensor<Self>,
        y: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
        tau: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl LogProb for CubeBackend {
    fn exp_concrete_log_prob(logits: CubeTensor, y: CubeTensor, tau: f64) -> CubeTensor {
        let (device, like) = (device_of(&logits), logits.clone());
        let (logits, y) = (into_matrix(logits), into_matrix(y));
        let density =
            kernels::exp_concrete_log_prob(&device, &logits, &y, tau, AtMasks::Ignored).expect(VALID);
        from_matrix(&density, &like, with_last(&like.shape(), 1), DType::F32)
    }
}

impl LogProbVjp for CubeBackend {
    fn exp_concrete_log_prob_vjp(
        logits: CubeTensor,
        y: CubeTensor,
        cotangent: CubeTensor,
        tau: f64,
    ) -> (CubeTensor, CubeTensor) {
        let (device, like) = (device_of(&logits), [logits.clone(), y.clone()]);
        let [logits, y, d] = [logits, y, cotangent].map(into_matrix);
        let products = kernels::exp_concrete_log_prob_vjp(&device, &logits, &y, &d, tau, AtMasks::Ignored);
        let [of_logits, of_y, _] = products.expect(VALID);
        let [a, b] = like;
        (from_matrix(&of_logits, &a, a.shape(), a.dtype), from_matrix(&of_y, &b, b.shape(), b.dtype))
    }
}

impl<B: LogProb + LogProbVjp, C: CheckpointStrategy> LogProb for Autodiff<B, C> {
    fn exp_concrete_log_prob(logits: FloatTensor<Self>, y: FloatTensor<Self>, tau: f64) -> FloatTensor<Self> {
        let prepared = Slopes.prepare::<C>([logits.node(), y.node()]).compute_bound().stateful();
        let (logits, y) = (logits.into_primitive(), y.into_primitive());
        let density = B::exp_concrete_log_prob(logits.clone(), y.clone(), tau);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((logits, y, tau), density),
            OpsKind::UnTracked(prepared) => prepared.finish(density),
        }
    }
}

#[derive(Debug)]
struct Slopes;

impl<B: LogProbVjp> Backward<B, 2> for Slopes {
    type State = (FloatTensor<B>, FloatTensor<B>, f64);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (logits, y, tau) = ops.state;
        let cotangent = grads.consume::<B>(&ops.node);
        let (of_logits, of_y) = B::exp_concrete_log_prob_vjp(logits, y, cotangent, tau);
        for (parent, product) in ops.parents.into_iter().zip([of_logits, of_y]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, product);
            }
        }
    }
}

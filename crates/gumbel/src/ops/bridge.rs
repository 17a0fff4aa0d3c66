//! Results of kernels as differentiable functions of their arguments, on every backend that has kernels.
//!
//! A forward pass runs outside of Burn's graph. One custom operation ties its result to the argument.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, unary},
};
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;
#[cfg(feature = "cube")]
use burn_cubecl::tensor::CubeTensor;
use burn_flex::FlexTensor;
use std::{fmt::Debug, sync::Arc};

/// A vector-Jacobian product on Flex.
pub(super) trait FlexVjp: Debug + Send + Sync {
    fn pull_back(&self, saved: FlexTensor, cotangent: FlexTensor) -> FlexTensor;
}

/// A vector-Jacobian product on a GPU.
#[cfg(feature = "cube")]
pub(super) trait CubeVjp: Debug + Send + Sync {
    fn pull_back(&self, saved: CubeTensor, cotangent: CubeTensor) -> CubeTensor;
}

/// The vector-Jacobian product of a result, for the backend that it is on. Burn clones the state of an operation.
#[derive(Clone, Debug)]
pub(super) enum SharedVjp {
    Flex(Arc<dyn FlexVjp>),
    #[cfg(feature = "cube")]
    Cube(Arc<dyn CubeVjp>),
}

/// `value` as a differentiable function of `argument`, with the gradient that `vjp` computes from `saved`.
pub(super) fn differentiable<const D: usize>(
    argument: Tensor<D>,
    value: Tensor<D>,
    saved: Tensor<D>,
    vjp: SharedVjp,
) -> Tensor<D> {
    if !argument.is_autodiff() {
        return value;
    }
    Tensor::from_dispatch(Dispatch::with_vjp(
        argument.into_dispatch(),
        value.autodiff().into_dispatch(),
        saved.autodiff().into_dispatch(),
        vjp,
    ))
}

/// The custom operation behind [`differentiable`].
#[backend_extension(Flex, Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"), Autodiff)]
pub(super) trait WithVjp: Backend {
    #[fusion(dtype = value, shape = value)]
    fn with_vjp(
        argument: FloatTensor<Self>,
        value: FloatTensor<Self>,
        saved: FloatTensor<Self>,
        vjp: SharedVjp,
    ) -> FloatTensor<Self>;
}

/// The product itself.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), Fusion: cfg(feature = "cube"))]
pub(super) trait PullBack: Backend {
    #[fusion(dtype = saved, shape = saved)]
    fn pull_back(saved: FloatTensor<Self>, cotangent: FloatTensor<Self>, vjp: SharedVjp)
    -> FloatTensor<Self>;
}

impl WithVjp for Flex {
    fn with_vjp(_: FlexTensor, value: FlexTensor, _: FlexTensor, _: SharedVjp) -> FlexTensor {
        value
    }
}

impl PullBack for Flex {
    fn pull_back(saved: FlexTensor, cotangent: FlexTensor, vjp: SharedVjp) -> FlexTensor {
        match vjp {
            SharedVjp::Flex(vjp) => vjp.pull_back(saved, cotangent),
            #[cfg(feature = "cube")]
            SharedVjp::Cube(_) => unreachable!("its result is on another backend"),
        }
    }
}

impl<B: PullBack, C: CheckpointStrategy> WithVjp for Autodiff<B, C> {
    fn with_vjp(
        argument: FloatTensor<Self>,
        value: FloatTensor<Self>,
        saved: FloatTensor<Self>,
        vjp: SharedVjp,
    ) -> FloatTensor<Self> {
        match VjpBackward.prepare::<C>([argument.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((saved.into_primitive(), vjp), value.into_primitive()),
            OpsKind::UnTracked(prep) => prep.finish(value.into_primitive()),
        }
    }
}

#[derive(Debug)]
struct VjpBackward;

impl<B: PullBack> Backward<B, 1> for VjpBackward {
    type State = (FloatTensor<B>, SharedVjp);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (saved, vjp) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |cotangent| B::pull_back(saved, cotangent, vjp));
    }
}

//! Operations that are computed on the host in double precision, with a gradient of their own.
//!
//! What needs a dynamic program, a graph or a caller's own solver cannot be said in tensor operations. Its argument is
//! moved to the Flex backend, which is nothing for a tensor that is there and differentiable for one that is not, and
//! the result is tied to it there by the custom operation of [`fused`].

use crate::composed::at_least_single;
use crate::fused::{self, PullBack, Vjp};
use burn::tensor::{DType, Device, Tensor, TensorData};

/// The argument of such an operation.
pub(crate) struct Hosted<const D: usize> {
    tensor: Tensor<D>,
    home: Device,
    dtype: DType,
}

impl<const D: usize> Hosted<D> {
    pub fn of(tensor: Tensor<D>) -> Self {
        let (home, dtype) = (tensor.device(), tensor.dtype());
        Self { tensor: at_least_single(tensor).to_device(&Device::flex()), home, dtype }
    }

    pub fn dims(&self) -> [usize; D] {
        self.tensor.dims()
    }

    pub fn numbers(&self) -> Vec<f64> {
        numbers(self.tensor.clone())
    }

    /// A result without a gradient, of the type of the argument and where it was.
    pub fn constant<const E: usize>(&self, values: Vec<f64>, shape: [usize; E]) -> Tensor<E> {
        Tensor::from_data(TensorData::new(values, shape), (&self.home.clone().inner(), self.dtype))
    }

    /// A result whose cotangent `pull_back` turns into that of the argument.
    pub fn tie(
        self,
        values: Vec<f64>,
        shape: [usize; D],
        pull_back: impl Fn(&[f64]) -> Vec<f64> + Send + Sync + 'static,
    ) -> Tensor<D> {
        let data = TensorData::new(values, shape);
        let value = Tensor::from_data(data, (&Device::flex(), self.tensor.dtype()));
        let saved = self.tensor.clone().inner();
        let tied = fused::tie(self.tensor, value, saved, Vjp::Host(PullBack::new(pull_back)));
        tied.to_device(&self.home).cast(self.dtype)
    }
}

/// The numbers of a tensor, wherever it is.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.inner().into_data().convert::<f64>().try_to_vec().expect("converted")
}

/// The shape with another last axis.
pub(crate) fn with_last<const D: usize>(mut shape: [usize; D], last: usize) -> [usize; D] {
    shape[D - 1] = last;
    shape
}

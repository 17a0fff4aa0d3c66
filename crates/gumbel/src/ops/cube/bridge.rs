//! The operations of Burn that launch the kernels. Burn's fusion queues them like its own.

use super::devices::device_of;
use super::rows::{from_matrix, into_matrix};
use crate::ops::bridge::{CubeVjp, PullBack, SharedVjp, WithVjp};
use crate::ops::kind::{Form, NoiseKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, TensorMetadata, backend_extension};
use burn::tensor::{DType, Shape};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use gumbel_cubecl::{self as kernels, Law, Matrix};
use gumbel_kernels::Stream;

/// The arguments of a relaxed sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relaxed {
    pub tau: f64,
    pub stream: Stream,
    pub form: Form,
}

#[backend_extension(Cube, Fusion)]
pub(super) trait OnDevice: Backend {
    #[fusion(dtype = logits, shape = logits)]
    fn relax(logits: FloatTensor<Self>, relaxed: Relaxed) -> FloatTensor<Self>;

    #[fusion(dtype = DType::I32, shape = with_last(logits, 1))]
    fn index(logits: FloatTensor<Self>, stream: Stream) -> IntTensor<Self>;

    #[fusion(dtype = DType::I32, shape = with_last(logits, *count))]
    fn order(logits: FloatTensor<Self>, count: usize, stream: Stream) -> IntTensor<Self>;

    /// `like` names the device.
    #[fusion(dtype = like, shape = shape.clone())]
    fn noise(like: FloatTensor<Self>, shape: Shape, kind: NoiseKind, stream: Stream) -> FloatTensor<Self>;

    /// The result has no meaning.
    #[fusion(dtype = logits, shape = Shape::new([1]))]
    fn note_unfit(logits: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The shape with another last axis.
pub(super) fn with_last(shape: &Shape, last: usize) -> Shape {
    let mut dims = shape.to_vec();
    *dims.last_mut().expect("logits have an axis") = last;
    Shape::from(dims)
}

pub(super) const VALID: &str = "the caller checked the temperature and the number of categories";

impl OnDevice for CubeBackend {
    fn relax(logits: CubeTensor, Relaxed { tau, stream, form }: Relaxed) -> CubeTensor {
        let (device, like) = (device_of(&logits), logits.clone());
        let sample = kernels::gumbel_softmax(&device, &into_matrix(logits), tau, stream, of_kernels(form));
        from_matrix(&sample.expect(VALID), &like, like.shape(), like.dtype)
    }

    fn index(logits: CubeTensor, stream: Stream) -> CubeTensor {
        let (device, like) = (device_of(&logits), logits.clone());
        let index = kernels::gumbel_max(&device, &into_matrix(logits), stream).expect(VALID);
        from_matrix(&index, &like, with_last(&like.shape(), 1), DType::I32)
    }

    fn order(logits: CubeTensor, count: usize, stream: Stream) -> CubeTensor {
        let (device, like) = (device_of(&logits), logits.clone());
        let order = kernels::gumbel_top_k(&device, &into_matrix(logits), count, stream).expect(VALID);
        from_matrix(&order, &like, with_last(&like.shape(), count), DType::I32)
    }

    fn noise(like: CubeTensor, shape: Shape, kind: NoiseKind, stream: Stream) -> CubeTensor {
        let law = match kind {
            NoiseKind::Uniform => Law::Uniform,
            NoiseKind::Exponential => Law::Exponential,
            NoiseKind::Gumbel => Law::Gumbel,
            NoiseKind::Logistic => Law::Logistic,
            NoiseKind::Normal => Law::Normal,
        };
        let noise = kernels::noise(&device_of(&like), law, stream, shape.num_elements());
        from_matrix(&noise, &like, shape, DType::F32)
    }

    fn note_unfit(logits: CubeTensor) -> CubeTensor {
        let (device, like) = (device_of(&logits), logits.clone());
        let logits = into_matrix(logits);
        kernels::check_logits(&device, &logits, "a check of logits").expect(VALID);
        from_matrix(&Matrix::empty(device.client(), 1, 1, logits.dtype()), &like, Shape::new([1]), like.dtype)
    }
}

fn of_kernels(form: Form) -> kernels::Form {
    match form {
        Form::Soft => kernels::Form::Soft,
        Form::Log => kernels::Form::Log,
        Form::StraightThrough => kernels::Form::OneHot,
    }
}

/// From the saved sample, or its logarithm.
#[derive(Debug)]
pub(super) struct SavedSample {
    pub tau: f64,
    pub form: Form,
}

impl CubeVjp for SavedSample {
    fn pull_back(&self, saved: CubeTensor, cotangent: CubeTensor) -> CubeTensor {
        let (device, like) = (device_of(&saved), saved.clone());
        let (y, dy) = (into_matrix(saved), into_matrix(cotangent));
        let product = kernels::gumbel_softmax_vjp(&device, &y, &dy, self.tau, of_kernels(self.form));
        from_matrix(&product.expect(VALID), &like, like.shape(), like.dtype)
    }
}

/// From the logits, from which the sample is recomputed.
#[derive(Debug)]
pub(super) struct Remake {
    pub tau: f64,
    pub stream: Stream,
}

impl CubeVjp for Remake {
    fn pull_back(&self, saved: CubeTensor, cotangent: CubeTensor) -> CubeTensor {
        let (device, like) = (device_of(&saved), saved.clone());
        let (logits, dy) = (into_matrix(saved), into_matrix(cotangent));
        let product = kernels::gumbel_softmax_vjp_from_logits(&device, &logits, &dy, self.tau, self.stream);
        from_matrix(&product.expect(VALID), &like, like.shape(), like.dtype)
    }
}

impl WithVjp for CubeBackend {
    fn with_vjp(_: CubeTensor, value: CubeTensor, _: CubeTensor, _: SharedVjp) -> CubeTensor {
        value
    }
}

impl PullBack for CubeBackend {
    fn pull_back(saved: CubeTensor, cotangent: CubeTensor, vjp: SharedVjp) -> CubeTensor {
        match vjp {
            SharedVjp::Cube(vjp) => vjp.pull_back(saved, cotangent),
            SharedVjp::Flex(_) => unreachable!("its result is on another backend"),
        }
    }
}

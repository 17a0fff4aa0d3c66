//! On the host: what tensor operations cannot express. A dynamic program, a graph or a caller's solver runs in double
//! precision on a copy; the kernels without a portable form run in the type of the tensor.
//!
//! A tensor on Flex is in host memory already. One from elsewhere is copied there, which is differentiable.

use super::bridge::differentiable;
use super::flex::bridge::{Cotangent, Kernel, Number, Rows, Vjp, shared};
use super::kind::NoiseKind;
use crate::Error;
use crate::tensor::{at_least_single, in_shape, numbers, shaped_like, with_last};
use burn::tensor::{DType, Device, Element, Int, Shape, Tensor, TensorData};
use burn_flex::FlexTensor;
use gumbel_kernels::{self as kernels, Real, Stream, noise as draw};
use std::fmt;

/// The argument of an operation in double precision.
pub(crate) struct HostArgument<const D: usize> {
    tensor: Tensor<D>,
    home: Device,
    dtype: DType,
}

impl<const D: usize> HostArgument<D> {
    pub fn new(tensor: Tensor<D>) -> Self {
        let (home, dtype) = (tensor.device(), tensor.dtype());
        Self { tensor: at_least_single(tensor).to_device(&Device::flex()), home, dtype }
    }

    pub fn dims(&self) -> [usize; D] {
        self.tensor.dims()
    }

    pub fn numbers(&self) -> Vec<f64> {
        numbers(self.tensor.clone())
    }

    /// A result without a gradient, in the type and on the device of the argument.
    pub fn constant<const E: usize>(&self, values: Vec<f64>, shape: [usize; E]) -> Tensor<E> {
        Tensor::from_data(TensorData::new(values, shape), (&self.home.clone().inner(), self.dtype))
    }

    /// A result whose cotangent `vjp` turns into that of the argument, both flat.
    pub fn differentiable(
        self,
        values: Vec<f64>,
        shape: [usize; D],
        vjp: impl Fn(&[f64]) -> Vec<f64> + Send + Sync + 'static,
    ) -> Tensor<D> {
        let data = TensorData::new(values, shape);
        let value = Tensor::from_data(data, (&Device::flex(), self.tensor.dtype()));
        let saved = self.tensor.clone().inner();
        let result = differentiable(self.tensor, value, saved, shared(HostVjp(vjp)));
        result.to_device(&self.home).cast(self.dtype)
    }

    /// One number per row, `[.., 1]`, whose gradient is the row of `slopes`.
    pub fn row_numbers(self, values: Vec<f64>, slopes: Vec<f64>) -> Tensor<D> {
        let (shape, width) = (with_last(self.dims(), 1), self.dims()[D - 1]);
        self.differentiable(values, shape, move |d| {
            let rows = slopes.chunks(width.max(1)).zip(d);
            rows.flat_map(|(slopes, d)| slopes.iter().map(move |slope| slope * d)).collect()
        })
    }
}

/// A vector-Jacobian product in double precision.
struct HostVjp<F>(F);

impl<F> fmt::Debug for HostVjp<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostVjp")
    }
}

impl<F: Fn(&[f64]) -> Vec<f64> + Send + Sync + 'static> Vjp for HostVjp<F> {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor {
        cotangent.replaced(|_, d, _, out| {
            let d: Vec<f64> = d.iter().map(|&number| number.into()).collect();
            out.iter_mut().zip(self.0(&d)).for_each(|(out, number)| *out = T::from_f64(number));
            Ok(())
        })
    }
}

/// The rows of a tensor in single or double precision, copied to the host if they are not there.
fn rows<const D: usize>(tensor: &Tensor<D>) -> Rows {
    Rows::of(tensor).unwrap_or_else(|| {
        let here = (&Device::flex(), tensor.dtype());
        let copy = Tensor::<D>::from_data(tensor.clone().inner().into_data(), here);
        Rows::of(&copy).expect("the copy is on Flex")
    })
}

/// Without a gradient.
pub(super) fn entmax<const D: usize>(logits: &Tensor<D>, alpha: f64, tau: f64) -> Result<Tensor<D>, Error> {
    let [y] = rows(logits).run(&Entmax { alpha, tau })?;
    Ok(shaped_like(logits, y))
}

struct Entmax {
    alpha: f64,
    tau: f64,
}

impl Kernel<1> for Entmax {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<[TensorData; 1], Error> {
        let mut out = vec![T::zero(); logits.len()];
        kernels::entmax(logits, k, T::from_f64(self.alpha), T::from_f64(self.tau), &mut out)?;
        Ok([TensorData::new(out, [logits.len()])])
    }
}

pub(super) fn entmax_alpha_derivative<const D: usize>(y: &Tensor<D>, alpha: f64) -> Result<Tensor<D>, Error> {
    let [slope] = rows(y).run(&AlphaDerivative { alpha })?;
    Ok(shaped_like(y, slope))
}

pub(super) fn gumbel_top_k<const D: usize>(
    logits: &Tensor<D>,
    count: usize,
    stream: Stream,
) -> Result<Tensor<D, Int>, Error> {
    let [order] = rows(logits).run(&TopK { count, stream })?;
    let order = in_shape(order, with_last(logits.dims(), count));
    let order = Tensor::from_data(order, &logits.device().inner());
    Ok(order)
}

struct TopK {
    count: usize,
    stream: Stream,
}

impl Kernel<1> for TopK {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<[TensorData; 1], Error> {
        let mut order = vec![0; logits.len() / k.max(1) * self.count];
        kernels::gumbel_top_k(logits, k, self.count, self.stream, &mut order)?;
        let length = order.len();
        Ok([TensorData::new(order.into_iter().map(i64::from).collect::<Vec<_>>(), [length])])
    }
}

pub(super) fn categorical_kl<const D: usize>(q: &Tensor<D>, p: &Tensor<D>) -> Result<Tensor<D>, Error> {
    let [kl] = rows(q).run(&CategoricalKl { p: rows(p) })?;
    let kl = in_shape(kl, with_last(q.dims(), 1));
    Ok(Tensor::from_data(kl, (&q.device().inner(), q.dtype())))
}

struct CategoricalKl {
    p: Rows,
}

impl Kernel<1> for CategoricalKl {
    fn run<T: Number>(&self, q: &[T], k: usize) -> Result<[TensorData; 1], Error> {
        let mut out = vec![T::zero(); q.len() / k.max(1)];
        kernels::categorical::kl(q, self.p.numbers(), k, &mut out)?;
        let length = out.len();
        Ok([TensorData::new(out, [length])])
    }
}

struct AlphaDerivative {
    alpha: f64,
}

impl Kernel<1> for AlphaDerivative {
    fn run<T: Number>(&self, y: &[T], k: usize) -> Result<[TensorData; 1], Error> {
        let mut out = vec![T::zero(); y.len()];
        kernels::entmax_alpha_derivative(y, k, T::from_f64(self.alpha), &mut out)?;
        Ok([TensorData::new(out, [y.len()])])
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LogSinkhorn {
    pub tau: f64,
    pub iterations: usize,
    pub tolerance: f64,
}

impl Kernel<1> for LogSinkhorn {
    fn run<T: Number>(&self, logits: &[T], n: usize) -> Result<[TensorData; 1], Error> {
        let (tau, mut out) = (T::from_f64(self.tau), vec![T::zero(); logits.len()]);
        kernels::log_sinkhorn(logits, n, tau, self.iterations, self.tolerance, &mut out)?;
        Ok([TensorData::new(out, [logits.len()])])
    }
}

impl LogSinkhorn {
    /// Returns the error of the kernel, if any, by one iteration of it: on the logits if one of them is infinite or
    /// NaN, else on zeros in their place.
    pub fn check<const D: usize>(&self, logits: &Tensor<D>) -> Result<(), Error> {
        let once = Self { iterations: self.iterations.min(1), ..*self };
        let n = logits.dims()[D - 1];
        let rows = if logits.clone().inner().is_finite().all().into_scalar::<bool>() {
            rows(&Tensor::<2>::zeros([n, n], &Device::flex()))
        } else {
            rows(logits)
        };
        rows.run(&once).map(|_| ())
    }
}

/// Without a gradient.
pub(super) fn assignment<const D: usize>(logits: &Tensor<D>) -> Result<Tensor<D>, Error> {
    let [hard] = rows(logits).run(&Assignment)?;
    Ok(shaped_like(logits, hard))
}

struct Assignment;

impl Kernel<1> for Assignment {
    fn run<T: Number>(&self, logits: &[T], n: usize) -> Result<[TensorData; 1], Error> {
        let mut columns = vec![0; logits.len() / n.max(1)];
        kernels::assignment(logits, n, &mut columns)?;
        let mut hard = vec![T::zero(); logits.len()];
        for (row, &column) in hard.chunks_exact_mut(n).zip(&columns) {
            row[column as usize] = T::one();
        }
        Ok([TensorData::new(hard, [logits.len()])])
    }
}

/// In single precision, or in double if the type is that.
pub(super) fn noise<const D: usize>(
    kind: NoiseKind,
    stream: Stream,
    shape: Shape,
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    let data = match dtype {
        DType::F64 => filled::<f64>(kind, stream, shape),
        _ => filled::<f32>(kind, stream, shape),
    };
    Tensor::from_data(data, (device, dtype))
}

fn filled<T: Real + Element>(kind: NoiseKind, stream: Stream, shape: Shape) -> TensorData {
    let mut values = vec![T::zero(); shape.num_elements()];
    let fill = match kind {
        NoiseKind::Uniform => draw::uniform,
        NoiseKind::Exponential => draw::exponential,
        NoiseKind::Gumbel => draw::gumbel,
        NoiseKind::Logistic => draw::logistic,
        NoiseKind::Normal => draw::normal,
    };
    fill(stream, &mut values);
    TensorData::new(values, shape)
}

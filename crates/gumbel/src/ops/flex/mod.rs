//! On Burn's Flex backend: fused kernels on the tensor's own memory, each with its backward pass beside it.

mod activation;
pub(super) mod bridge;
mod nearest;

pub(super) use activation::{sigmoid, tanh};
pub(super) use nearest::nearest;

use super::bridge::differentiable;
use super::host;
use super::kind::Form;
use crate::Error;
use crate::tensor::{in_shape, shaped_like, with_last};
use bridge::{Cotangent, Kernel, Number, Rows, Vjp, on_flex, shared};
use burn::tensor::{Int, Tensor, TensorData};
use burn_flex::FlexTensor;
use gumbel_kernels::{self as kernels, Stream};

/// Whether a tensor is here, in single or double precision.
pub(super) fn holds<const D: usize>(tensor: &Tensor<D>) -> bool {
    on_flex(tensor).is_some()
}

fn rows<const D: usize>(tensor: &Tensor<D>) -> Rows {
    Rows::of(tensor).expect("the caller chose this place for a tensor that is here")
}

pub(super) fn check_logits<const D: usize>(logits: &Tensor<D>) -> Result<(), Error> {
    rows(logits).run(&Check).map(|[]| ())
}

struct Check;

impl Kernel<0> for Check {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<[TensorData; 0], Error> {
        kernels::log_sum_exp(logits, k, &mut vec![T::zero(); logits.len() / k.max(1)])?;
        Ok([])
    }
}

pub(super) fn gumbel_max<const D: usize>(
    logits: &Tensor<D>,
    stream: Stream,
) -> Result<Tensor<D, Int>, Error> {
    let [index] = rows(logits).run(&GumbelMax { stream })?;
    Ok(Tensor::from_data(in_shape(index, with_last(logits.dims(), 1)), &logits.device()))
}

struct GumbelMax {
    stream: Stream,
}

impl Kernel<1> for GumbelMax {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<[TensorData; 1], Error> {
        let mut index = vec![0; logits.len() / k.max(1)];
        kernels::gumbel_max(logits, k, self.stream, &mut index)?;
        let length = index.len();
        Ok([TensorData::new(index.into_iter().map(i64::from).collect::<Vec<_>>(), [length])])
    }
}

pub(super) fn gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    stream: Stream,
    form: Form,
) -> Result<Tensor<D>, Error> {
    let rows = rows(&logits);
    if form == Form::StraightThrough {
        let [hard, soft] = rows.run(&HardAndSoft { tau, stream })?.map(|data| shaped_like(&logits, data));
        return Ok(differentiable(logits, hard, soft, shared(Softmax { tau })));
    }
    let [sample] = rows.run(&Relaxed { tau, stream, log: form == Form::Log })?;
    let sample = shaped_like(&logits, sample);
    Ok(match form {
        Form::Log => differentiable(logits, sample.clone(), sample, shared(LogSoftmax { tau })),
        _ => differentiable(logits, sample.clone(), sample, shared(Softmax { tau })),
    })
}

struct Relaxed {
    tau: f64,
    stream: Stream,
    log: bool,
}

impl Kernel<1> for Relaxed {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<[TensorData; 1], Error> {
        let mut out = vec![T::zero(); logits.len()];
        let kernel = if self.log { kernels::log_gumbel_softmax } else { kernels::gumbel_softmax };
        kernel(logits, k, T::from_f64(self.tau), self.stream, &mut out)?;
        Ok([TensorData::new(out, [logits.len()])])
    }
}

struct HardAndSoft {
    tau: f64,
    stream: Stream,
}

impl Kernel<2> for HardAndSoft {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<[TensorData; 2], Error> {
        let mut soft = vec![T::zero(); logits.len()];
        let mut index = vec![0; logits.len() / k.max(1)];
        let tau = T::from_f64(self.tau);
        kernels::gumbel_softmax_with_index(logits, k, tau, self.stream, &mut soft, &mut index)?;
        let mut hard = vec![T::zero(); logits.len()];
        for (row, &index) in hard.chunks_exact_mut(k).zip(&index) {
            row[index as usize] = T::one();
        }
        Ok([hard, soft].map(|values| TensorData::new(values, [logits.len()])))
    }
}

/// From the saved soft sample.
#[derive(Debug)]
struct Softmax {
    tau: f64,
}

impl Vjp for Softmax {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor {
        let tau = T::from_f64(self.tau);
        cotangent.in_place(|y, d, k| kernels::gumbel_softmax_vjp_in_place(y, d, k, tau))
    }
}

/// From the saved logarithm of the soft sample.
#[derive(Debug)]
struct LogSoftmax {
    tau: f64,
}

impl Vjp for LogSoftmax {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor {
        let tau = T::from_f64(self.tau);
        cotangent.in_place(|log_y, d, k| kernels::log_gumbel_softmax_vjp_in_place(log_y, d, k, tau))
    }
}

pub(super) fn bernoulli_log_prob<const D: usize>(logits: Tensor<D>, x: &Tensor<D>) -> Tensor<D> {
    let kernel = BernoulliLogProb { x: rows(x) };
    let [value] = rows(&logits).run(&kernel).expect("rows of at least one number");
    let value = in_shape(value, with_last(logits.dims(), 1));
    let value = Tensor::from_data(value, (&logits.device().inner(), logits.dtype()));
    differentiable(logits.clone(), value, logits.inner(), shared(kernel))
}

#[derive(Debug)]
struct BernoulliLogProb {
    x: Rows,
}

impl Kernel<1> for BernoulliLogProb {
    fn run<T: Number>(&self, logits: &[T], k: usize) -> Result<[TensorData; 1], Error> {
        let mut out = vec![T::zero(); logits.len() / k.max(1)];
        kernels::bernoulli_log_prob(logits, self.x.numbers(), k, &mut out)?;
        let length = out.len();
        Ok([TensorData::new(out, [length])])
    }
}

impl Vjp for BernoulliLogProb {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor {
        cotangent.replaced(|logits, d, k, out| {
            kernels::bernoulli_log_prob_vjp(logits, self.x.numbers(), d, k, out)
        })
    }
}

pub(super) fn entmax<const D: usize>(logits: Tensor<D>, alpha: f64, tau: f64) -> Result<Tensor<D>, Error> {
    let y = host::entmax(&logits, alpha, tau)?;
    Ok(differentiable(logits, y.clone(), y, shared(Entmax { alpha, tau })))
}

/// From the saved probabilities.
#[derive(Debug)]
struct Entmax {
    alpha: f64,
    tau: f64,
}

impl Vjp for Entmax {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor {
        let (alpha, tau) = (T::from_f64(self.alpha), T::from_f64(self.tau));
        cotangent.replaced(|y, d, k, out| kernels::entmax_vjp(y, d, k, alpha, tau, out))
    }
}

pub(super) fn log_sinkhorn<const D: usize>(
    logits: Tensor<D>,
    tau: f64,
    iterations: usize,
    tolerance: f64,
) -> Result<Tensor<D>, Error> {
    let kernel = host::LogSinkhorn { tau, iterations, tolerance };
    let [log_p] = rows(&logits).run(&kernel)?;
    let log_p = shaped_like(&logits, log_p);
    Ok(differentiable(logits.clone(), log_p, logits.inner(), shared(kernel)))
}

/// Runs the iterations again, from the saved logits.
impl Vjp for host::LogSinkhorn {
    fn pull_back<T: Number>(&self, cotangent: Cotangent<T>) -> FlexTensor {
        let Self { tau, iterations, tolerance } = *self;
        cotangent.replaced(|logits, d, n, out| {
            kernels::log_sinkhorn_vjp(logits, d, n, T::from_f64(tau), iterations, tolerance, out)
        })
    }
}

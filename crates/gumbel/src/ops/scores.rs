//! Kernels that compute a row of results from a row of scores, on the host.

use super::host::HostArgument;
use crate::Error;
use crate::tensor::with_last;
use burn::tensor::Tensor;
use gumbel_kernels as kernels;

/// A kernel from scores of rows of length n to `width` numbers for each row, and its vector-Jacobian product.
pub(crate) trait ScoreKernel: Send + Sync + 'static {
    fn width(&self, n: usize) -> usize {
        n
    }

    fn run(&self, scores: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error>;

    fn vjp(&self, scores: &[f64], d: &[f64], n: usize, out: &mut [f64]) -> Result<(), kernels::Error>;
}

/// Runs a kernel in double precision, on every backend. The backward pass sorts again, so it keeps only the scores.
pub(crate) fn on_host<const D: usize>(
    scores: Tensor<D>,
    kernel: impl ScoreKernel,
) -> Result<Tensor<D>, Error> {
    let dims = scores.dims();
    let (n, shape) = (dims[D - 1], with_last(dims, kernel.width(dims[D - 1])));
    let argument = HostArgument::new(scores);
    let scores = argument.numbers();
    let mut values = vec![0.0; shape.iter().product()];
    kernel.run(&scores, n, &mut values)?;
    Ok(argument.differentiable(values, shape, move |d| {
        let mut out = vec![0.0; scores.len()];
        kernel.vjp(&scores, d, n, &mut out).expect("the forward pass accepted them");
        out
    }))
}

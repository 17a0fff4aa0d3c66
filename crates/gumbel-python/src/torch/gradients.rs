//! Vector-Jacobian products of relaxed samples, from the sample alone.

use super::keys::Taus;
use super::tensors::{Floats, run};
use crate::dlpack::Fresh;
use crate::error::Layout;
use crate::parts::Part;
use crate::reals::{self, RealKernel};
use crate::rows::temperature;
use gumbel_kernels::{self as kernels, Error, Real};
use pyo3::prelude::*;

type Tensor<'py> = PyResult<Bound<'py, PyAny>>;

#[pyfunction(name = "_torch_softmax_vjp")]
fn softmax_vjp<'py>(y: &Bound<'py, PyAny>, dy: &Bound<'py, PyAny>, tau: f64) -> Tensor<'py> {
    vjp(Pair::new("y", y, dy)?, &Taus::All(tau), false)
}

#[pyfunction(name = "_torch_softmax_vjp_tensor")]
fn softmax_vjp_tensor<'py>(
    y: &Bound<'py, PyAny>,
    dy: &Bound<'py, PyAny>,
    tau: &Bound<'py, PyAny>,
) -> Tensor<'py> {
    let pair = Pair::new("y", y, dy)?;
    let taus = Taus::new(tau, &[pair.y.batch(), &[1]].concat())?;
    vjp(pair, &taus, false)
}

#[pyfunction(name = "_torch_log_softmax_vjp")]
fn log_softmax_vjp<'py>(log_y: &Bound<'py, PyAny>, dy: &Bound<'py, PyAny>, tau: f64) -> Tensor<'py> {
    vjp(Pair::new("log_y", log_y, dy)?, &Taus::All(tau), true)
}

#[pyfunction(name = "_torch_log_softmax_vjp_tensor")]
fn log_softmax_vjp_tensor<'py>(
    log_y: &Bound<'py, PyAny>,
    dy: &Bound<'py, PyAny>,
    tau: &Bound<'py, PyAny>,
) -> Tensor<'py> {
    let pair = Pair::new("log_y", log_y, dy)?;
    let taus = Taus::new(tau, &[pair.y.batch(), &[1]].concat())?;
    vjp(pair, &taus, true)
}

/// A sample, or its logarithm, and the cotangent of it.
struct Pair<'py> {
    y: Floats<'py>,
    dy: Floats<'py>,
}

impl<'py> Pair<'py> {
    fn new(name: &str, y: &Bound<'py, PyAny>, dy: &Bound<'py, PyAny>) -> PyResult<Self> {
        let (y, dy) = (Floats::rows(name, y)?, Floats::rows("dy", dy)?);
        y.check("dy", &dy, &y.shape)?;
        Ok(Self { y, dy })
    }
}

fn vjp<'py>(Pair { y, dy }: Pair<'py>, taus: &Taus, log: bool) -> Tensor<'py> {
    let (mut out, k) = (Fresh::like(&y.tensor)?, y.k());
    let all = Part::all(y.count(), [y.slice()?, dy.slice()?], [out.floats_mut()?]);
    let parts = all.divide(taus.pieces(0..y.count()));
    let work = |(tau, part): (f64, Part<'_, 2, 1>)| reals::run(&Vjp { k, tau, log }, part);
    let layout = Layout::rows(&y.shape, y.shape.len() - 1);
    run(y.tensor.py(), y.len(), layout, parts, work)?;
    Ok(out.into_tensor())
}

struct Vjp {
    k: usize,
    tau: f64,
    log: bool,
}

impl RealKernel<2, 1> for Vjp {
    fn run<T: Real>(&self, _first: usize, [y, dy]: [&[T]; 2], [out]: [&mut [T]; 1]) -> Result<(), Error> {
        let kernel = if self.log { kernels::log_gumbel_softmax_vjp } else { kernels::gumbel_softmax_vjp };
        kernel(y, dy, self.k, temperature(self.tau)?, out)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(softmax_vjp_tensor, module)?)?;
    module.add_function(wrap_pyfunction!(log_softmax_vjp, module)?)?;
    module.add_function(wrap_pyfunction!(log_softmax_vjp_tensor, module)?)
}

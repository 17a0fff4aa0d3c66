//! Log-densities of relaxed samples, and their vector-Jacobian products. All tensors have one type, points and logits one
//! shape.

use super::keys::Taus;
use super::tensors::{Floats, run};
use crate::density::Density;
use crate::dlpack::Fresh;
use crate::error::Layout;
use crate::parts::Part;
use crate::reals::{self, RealKernel};
use crate::slice::{Slice, SliceMut};
use gumbel_kernels::{Error, Real};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The log-density of points `y`, of the distribution named first.
#[pyfunction(name = "_torch_log_prob")]
fn log_prob<'py>(
    density: &str,
    y: &Bound<'py, PyAny>,
    logits: &Bound<'py, PyAny>,
    tau: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let points = Points::new(named(density)?, y, logits, tau)?;
    let mut out = Fresh::floats(&points.y.tensor, points.rows())?;
    points.each([points.logits.slice()?, points.y.slice()?], [out.floats_mut()?])?;
    Ok(out.into_tensor())
}

/// The cotangents of the points, of the logits and, in double precision, of the temperature of each row, from that of the
/// log-density.
#[pyfunction(name = "_torch_log_prob_vjp")]
fn log_prob_vjp<'py>(
    density: &str,
    y: &Bound<'py, PyAny>,
    logits: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    tau: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let points = Points::new(named(density)?, y, logits, tau)?;
    let d = Floats::new("d", d)?;
    points.y.check("d", &d, points.rows())?;
    let [mut d_y, mut d_logits] = [Fresh::like(&points.y.tensor)?, Fresh::like(&points.y.tensor)?];
    let slopes = points.vjp(&d, [d_logits.floats_mut()?, d_y.floats_mut()?])?;
    let mut d_tau = Fresh::doubles(&d.tensor, points.rows())?;
    d_tau.floats_mut()?.write(&slopes);
    Ok((d_y.into_tensor(), d_logits.into_tensor(), d_tau.into_tensor()))
}

fn named(name: &str) -> PyResult<Density> {
    Density::named(name).ok_or_else(|| PyValueError::new_err(format!("unknown density '{name:.60}'")))
}

/// Points with the parameters of their distributions.
struct Points<'py> {
    density: Density,
    y: Floats<'py>,
    logits: Floats<'py>,
    taus: Taus,
}

impl<'py> Points<'py> {
    fn new(
        density: Density,
        y: &Bound<'py, PyAny>,
        logits: &Bound<'py, PyAny>,
        tau: &Bound<'py, PyAny>,
    ) -> PyResult<Self> {
        let read = if density.binary() { Floats::new } else { Floats::rows };
        let (y, logits) = (read("y", y)?, read("logits", logits)?);
        y.check("logits", &logits, &y.shape)?;
        let taus = if density.binary() { y.shape.clone() } else { [y.batch(), &[1]].concat() };
        Ok(Self { density, taus: Taus::new(tau, &taus)?, y, logits })
    }

    /// The shape of the log-density.
    fn rows(&self) -> &[usize] {
        if self.density.binary() { &self.y.shape } else { self.y.batch() }
    }

    /// Writes the cotangents of the logits and of the points, and returns that of the temperature of each row.
    fn vjp(&self, d: &Floats<'_>, [d_logits, d_y]: [SliceMut<'_>; 2]) -> PyResult<Vec<f64>> {
        let inputs = [self.logits.slice()?, self.y.slice()?, d.slice()?];
        if let Slice::F64(_) = inputs[0] {
            let mut slopes = vec![0.0; d.len()];
            self.each(inputs, [d_logits, d_y, SliceMut::F64(&mut slopes)])?;
            return Ok(slopes);
        }
        let mut slopes = vec![0.0; d.len()];
        self.each(inputs, [d_logits, d_y, SliceMut::F32(&mut slopes)])?;
        if slopes.iter().all(|slope| slope.is_finite()) {
            return Ok(slopes.into_iter().map(f64::from).collect());
        }
        self.slopes_in_double(inputs)
    }

    /// At the lowest temperatures the cotangent of the temperature is beyond the range of single precision.
    fn slopes_in_double(&self, inputs: [Slice<'_>; 3]) -> PyResult<Vec<f64>> {
        let wide = inputs.map(Slice::double);
        let [mut d_logits, mut d_y, mut slopes] = wide.each_ref().map(|numbers| vec![0.0; numbers.len()]);
        let outputs = [&mut d_logits, &mut d_y, &mut slopes].map(|numbers| SliceMut::F64(numbers));
        self.each(wide.each_ref().map(|numbers| Slice::F64(numbers)), outputs)?;
        Ok(slopes)
    }

    fn each<const I: usize, const O: usize>(
        &self,
        inputs: [Slice<'_>; I],
        outputs: [SliceMut<'_>; O],
    ) -> PyResult<()>
    where
        LogProb: RealKernel<I, O>,
    {
        let count = self.rows().iter().product();
        let k = if self.density.binary() { 1 } else { self.y.k() };
        let parts = Part::all(count, inputs, outputs).divide(self.taus.pieces(0..count));
        let density = self.density;
        let work = |(tau, part): (f64, Part<'_, I, O>)| reals::run(&LogProb { density, k, tau }, part);
        run(self.y.tensor.py(), self.y.len(), self.layout(), parts, work).map(drop)
    }

    fn layout(&self) -> Layout<'_> {
        let (shape, axes) = (&self.y.shape[..], usize::from(!self.density.binary()));
        Layout { shape, axis: shape.len() - axes, axes }
    }
}

/// A log-density with one temperature.
struct LogProb {
    density: Density,
    k: usize,
    tau: f64,
}

impl RealKernel<2, 1> for LogProb {
    fn run<T: Real>(&self, _first: usize, inputs: [&[T]; 2], [out]: [&mut [T]; 1]) -> Result<(), Error> {
        self.density.log_prob(inputs, self.k, self.tau, out)
    }
}

impl RealKernel<3, 3> for LogProb {
    fn run<T: Real>(&self, _first: usize, inputs: [&[T]; 3], outputs: [&mut [T]; 3]) -> Result<(), Error> {
        self.density.vjp(inputs, self.k, self.tau, outputs)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(log_prob, module)?)?;
    module.add_function(wrap_pyfunction!(log_prob_vjp, module)?)
}

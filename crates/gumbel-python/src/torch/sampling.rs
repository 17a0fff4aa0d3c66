//! Samples of categories.

use super::keys::{Piece, Streams, Taus};
use super::tensors::{Floats, check_floats, run};
use crate::dlpack::{Fresh, View};
use crate::draw::{self, Law, Noise, Relaxed};
use crate::error::Layout;
use crate::parts::Part;
use crate::reals::{self, RealKernel, numbered};
use crate::rows::temperature;
use crate::slice::{Slice, SliceMut};
use gumbel_kernels::{self as kernels, Error, Real, Stream};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

type Tensor<'py> = PyResult<Bound<'py, PyAny>>;

#[pyfunction(name = "_torch_softmax")]
fn softmax<'py>(logits: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>, tau: f64) -> Tensor<'py> {
    relaxed(&Rows::new(logits, key)?, &Taus::All(tau), false)
}

#[pyfunction(name = "_torch_softmax_tensor")]
fn softmax_tensor<'py>(
    logits: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    tau: &Bound<'py, PyAny>,
) -> Tensor<'py> {
    let rows = Rows::new(logits, key)?;
    relaxed(&rows, &rows.taus(tau)?, false)
}

#[pyfunction(name = "_torch_log_softmax")]
fn log_softmax<'py>(logits: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>, tau: f64) -> Tensor<'py> {
    relaxed(&Rows::new(logits, key)?, &Taus::All(tau), true)
}

#[pyfunction(name = "_torch_log_softmax_tensor")]
fn log_softmax_tensor<'py>(
    logits: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    tau: &Bound<'py, PyAny>,
) -> Tensor<'py> {
    let rows = Rows::new(logits, key)?;
    relaxed(&rows, &rows.taus(tau)?, true)
}

type Pair<'py> = PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)>;

#[pyfunction(name = "_torch_straight_through")]
fn straight_through<'py>(logits: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>, tau: f64) -> Pair<'py> {
    hard_and_soft(&Rows::new(logits, key)?, &Taus::All(tau))
}

#[pyfunction(name = "_torch_straight_through_tensor")]
fn straight_through_tensor<'py>(
    logits: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    tau: &Bound<'py, PyAny>,
) -> Pair<'py> {
    let rows = Rows::new(logits, key)?;
    hard_and_soft(&rows, &rows.taus(tau)?)
}

#[pyfunction(name = "_torch_gumbel_max")]
fn gumbel_max<'py>(logits: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>) -> Tensor<'py> {
    let rows = Rows::new(logits, key)?;
    let mut out = Fresh::words(&rows.logits.tensor, rows.logits.batch())?;
    copy_indices(&rows.indices(draw::gumbel_max)?, out.words_mut()?);
    Ok(out.into_tensor())
}

#[pyfunction(name = "_torch_one_hot")]
fn one_hot<'py>(logits: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>) -> Tensor<'py> {
    let rows = Rows::new(logits, key)?;
    let indices = rows.indices(draw::gumbel_max)?.concat();
    let mut out = Fresh::like(&rows.logits.tensor)?;
    if !indices.is_empty() {
        draw::write_one_hot(&indices, rows.logits.k(), out.floats_mut()?);
    }
    Ok(out.into_tensor())
}

#[pyfunction(name = "_torch_top_k")]
fn top_k<'py>(logits: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>, k: i64) -> Tensor<'py> {
    let rows = Rows::new(logits, key)?;
    let count =
        usize::try_from(k).map_err(|_| PyValueError::new_err(format!("k must not be negative, got {k}")))?;
    let indices = rows.indices(|logits, k, stream| draw::top_k(logits, k, count, stream))?;
    let mut out = Fresh::words(&rows.logits.tensor, &[rows.logits.batch(), &[count]].concat())?;
    copy_indices(&indices, out.words_mut()?);
    Ok(out.into_tensor())
}

/// Noise of the shape and the type of a tensor of any device, on the CPU.
#[pyfunction(name = "_torch_noise")]
fn noise<'py>(like: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>, law: &str) -> Tensor<'py> {
    let (law, View { kind, shape, .. }) = (law_named(law)?, View::anywhere(like)?);
    check_floats("like", like, kind)?;
    let (k, batch) = shape.split_last().map_or((1, &[][..]), |(&k, batch)| (k, batch));
    let (count, streams) = (batch.iter().product(), Streams::new(key, batch, k)?);
    let mut out = Fresh::on_host(like, &shape)?;
    let parts = Part::all(count, [], [out.floats_mut()?]).divide(streams.pieces(k, &Taus::All(1.0)));
    let fill = |(Piece { stream, .. }, part): (Piece, Part<'_, 0, 1>)| {
        reals::run(&Noise { law, stream, before: part.first * k, k }, part)
    };
    run(like.py(), count * k, Layout::rows(&shape, batch.len()), parts, fill)?;
    Ok(out.into_tensor())
}

/// Logits with the streams of their noise.
struct Rows<'py> {
    logits: Floats<'py>,
    streams: Streams,
}

impl<'py> Rows<'py> {
    fn new(logits: &Bound<'py, PyAny>, key: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::of(Floats::rows("logits", logits)?, key)
    }

    fn of(logits: Floats<'py>, key: &Bound<'py, PyAny>) -> PyResult<Self> {
        let streams = Streams::new(key, logits.batch(), logits.k())?;
        Ok(Self { logits, streams })
    }

    /// Temperatures of one element, or of the shape of the logits with rows of one number.
    fn taus(&self, tau: &Bound<'py, PyAny>) -> PyResult<Taus> {
        Taus::new(tau, &[self.logits.batch(), &[1]].concat())
    }

    fn parts<'a, const O: usize>(
        &'a self,
        taus: &Taus,
        outputs: [SliceMut<'a>; O],
    ) -> PyResult<Vec<(Piece, Part<'a, 1, O>)>> {
        let all = Part::all(self.logits.count(), [self.logits.slice()?], outputs);
        Ok(all.divide(self.streams.pieces(self.logits.k(), taus)))
    }

    fn run<P: Send, R: Send>(
        &self,
        parts: Vec<P>,
        work: impl Fn(P) -> Result<R, Error> + Sync + Send,
    ) -> PyResult<Vec<R>> {
        let shape = &self.logits.shape;
        let layout = Layout::rows(shape, shape.len().saturating_sub(1));
        run(self.logits.tensor.py(), self.logits.len(), layout, parts, work)
    }

    /// The indices that a kernel samples, of part after part.
    fn indices(
        &self,
        kernel: impl Fn(Slice<'_>, usize, Stream) -> Result<Vec<u32>, Error> + Sync + Send,
    ) -> PyResult<Vec<Vec<u32>>> {
        let (parts, k) = (self.parts(&Taus::All(1.0), [])?, self.logits.k());
        let sample = |(piece, part): (Piece, Part<'_, 1, 0>)| {
            numbered(kernel(part.inputs[0], k, piece.stream), part.first)
        };
        self.run(parts, sample)
    }
}

fn relaxed<'py>(rows: &Rows<'py>, taus: &Taus, log: bool) -> Tensor<'py> {
    let (mut out, k) = (Fresh::like(&rows.logits.tensor)?, rows.logits.k());
    let parts = rows.parts(taus, [out.floats_mut()?])?;
    let sample = |(Piece { stream, tau }, part): (Piece, Part<'_, 1, 1>)| {
        let ([logits], [out]) = (part.inputs, part.outputs);
        numbered(draw::relaxed(Relaxed { k, tau, stream, log }, logits, out), part.first)
    };
    rows.run(parts, sample)?;
    Ok(out.into_tensor())
}

fn hard_and_soft<'py>(rows: &Rows<'py>, taus: &Taus) -> Pair<'py> {
    let [mut hard, mut soft] = [Fresh::like(&rows.logits.tensor)?, Fresh::like(&rows.logits.tensor)?];
    let k = rows.logits.k();
    let parts = rows.parts(taus, [hard.floats_mut()?, soft.floats_mut()?])?;
    let sample = |(Piece { stream, tau }, part): (Piece, Part<'_, 1, 2>)| {
        reals::run(&StraightThrough { k, tau, stream, first: part.first }, part)
    };
    rows.run(parts, sample)?;
    Ok((hard.into_tensor(), soft.into_tensor()))
}

/// A hard sample, and the relaxed one that it is the largest entry of.
struct StraightThrough {
    k: usize,
    tau: f64,
    stream: Stream,
    /// The row at which the stream starts.
    first: usize,
}

impl RealKernel<1, 2> for StraightThrough {
    fn run<T: Real>(
        &self,
        first: usize,
        [logits]: [&[T]; 1],
        [hard, soft]: [&mut [T]; 2],
    ) -> Result<(), Error> {
        let stream = self.stream.skip(((first - self.first) * self.k) as u64);
        let mut index = vec![0; logits.len().checked_div(self.k).unwrap_or(0)];
        kernels::gumbel_softmax_with_index(logits, self.k, temperature(self.tau)?, stream, soft, &mut index)?;
        hard.fill(T::zero());
        hard.chunks_exact_mut(self.k).zip(index).for_each(|(row, index)| row[index as usize] = T::one());
        Ok(())
    }
}

fn law_named(name: &str) -> PyResult<Law> {
    Law::named(name).ok_or_else(|| {
        PyValueError::new_err(format!(
            "unknown law of noise '{name:.60}'; expected uniform, exponential, gumbel, logistic or normal"
        ))
    })
}

fn copy_indices(indices: &[Vec<u32>], out: &mut [i64]) {
    out.iter_mut().zip(indices.iter().flatten()).for_each(|(out, &index)| *out = index.into());
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(softmax, module)?)?;
    module.add_function(wrap_pyfunction!(softmax_tensor, module)?)?;
    module.add_function(wrap_pyfunction!(log_softmax, module)?)?;
    module.add_function(wrap_pyfunction!(log_softmax_tensor, module)?)?;
    module.add_function(wrap_pyfunction!(straight_through, module)?)?;
    module.add_function(wrap_pyfunction!(straight_through_tensor, module)?)?;
    module.add_function(wrap_pyfunction!(gumbel_max, module)?)?;
    module.add_function(wrap_pyfunction!(one_hot, module)?)?;
    module.add_function(wrap_pyfunction!(top_k, module)?)?;
    module.add_function(wrap_pyfunction!(noise, module)?)
}

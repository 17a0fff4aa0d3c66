//! Samples.

use super::batch::{Batches, each};
use crate::draw::{self, Law, Relaxed};
use crate::parts::Part;
use crate::reals;
use crate::rows::shifted;
use crate::slice::{Slice, SliceMut, with_slice};
use crate::xla::{Handler, Operand, Output};
use gumbel_kernels::{self as kernels, Error, Real, Stream};

/// Operands: logits \[.., k\], key \[words\], tau \[\]. Result: a relaxed sample \[.., k\].
pub struct Softmax;

/// The same, and the result is the logarithm of the sample.
pub struct LogSoftmax;

/// The same as [`Softmax`], and a second result is the index of the exact sample \[..\].
pub struct SoftmaxWithIndex;

/// Operands: logits \[.., k\], key \[words\]. Result: the index of an exact sample \[..\].
pub struct Max;

/// Operands: logits \[.., k\], key \[words\]. Result: the indices of a sample without replacement \[.., count\].
pub struct TopK;

/// Operand: key \[words\]. Result: Gumbel noise \[..\].
pub struct Noise;

impl Handler for Softmax {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        relaxed(operands, results, false)
    }
}

impl Handler for LogSoftmax {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        relaxed(operands, results, true)
    }
}

impl Handler for SoftmaxWithIndex {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        let ([logits, key, tau], [out, index]) = (operands, results) else { panic!("3 operands, 2 results") };
        let rows = Rows::new(logits, key, &out.shape);
        let parts = floats(out, rows.size).into_iter().zip(words(index, rows.count())).collect();
        rows.each(parts, |batch, (out, index)| {
            with_index(rows.relaxed(batch, tau, false), rows.logits(batch), out, index)
        })
    }
}

impl Handler for Max {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        let ([logits, key], [index]) = (operands, results) else { panic!("2 operands, 1 result") };
        let rows = Rows::new(logits, key, &index.shape);
        rows.each(words(index, rows.count()), |batch, index| {
            let (stream, k) = (rows.stream(batch), rows.k);
            with_slice!(Slice, rows.logits(batch), logits => kernels::gumbel_max(logits, k, stream, index))
        })
    }
}

impl Handler for TopK {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        let ([logits, key], [index]) = (operands, results) else { panic!("2 operands, 1 result") };
        let rows = Rows::new(logits, key, &index.shape);
        let count = *index.shape.last().expect("an axis of the sample");
        rows.each(words(index, rows.count() * count), |batch, index| {
            let (stream, k) = (rows.stream(batch), rows.k);
            with_slice!(Slice, rows.logits(batch), logits => {
                kernels::gumbel_top_k(logits, k, count, stream, index)
            })
        })
    }
}

impl Handler for Noise {
    fn call(operands: &[Operand<'_>], results: &mut [Output<'_>]) -> Result<(), Error> {
        let ([key], [out]) = (operands, results) else { panic!("1 operand, 1 result") };
        let batches = Batches(out.shape[..key.shape.len() - 1].to_vec());
        let numbers = out.shape.iter().product();
        each(floats(out, numbers / batches.count().max(1)), numbers, |batch, out| {
            let noise = draw::Noise { law: Law::Gumbel, stream: batches.stream(batch, key), before: 0, k: 1 };
            reals::run(&noise, Part::all(out.len(), [], [out]))
        })
    }
}

/// The rows of logits of each batch.
struct Rows<'a> {
    batches: Batches,
    logits: &'a Operand<'a>,
    key: &'a Operand<'a>,
    k: usize,
    /// The numbers of a batch.
    size: usize,
}

impl<'a> Rows<'a> {
    /// `result` is the shape of a result. The key has one more axis than there are batch axes.
    fn new(logits: &'a Operand<'a>, key: &'a Operand<'a>, result: &[usize]) -> Self {
        let batches = Batches(result[..key.shape.len() - 1].to_vec());
        let k = *logits.shape.last().expect("logits have an axis of categories");
        let size = batches.size(logits);
        Self { batches, logits, key, k, size }
    }

    /// The number of rows of a batch.
    fn count(&self) -> usize {
        self.size / self.k.max(1)
    }

    fn logits(&self, batch: usize) -> Slice<'a> {
        let start = self.batches.place(batch, self.logits) * self.size;
        self.logits.floats().part(start, start + self.size)
    }

    fn stream(&self, batch: usize) -> Stream {
        self.batches.stream(batch, self.key)
    }

    fn relaxed(&self, batch: usize, tau: &Operand<'_>, log: bool) -> Relaxed {
        Relaxed { k: self.k, tau: self.batches.tau(batch, tau), stream: self.stream(batch), log }
    }

    /// Runs a computation for each batch. The rows of an error are counted through all batches.
    fn each<P: Send>(
        &self,
        parts: Vec<P>,
        run: impl Fn(usize, P) -> Result<(), Error> + Sync + Send,
    ) -> Result<(), Error> {
        each(parts, self.size * self.batches.count(), |batch, part| {
            run(batch, part).map_err(|error| shifted(as_given(error), batch * self.count()))
        })
    }
}

fn relaxed(operands: &[Operand<'_>], results: &mut [Output<'_>], log: bool) -> Result<(), Error> {
    let ([logits, key, tau], [out]) = (operands, results) else { panic!("3 operands, 1 result") };
    let rows = Rows::new(logits, key, &out.shape);
    rows.each(floats(out, rows.size), |batch, out| {
        draw::relaxed(rows.relaxed(batch, tau, log), rows.logits(batch), out)
    })
}

/// A relaxed and an exact sample of each row.
fn with_index(sample: Relaxed, logits: Slice<'_>, out: SliceMut<'_>, index: &mut [u32]) -> Result<(), Error> {
    fn together<T: Real>(
        sample: Relaxed,
        logits: &[T],
        out: &mut [T],
        index: &mut [u32],
    ) -> Result<(), Error> {
        let tau = crate::rows::temperature(sample.tau)?;
        kernels::gumbel_softmax_with_index(logits, sample.k, tau, sample.stream, out, index)
    }
    match (logits, out) {
        (Slice::F32(logits), SliceMut::F32(out)) => together(sample, logits, out, index),
        (Slice::F64(logits), SliceMut::F64(out)) => together(sample, logits, out, index),
        (logits, out) => {
            draw::relaxed(sample, logits, out)?;
            with_slice!(Slice, logits, logits => {
                kernels::gumbel_max(logits, sample.k, sample.stream, index)
            })
        }
    }
}

/// A temperature that was given in single precision, with the digits that it was given with.
fn as_given(error: Error) -> Error {
    match error {
        Error::Temperature(tau) if f64::from(tau as f32) == tau => {
            Error::Temperature((tau as f32).to_string().parse().unwrap_or(tau))
        }
        other => other,
    }
}

/// The parts of a result, of `size` numbers each.
fn floats<'a>(out: &'a mut Output<'_>, size: usize) -> Vec<SliceMut<'a>> {
    let size = size.max(1);
    match out.floats() {
        SliceMut::F16(out) => out.chunks_mut(size).map(SliceMut::F16).collect(),
        SliceMut::Bf16(out) => out.chunks_mut(size).map(SliceMut::Bf16).collect(),
        SliceMut::F32(out) => out.chunks_mut(size).map(SliceMut::F32).collect(),
        SliceMut::F64(out) => out.chunks_mut(size).map(SliceMut::F64).collect(),
    }
}

fn words<'a>(out: &'a mut Output<'_>, size: usize) -> Vec<&'a mut [u32]> {
    out.words().chunks_mut(size.max(1)).collect()
}

//! Samples.

use super::batch::{Batches, each};
use crate::draw::{self, Relaxed};
use crate::rows::shifted;
use crate::slice::{Slice, SliceMut, with_slice};
use crate::threads::SHARED;
use crate::xla::{Handler, Numbers, NumbersMut, Operand, Output};
use gumbel_kernels::{self as kernels, Error, Real, Stream};
use rayon::prelude::*;

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
            gumbel(batches.stream(batch, key), out);
            Ok(())
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
    /// `result` is the shape of a result. The key has one axis besides those of the batches.
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
        let Numbers::Floats(logits) = self.logits.numbers else { panic!("logits are floats") };
        let start = self.batches.place(batch, self.logits) * self.size;
        logits.part(start, start + self.size)
    }

    fn stream(&self, batch: usize) -> Stream {
        self.batches.stream(batch, self.key)
    }

    fn relaxed(&self, batch: usize, tau: &Operand<'_>, log: bool) -> Relaxed {
        Relaxed { k: self.k, tau: self.batches.tau(batch, tau), stream: self.stream(batch), log }
    }

    /// Runs a computation for each batch. The rows of an error are counted through all batches.
    fn each<Part: Send>(
        &self,
        parts: Vec<Part>,
        run: impl Fn(usize, Part) -> Result<(), Error> + Sync,
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

/// Standard Gumbel noise. In half precision it is that of single precision, rounded.
fn gumbel(stream: Stream, out: SliceMut<'_>) {
    match out {
        SliceMut::F32(out) => kernels::noise::gumbel(stream, out),
        SliceMut::F64(out) => kernels::noise::gumbel(stream, out),
        half => rounded_gumbel(stream, half),
    }
}

fn rounded_gumbel(stream: Stream, out: SliceMut<'_>) {
    /// Numbers that are drawn before they are rounded: they fit into the first-level cache.
    const CHUNK: usize = 8192;
    let (numbers, parts) = (out.len(), chunks(out, CHUNK));
    let fill = |(part, out): (usize, SliceMut<'_>)| {
        let mut single = vec![0f32; out.len()];
        kernels::noise::gumbel(stream.skip((part * CHUNK) as u64), &mut single);
        out.write(&single);
    };
    if numbers < SHARED {
        parts.into_iter().enumerate().for_each(fill);
    } else {
        parts.into_par_iter().enumerate().for_each(fill);
    }
}

/// The parts of a result, of `size` numbers each.
fn floats<'a>(out: &'a mut Output<'_>, size: usize) -> Vec<SliceMut<'a>> {
    let NumbersMut::Floats(out) = &mut out.numbers else { panic!("the result is of floats") };
    let all = out.len();
    chunks(out.part(0, all), size)
}

fn chunks(numbers: SliceMut<'_>, size: usize) -> Vec<SliceMut<'_>> {
    let size = size.max(1);
    match numbers {
        SliceMut::F16(out) => out.chunks_mut(size).map(SliceMut::F16).collect(),
        SliceMut::Bf16(out) => out.chunks_mut(size).map(SliceMut::Bf16).collect(),
        SliceMut::F32(out) => out.chunks_mut(size).map(SliceMut::F32).collect(),
        SliceMut::F64(out) => out.chunks_mut(size).map(SliceMut::F64).collect(),
    }
}

fn words<'a>(out: &'a mut Output<'_>, size: usize) -> Vec<&'a mut [u32]> {
    let NumbersMut::Words(out) = &mut out.numbers else { panic!("the result is of integers") };
    out.chunks_mut(size.max(1)).collect()
}

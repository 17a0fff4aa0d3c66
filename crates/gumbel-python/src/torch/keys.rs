//! Keys: tensors of int64 that say where noise begins, as bit patterns of a stream's seed, its id and, if there are three,
//! its position.

use super::tensors::{Floats, in_new_memory};
use crate::dlpack::View;
use crate::noise::Noise;
use gumbel_kernels::Stream;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::ops::Range;

/// Rows with one stream and one temperature.
#[derive(Clone, Copy)]
pub struct Piece {
    pub stream: Stream,
    pub tau: f64,
}

/// The temperatures of rows.
pub enum Taus {
    All(f64),
    Each(Vec<f64>),
}

impl Taus {
    /// Those of a tensor with one element, or with one for each row and the shape of these.
    pub fn new(tau: &Bound<'_, PyAny>, shape: &[usize]) -> PyResult<Self> {
        let floats = Floats::new("tau", tau)?;
        let numbers = floats.slice()?.double();
        match *numbers {
            [tau] => Ok(Self::All(tau)),
            _ if floats.shape == shape => Ok(Self::Each(numbers.into_owned())),
            _ => {
                let text =
                    format!("tau must have one element or shape {shape:?}, got shape {:?}", floats.shape);
                Err(PyValueError::new_err(text))
            }
        }
    }

    /// Pieces of rows with one temperature, with their numbers of rows.
    pub fn pieces(&self, rows: Range<usize>) -> Vec<(usize, f64)> {
        if rows.is_empty() {
            return vec![];
        }
        match self {
            Self::All(tau) => vec![(rows.len(), *tau)],
            Self::Each(taus) => {
                let same = taus[rows].chunk_by(|a, b| a.to_bits() == b.to_bits());
                same.map(|taus| (taus.len(), taus[0])).collect()
            }
        }
    }
}

/// The streams of rows: one for all of them, or one for each block of as many rows.
pub struct Streams {
    starts: Vec<Stream>,
    rows: usize,
}

impl Streams {
    /// Those of a key, for rows of `k` numbers in axes of lengths `batch`.
    pub fn new(key: &Bound<'_, PyAny>, batch: &[usize], k: usize) -> PyResult<Self> {
        let view = View::of(key)?;
        if !view.in_order {
            return Self::new(&in_new_memory(key)?, batch, k);
        }
        let words: &[i64] = view.slice().ok_or_else(|| {
            let dtype = key.getattr("dtype").map(|dtype| dtype.to_string()).unwrap_or_default();
            PyTypeError::new_err(format!("a key must be int64, got {dtype}"))
        })?;
        let (width, leading) = match view.shape.split_last() {
            Some((&width @ 2..=3, leading)) => (width, leading),
            _ => return Err(key_shape(&view.shape, batch)),
        };
        let rest = batch.strip_prefix(leading).ok_or_else(|| key_shape(&view.shape, batch))?;
        let rows = rest.iter().product();
        let starts =
            words.chunks_exact(width).map(|words| start(words, rows * k)).collect::<PyResult<_>>()?;
        Ok(Self { starts, rows })
    }

    /// Pieces with a stream and a temperature each, with their numbers of rows.
    pub fn pieces(&self, k: usize, taus: &Taus) -> Vec<(usize, Piece)> {
        let mut pieces = Vec::with_capacity(1);
        for (block, &start) in self.starts.iter().enumerate() {
            let mut stream = start;
            for (count, tau) in taus.pieces(block * self.rows..(block + 1) * self.rows) {
                pieces.push((count, Piece { stream, tau }));
                stream = stream.skip((count * k) as u64);
            }
        }
        pieces
    }
}

fn key_shape(key: &[usize], batch: &[usize]) -> PyErr {
    PyValueError::new_err(format!(
        "a key must have shape [2] or [3], with leading axes that are those of the logits, {batch:?}, or the first of them; got {key:?}"
    ))
}

/// The stream of a key, with room for as many numbers.
fn start(words: &[i64], numbers: usize) -> PyResult<Stream> {
    let position = words.get(2).map_or(0, |&word| word as u64);
    match position.checked_add(numbers as u64) {
        Some(..crate::noise::END) => Ok(Stream::from_parts(words[0] as u64, words[1] as u64, position)),
        _ => Err(PyValueError::new_err(format!(
            "the position of a key must be from 0 to 2**62, with room for {numbers} numbers; got {}",
            words[2]
        ))),
    }
}

/// The words of a key at the position of a noise, which moves past `count` numbers.
#[pyfunction(name = "_torch_key")]
fn key(noise: &Bound<'_, Noise>, count: u64) -> PyResult<[i64; 3]> {
    let (seed, id, position) = noise.get().next(count)?.parts();
    Ok([seed, id, position].map(|word| word as i64))
}

/// The words of the keys of `noise.split(i)`, for `i` from 0 to `n`.
#[pyfunction(name = "_torch_keys")]
fn keys(noise: &Bound<'_, Noise>, n: u64) -> Vec<[i64; 3]> {
    let split = |label| {
        let (seed, id, position) = noise.get().stream().split(label).parts();
        [seed, id, position].map(|word| word as i64)
    };
    (0..n).map(split).collect()
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(key, module)?)?;
    module.add_function(wrap_pyfunction!(keys, module)?)
}

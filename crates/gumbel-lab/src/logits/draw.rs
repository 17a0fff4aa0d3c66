//! Draws, a part of the rows at a time.

use super::{Error, Number, Sink, Source};
use gumbel_kernels::{Error as Refused, Stream, gumbel_max, gumbel_softmax, gumbel_top_k};

/// How a row of logits becomes a draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    /// One index.
    Index,
    /// So many different indices, in the order in which they were drawn.
    TopK(usize),
    /// A point inside the simplex, at a temperature.
    Relaxed(f64),
}

impl How {
    /// Refuses what no row can be drawn by.
    ///
    /// # Errors
    /// A temperature that is none; [`Error::TopK`] of rows of `categories`.
    fn check(self, categories: usize) -> Result<(), Error> {
        match self {
            Self::TopK(count) if !(1..=categories).contains(&count) => Err(Error::TopK { count, categories }),
            Self::Relaxed(tau) => Ok(gumbel_kernels::check_temperature(tau)?),
            _ => Ok(()),
        }
    }
}

/// Numbers read at a time: 4 MiB in single precision.
pub const PART: usize = 1 << 20;

/// Draws for every row of `source` and writes to `sink`; at most `part` numbers are held at a time, or one row. Returns the
/// number of rows.
///
/// ```text
/// index:    argmaxᵢ (θ[r, i] + g[r·k + i])        top k: the k largest, in order
/// relaxed:  softmaxᵢ((θ[r, i] + g[r·k + i]) / τ),  g the Gumbel noise of the stream
/// ```
///
/// # Errors
/// What [`Source::read`] refuses; rows that cannot be sampled, by their number; a place that cannot be written.
///
/// ```
/// use gumbel_kernels::{Stream, gumbel_max};
/// use gumbel_lab::logits::{How, PART, Sink, Source, draw};
/// let mut source = Source::open(&b"0,1,2\n3,4,-inf\n"[..], None, None)?;
/// let mut text = Vec::new();
/// let rows = draw(&mut source, How::Index, Stream::new(7), PART, &mut Sink::text(&mut text))?;
/// let mut direct = [0; 2];
/// gumbel_max(&[0.0f32, 1.0, 2.0, 3.0, 4.0, f32::NEG_INFINITY], 3, Stream::new(7), &mut direct)?;
/// assert_eq!((rows, text), (2, format!("{}\n{}\n", direct[0], direct[1]).into_bytes()));
/// # Ok::<(), gumbel_lab::logits::Error>(())
/// ```
pub fn draw(
    source: &mut Source,
    how: How,
    stream: Stream,
    part: usize,
    sink: &mut Sink,
) -> Result<u64, Error> {
    if source.double() {
        all::<f64>(source, how, stream, part, sink)
    } else {
        all::<f32>(source, how, stream, part, sink)
    }
}

fn all<T: Number>(
    source: &mut Source,
    how: How,
    stream: Stream,
    part: usize,
    sink: &mut Sink,
) -> Result<u64, Error> {
    let (mut values, mut row) = (Vec::<T>::new(), 0);
    loop {
        let categories = source.read(part, &mut values)?;
        how.check(categories)?;
        if values.is_empty() {
            return Ok(row);
        }
        let here = stream.skip(row * categories as u64);
        some(&values, categories, how, here, sink).map_err(|error| placed(error, row))?;
        row += (values.len() / categories) as u64;
    }
}

/// The draws of some rows.
fn some<T: Number>(values: &[T], k: usize, how: How, stream: Stream, sink: &mut Sink) -> Result<(), Error> {
    let rows = values.len() / k;
    match how {
        How::Index => {
            let mut drawn = vec![0; rows];
            gumbel_max(values, k, stream, &mut drawn)?;
            sink.indices(&drawn, 1)
        }
        How::TopK(count) => {
            let mut drawn = vec![0; rows * count];
            gumbel_top_k(values, k, count, stream, &mut drawn)?;
            sink.indices(&drawn, count)
        }
        How::Relaxed(tau) => {
            let mut drawn = vec![T::zero(); values.len()];
            gumbel_softmax(values, k, T::from_f64(tau), stream, &mut drawn)?;
            sink.numbers(&drawn, k)
        }
    }
}

/// An error with the row's number in the whole file.
fn placed(error: Error, first: u64) -> Error {
    let first = first as usize;
    Error::Kernel(match error {
        Error::Kernel(Refused::Logit { row, column, value }) => {
            Refused::Logit { row: first + row, column, value }
        }
        Error::Kernel(Refused::AllMasked { row }) => Refused::AllMasked { row: first + row },
        Error::Kernel(Refused::TooFew { row, requested, available }) => {
            Refused::TooFew { row: first + row, requested, available }
        }
        other => return other,
    })
}

//! Samples rows of logits in parts.

use super::{Error, LogitReader, Number, SampleWriter};
use gumbel_kernels::{Error as KernelError, Stream, gumbel_max, gumbel_softmax, gumbel_top_k};

/// The kind of sample that is drawn from a row of logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampler {
    /// One index.
    Index,
    /// This many different indices, without replacement, in the order drawn.
    TopK(usize),
    /// A relaxed sample, a point inside the simplex, at this temperature.
    Relaxed(f64),
}

impl Sampler {
    /// Checks that rows of `categories` can be sampled.
    ///
    /// # Errors
    /// [`Error::Temperature`], [`Error::NarrowTemperature`]; [`Error::TopK`].
    fn check<T: Number>(self, categories: usize) -> Result<(), Error> {
        match self {
            Self::TopK(count) if !(1..=categories).contains(&count) => Err(Error::TopK { count, categories }),
            Self::Relaxed(tau) => {
                gumbel_kernels::check_temperature(tau).map_err(|_| Error::Temperature(tau))?;
                if T::from_f64(tau).is_normal() { Ok(()) } else { Err(Error::narrow::<T>(tau)) }
            }
            _ => Ok(()),
        }
    }
}

/// Default number of logits per part: 1 MiB in single precision, so that a part and its samples stay in a cache.
pub const PART: usize = 1 << 18;

/// Samples every row of `reader` and writes to `writer`. Memory holds at most `part` numbers, or one row. Returns the number
/// of rows.
///
/// ```text
/// index:    argmaxᵢ (θ[r, i] + g[r·k + i])        top k: the k largest, in order
/// relaxed:  softmaxᵢ((θ[r, i] + g[r·k + i]) / τ),  g the Gumbel noise of the stream
/// ```
///
/// # Errors
/// Those of [`LogitReader::read`]; rows that cannot be sampled, by their number; output that cannot be written.
///
/// ```
/// use gumbel_kernels::{Stream, gumbel_max};
/// use gumbel_lab::logits::{LogitReader, PART, SampleWriter, Sampler, draw};
/// let mut reader = LogitReader::open(&b"0,1,2\n3,4,-inf\n"[..], None, None)?;
/// let mut text = Vec::new();
/// let rows = draw(&mut reader, Sampler::Index, Stream::new(7), PART, &mut SampleWriter::text(&mut text))?;
/// let mut direct = [0; 2];
/// gumbel_max(&[0.0f32, 1.0, 2.0, 3.0, 4.0, f32::NEG_INFINITY], 3, Stream::new(7), &mut direct)?;
/// assert_eq!((rows, text), (2, format!("{}\n{}\n", direct[0], direct[1]).into_bytes()));
/// # Ok::<(), gumbel_lab::logits::Error>(())
/// ```
pub fn draw(
    reader: &mut LogitReader,
    sampler: Sampler,
    stream: Stream,
    part: usize,
    writer: &mut SampleWriter,
) -> Result<u64, Error> {
    if reader.double() {
        draw_all::<f64>(reader, sampler, stream, part, writer)
    } else {
        draw_all::<f32>(reader, sampler, stream, part, writer)
    }
}

fn draw_all<T: Number>(
    reader: &mut LogitReader,
    sampler: Sampler,
    stream: Stream,
    part: usize,
    writer: &mut SampleWriter,
) -> Result<u64, Error> {
    let (mut values, mut row) = (Vec::<T>::new(), 0);
    loop {
        let categories = reader.read(part, &mut values)?;
        sampler.check::<T>(categories)?;
        if values.is_empty() {
            return Ok(row);
        }
        let here = stream.skip(row * categories as u64);
        draw_part(&values, categories, sampler, here, writer).map_err(|error| placed(error, row))?;
        row += (values.len() / categories) as u64;
    }
}

/// Samples some rows.
fn draw_part<T: Number>(
    values: &[T],
    k: usize,
    sampler: Sampler,
    stream: Stream,
    writer: &mut SampleWriter,
) -> Result<(), Error> {
    let rows = values.len() / k;
    match sampler {
        Sampler::Index => {
            let mut drawn = vec![0; rows];
            gumbel_max(values, k, stream, &mut drawn)?;
            writer.indices(&drawn, 1)
        }
        Sampler::TopK(count) => {
            let mut drawn = vec![0; rows * count];
            gumbel_top_k(values, k, count, stream, &mut drawn)?;
            writer.indices(&drawn, count)
        }
        Sampler::Relaxed(tau) => {
            let mut drawn = vec![T::zero(); values.len()];
            gumbel_softmax(values, k, T::from_f64(tau), stream, &mut drawn)?;
            writer.numbers(&drawn, k)
        }
    }
}

/// The error with the number of the row in the file.
fn placed(error: Error, first: u64) -> Error {
    let first = first as usize;
    Error::Kernel(match error {
        Error::Kernel(KernelError::Logit { row, column, value }) => {
            KernelError::Logit { row: first + row, column, value }
        }
        Error::Kernel(KernelError::AllMasked { row }) => KernelError::AllMasked { row: first + row },
        Error::Kernel(KernelError::TooFew { row, requested, available }) => {
            KernelError::TooFew { row: first + row, requested, available }
        }
        other => return other,
    })
}

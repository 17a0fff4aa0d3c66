//! Samples rows of logits in parts.

use super::part::Part;
use super::placed::placed;
use super::stored_rows::Buffer;
use super::writer::Encoding;
use super::{Error, LogitReader, Number, Request, SampleWriter};
use gumbel_kernels::{Error as KernelError, Stream};
use rayon::prelude::*;

/// Default number of logits per part, which one thread reads and samples: 256 KiB in single precision, so that a part and its
/// samples stay in a cache.
pub const PART: usize = 1 << 16;
/// Limit on the numbers of all parts that are held together, if each has more than a row.
const HELD: usize = 1 << 23;
/// Parts for each thread that are held together: enough for threads to end at about the same time.
const PARTS: usize = 16;
/// The same for parts of which only the samples are held, since the rows are read when they are sampled.
const STORED_PARTS: usize = 64;

/// Samples the rows of `reader` and writes to `writer`. Threads sample parts of about `part` numbers, or one row. Memory holds at
/// most some tens of parts for each thread, or two rows and the samples of two more. Returns the number of rows.
///
/// ```text
/// index:    argmaxᵢ (θ[r, i] + g[r·k + i])        top k: the k largest, in order
/// relaxed:  softmaxᵢ((θ[r, i] + g[r·k + i]) / τ),  g the Gumbel noise of the stream; of its split n for draw n > 0
/// ```
///
/// Row r is that of the file, whichever rows are selected: so parts of a file give parts of its samples.
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
    request: impl Into<Request>,
    stream: Stream,
    part: usize,
    writer: &mut SampleWriter,
) -> Result<u64, Error> {
    let (request, encoding) = (request.into(), writer.encoding());
    if reader.double() {
        draw_all::<f64>(reader, Batch { request, stream, encoding }, part, writer)
    } else {
        draw_all::<f32>(reader, Batch { request, stream, encoding }, part, writer)
    }
}

/// What is done with all parts that are held together.
#[derive(Clone, Copy)]
struct Batch {
    request: Request,
    stream: Stream,
    encoding: Encoding,
}

/// Samples of parts, in the form in which they are written.
#[derive(Default)]
struct Drawn {
    parts: Vec<Vec<u8>>,
    /// The row behind the last.
    end: u64,
    /// The error of the part that follows.
    error: Option<Error>,
}

fn draw_all<T: Number>(
    reader: &mut LogitReader,
    batch: Batch,
    part: usize,
    writer: &mut SampleWriter,
) -> Result<u64, Error> {
    let range = reader.range();
    let (mut drawn, mut ahead) = (Drawn { end: range.start, ..Drawn::default() }, Ok(Vec::new()));
    loop {
        let parts = ahead.and_then(|parts| match parts.is_empty() {
            true => read::<T>(reader, batch.request, part, true),
            false => Ok(parts),
        });
        let parts = match parts {
            Ok(parts) if !parts.is_empty() => parts,
            // What was drawn is written also if what follows cannot be read.
            end => return write(&drawn, writer).and(end).map(|_| drawn.end - range.start),
        };
        let (k, first) = (reader.categories(), drawn.end);
        writer.set_type(batch.request.row_type::<T>(k));
        let mut next = Drawn::default();
        let written;
        (written, ahead) = rayon::in_place_scope(|scope| {
            scope.spawn(|_| next = batch.draw(parts, k, first, range.end));
            (write(&drawn, writer), read::<T>(reader, batch.request, part, false))
        });
        drawn = next;
        written?;
        if let Some(error) = drawn.error.take() {
            return write(&drawn, writer).and(Err(error));
        }
        reader.counted(drawn.end);
    }
}

/// The parts that are sampled next; those that are not text must be the `first` after rows were counted.
fn read<T: Number>(
    reader: &mut LogitReader,
    request: Request,
    part: usize,
    first: bool,
) -> Result<Vec<Part<T>>, Error> {
    let numbers = (part / request.draws()).max(1);
    let (mut parts, mut most) = (Vec::new(), 1);
    while parts.len() < most {
        let Some(part) = reader.part::<T>(numbers, first && parts.is_empty())? else { break };
        let share = if matches!(part, Part::Stored(_)) { STORED_PARTS } else { PARTS };
        parts.push(part);
        request.check::<T>(reader.categories())?;
        let each = numbers.max(reader.categories()).saturating_mul(request.draws());
        most = (HELD / each).clamp(1, share * rayon::current_num_threads());
    }
    Ok(parts)
}

fn write(drawn: &Drawn, writer: &mut SampleWriter) -> Result<(), Error> {
    drawn.parts.iter().try_for_each(|bytes| writer.write(bytes))
}

impl Batch {
    /// Samples parts, of which the first begins with row `first`.
    fn draw<T: Number>(self, parts: Vec<Part<T>>, k: usize, first: u64, until: Option<u64>) -> Drawn {
        let (parts, end, error) = placed(parts, k, first, until);
        let draw = |buffer: &mut Buffer<T>, (row, part): &(u64, Part<T>)| {
            self.part(part.values(buffer)?, k, *row).map_err(|error| numbered(error, *row))
        };
        let results: Vec<Result<Vec<u8>, Error>> = parts.par_iter().map_init(Buffer::default, draw).collect();
        let mut drawn = Drawn { parts: Vec::with_capacity(results.len()), end, error };
        for result in results {
            match result {
                Ok(bytes) => drawn.parts.push(bytes),
                Err(error) => return Drawn { error: Some(error), ..drawn },
            }
        }
        drawn
    }

    fn part<T: Number>(self, values: &[T], k: usize, row: u64) -> Result<Vec<u8>, Error> {
        let (here, width) = (self.stream.skip(row * k as u64), self.request.row_type::<T>(k).width());
        let (indices, numbers) = (
            |drawn: &[u32]| self.encoding.bytes(drawn, width),
            |drawn: &[T]| self.encoding.bytes(drawn, width),
        );
        Ok(self.request.sample(values, k, here, indices, numbers)?)
    }
}

/// The error with the number of the row in the file.
fn numbered(error: Error, first: u64) -> Error {
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

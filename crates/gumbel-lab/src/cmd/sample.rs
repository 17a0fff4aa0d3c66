//! `gumbel sample`: samples rows of logits.

use crate::logits::{
    Error, Format, LogitReader, PART, Request, RowRange, SampleWriter, Sampler, Truncation, draw,
};
use crate::support::atomic_file;
use crate::support::interrupt::exit_at_a_signal;
use crate::support::output_file::OutputFile;
use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use gumbel_kernels::Stream;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, stdin, stdout};
use std::path::{Path, PathBuf};

/// Sample every row of logits in a file
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gumbel sample logits.npy --out samples.npy                one index per row
  gumbel sample logits.csv --distinct 5                     five different indices per row
  gumbel sample logits.npy --draws 100 --out samples.npy    a hundred indices per row
  gumbel sample logits.npy --top-k 50 --top-p 0.9           only among the most probable categories
  gumbel sample logits.npy --rows 1000..2000                the same rows of the full output
  gumbel sample model.safetensors --tensor logits --tau 0.5 --out relaxed.safetensors
  zcat logits.csv.gz | gumbel sample - --seed 3 --out - > samples.csv

A logit of -inf masks its category. The file may be larger than memory: some parts of it are held, or one row.

--draws N writes N draws after each other in the line of their row; in an array they are a dimension after the
rows: [rows, N], [rows, N, M] with --distinct M, [rows, N, categories] with --tau. Draw 0 is that without --draws.

--top-k, --top-p and --min-p mask categories before drawing, in this order; each applies to what the ones before
it keep. Probabilities are softmax(logits), compared as logits, in double precision. The noise of a category does
not depend on them.

--rows draws for some rows of a file, as they are drawn for all: number r * categories + i of the noise belongs to
logit i of row r (of split n of the noise, for draw n > 0). Outputs as csv concatenate to that of the full file;
arrays do behind their headers of 128 (npy) or 160 bytes (safetensors). In binary files nothing before the first
row is read; lines of text are counted, not checked.

Text is read and sampled in double precision, binary files in their own; relaxed samples are written in
that precision, as text with all digits that reading them back takes. A number has at most 4096 characters
and a row of text 100 million numbers. A last line without a line end is sampled, with a warning: the
file may have been cut within its last number. A file that was cut at a line end cannot be told from a
shorter one.")]
pub struct Sample {
    /// File of logits, one row per distribution: .npy, .csv or .safetensors; - is standard input
    #[arg(value_name = "FILE")]
    pub logits: PathBuf,
    /// Number of different indices per draw, at least 1, drawn without replacement [default: one index]
    #[arg(long, value_name = "M", conflicts_with = "tau", allow_negative_numbers = true)]
    #[arg(value_parser = positive)]
    pub distinct: Option<usize>,
    /// Temperature of relaxed samples, above 0: one number per category instead of an index
    #[arg(long, value_name = "TAU", allow_negative_numbers = true)]
    pub tau: Option<f64>,
    /// Number of independent draws per row, at least 1
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub draws: Option<u32>,
    /// Number of largest logits to draw from; of equal ones the lowest indices; all if there are fewer
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = positive)]
    pub top_k: Option<usize>,
    /// Probability to draw from, above 0 and at most 1: the fewest largest logits that reach it; of equal ones the lowest indices
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub top_p: Option<f64>,
    /// Least probability to draw, relative to the largest, from 0 to 1; a category exactly at it is kept
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub min_p: Option<f64>,
    /// Rows to draw for, from A up to but not including B, counted from 0; A.. goes to the end, ..B begins at 0
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    pub rows: Option<RowRange>,
    /// Name of the tensor, for a safetensors file with several
    #[arg(long, value_name = "NAME")]
    pub tensor: Option<String>,
    /// Format of the logits [default: by the file name, else by the first bytes]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// First line of a csv file: names of columns, to be skipped
    #[arg(long, conflicts_with = "no_header")]
    pub header: bool,
    /// First line of a csv file: logits, also if they count 0, 1, 2 as names of columns do
    #[arg(long)]
    pub no_header: bool,
    /// Random seed
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = whole)]
    pub seed: u64,
    /// Number of threads; 0 uses one per core; results do not depend on it
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1024))]
    pub threads: u32,
    /// File to write: .npy, .csv or .safetensors; - is standard output, as csv [default: -]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("it must be a whole number from 0 to {}", u64::MAX))
}

fn positive(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number >= 1);
    number.ok_or_else(|| "it must be a whole number from 1".into())
}

/// Samples every row and writes to a file or to standard output.
///
/// # Errors
/// A file that is missing or invalid, rows that cannot be sampled, or output that cannot be written.
pub fn run(options: &Sample) -> Result<()> {
    check(options)?;
    exit_at_a_signal(|| {});
    crate::parallel::pool(options.threads as usize)?.install(|| sample(options))
}

/// Checks probabilities before the file is opened.
fn check(options: &Sample) -> Result<()> {
    let name = |option, range| move |p: f64| anyhow!("{option} must be {range}, got {p}");
    let top = options.top_p.filter(|&p| !(p > 0.0 && p <= 1.0));
    let min = options.min_p.filter(|p| !(0.0..=1.0).contains(p));
    let error = top.map(name("--top-p", "above 0 and at most 1")).or(min.map(name("--min-p", "from 0 to 1")));
    error.map_or(Ok(()), Err)
}

fn sample(options: &Sample) -> Result<()> {
    let out = options.out.as_deref().filter(|path| !is_standard(path));
    let out = out.map(|path| Ok::<_, anyhow::Error>((path, format(path)?))).transpose()?;
    let mut reader = open(options).with_context(|| name(options))?;
    let request = request(options);
    let Some((path, format)) = out else {
        let writer = SampleWriter::text(BufWriter::new(stdout().lock()));
        return unless_closed(write(&mut reader, request, options, writer)).with_context(|| name(options));
    };
    // The file in full, or not at all.
    let refused = |error: &std::io::Error| anyhow!(atomic_file::refused(path, error));
    let mut output = OutputFile::create(path).map_err(|error| refused(&error))?;
    match write(&mut reader, request, options, SampleWriter::file(format, output.file())) {
        Err(Error::Unwritable(error)) => Err(refused(&error)),
        Err(error) => Err(error).with_context(|| name(options)),
        Ok(()) => output.place().map_err(|error| refused(&error)),
    }
}

fn request(options: &Sample) -> Request {
    let sampler = match (options.distinct, options.tau) {
        (Some(count), _) => Sampler::TopK(count),
        (None, Some(tau)) => Sampler::Relaxed(tau),
        (None, None) => Sampler::Index,
    };
    let Sample { top_k, top_p, min_p, draws, .. } = *options;
    Request { sampler, truncation: Truncation { top_k, top_p, min_p }, draws }
}

/// Samples all rows and completes the output.
fn write(
    reader: &mut LogitReader,
    request: Request,
    options: &Sample,
    mut writer: SampleWriter,
) -> Result<(), Error> {
    draw(reader, request, Stream::new(options.seed), PART, &mut writer)?;
    writer.finish()?;
    reader.doubts().iter().for_each(|doubt| eprintln!("warning: {}: {doubt}", name(options)));
    Ok(())
}

/// A reader that closes standard output early, as `head` does, is not an error.
fn unless_closed(written: Result<(), Error>) -> Result<(), Error> {
    match written {
        Err(Error::Unwritable(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn open(options: &Sample) -> Result<LogitReader> {
    let (path, tensor) = (&options.logits, options.tensor.as_deref());
    let mut reader = if is_standard(path) {
        LogitReader::open(stdin(), options.format, tensor)?
    } else {
        let file =
            File::open(path).map_err(|error| anyhow!("cannot read the file: {error}; check the path"))?;
        ensure!(!path.is_dir(), "expected a file, got a folder; name a file in it");
        LogitReader::open_file(file, options.format.or_else(|| Format::of(path)), tensor)?
    };
    if options.header || options.no_header {
        reader.set_header(options.header)?;
    }
    options.rows.map_or(Ok(()), |rows| reader.select(rows))?;
    Ok(reader)
}

/// Whether a path means standard input or output.
fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn name(options: &Sample) -> String {
    if is_standard(&options.logits) { "standard input".into() } else { options.logits.display().to_string() }
}

fn format(out: &Path) -> Result<Format> {
    let expected = || format!("--out must end in .npy, .csv or .safetensors, or be -, got {}", out.display());
    Format::of(out).with_context(expected)
}

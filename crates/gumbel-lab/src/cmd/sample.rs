//! `gumbel sample`: samples rows of logits.

use crate::logits::{Error, Format, LogitReader, PART, SampleWriter, Sampler, draw};
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
  gumbel sample logits.csv --top-k 5                        five different indices per row
  gumbel sample model.safetensors --tensor logits --tau 0.5 --out relaxed.safetensors
  zcat logits.csv.gz | gumbel sample - --seed 3 --out - > samples.csv

A logit of -inf masks its category. The file may be larger than memory: a part of it is held, and one row.

Text is read and sampled in double precision, binary files in their own; relaxed samples are written in
that precision, as text with all digits that reading them back takes. A number has at most 4096 characters
and a row of text 100 million numbers. A last line without a line end is sampled, with a warning: the
file may have been cut within its last number. A file that was cut at a line end cannot be told from a
shorter one.")]
pub struct Sample {
    /// File of logits, one row per distribution: .npy, .csv or .safetensors; - is standard input
    #[arg(value_name = "FILE")]
    pub logits: PathBuf,
    /// Number of different indices per row, at least 1, drawn without replacement [default: one index]
    #[arg(long, value_name = "N", conflicts_with = "tau", allow_negative_numbers = true)]
    #[arg(value_parser = positive)]
    pub top_k: Option<usize>,
    /// Temperature of relaxed samples, above 0: one number per category instead of an index
    #[arg(long, value_name = "TAU", allow_negative_numbers = true)]
    pub tau: Option<f64>,
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
    exit_at_a_signal(|| {});
    crate::parallel::pool(options.threads as usize)?.install(|| sample(options))
}

fn sample(options: &Sample) -> Result<()> {
    let out = options.out.as_deref().filter(|path| !is_standard(path));
    let out = out.map(|path| Ok::<_, anyhow::Error>((path, format(path)?))).transpose()?;
    let mut reader = open(options).with_context(|| name(options))?;
    let sampler = match (options.top_k, options.tau) {
        (Some(count), _) => Sampler::TopK(count),
        (None, Some(tau)) => Sampler::Relaxed(tau),
        (None, None) => Sampler::Index,
    };
    let Some((path, format)) = out else {
        let writer = SampleWriter::text(BufWriter::new(stdout().lock()));
        return unless_closed(write(&mut reader, sampler, options, writer)).with_context(|| name(options));
    };
    // The file in full, or not at all.
    let refused = |error: &std::io::Error| anyhow!(atomic_file::refused(path, error));
    let mut output = OutputFile::create(path).map_err(|error| refused(&error))?;
    match write(&mut reader, sampler, options, SampleWriter::file(format, output.file())) {
        Err(Error::Unwritable(error)) => Err(refused(&error)),
        Err(error) => Err(error).with_context(|| name(options)),
        Ok(()) => output.place().map_err(|error| refused(&error)),
    }
}

/// Samples all rows and completes the output.
fn write(
    reader: &mut LogitReader,
    sampler: Sampler,
    options: &Sample,
    mut writer: SampleWriter,
) -> Result<(), Error> {
    draw(reader, sampler, Stream::new(options.seed), PART, &mut writer)?;
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
        LogitReader::open(file, options.format.or_else(|| Format::of(path)), tensor)?
    };
    if options.header || options.no_header {
        reader.set_header(options.header)?;
    }
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

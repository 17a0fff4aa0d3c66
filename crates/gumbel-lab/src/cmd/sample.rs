//! `gumbel sample`: draws for rows of logits.

use crate::cli::Sample;
use crate::logits::{Error, Format, How, PART, Sink, Source, draw};
use crate::support::atomic_file;
use anyhow::{Context, Result, anyhow, ensure};
use gumbel_kernels::Stream;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, stdin, stdout};
use std::path::Path;

/// Draws for every row and writes to a file or to standard output.
///
/// # Errors
/// A file that is missing or unsound, rows that cannot be sampled, a place that cannot be written.
pub(super) fn run(options: &Sample) -> Result<()> {
    crate::config::check_threads(options.threads)?;
    super::pool(options.threads)?.install(|| sample(options))
}

fn sample(options: &Sample) -> Result<()> {
    let out = options.out.as_deref().map(|path| Ok::<_, anyhow::Error>((path, format(path)?))).transpose()?;
    let mut source = open(options).with_context(|| name(options))?;
    let how = match (options.top_k, options.tau) {
        (Some(count), _) => How::TopK(count),
        (None, Some(tau)) => How::Relaxed(tau),
        (None, None) => How::Index,
    };
    let Some((path, format)) = out else {
        let drawn = into(&mut source, how, options, Sink::text(BufWriter::new(stdout().lock())));
        return whole(drawn).with_context(|| name(options));
    };
    // The file in full, or not at all.
    let refused = |error: &std::io::Error| anyhow!(atomic_file::refused(path, error));
    let mut file = atomic_file::beside(path).map_err(|error| refused(&error))?;
    match into(&mut source, how, options, Sink::file(format, &mut file)) {
        Err(Error::Unwritable(error)) => Err(refused(&error)),
        Err(error) => Err(error).with_context(|| name(options)),
        Ok(()) => atomic_file::place(file, path).map_err(|error| refused(&error)),
    }
}

/// Draws all and completes what was written.
fn into(source: &mut Source, how: How, options: &Sample, mut sink: Sink) -> Result<(), Error> {
    draw(source, how, Stream::new(options.seed), PART, &mut sink)?;
    sink.finish()
}

/// A reader that has had enough is no error.
fn whole(written: Result<(), Error>) -> Result<(), Error> {
    match written {
        Err(Error::Unwritable(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn open(options: &Sample) -> Result<Source> {
    let (path, tensor) = (&options.logits, options.tensor.as_deref());
    if path.as_os_str() == "-" {
        return Ok(Source::open(stdin(), options.format, tensor)?);
    }
    let file = File::open(path).map_err(|error| anyhow!("cannot be read: {error}"))?;
    ensure!(file.metadata()?.is_file() || !path.is_dir(), "is a folder");
    Ok(Source::open(file, options.format.or_else(|| Format::of(path)), tensor)?)
}

fn name(options: &Sample) -> String {
    if options.logits.as_os_str() == "-" {
        "standard input".into()
    } else {
        options.logits.display().to_string()
    }
}

fn format(out: &Path) -> Result<Format> {
    let ends = || format!("--out {} must end in .npy, .csv or .safetensors", out.display());
    Format::of(out).with_context(ends)
}

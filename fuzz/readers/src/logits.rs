//! Rows of logits from bytes of each format.

use crate::message;
use gumbel_kernels::Stream;
use gumbel_lab::logits::{Error, Format, LogitReader, SampleWriter, Sampler, draw};
use std::io::{Cursor, Read, Result as IoResult};

pub fn csv(data: &[u8]) {
    rows(data, Some(Format::Csv));
}

pub fn npy(data: &[u8]) {
    rows(data, Some(Format::Npy));
}

pub fn safetensors(data: &[u8]) {
    rows(data, Some(Format::Safetensors));
}

/// As from standard input: the first bytes decide.
pub fn sniffed(data: &[u8]) {
    rows(data, None);
}

/// A pipe that returns three bytes at a time.
struct Pipe(Cursor<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> IoResult<usize> {
        let most = out.len().min(3);
        self.0.read(&mut out[..most])
    }
}

/// In one piece and in parts, from memory and from a pipe: the same numbers or the same error, and the same samples.
fn rows(data: &[u8], format: Option<Format>) {
    let from = || Cursor::new(data.to_vec());
    let whole = read(LogitReader::open(from(), format, None), usize::MAX);
    let parts = read(LogitReader::open(Pipe(from()), format, None), 3);
    assert_eq!(said(&whole), said(&parts));
    let Ok((values, categories)) = whole else { return message::check(&whole.unwrap_err()) };
    assert!(categories > 0 && values.len().is_multiple_of(categories));
    for sampler in [Sampler::Index, Sampler::TopK(categories.div_ceil(2)), Sampler::Relaxed(0.5)] {
        let drawn = sampled(LogitReader::open(from(), format, None), sampler, usize::MAX);
        let again = sampled(LogitReader::open(Pipe(from()), format, None), sampler, 3);
        assert_eq!(said(&drawn), said(&again), "{sampler:?}");
        let Ok(text) = drawn else { return message::check(&drawn.unwrap_err()) };
        assert_eq!(text.lines().count(), values.len() / categories);
        assert!(!text.contains("NaN"), "{text}");
    }
}

fn said<T: std::fmt::Debug>(result: &Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

/// All numbers, and how many a row has.
fn read(reader: Result<LogitReader, Error>, numbers: usize) -> Result<(Vec<f64>, usize), Error> {
    let (mut reader, mut all, mut part) = (reader?, Vec::new(), Vec::new());
    loop {
        let categories = reader.read(numbers, &mut part)?;
        if part.is_empty() {
            return Ok((all, categories));
        }
        all.append(&mut part);
    }
}

fn sampled(reader: Result<LogitReader, Error>, sampler: Sampler, part: usize) -> Result<String, Error> {
    let mut text = Vec::new();
    draw(&mut reader?, sampler, Stream::new(7), part, &mut SampleWriter::text(&mut text))?;
    Ok(String::from_utf8(text).expect("samples are text"))
}

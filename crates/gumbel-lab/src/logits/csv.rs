//! Numbers as text, one row per line.

use super::part::Part;
use super::source::Source;
use super::{Doubt, Error, Number, RowRange};
use std::io::{self, Read};

/// Bytes read at a time.
const BLOCK: usize = 1 << 17;
/// Limit on the characters of a number with the spaces around it.
const LONGEST: usize = 4096;
/// Bytes of lines that threads parse on their own, at most; a longer line is parsed as it is read.
const PIECE: usize = 1 << 24;
/// Default limit on the numbers of a row.
const WIDEST: usize = 100_000_000;

/// Lines of numbers separated by commas. Memory holds a block of text and the numbers of the rows, never a line.
pub struct Lines {
    from: Source,
    text: Vec<u8>,
    /// The part of the text that is read already.
    start: usize,
    /// Whether `from` has nothing more.
    ended: bool,
    /// Numbers per row; 0 before the first row.
    pub(super) categories: usize,
    /// Rows read so far; empty lines do not count.
    rows: u64,
    /// The rows that are to be read.
    pub(super) range: RowRange,
    /// Limit on the numbers of a row.
    widest: usize,
    /// Whether it is known if the first line names the columns.
    header_known: bool,
    doubts: Vec<Doubt>,
}

/// What follows a field.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Comma,
    Line,
    File,
}

impl End {
    fn of(byte: u8) -> Option<Self> {
        match byte {
            b',' => Some(Self::Comma),
            b'\n' | b'\r' => Some(Self::Line),
            _ => None,
        }
    }
}

impl Lines {
    pub(super) fn new(from: Source) -> Self {
        let (text, start, ended) = (Vec::new(), 0, false);
        let (range, doubts) = (RowRange::default(), Vec::new());
        let (categories, rows, widest, header_known) = (0, 0, WIDEST, false);
        Self { from, text, start, ended, categories, rows, range, widest, header_known, doubts }
    }

    /// As [`LogitReader::set_header`](super::LogitReader::set_header).
    pub(super) fn set_header(&mut self, header: bool) -> Result<(), Error> {
        self.header_known = true;
        if header { self.skip_header() } else { Ok(()) }
    }

    /// Reads over the first line; there must be as many numbers in each row as there are names.
    fn skip_header(&mut self) -> Result<(), Error> {
        let (mut names, mut named, mut quoted) = (1, false, false);
        while let Some(byte) = self.byte()? {
            match byte {
                b'\n' | b'\r' if named || names > 1 => break,
                b'"' => quoted = !quoted,
                b',' if !quoted => names += 1,
                other => named |= !other.is_ascii_whitespace(),
            }
            if names == 2 && !named {
                return Err(Error::Index);
            }
        }
        self.categories = names;
        Ok(())
    }

    fn byte(&mut self) -> Result<Option<u8>, Error> {
        if self.start == self.text.len() {
            self.fill()?;
        }
        let byte = self.text.get(self.start).copied();
        self.start += usize::from(byte.is_some());
        Ok(byte)
    }

    /// As [`LogitReader::doubts`](super::LogitReader::doubts).
    pub(super) fn doubts(&self) -> &[Doubt] {
        &self.doubts
    }

    /// As [`LogitReader::select`](super::LogitReader::select). A line is a row unless it is empty.
    pub(super) fn select(&mut self, range: RowRange) -> Result<(), Error> {
        self.range = range;
        while self.rows < range.start {
            if !self.skip_line()? {
                return Err(self.beyond());
            }
        }
        Ok(())
    }

    /// Passes over a line; returns whether there was one.
    fn skip_line(&mut self) -> Result<bool, Error> {
        let mut empty = true;
        while let Some(byte) = self.byte()? {
            if End::of(byte) == Some(End::Line) {
                self.rows += u64::from(!empty);
                return Ok(true);
            }
            empty &= byte.is_ascii_whitespace() || byte == b'"';
        }
        self.rows += u64::from(!empty);
        Ok(!empty)
    }

    /// The error of a range that goes on when the file has ended.
    fn beyond(&self) -> Error {
        match self.rows {
            0 => Error::Empty { rows: 0, categories: 0 },
            rows => Error::RowsBeyond { start: self.range.start, end: self.range.end, rows },
        }
    }

    /// As [`LogitReader::read`](super::LogitReader::read).
    pub(super) fn read<T: Number>(&mut self, numbers: usize, values: &mut Vec<T>) -> Result<usize, Error> {
        let mut more = true;
        while more && values.len() + self.categories <= numbers.max(self.categories) {
            more = self.range.end.is_none_or(|end| self.rows < end) && self.row(values)?;
        }
        let missing =
            !more && (self.rows <= self.range.start || self.range.end.is_some_and(|end| self.rows < end));
        if missing { Err(self.beyond()) } else { Ok(self.categories) }
    }

    /// As [`LogitReader::part`](super::LogitReader::part): lines, or the numbers of one row where there is no complete line, and
    /// where the number of categories is not known yet.
    pub(super) fn part<T: Number>(&mut self, numbers: usize, first: bool) -> Result<Option<Part<T>>, Error> {
        if self.range.end.is_some_and(|end| self.rows >= end) {
            return Ok(None);
        }
        if self.rows > self.range.start
            && let Some(text) = self.lines(numbers.saturating_mul(8).min(1 << 20))?
        {
            return Ok(Some(Part::Text(text)));
        }
        if !first {
            return Ok(None);
        }
        let mut values = Vec::new();
        self.read(1, &mut values)?;
        Ok(if values.is_empty() { None } else { Some(Part::Values(values)) })
    }

    /// As [`LogitReader::counted`](super::LogitReader::counted).
    pub(super) fn counted(&mut self, row: u64) {
        self.rows = row;
    }

    /// Complete lines of about as many bytes; `None` if the next line is longer than [`PIECE`] or has no end.
    fn lines(&mut self, bytes: usize) -> Result<Option<Vec<u8>>, Error> {
        let mut searched = 0;
        loop {
            let rest = &self.text[self.start..];
            let enough = rest.len() >= bytes || self.ended;
            let end = rest[searched..].iter().rposition(|&byte| End::of(byte) == Some(End::Line));
            if enough && let Some(end) = end {
                let lines = rest[..=searched + end].to_vec();
                self.start += lines.len();
                return Ok(Some(lines));
            }
            if self.ended || rest.len() > PIECE {
                return Ok(None);
            }
            searched = if end.is_none() { rest.len() } else { searched };
            self.fill()?;
        }
    }

    /// Appends the next row; returns whether there was one.
    fn row<T: Number>(&mut self, values: &mut Vec<T>) -> Result<bool, Error> {
        let first = values.len();
        let end = loop {
            let (number, end) = self.field(values.len() - first)?;
            match number {
                Some(number) => values.push(number),
                None if end == End::File => return Ok(false),
                None => continue, // an empty line
            }
            if end != End::Comma {
                break end;
            }
            if values.len() - first == self.widest {
                return Err(Error::Wide { row: self.rows, limit: self.widest });
            }
        };
        self.check(&values[first..])?;
        if end == End::File {
            self.doubts.push(Doubt::CutShort { row: self.rows });
        }
        self.rows += 1;
        Ok(true)
    }

    fn check<T: Number>(&mut self, row: &[T]) -> Result<(), Error> {
        if self.categories == 0 {
            self.categories = row.len();
        }
        let (found, expected) = (row.len(), self.categories);
        if found != expected {
            return Err(Error::Ragged { row: self.rows, found, expected });
        }
        let counts = |(column, &number): (usize, &T)| number == T::from_f64(column as f64);
        if self.rows == 0 && !self.header_known && found > 1 && row.iter().enumerate().all(counts) {
            self.doubts.push(Doubt::Header);
        }
        Ok(())
    }

    /// The number in a column, and what follows it; none in an empty line.
    #[inline]
    fn field<T: Number>(&mut self, column: usize) -> Result<(Option<T>, End), Error> {
        let rest = &self.text[self.start..];
        // Nearly every number has no spaces and no quotes, and ends within the block.
        if let Ok((number, length)) = fast_float2::parse_partial::<T, _>(rest)
            && length <= LONGEST
            && !overflown(number, &rest[..length])
            && let Some(end) = rest.get(length).copied().and_then(End::of)
        {
            self.start += length + 1;
            return Ok((Some(number), end));
        }
        self.any_field(column)
    }

    /// The same for a field of any form.
    #[cold]
    fn any_field<T: Number>(&mut self, column: usize) -> Result<(Option<T>, End), Error> {
        loop {
            let rest = &self.text[self.start..];
            let end =
                rest.iter().take(LONGEST + 1).enumerate().find_map(|(at, &byte)| Some((at, End::of(byte)?)));
            let (length, end) = match end {
                Some(found) => found,
                None if rest.len() > LONGEST => return Err(self.not_a_number(column, LONGEST)),
                None if self.ended => (rest.len(), End::File),
                None => {
                    self.fill()?;
                    continue;
                }
            };
            let field = unquoted(rest[..length].trim_ascii());
            let number = fast_float2::parse::<T, _>(field).ok();
            if number.is_some_and(|number| overflown(number, field)) {
                return Err(Error::Overflow { row: self.rows, column, text: text(field) });
            }
            if number.is_none() && !(field.is_empty() && column == 0 && end != End::Comma) {
                return Err(self.not_a_number(column, length));
            }
            self.start += (length + 1).min(rest.len());
            return Ok((number, end));
        }
    }

    fn not_a_number(&self, column: usize, length: usize) -> Error {
        Error::NotANumber { row: self.rows, column, text: text(&self.text[self.start..][..length]) }
    }

    /// Reads a further block behind the text that is not read yet.
    fn fill(&mut self) -> Result<(), Error> {
        self.text.drain(..self.start);
        self.start = 0;
        let more = self.from.by_ref().take(BLOCK as u64).read_to_end(&mut self.text)?;
        self.ended = more < BLOCK;
        Ok(())
    }
}

/// The numbers of the first `limit` lines, which are rows of `categories` numbers from row `first` on. The text is left empty,
/// or as it was if there is an error.
///
/// # Errors
/// As for a file.
pub(super) fn parse<T: Number>(
    text: &mut Vec<u8>,
    categories: usize,
    first: u64,
    limit: u64,
) -> Result<Vec<T>, Error> {
    let (mut lines, mut values) =
        (Lines::new(Source::stream(io::empty())), Vec::with_capacity(text.len() / 8));
    (lines.text, lines.ended) = (std::mem::take(text), true);
    (lines.categories, lines.rows, lines.header_known) = (categories, first, true);
    while lines.rows - first < limit {
        match lines.row(&mut values) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                *text = lines.text;
                return Err(error);
            }
        }
    }
    Ok(values)
}

/// What stands between quotes, if there are two.
fn unquoted(field: &[u8]) -> &[u8] {
    field.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).map_or(field, <[u8]>::trim_ascii)
}

/// Whether a number is infinite though its text is not: the digits are more than the precision holds.
fn overflown<T: Number>(number: T, text: &[u8]) -> bool {
    number.is_infinite() && !text.last().is_some_and(u8::is_ascii_alphabetic)
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field.trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests;

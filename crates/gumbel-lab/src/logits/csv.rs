//! Numbers as text, one row per line.

use super::{Error, Number};
use std::io::Read;

/// Lines of numbers separated by commas.
pub struct Lines {
    records: ::csv::Reader<Box<dyn Read>>,
    record: ::csv::ByteRecord,
    /// Numbers per row; 0 before the first row.
    categories: usize,
    /// Rows read so far; empty lines do not count.
    rows: u64,
}

impl Lines {
    pub(super) fn new(from: Box<dyn Read>) -> Self {
        let mut builder = ::csv::ReaderBuilder::new();
        // Lengths of rows are compared here, for an error message of our own. Quotes are taken off here too: to the library, an
        // open one would start a field as long as the rest of the stream.
        builder.has_headers(false).flexible(true).trim(::csv::Trim::All).quoting(false);
        let records = builder.from_reader(from);
        Self { records, record: ::csv::ByteRecord::new(), categories: 0, rows: 0 }
    }

    /// As [`LogitReader::read`](super::LogitReader::read).
    pub(super) fn read<T: Number>(&mut self, numbers: usize, values: &mut Vec<T>) -> Result<usize, Error> {
        while values.len() + self.categories <= numbers.max(self.categories) {
            let more = self.records.read_byte_record(&mut self.record);
            if !more.map_err(|error| Error::System(error.into()))? {
                break;
            }
            self.append(values)?;
        }
        match self.categories {
            0 => Err(Error::Empty { rows: 0, categories: 0 }),
            categories => Ok(categories),
        }
    }

    fn append<T: Number>(&mut self, values: &mut Vec<T>) -> Result<(), Error> {
        let (found, row) = (self.record.len(), self.rows);
        self.rows += 1;
        if self.categories == 0 {
            self.categories = found;
        }
        let expected = self.categories;
        if found != expected {
            return Err(Error::Ragged { row, found, expected });
        }
        for (column, bytes) in self.record.iter().enumerate() {
            let number = std::str::from_utf8(bytes).ok().and_then(|text| unquoted(text).parse().ok());
            let text = || String::from_utf8_lossy(bytes).into_owned();
            values.push(number.ok_or_else(|| Error::NotANumber { row, column, text: text() })?);
        }
        Ok(())
    }
}

/// What stands between quotes, if there are two.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map_or(text, str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, numbers: usize) -> Result<Vec<Vec<f32>>, String> {
        let mut lines = Lines::new(Box::new(std::io::Cursor::new(text.to_string())));
        let mut parts = Vec::new();
        loop {
            let mut values = Vec::new();
            lines.read(numbers, &mut values).map_err(|error| error.to_string())?;
            if values.is_empty() {
                return Ok(parts);
            }
            parts.push(values);
        }
    }

    #[test]
    fn rows_come_in_parts_of_a_limited_number_but_at_least_one() {
        let text = "1, 2\r\n3,4\n\n5,-inf";
        let mask = f32::NEG_INFINITY;
        assert_eq!(read(text, 4).unwrap(), [vec![1.0, 2.0, 3.0, 4.0], vec![5.0, mask]]);
        assert_eq!(read(text, 1).unwrap(), [[1.0, 2.0], [3.0, 4.0], [5.0, mask]]);
    }

    #[test]
    fn quotes_and_a_byte_order_mark_are_no_part_of_a_number() {
        assert_eq!(read("\u{feff}\"1\", 2\n\" 3\",\"4\"\n", 9).unwrap(), [[1.0, 2.0, 3.0, 4.0]]);
    }

    /// An open quote, and a field of any length and of any characters: what is said of it stays short and on one line.
    #[test]
    fn errors_quote_little_of_the_input_and_nothing_raw() {
        for begin in ["\"", "x", "\u{1b}[2J", "\u{7}", "é"] {
            let text = format!("1,2\n3,{begin}{}\n5,6\n", "\u{1b}9".repeat(500_000));
            let error = read(&text, 9).unwrap_err();
            assert!(error.starts_with("row 1, column 1 (from 0): '"), "{error}");
            assert!(error.chars().count() < 600 && !error.chars().any(char::is_control), "{error}");
        }
    }

    #[test]
    fn mistakes_name_their_row() {
        let error = |text: &str| read(text, 100).unwrap_err();
        assert!(error("1,2\n3\n").contains("row 1 (from 0) has 1 numbers, expected 2 as in the first row"));
        assert!(error("1,2\n\n3,x4\n").contains("row 1, column 1 (from 0): 'x4' is not a number"));
        assert!(error("a,b\n1,2\n").contains("row 0, column 0 (from 0): 'a' is not a number"));
        assert!(error("").contains("no logits in the file"));
    }
}

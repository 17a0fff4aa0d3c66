//! Text in every form, in parts, with mistakes, and cut anywhere.

use crate::logits::{Doubt, Format, LogitReader};
use proptest::prelude::*;
use std::io::{Cursor, Read};

fn open(text: impl Into<Vec<u8>>) -> LogitReader {
    LogitReader::open(Cursor::new(text.into()), Some(Format::Csv), None).unwrap()
}

fn parts(mut reader: LogitReader, numbers: usize) -> Result<(Vec<Vec<f64>>, Vec<Doubt>), String> {
    let mut parts = Vec::new();
    loop {
        let mut values = Vec::new();
        reader.read(numbers, &mut values).map_err(|error| error.to_string())?;
        if values.is_empty() {
            return Ok((parts, reader.doubts().to_vec()));
        }
        parts.push(values);
    }
}

fn read(text: &str, numbers: usize) -> Result<Vec<Vec<f64>>, String> {
    parts(open(text), numbers).map(|(parts, _)| parts)
}

#[test]
fn rows_come_in_parts_of_a_limited_number_but_at_least_one() {
    let text = "1, 2\r\n3,4\n\n5,-inf";
    let mask = f64::NEG_INFINITY;
    assert_eq!(read(text, 4).unwrap(), [vec![1.0, 2.0, 3.0, 4.0], vec![5.0, mask]]);
    assert_eq!(read(text, 1).unwrap(), [[1.0, 2.0], [3.0, 4.0], [5.0, mask]]);
}

#[test]
fn quotes_spaces_signs_and_a_byte_order_mark_are_no_part_of_a_number() {
    let text = "\u{feff}\"1\", 2\r \" 3\" ,+4\r\n\t\n-.5,6.\n";
    assert_eq!(read(text, 9).unwrap(), [[1.0, 2.0, 3.0, 4.0, -0.5, 6.0]]);
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
    assert!(error("1,2\n3\n").contains("row 1 (from 0) has 1 numbers, expected 2 as in the first line"));
    assert!(error("1,2\n\n3,x4\n").contains("row 1, column 1 (from 0): 'x4' is not a number"));
    assert!(error("1,2\n3,\n").contains("row 1, column 1 (from 0): '' is not a number"));
    let named = error("a,b\n1,2\n");
    assert!(named.contains("row 0, column 0 (from 0): 'a' is not a number"), "{named}");
    assert!(named.ends_with("if the first line names the columns, use --header"), "{named}");
    assert!(error("1,2\n3,-1e999\n").contains("row 1, column 1 (from 0): '-1e999' is too large"));
    assert!(error("").contains("no logits in the file") && error("\n \n").contains("no logits in the file"));
}

/// A stream that never ends a line, a number or a quote, of which no more is held than the limits say.
#[test]
fn what_never_ends_is_an_error_before_it_fills_the_memory() {
    for (begin, again) in [("1,\"", "x"), ("", "9"), ("1,", " "), ("", "1,2;")] {
        let endless = Cursor::new(begin).chain(Endless { text: again.as_bytes(), at: 0 });
        let reader = LogitReader::open(endless, Some(Format::Csv), None).unwrap();
        let error = parts(reader, 9).unwrap_err();
        assert!(error.starts_with("row 0, column ") && error.chars().count() < 600, "{error}");
    }
}

#[test]
fn a_row_without_an_end_is_an_error_at_the_limit() {
    let mut lines =
        super::Lines::new(super::Source::stream(Cursor::new("1,2\n").chain(Endless { text: b"3,", at: 0 })));
    lines.widest = 1000;
    let error = lines.read::<f64>(usize::MAX, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("row 1 (from 0) has more than 1000 numbers, the limit of text"), "{error}");
}

struct Endless {
    text: &'static [u8],
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.iter_mut().for_each(|byte| {
            *byte = self.text[self.at % self.text.len()];
            self.at += 1;
        });
        Ok(buffer.len())
    }
}

#[test]
fn a_header_is_skipped_when_named_and_asked_about_when_it_counts() {
    let with = |text: &str, header| {
        let mut reader = open(text);
        reader.set_header(header).map_err(|error| error.to_string())?;
        parts(reader, 100).map(|(parts, doubts)| (parts.concat(), doubts))
    };
    for text in ["a,b\n1,2\n", "\"a,c\",b\r\n1,2\n", "\n0,1\n\n1,2\n", "größe, \n1,2\n"] {
        assert_eq!(with(text, true).unwrap(), (vec![1.0, 2.0], vec![]), "{text}");
    }
    assert_eq!(with("0,1\n1,2\n", false).unwrap(), (vec![0.0, 1.0, 1.0, 2.0], vec![]));
    assert_eq!(parts(open("0,1\n1,2\n"), 100).unwrap().1, [Doubt::Header]);
    for other in ["0\n1\n", "0,2\n0,1\n", "1,2\n"] {
        assert_eq!(parts(open(other), 100).unwrap().1, [], "{other}");
    }
    for text in [",a,b\n0,1,2\n", "\"\",\"a\"\n0,1\n"] {
        assert!(with(text, true).unwrap_err().contains("without it (pandas: index=False)"), "{text}");
    }
    assert!(with("a,b\n0,1,2\n", true).unwrap_err().contains("row 0 (from 0) has 3 numbers, expected 2"));
    assert!(with("a,b\n", true).unwrap_err().contains("no logits in the file"));
}

proptest! {
    /// Numbers fall across the blocks in every way, and every cut of a file is seen unless it is at the end of a line.
    #[test]
    fn every_double_is_read_exactly_wherever_a_block_ends(
        pad in 0..200usize,
        rows in prop::collection::vec(prop::array::uniform3(-1e300..1e300f64), 1..40),
    ) {
        // Blank lines move what follows towards the end of a block.
        let text: String = rows.iter().map(|[a, b, c]| format!("{a:e},{b},{c:e}\n")).collect();
        let text = "\n".repeat(super::BLOCK - pad) + &text;
        prop_assert_eq!(read(&text, usize::MAX).unwrap(), [rows.concat()]);
    }

    #[test]
    fn a_cut_is_an_error_or_a_doubt_unless_it_leaves_full_lines(
        rows in prop::collection::vec(prop::array::uniform2(-1e3..1e3f64), 1..5),
    ) {
        let text: String = rows.iter().map(|[a, b]| format!("{a},{b}\n")).collect();
        for cut in 1..=text.len() {
            let Ok((read, doubts)) = parts(open(&text[..cut]), 100) else { continue };
            let full = text[..cut].matches('\n').count();
            let expected = match text[..cut].ends_with('\n') {
                true => vec![],
                false => vec![Doubt::CutShort { row: full as u64 }],
            };
            prop_assert_eq!(doubts, expected, "{}", &text[..cut]);
            prop_assert_eq!(&read.concat()[..2 * full], &rows.concat()[..2 * full]);
        }
    }
}

//! NumPy array files: a magic word, a Python dictionary, numbers.
//!
//! The format is NumPy Enhancement Proposal 1. The dictionary is parsed only in the form that NumPy itself writes, in either kind of
//! quotes.

use super::raw::Raw;
use super::source::Source;
use super::{Error, Precision};
use crate::support::excerpt::excerpt;
use std::io::Read;

/// The first bytes of such a file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// Length of the headers written here: fixed, so that a header can be replaced once the rows are counted.
const HEADER: usize = 128;
/// Limit on the length of a header; that of an array without named fields has about a hundred bytes.
const LONGEST: usize = 1 << 16;

/// Reads the header.
pub(super) fn open(mut from: Source) -> Result<Raw, Error> {
    let begin: [u8; 8] = exactly(&mut from)?;
    if !begin.starts_with(MAGIC) {
        return Err(invalid("it does not start with \\x93NUMPY"));
    }
    let length = match begin[6] {
        1 => u16::from_le_bytes(exactly(&mut from)?) as usize,
        2 | 3 => u32::from_le_bytes(exactly(&mut from)?) as usize,
        version => return Err(invalid(&format!("version {version} is not supported"))),
    };
    if length > LONGEST {
        return Err(invalid(&format!("its header has {length} bytes; the limit is {LONGEST}")));
    }
    let mut header = vec![0; length];
    from.read_exact(&mut header).map_err(|_| invalid("it ends within its header"))?;
    let header = String::from_utf8_lossy(&header).replace('"', "'");
    if !(header.starts_with('{') && header.ends_with('\n') && header.trim_end().ends_with('}')) {
        return Err(invalid("its header is not one dictionary and the end of a line"));
    }
    let shape = shape(&header)?;
    // Numbers along one dimension have one order.
    let several = shape.iter().filter(|&&size| size > 1).count() > 1;
    if several && field(&header, "fortran_order")?.starts_with("True") {
        return Err(Error::Fortran);
    }
    Raw::new(from, precision(&header)?, &shape, 0)
}

fn exactly<const N: usize>(from: &mut impl Read) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(|_| invalid("it ends within its header"))?;
    Ok(bytes)
}

fn invalid(reason: &str) -> Error {
    Error::Header { format: "npy", reason: reason.into() }
}

/// The text after a key of the dictionary.
fn field<'a>(header: &'a str, key: &str) -> Result<&'a str, Error> {
    let found = header.split_once(&format!("'{key}':"));
    found.map(|(_, rest)| rest.trim_start()).ok_or_else(|| invalid(&format!("its header has no {key}")))
}

fn precision(header: &str) -> Result<Precision, Error> {
    match field(header, "descr")?.split('\'').nth(1).unwrap_or("a record") {
        "<f2" => Ok(Precision::Half),
        "<f4" => Ok(Precision::Single),
        "<f8" => Ok(Precision::Double),
        other => Err(Error::Type { found: other.into() }),
    }
}

fn shape(header: &str) -> Result<Vec<usize>, Error> {
    let inside = field(header, "shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (inside, _) = inside.ok_or_else(|| invalid("its shape is not a tuple"))?;
    let sizes = inside.split(',').map(str::trim).filter(|size| !size.is_empty());
    let sizes = sizes.map(|size| size.trim_end_matches('L').parse());
    sizes.collect::<Result<_, _>>().map_err(|_| invalid(&format!("its shape is ({})", excerpt(inside))))
}

/// A header of [`HEADER`] bytes for an array of the given type and shape.
pub(super) fn header(descr: &str, shape: &[u64]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size},")).collect();
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    let padded = format!("{text:<width$}\n", width = HEADER - 11);
    [MAGIC, &[1, 0], &((HEADER - 10) as u16).to_le_bytes(), padded.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, dictionary: &str) -> Source {
        let length = (dictionary.len() as u32).to_le_bytes();
        let length = if version == 1 { &length[..2] } else { &length };
        let bytes = [MAGIC, &[version, 0], length, dictionary.as_bytes(), &[0; 48]].concat();
        Source::stream(std::io::Cursor::new(bytes))
    }

    fn dictionary(descr: &str, order: &str, shape: &str) -> String {
        format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}   \n")
    }

    #[test]
    fn headers_of_every_version_and_type_are_read() {
        for (version, descr, precision) in
            [(1, "'<f2'", Precision::Half), (2, "'<f4'", Precision::Single), (3, "'<f8'", Precision::Double)]
        {
            let raw = open(file(version, &dictionary(descr, "False", "(2, 3)"))).unwrap();
            assert_eq!((raw.precision, raw.rows), (precision, 2));
        }
        for (order, shape, rows) in
            [("False", "(5,)", 1), ("True", "(12,)", 1), ("True", "(1, 12)", 1), ("True", "(12, 1)", 12)]
        {
            let text = dictionary("'<f4'", order, shape);
            assert_eq!(open(file(1, &text)).unwrap().rows, rows, "{text}");
            assert_eq!(open(file(1, &text.replace('\'', "\""))).unwrap().rows, rows, "{text}");
        }
    }

    /// Bytes of an array of three rows, read to the end.
    fn read_all(bytes: Vec<u8>) -> Result<Vec<f32>, Error> {
        let mut raw = open(Source::stream(std::io::Cursor::new(bytes)))?;
        let (mut all, mut part) = (Vec::new(), Vec::new());
        loop {
            part.clear();
            raw.read(4, &mut part)?;
            if part.is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(&part);
        }
    }

    #[test]
    fn a_flipped_bit_in_the_length_of_the_header_or_a_byte_behind_the_array_is_an_error() {
        let numbers = [1.5f32, -2.0, 0.25, 3.0, -0.5, 8.0];
        let body: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let whole = [header("<f4", &[3, 2]), body].concat();
        assert_eq!(read_all(whole.clone()).unwrap(), numbers);
        for bit in 0..16 {
            let mut damaged = whole.clone();
            damaged[8 + bit / 8] ^= 1 << (bit % 8);
            assert!(read_all(damaged).is_err(), "bit {bit} of the length");
        }
        let longer = read_all([whole, vec![0]].concat()).unwrap_err().to_string();
        assert!(longer.contains("goes on after its last row: the header states 3 rows"), "{longer}");
    }

    #[test]
    fn arrays_that_are_not_rows_of_numbers_are_rejected_with_the_reason() {
        let cases = [
            (dictionary("'<i8'", "False", "(2, 3)"), "of type <i8"),
            (dictionary("'>f4'", "False", "(2, 3)"), "of type >f4; expected half, single or double"),
            (dictionary("[('a', '<f4')]", "False", "(2,)"), "of type a"),
            (dictionary("'<f4'", "True", "(2, 3)"), "Fortran order; save numpy.ascontiguousarray"),
            (dictionary("'<f4'", "False", "(2, 3, 4)"), "the shape [2, 3, 4]; expected [rows, categories]"),
            (dictionary("'<f4'", "False", "()"), "the shape []"),
            (dictionary("'<f4'", "False", "(0, 3)"), "no logits in the file: it has 0 rows of 3 numbers"),
            (dictionary("'<f4'", "False", "(2, -3)"), "its shape is (2, -3)"),
            ("{}\n".into(), "its header has no shape"),
            ("{".into(), "its header is not one dictionary and the end of a line"),
        ];
        for (dictionary, part) in cases {
            let error = open(file(1, &dictionary)).err().unwrap().to_string();
            assert!(error.contains(part), "{dictionary}: {error}");
        }
        let short = open(Source::stream(std::io::Cursor::new(MAGIC.to_vec()))).err().unwrap().to_string();
        assert!(short.contains("it ends within its header"), "{short}");
    }

    #[test]
    fn headers_are_read_as_written() {
        for shape in [&[1][..], &[u64::from(u32::MAX), 1000]] {
            let bytes = header("<f4", shape);
            assert_eq!((bytes.len(), bytes.last()), (HEADER, Some(&b'\n')));
            let raw = open(Source::stream(std::io::Cursor::new(bytes))).unwrap();
            assert_eq!(raw.rows, if shape.len() == 1 { 1 } else { shape[0] });
        }
    }
}

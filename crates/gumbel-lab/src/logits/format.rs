//! Formats of files of numbers.

use super::{Error, npy};
use std::path::Path;

/// A format of files of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// NumPy array file
    Npy,
    /// Numbers separated by commas, one row per line
    Csv,
    /// Named tensors
    Safetensors,
}

/// Bytes from which the format is recognised.
pub(super) const PEEKED: usize = 9;
/// The first bytes of text, with some programs.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// First bytes of files that hold logits in another form, its name, and the remedy.
const PACKED: [(&[u8], &str, &str); 7] = [
    (b"\x1f\x8b", "the file is compressed by gzip", "decompress it first: zcat FILE | gumbel sample -"),
    (
        b"\x28\xb5\x2f\xfd",
        "the file is compressed by zstd",
        "decompress it first: zstdcat FILE | gumbel sample -",
    ),
    (b"\xfd7zXZ\0", "the file is compressed by xz", "decompress it first: xzcat FILE | gumbel sample -"),
    (b"BZh", "the file is compressed by bzip2", "decompress it first: bzcat FILE | gumbel sample -"),
    (
        b"PK\x03\x04",
        "the file is an archive, as .npz is",
        "take one array out: unzip -p FILE NAME.npy | gumbel sample -",
    ),
    (b"\xff\xfe", "the text is UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "the text is UTF-16", "save it as UTF-8"),
];

impl Format {
    /// The format by the extension of a file name, or `None`.
    ///
    /// ```
    /// use gumbel_lab::logits::Format;
    /// assert_eq!(Format::of("logits.npy".as_ref()), Some(Format::Npy));
    /// assert_eq!(Format::of("logits.txt".as_ref()), None);
    /// ```
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "npy" => Some(Self::Npy),
            "csv" => Some(Self::Csv),
            "safetensors" => Some(Self::Safetensors),
            _ => None,
        }
    }

    /// The format: as named, else by the first [`PEEKED`] bytes.
    ///
    /// # Errors
    /// [`Error::Packed`], also if the format is named; [`Error::Unknown`].
    pub(super) fn recognised(named: Option<Self>, bytes: &[u8]) -> Result<Self, Error> {
        let format = named.or_else(|| Self::sniffed(bytes));
        // The length of a safetensors header may look like anything.
        let packed = PACKED.iter().find(|packed| bytes.starts_with(packed.0));
        match packed.filter(|_| format != Some(Self::Safetensors)) {
            Some(&(_, form, remedy)) => Err(Error::Packed { form, remedy }),
            None => format.ok_or(Error::Unknown),
        }
    }

    fn sniffed(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(npy::MAGIC) {
            return Some(Self::Npy);
        }
        // The length of a header in eight bytes, and the header, which is JSON.
        if bytes.len() == PEEKED && bytes[8] == b'{' && bytes[5..8] == [0; 3] {
            return Some(Self::Safetensors);
        }
        let text = |byte: &u8| !byte.is_ascii_control() || b"\t\r\n".contains(byte);
        (!bytes.is_empty() && bytes.iter().all(text)).then_some(Self::Csv)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised_by_their_first_bytes() {
        let header = [&60u64.to_le_bytes()[..], b"{"].concat();
        assert_eq!(Format::sniffed(&header), Some(Format::Safetensors));
        assert_eq!(Format::sniffed(b"\x93NUMPY\x01\0v"), Some(Format::Npy));
        for text in ["1", "-inf,0.5", "1e-3, 2\n", "\u{feff}1,2", "\"1\",\"2\"", "größe,x", "1,hello"] {
            let begin = &text.as_bytes()[..text.len().min(PEEKED)];
            assert_eq!(Format::sniffed(begin), Some(Format::Csv), "{text}");
        }
        for other in [&b""[..], b"\x80\x04\x95", b"\x89HDF\r\n\x1a\n"] {
            assert!(matches!(Format::recognised(None, other), Err(Error::Unknown)), "{other:?}");
        }
    }

    #[test]
    fn other_forms_are_recognised_under_any_name_except_where_they_may_be_a_length() {
        for (begin, form, _) in PACKED {
            let header: Vec<u8> = begin.iter().copied().chain([0; 8]).take(8).chain(*b"{").collect();
            for named in [None, Some(Format::Csv), Some(Format::Npy)] {
                let error = Format::recognised(named, begin).unwrap_err().to_string();
                assert!(error.starts_with(form), "{error}");
            }
            let length = header[5..8] == [0; 3];
            assert_eq!(Format::recognised(None, &header).is_ok(), length, "{begin:?}");
        }
    }
}

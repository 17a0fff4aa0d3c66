//! Formats of files of numbers.

use super::npy;
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

    /// The format by the first [`PEEKED`] bytes, or `None`.
    pub(super) fn sniffed(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(npy::MAGIC) {
            return Some(Self::Npy);
        }
        // The length of a header in eight bytes, and the header, which is JSON.
        if bytes.len() == PEEKED && bytes[8] == b'{' && bytes[5..8] == [0; 3] {
            return Some(Self::Safetensors);
        }
        let number = |byte: &u8| byte.is_ascii_digit() || b" \t\r\n,\"+-.eEinfaNIF".contains(byte);
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        (!text.is_empty() && text.iter().all(number)).then_some(Self::Csv)
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
        for text in ["1", "-inf,0.5", "1e-3, 2\n", "NaN,1", "\u{feff}1,2", "\"1\",\"2\""] {
            let begin = &text.as_bytes()[..text.len().min(PEEKED)];
            assert_eq!(Format::sniffed(begin), Some(Format::Csv), "{text}");
        }
        for other in [&b""[..], b"PK\x03\x04", b"hello you"] {
            assert_eq!(Format::sniffed(other), None, "{other:?}");
        }
    }
}

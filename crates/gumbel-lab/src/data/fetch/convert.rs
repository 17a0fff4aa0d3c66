//! Converts originals of other formats to IDX.

use crate::data::{
    Error, Images, idx,
    registry::{DataFile, FileKind},
};
use std::path::Path;

/// Rows, and columns, of an image in the text format, which does not state them.
const SIDE: usize = 28;

/// Converts lines of 784 digits 0 and 1 to images with pixels 0 and 1.
pub(super) fn binary_text(text: &Path, file: &DataFile, folder: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(text).map_err(|source| Error::read(text, source))?;
    let pixels = digits(&bytes).map_err(|reason| Error::Convert { path: text.into(), reason })?;
    write(file, folder, &Images::new(pixels, SIDE, SIDE, None))
}

fn digits(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut pixels = Vec::with_capacity(text.len() / 2);
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let start = pixels.len();
        for &byte in line.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            if !matches!(byte, b'0' | b'1') {
                return Err(format!("line {} has byte {byte}, expected a digit 0 or 1", number + 1));
            }
            pixels.push(byte - b'0');
        }
        let count = pixels.len() - start;
        if count != 0 && count != SIDE * SIDE {
            return Err(format!("line {} has {count} digits, expected {}", number + 1, SIDE * SIDE));
        }
    }
    if pixels.is_empty() { Err("no digits in the file".into()) } else { Ok(pixels) }
}

/// Writes the images, or their labels, as a file of a set, if their contents are the published ones.
pub(super) fn write(file: &DataFile, folder: &Path, images: &Images) -> Result<(), Error> {
    let path = folder.join(file.name);
    let labels = images.labels.as_deref().unwrap_or_default();
    let sha256 = match file.kind {
        FileKind::Images => idx::images_sha256(images),
        FileKind::Labels => idx::labels_sha256(labels),
    };
    if sha256 != file.sha256 {
        let reason = format!("the result has SHA-256 {sha256}, expected {}", file.sha256);
        return Err(Error::Convert { path, reason });
    }
    match file.kind {
        FileKind::Images => idx::write_images(&path, images),
        FileKind::Labels => idx::write_labels(&path, labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_and_lines_checked() {
        let line = format!("{}1\n", "0 ".repeat(783));
        let pixels = digits(line.repeat(2).as_bytes()).unwrap();
        assert_eq!((pixels.len(), pixels[783], pixels[784]), (2 * 784, 1, 0));
        assert_eq!(digits(b"0 1\n").unwrap_err(), "line 1 has 2 digits, expected 784");
        assert_eq!(digits(b"0 2\n").unwrap_err(), "line 1 has byte 50, expected a digit 0 or 1");
        assert_eq!(digits(b"\n\n").unwrap_err(), "no digits in the file");
    }
}

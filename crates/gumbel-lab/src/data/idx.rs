//! The IDX format of MNIST, plain or gzipped.
//!
//! A big-endian magic number (`0x0803` images of bytes, `0x0801` labels of bytes, `0x0B01` labels of 16-bit
//! integers), one big-endian 32-bit size for each dimension, then the items, row after row. Whether a file is
//! gzipped is decided by its first bytes, not by its name.

use super::{Error, Images};
use crate::support::atomic_file;
pub(crate) use crate::support::hex::hex;
use flate2::{Compression, GzBuilder, read::MultiGzDecoder};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{BufReader, Read, Seek, Write},
    path::{Path, PathBuf},
};

/// The limit on the uncompressed bytes of a file: a header that states more is treated as damage.
pub const LIMIT: u64 = 1 << 30;

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
const WIDE_LABELS: u32 = 0x0B01;

/// The contents of an IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents<T> {
    /// Images or labels.
    pub items: T,
    /// SHA-256 of the uncompressed file, hexadecimal; it does not depend on the compression.
    pub sha256: String,
}

/// Reads images of bytes (magic `0x0803`), without labels.
///
/// # Errors
/// A file that is missing, unreadable, damaged, truncated, too long, too large, empty or of another kind.
pub fn read_images(path: &Path) -> Result<Contents<Images>, Error> {
    let mut file = IdxReader::open(path)?;
    file.magic(&[IMAGES], "0x00000803 (images of bytes)")?;
    let [count, height, width] = file.sizes()?;
    let pixels = file.items(&[count, height, width], 1)?;
    let [count, height, width] = [count, height, width].map(|size| size as usize);
    if pixels.is_empty() {
        return Err(Error::Empty { path: path.into(), count, height, width });
    }
    Ok(Contents {
        items: Images { pixels: pixels.into(), count, height, width, labels: None },
        sha256: file.sha256(),
    })
}

/// Reads labels: bytes (`0x0801`) or 16-bit integers (`0x0B01`).
///
/// # Errors
/// As [`read_images`], except that a file of zero labels is valid.
pub fn read_labels(path: &Path) -> Result<Contents<Vec<i16>>, Error> {
    let mut file = IdxReader::open(path)?;
    let magic = file.magic(&[LABELS, WIDE_LABELS], "0x00000801 or 0x00000b01 (labels)")?;
    let sizes: [u32; 1] = file.sizes()?;
    let items = if magic == LABELS {
        file.items(&sizes, 1)?.into_iter().map(i16::from).collect()
    } else {
        let bytes = file.items(&sizes, 2)?;
        bytes.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect()
    };
    Ok(Contents { items, sha256: file.sha256() })
}

/// Writes images to `path`, gzipped if the name ends in `.gz`; labels are a separate file, by [`write_labels`].
///
/// # Errors
/// [`Error::Write`]; no partial file is left.
pub fn write_images(path: &Path, images: &Images) -> Result<(), Error> {
    write(path, IMAGES, &[images.count, images.height, images.width], &images.pixels)
}

/// Writes labels to `path` as bytes, gzipped if the name ends in `.gz`.
///
/// # Errors
/// [`Error::Write`]; no partial file is left.
pub fn write_labels(path: &Path, labels: &[u8]) -> Result<(), Error> {
    write(path, LABELS, &[labels.len()], labels)
}

fn write(path: &Path, magic: u32, sizes: &[usize], items: &[u8]) -> Result<(), Error> {
    let bytes = encode(magic, sizes, items);
    let zipped = path.extension().is_some_and(|extension| extension == "gz");
    let packed = if zipped { gzip(&bytes) } else { Ok(bytes) };
    let written = packed.and_then(|bytes| atomic_file::write(path, &bytes));
    written.map_err(|source| Error::write(path, source))
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // Without a name and a time, so that the same images give the same file.
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::new(6));
    gzip.write_all(bytes)?;
    gzip.finish()
}

fn encode(magic: u32, sizes: &[usize], items: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_be_bytes().to_vec();
    for &size in sizes {
        let size = u32::try_from(size).expect("fewer than 2^32 images");
        bytes.extend(size.to_be_bytes());
    }
    bytes.extend(items);
    bytes
}

/// SHA-256 of what [`write_images`] writes, uncompressed.
pub(crate) fn images_sha256(images: &Images) -> String {
    hex(&Sha256::digest(encode(IMAGES, &[images.count, images.height, images.width], &images.pixels)))
}

/// SHA-256 of what [`write_labels`] writes, uncompressed.
pub(crate) fn labels_sha256(labels: &[u8]) -> String {
    hex(&Sha256::digest(encode(LABELS, &[labels.len()], labels)))
}

/// SHA-256 of a file's uncompressed contents, hexadecimal.
pub(crate) fn contents_sha256(path: &Path) -> Result<String, Error> {
    let mut file = IdxReader::open(path)?;
    let mut chunk = vec![0; 1 << 16];
    while file.read(&mut chunk)? > 0 {}
    Ok(file.sha256())
}

/// An open file, decompressed, hashed and counted as it is read.
struct IdxReader {
    path: PathBuf,
    reader: Box<dyn Read>,
    gzipped: bool,
    hash: Sha256,
    taken: u64,
}

impl IdxReader {
    fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::read(path, source);
        let mut file = File::open(path).map_err(failed)?;
        let mut start = Vec::new();
        (&mut file).take(2).read_to_end(&mut start).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let gzipped = start == [0x1f, 0x8b];
        let reader: Box<dyn Read> =
            if gzipped { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) };
        Ok(Self { path: path.into(), reader, gzipped, hash: Sha256::new(), taken: 0 })
    }

    /// Reads, hashes and counts; returns 0 at the end.
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let got = self.reader.read(out).map_err(|source| self.failed(source))?;
        self.hash.update(&out[..got]);
        self.taken += got as u64;
        Ok(got)
    }

    fn failed(&self, source: std::io::Error) -> Error {
        let path = self.path.clone();
        if self.gzipped {
            Error::Damaged { path, format: "gzip", source }
        } else {
            Error::Read { path, source }
        }
    }

    /// Fills `out`; an error if the file ends before byte `expected`.
    fn fill(&mut self, mut out: &mut [u8], expected: u64) -> Result<(), Error> {
        while !out.is_empty() {
            let got = self.read(out)?;
            if got == 0 {
                return Err(Error::Truncated { path: self.path.clone(), expected, got: self.taken });
            }
            out = &mut out[got..];
        }
        Ok(())
    }

    fn word(&mut self, expected: u64) -> Result<u32, Error> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes, expected)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn magic(&mut self, accepted: &[u32], expected: &'static str) -> Result<u32, Error> {
        let got = self.word(4)?;
        if accepted.contains(&got) {
            Ok(got)
        } else {
            Err(Error::Magic { path: self.path.clone(), got, expected })
        }
    }

    fn sizes<const N: usize>(&mut self) -> Result<[u32; N], Error> {
        let mut sizes = [0; N];
        for size in &mut sizes {
            *size = self.word(4 + 4 * N as u64)?;
        }
        Ok(sizes)
    }

    /// The rest of the file, whose length must be that of the sizes.
    fn items(&mut self, sizes: &[u32], bytes_each: u64) -> Result<Vec<u8>, Error> {
        let product = |total: u64, &size: &u32| total.checked_mul(u64::from(size));
        let bytes = sizes.iter().try_fold(bytes_each, product).unwrap_or(u64::MAX);
        if bytes > LIMIT {
            return Err(Error::TooLarge { path: self.path.clone(), bytes, limit: LIMIT });
        }
        let end = self.taken + bytes;
        let mut items = Vec::new();
        // Memory grows with the bytes read, not with those that the header states.
        while (items.len() as u64) < bytes {
            let start = items.len();
            let step = (bytes - start as u64).min(start.max(1 << 16) as u64);
            items.resize(start + step as usize, 0);
            self.fill(&mut items[start..], end)?;
        }
        if self.read(&mut [0])? > 0 {
            return Err(Error::Trailing { path: self.path.clone(), expected: end });
        }
        Ok(items)
    }

    fn sha256(self) -> String {
        hex(&self.hash.finalize())
    }
}

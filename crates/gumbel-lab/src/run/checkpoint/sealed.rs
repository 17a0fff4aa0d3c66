//! Safetensors files with a checksum over all of their bytes.
//!
//! The description of a file, a JSON object in its metadata, ends with `format` and `sha256`: the SHA-256 of the file with
//! zeros as these digits. So each bit of header, tensors and padding counts. Files of version 0.1 have neither field; one
//! flipped bit cannot remove both.

use crate::run::Damaged;
use crate::support::excerpt::message;
use crate::support::hex::hex;
use anyhow::{Context, Result, ensure};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

const FORMAT: &str = "format";
/// Files with a checksum; those without were the first format.
const LATEST: u64 = 2;
const CHECKSUM: &str = "sha256";
/// What stands before the digits: a string within a string of JSON.
const BEFORE: &[u8] = br#"\"sha256\":\""#;
const ZEROS: [u8; 64] = [b'0'; 64];

/// The contents of a file with these tensors, and a description under a key.
///
/// # Errors
/// Only if the format refuses its own names.
pub(super) fn bytes(
    tensors: Vec<(String, TensorView)>,
    key: &str,
    description: &impl Serialize,
) -> Result<Vec<u8>> {
    let text = serde_json::to_string(description)?;
    let open = text.strip_suffix('}').context("a description is an object")?;
    let zeros = "0".repeat(ZEROS.len());
    let text = format!("{open},\"{FORMAT}\":{LATEST},\"{CHECKSUM}\":\"{zeros}\"}}");
    // One entry: the order of several would change from run to run, and the file with it.
    let metadata = HashMap::from([(key.to_string(), text)]);
    let mut bytes = safetensors::serialize(tensors, Some(metadata))?;
    let place = digits(&bytes).context("a description has a checksum")?;
    let checksum = checksum(&bytes, &place);
    bytes[place].copy_from_slice(checksum.as_bytes());
    Ok(bytes)
}

/// A file that was read, with a right checksum if it has one.
pub(super) struct SealedFile {
    path: PathBuf,
    bytes: Vec<u8>,
    descriptions: BTreeMap<String, Map<String, Value>>,
}

impl SealedFile {
    /// Reads a file and checks it.
    ///
    /// # Errors
    /// A file that is missing; a [`Damaged`] one; one of a later version.
    pub(super) fn read(path: &Path) -> Result<Self> {
        Self::of(path, std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)
    }

    /// The same from the bytes of a file.
    pub(super) fn of(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let damaged = |problem: &str| Damaged::new(path, problem);
        // All of the header, offsets and lengths included.
        let parsed = SafeTensors::deserialize(&bytes).and_then(|_| SafeTensors::read_metadata(&bytes));
        let (_, metadata) = parsed.map_err(|_| damaged("it is not a safetensors file, or is cut short"))?;
        let object = |(key, text): (&String, &String)| {
            let object: Map<String, Value> = serde_json::from_str(text).ok()?;
            Some((key.clone(), object))
        };
        let descriptions: Option<BTreeMap<_, _>> = metadata.metadata().iter().flatten().map(object).collect();
        let mut descriptions = descriptions.ok_or_else(|| damaged("its metadata are malformed"))?;
        for description in descriptions.values_mut() {
            let stored = (description.remove(FORMAT), description.remove(CHECKSUM));
            ensure!(intact(&bytes, &stored), damaged("its checksum is not that of its contents"));
            let format = stored.0.and_then(|format| format.as_u64()).unwrap_or(1);
            ensure!(
                format <= LATEST,
                "{} has the format {format}, and this version reads at most {LATEST}; use a later version",
                path.display()
            );
        }
        Ok(Self { path: path.into(), bytes, descriptions })
    }

    /// The description under a key.
    ///
    /// # Errors
    /// [`Damaged`], or another kind of file.
    pub(super) fn description<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        let found = self.descriptions.get(key);
        let found = found.ok_or_else(|| {
            self.damaged(format!("its metadata have no {key}, as those of another kind of file"))
        })?;
        let read = serde_json::from_value(Value::Object(found.clone()));
        read.map_err(|error| self.damaged(format!("its {key}: {}", message(&error.to_string()))).into())
    }

    /// The tensors.
    pub(super) fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("checked when it was read")
    }

    /// The error for this file.
    pub(super) fn damaged(&self, problem: impl Into<String>) -> Damaged {
        Damaged::new(&self.path, problem)
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether a file is as it was written, as far as it says.
fn intact(bytes: &[u8], stored: &(Option<Value>, Option<Value>)) -> bool {
    match (stored, digits(bytes)) {
        ((None, None), _) => true,
        ((_, Some(Value::String(stored))), Some(place)) => *stored == checksum(bytes, &place),
        _ => false,
    }
}

/// The place of the checksum's digits: in the header, whose length the first eight bytes hold.
fn digits(bytes: &[u8]) -> Option<Range<usize>> {
    let length = u64::from_le_bytes(*bytes.first_chunk()?);
    let header = bytes.get(8..8 + usize::try_from(length).ok()?)?;
    let start = 8 + BEFORE.len() + header.windows(BEFORE.len()).position(|window| window == BEFORE)?;
    (start + ZEROS.len() <= bytes.len()).then_some(start..start + ZEROS.len())
}

fn checksum(bytes: &[u8], digits: &Range<usize>) -> String {
    let parts = [&bytes[..digits.start], &ZEROS, &bytes[digits.end..]];
    let hash = parts.into_iter().fold(Sha256::new(), Sha256::chain_update);
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::Dtype;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Described {
        name: String,
    }

    fn file() -> Vec<u8> {
        let data: Vec<u8> = (0..24).collect();
        let tensor = TensorView::new(Dtype::F32, vec![2, 3], &data).unwrap();
        // What looks like the checksum within a string is not taken for it.
        let described = Described { name: r#"\"sha256\":\""#.into() };
        bytes(vec![("weight".into(), tensor)], "kind", &described).unwrap()
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let file = SealedFile::read(&path)?;
            let Described { .. } = file.description("kind")?;
            Ok::<_, anyhow::Error>(file.tensors().tensor("weight")?.data().to_vec())
        };
        let bytes = file();
        assert_eq!(read(&bytes).unwrap(), (0..24).collect::<Vec<u8>>());
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = read(&flipped).unwrap_err();
            assert!(error.is::<Damaged>(), "bit {bit}: {error}");
            assert!(error.to_string().starts_with(&format!("{} is damaged", path.display())), "{error}");
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).unwrap_err().is::<Damaged>(), "{length} bytes");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).unwrap_err().is::<Damaged>());
    }

    #[test]
    fn a_file_without_a_checksum_is_read_and_one_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let write = |text: &str| {
            let metadata = HashMap::from([("kind".to_string(), text.to_string())]);
            let none = Vec::<(String, TensorView)>::new();
            std::fs::write(&path, safetensors::serialize(none, Some(metadata)).unwrap()).unwrap();
            SealedFile::read(&path).and_then(|file| file.description::<Described>("kind"))
        };
        assert_eq!(write(r#"{"name":"x"}"#).unwrap(), Described { name: "x".into() });
        assert!(write(r#"{"name":"x","format":2}"#).unwrap_err().is::<Damaged>());
        let mut later = file();
        let place = later.windows(11).position(|window| window == br#"\"format\":"#).unwrap() + 11;
        later[place] = b'3';
        let (digits, zeros) = (digits(&later).unwrap(), checksum(&later, &digits(&later).unwrap()));
        later[digits].copy_from_slice(zeros.as_bytes());
        std::fs::write(&path, later).unwrap();
        let error = SealedFile::read(&path).err().unwrap().to_string();
        assert!(
            error.ends_with("has the format 3, and this version reads at most 2; use a later version"),
            "{error}"
        );
    }
}

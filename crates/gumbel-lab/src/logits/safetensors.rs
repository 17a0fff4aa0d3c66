//! Files of named tensors: the length of a header, the header in JSON, numbers.
//!
//! The library reads such a file from memory as a whole; here it parses the header only, and the rows are read in parts.

use super::raw::Raw;
use super::source::Source;
use super::{Error, Precision};
use crate::support::excerpt::excerpt;
use ::safetensors::Dtype;
use ::safetensors::tensor::{Metadata, TensorInfo};
use std::io::Read;

/// Name of the tensor of samples.
pub(super) const NAME: &str = "samples";
/// Length of the headers written here, including their length field.
const HEADER: usize = 160;
/// Limit of the format on the length of a header.
const LONGEST: u64 = 100_000_000;

/// Reads the header and skips to the tensor of the given name, or to the only one.
pub(super) fn open(mut from: Source, name: Option<&str>) -> Result<Raw, Error> {
    let mut length = [0; 8];
    from.read_exact(&mut length).map_err(|_| invalid("it ends within its header"))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return Err(invalid(&format!("its header has {length} bytes; the limit is {LONGEST}")));
    }
    let mut header = Vec::new();
    from.by_ref().take(length).read_to_end(&mut header)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| invalid(&excerpt(&error.to_string())))?;
    let info = chosen(&metadata, name)?;
    let precision = precision(info.dtype)?;
    let before = info.data_offsets.0 as u64;
    let skipped = from.skip(before)?;
    if skipped < before {
        return Err(invalid("it ends before the tensor"));
    }
    let after = (metadata.data_len() - info.data_offsets.1) as u64;
    Raw::new(from, precision, &info.shape, after)
}

fn chosen<'a>(metadata: &'a Metadata, name: Option<&str>) -> Result<&'a TensorInfo, Error> {
    let names = metadata.offset_keys();
    match (name, names.as_slice()) {
        (Some(name), _) => {
            metadata.info(name).ok_or_else(|| Error::NoTensor { name: name.into(), known: names })
        }
        (None, []) => Err(Error::Empty { rows: 0, categories: 0 }),
        (None, [only]) => Ok(metadata.info(only).expect("one of its names")),
        (None, _) => Err(Error::Several(names)),
    }
}

fn precision(dtype: Dtype) -> Result<Precision, Error> {
    match dtype {
        Dtype::F16 => Ok(Precision::Half),
        Dtype::BF16 => Ok(Precision::BFloat),
        Dtype::F32 => Ok(Precision::Single),
        Dtype::F64 => Ok(Precision::Double),
        other => Err(Error::Type { found: format!("{other:?}") }),
    }
}

fn invalid(reason: &str) -> Error {
    Error::Header { format: "safetensors", reason: reason.into() }
}

/// A header of [`HEADER`] bytes for one tensor of the given type and shape; its numbers have `size` bytes.
pub(super) fn header(dtype: Dtype, size: u64, shape: &[u64]) -> Vec<u8> {
    let end = size * shape.iter().product::<u64>();
    let text = serde_json::json!({ NAME: { "dtype": dtype, "shape": shape, "data_offsets": [0, end] } });
    let padded = format!("{:<width$}", text.to_string(), width = HEADER - 8);
    [&((HEADER - 8) as u64).to_le_bytes()[..], padded.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::safetensors::tensor::{TensorView, serialize};

    fn file() -> Vec<u8> {
        let (doubles, halves) = ([0u8; 48], [0u8; 8]);
        let views = [
            ("logits", TensorView::new(Dtype::F64, vec![2, 3], &doubles).unwrap()),
            ("bias", TensorView::new(Dtype::F16, vec![4], &halves).unwrap()),
            ("codes", TensorView::new(Dtype::U8, vec![8], &halves).unwrap()),
        ];
        serialize(views, None).unwrap()
    }

    fn from(bytes: Vec<u8>, name: Option<&str>) -> Result<Raw, String> {
        open(Source::stream(std::io::Cursor::new(bytes)), name).map_err(|error| error.to_string())
    }

    #[test]
    fn a_tensor_is_found_by_its_name() {
        for (name, precision, rows) in [("logits", Precision::Double, 2), ("bias", Precision::Half, 1)] {
            let raw = from(file(), Some(name)).unwrap();
            assert_eq!((raw.precision, raw.rows), (precision, rows));
        }
    }

    #[test]
    fn every_tensor_ends_where_the_header_says_and_the_file_with_the_last() {
        for name in ["logits", "bias"] {
            let end = |bytes| {
                let mut raw = from(bytes, Some(name)).unwrap();
                (0..=raw.rows).try_for_each(|_| raw.read::<f32>(1, &mut Vec::new()).map(drop))
            };
            end(file()).unwrap();
            assert!(matches!(end([file(), vec![0]].concat()), Err(Error::Longer { .. })), "{name}");
        }
    }

    #[test]
    fn a_missing_choice_names_the_tensors() {
        let error = |name| from(file(), name).err().unwrap();
        let several = "several tensors in the file: logits, bias, codes; choose one with --tensor NAME";
        assert_eq!(error(None), several);
        assert!(error(Some("logit")).contains("unknown tensor 'logit'; did you mean 'logits'?"));
        assert!(error(Some("codes")).contains("of type U8"));
        let short = from(file()[..40].to_vec(), None).err().unwrap();
        assert!(short.contains("not a valid safetensors file"), "{short}");
    }

    #[test]
    fn the_library_reads_what_is_written_here() {
        let bytes = [header(Dtype::U32, 4, &[2, 3]), vec![1; 24]].concat();
        let tensors = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor(NAME).unwrap().shape(), [2, 3]);
        assert_eq!(header(Dtype::U32, 4, &[u64::from(u32::MAX), 1 << 20]).len(), HEADER);
    }
}

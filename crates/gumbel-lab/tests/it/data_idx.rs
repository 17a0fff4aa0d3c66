//! IDX files: what is written is read back, and anything else is a typed error, never a panic.

use gumbel_lab::data::{Error, Images, idx};
use proptest::prelude::*;
use std::path::PathBuf;
use tempfile::TempDir;

fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn header(magic: u32, sizes: &[u32]) -> Vec<u8> {
    [magic].iter().chain(sizes).flat_map(|word| word.to_be_bytes()).collect()
}

fn read(bytes: &[u8]) -> Result<Images, Error> {
    let (_folder, path) = file("x", bytes);
    idx::read_images(&path).map(|contents| contents.items)
}

#[test]
fn a_missing_file_is_named() {
    let error = idx::read_images(std::path::Path::new("no/such/file")).unwrap_err();
    assert!(matches!(&error, Error::Missing(path) if path.ends_with("no/such/file")));
    assert!(error.to_string().starts_with("no/such/file is missing;"), "{error}");
}

#[test]
fn lengths_are_checked_against_the_header() {
    let mut bytes = header(0x0803, &[2, 1, 3]);
    bytes.extend([1, 2, 3, 4, 5]);
    let error = read(&bytes).unwrap_err();
    assert!(matches!(error, Error::Truncated { expected: 22, got: 21, .. }), "{error}");
    bytes.push(6);
    assert_eq!(read(&bytes).unwrap().image(1), [4, 5, 6]);
    bytes.push(7);
    assert!(matches!(read(&bytes), Err(Error::Trailing { expected: 22, .. })));
}

#[test]
fn the_magic_number_decides_the_kind() {
    let error = read(&header(0x0801, &[0])).unwrap_err();
    assert!(matches!(error, Error::Magic { got: 0x0801, .. }));
    assert!(error.to_string().contains("0x00000801"), "{error}");
    let (_folder, path) = file("x", &header(0x0803, &[0, 0, 0]));
    assert!(matches!(idx::read_labels(&path), Err(Error::Magic { got: 0x0803, .. })));
}

#[test]
fn absurd_headers_allocate_nothing() {
    let overflow = read(&header(0x0803, &[u32::MAX; 3])).unwrap_err();
    assert!(matches!(overflow, Error::TooLarge { bytes: u64::MAX, .. }));
    let large = read(&header(0x0803, &[1 << 20, 1 << 10, 2])).unwrap_err();
    assert!(matches!(large, Error::TooLarge { bytes, .. } if bytes == 1 << 31));
    let just_allowed = read(&header(0x0803, &[1 << 20, 1 << 5, 1 << 5])).unwrap_err();
    assert!(matches!(just_allowed, Error::Truncated { got: 16, .. }));
}

#[test]
fn files_without_images_are_rejected() {
    assert!(matches!(read(&header(0x0803, &[0, 28, 28])), Err(Error::Empty { count: 0, .. })));
    assert!(matches!(read(&header(0x0803, &[u32::MAX, 0, 28])), Err(Error::Empty { height: 0, .. })));
}

#[test]
fn wide_labels_are_read() {
    let mut bytes = header(0x0B01, &[3]);
    bytes.extend([0, 5, 1, 0, 255, 255]);
    let (_folder, path) = file("x", &bytes);
    let labels = idx::read_labels(&path).unwrap().items;
    assert_eq!(labels, [5, 256, -1]);
}

#[test]
fn damage_to_a_gzip_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gz");
    idx::write_images(&path, &Images::new((0..=255).collect(), 16, 16, None)).unwrap();
    let good = std::fs::read(&path).unwrap();
    for (place, name) in [(good.len() - 8, "checksum"), (3, "flags")] {
        let mut bad = good.clone();
        bad[place] ^= 0xff;
        std::fs::write(&path, bad).unwrap();
        let error = idx::read_images(&path).unwrap_err();
        assert!(matches!(error, Error::Damaged { format: "gzip", .. }), "{name}: {error}");
    }
    std::fs::write(&path, [good, b"rest".to_vec()].concat()).unwrap();
    assert!(matches!(idx::read_images(&path), Err(Error::Damaged { .. })));
}

#[test]
fn the_hash_does_not_depend_on_the_compression() {
    let folder = tempfile::tempdir().unwrap();
    let images = Images::new(vec![1, 2, 3, 4], 2, 2, None);
    let hash = |name: &str| {
        let path = folder.path().join(name);
        idx::write_images(&path, &images).unwrap();
        idx::read_images(&path).unwrap().sha256
    };
    assert_eq!(hash("plain"), hash("packed.gz"));
}

#[test]
fn nothing_is_left_of_a_failed_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none").join("x.gz");
    let images = Images::new(vec![1], 1, 1, None);
    assert!(matches!(idx::write_images(&path, &images), Err(Error::Write { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn any_images() -> impl Strategy<Value = Images> {
    (1..6usize, 1..7usize, 1..7usize).prop_flat_map(|(count, height, width)| {
        prop::collection::vec(any::<u8>(), count * height * width)
            .prop_map(move |pixels| Images::new(pixels, height, width, None))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn images_and_labels_come_back(images in any_images(), labels in prop::collection::vec(any::<u8>(), 0..40)) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["plain", "packed.gz"] {
            let path = folder.path().join(name);
            idx::write_images(&path, &images).unwrap();
            prop_assert_eq!(&idx::read_images(&path).unwrap().items, &images);
            idx::write_labels(&path, &labels).unwrap();
            let wide: Vec<i16> = labels.iter().copied().map(i16::from).collect();
            prop_assert_eq!(idx::read_labels(&path).unwrap().items, wide);
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error(images in any_images()) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["plain", "packed.gz"] {
            let path = folder.path().join(name);
            idx::write_images(&path, &images).unwrap();
            let whole = std::fs::read(&path).unwrap();
            for length in 0..whole.len() {
                std::fs::write(&path, &whole[..length]).unwrap();
                let error = idx::read_images(&path).unwrap_err();
                let expected = matches!(error, Error::Truncated { .. } | Error::Damaged { .. } | Error::Magic { .. });
                prop_assert!(expected, "cut to {}: {}", length, error);
            }
        }
    }

    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), begin in 0..4usize) {
        let starts: [&[u8]; 4] = [&[], &[0x1f, 0x8b], &[0, 0, 8, 3], &[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1]];
        let (_folder, path) = file("x", &[starts[begin], &bytes].concat());
        let _ = idx::read_images(&path);
        let _ = idx::read_labels(&path);
    }
}

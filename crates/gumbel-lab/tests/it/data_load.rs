//! Finding and loading data sets: folders, names, and what is said when they are not there.

use gumbel_lab::data::{Dataset, Error, Images, Places, idx, load, load_from, registry::Part};
use std::path::Path;
use tempfile::TempDir;

fn images(count: usize, side: usize, largest: u8) -> Images {
    let pixels = (0..count * side * side).map(|i| (i % (usize::from(largest) + 1)) as u8).collect();
    Images::new(pixels, side, side, None)
}

/// A folder with the given images as parts.
fn folder(parts: &[(&str, Images)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (part, images) in parts {
        idx::write_images(&folder.path().join(format!("{part}-images-idx3-ubyte.gz")), images).unwrap();
    }
    folder
}

fn open(folder: &Path) -> Result<Dataset, Error> {
    load_from(folder.to_str().unwrap(), &Places::default(), 0)
}

#[test]
fn digits_need_nothing_and_follow_the_seed() {
    let first = load_from("digits", &Places::default(), 1).unwrap();
    assert_eq!((first.train.count, first.test.count, first.valid.is_none()), (10_000, 1_000, true));
    assert!(!first.binary && first.source.contains("seed 1") && !first.source.contains('\n'));
    assert_eq!(first.test, gumbel_lab::data::digits::images(1, Part::Test, 1_000));
    assert_ne!(first.train, load_from("digits", &Places::default(), 2).unwrap().train);
}

#[test]
fn a_folder_is_taken_as_it_is() {
    let folder = folder(&[("train", images(4, 5, 255)), ("t10k", images(2, 5, 255))]);
    idx::write_labels(&folder.path().join("train-labels.idx1-ubyte"), &[3, 1, 4, 1]).unwrap();
    let data = open(folder.path()).unwrap();
    assert_eq!((data.train.count, data.train.height, data.test.count), (4, 5, 2));
    assert_eq!(data.train.labels, Some(vec![3, 1, 4, 1]));
    assert!(data.test.labels.is_none() && !data.binary);
    assert_eq!(data.name, folder.path().file_name().unwrap().to_str().unwrap());
}

#[test]
fn zeros_and_ones_become_paper_and_ink() {
    let folder = folder(&[("train", images(4, 3, 1)), ("valid", images(2, 3, 1)), ("test", images(2, 3, 1))]);
    let data = open(folder.path()).unwrap();
    assert!(data.binary);
    assert_eq!(data.valid.unwrap().image(0), [0, 255, 0, 255, 0, 255, 0, 255, 0]);
}

#[test]
fn one_grey_part_keeps_all_parts_as_they_are() {
    let folder = folder(&[("train", images(4, 3, 1)), ("test", images(2, 3, 200))]);
    let data = open(folder.path()).unwrap();
    assert!(!data.binary && data.train.pixels.contains(&1));
}

#[test]
fn parts_must_agree() {
    let sizes = folder(&[("train", images(4, 3, 255)), ("test", images(2, 4, 255))]);
    let error = open(sizes.path()).unwrap_err();
    assert!(matches!(error, Error::Shape { got: (4, 4), wanted: (3, 3), .. }), "{error}");
    let counts = folder(&[("train", images(4, 3, 255)), ("test", images(2, 3, 255))]);
    idx::write_labels(&counts.path().join("train-labels-idx1-ubyte.gz"), &[1]).unwrap();
    let error = open(counts.path()).unwrap_err();
    assert!(matches!(error, Error::CountMismatch { images: 4, labels: 1, .. }), "{error}");
}

#[test]
fn unknown_names_get_a_hint() {
    let error = load_from("mnits", &Places::default(), 0).unwrap_err();
    assert!(matches!(&error, Error::UnknownName { near, .. } if near.contains(&"mnist")), "{error}");
    assert!(matches!(load_from("./nowhere/at/all", &Places::default(), 0), Err(Error::NoFolder(_))));
}

#[test]
fn a_set_that_is_nowhere_names_the_places_and_the_remedy() {
    let root = tempfile::tempdir().unwrap();
    let places = Places { given: Some(root.path().into()), ..Places::default() };
    let error = load_from("omniglot", &places, 0).unwrap_err();
    assert!(matches!(&error, Error::NotFound { searched, .. } if searched.len() == 2));
    let text = error.to_string();
    assert!(
        text.contains(root.path().to_str().unwrap()) && text.contains("gumbel data fetch omniglot"),
        "{text}"
    );
    assert!(!text.contains('\n'));
}

#[test]
fn files_under_a_known_name_must_be_the_published_ones() {
    let folder = folder(&[("train", images(4, 28, 255)), ("t10k", images(2, 28, 255))]);
    let error = load("mnist", Some(folder.path()), 0).unwrap_err();
    assert!(matches!(&error, Error::Incomplete { name: "mnist", .. }), "{error}");
    for part in ["train", "t10k"] {
        idx::write_labels(&folder.path().join(format!("{part}-labels-idx1-ubyte")), &[0; 4]).unwrap();
    }
    let error = load("mnist", Some(folder.path()), 0).unwrap_err();
    assert!(matches!(&error, Error::NotPublished { name: "mnist", .. }), "{error}");
    assert!(error.to_string().contains("give the folder instead"), "{error}");
}

//! Finding and loading data sets: names, folders in every layout, and the errors where they are missing.

use crate::program::{gumbel, succeed};
use gumbel_lab::data::{Dataset, Error, Images, Places, idx, load, load_from, registry::Part};
use proptest::prelude::*;
use std::collections::BTreeSet;
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
fn a_folder_is_loaded_unchecked() {
    let folder = folder(&[("train", images(4, 5, 255)), ("t10k", images(2, 5, 255))]);
    idx::write_labels(&folder.path().join("train-labels.idx1-ubyte"), &[3, 0, 4, 1]).unwrap();
    let data = open(folder.path()).unwrap();
    assert_eq!((data.train.count, data.train.height, data.test.count), (4, 5, 2));
    assert_eq!(data.train.labels.as_deref(), Some(&[2, 0, 3, 1][..]));
    assert!(data.test.labels.is_none() && !data.binary);
    assert_eq!(data.name, folder.path().file_name().unwrap().to_str().unwrap());
}

#[test]
fn zeros_and_ones_become_background_and_ink() {
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
    assert!(matches!(error, Error::Shape { got: (4, 4), expected: (3, 3), .. }), "{error}");
    let counts = folder(&[("train", images(4, 3, 255)), ("test", images(2, 3, 255))]);
    idx::write_labels(&counts.path().join("train-labels-idx1-ubyte.gz"), &[1]).unwrap();
    let error = open(counts.path()).unwrap_err();
    assert!(matches!(error, Error::CountMismatch { images: 4, labels: 1, .. }), "{error}");
}

#[test]
fn unknown_names_get_a_hint() {
    let error = load_from("mnits", &Places::default(), 0).unwrap_err();
    assert!(matches!(&error, Error::UnknownName { .. }), "{error}");
    assert_eq!(error.to_string(), "unknown data set 'mnits'; did you mean 'mnist'?");
    let error = load_from("zzz", &Places::default(), 0).unwrap_err().to_string();
    assert!(error.ends_with("omniglot, or a folder of IDX files"), "{error}");
    assert!(matches!(load_from("./nowhere/at/all", &Places::default(), 0), Err(Error::NoFolder(_))));
}

#[test]
fn a_missing_set_names_the_folders_the_files_and_the_remedy() {
    let root = tempfile::tempdir().unwrap();
    let places = Places { given: Some(root.path().into()), ..Places::default() };
    let error = load_from("omniglot", &places, 0).unwrap_err();
    assert!(matches!(&error, Error::NotFound { searched, .. } if searched.len() == 2));
    let text = error.to_string();
    assert!(
        text.contains(root.path().to_str().unwrap())
            && text.contains("omniglot28-test-alphabets-idx1-ubyte")
            && text.contains("gumbel data fetch omniglot"),
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
    assert!(error.to_string().contains("use the folder unchecked with --data DIR"), "{error}");
}

/// How the files of a folder are named and stored.
#[derive(Clone, Copy, Debug)]
struct Layout {
    prefix: &'static str,
    test: &'static str,
    /// Whether `idx` follows a dot.
    dot: bool,
    /// Whether each file is in a folder of its own name, as from Kaggle.
    nested: bool,
    gzipped: bool,
    /// The number of the first class.
    first: u8,
}

impl Layout {
    fn path(&self, folder: &Path, part: &str, kind: &str) -> std::path::PathBuf {
        let name = format!("{}{part}-{kind}-ubyte", self.prefix);
        let name = if self.dot { name.replace("-idx", ".idx") } else { name };
        let file = if self.gzipped { format!("{name}.gz") } else { name.clone() };
        let folder = if self.nested { folder.join(name) } else { folder.into() };
        std::fs::create_dir_all(&folder).unwrap();
        folder.join(file)
    }

    /// Writes a part as its publisher would.
    fn write(&self, folder: &Path, part: &str, images: &Images) {
        let stored = if self.prefix.is_empty() { images.clone() } else { images.transposed() };
        idx::write_images(&self.path(folder, part, "images-idx3"), &stored).unwrap();
        if let Some(labels) = &images.labels {
            let labels: Vec<u8> = labels.iter().map(|label| label + self.first).collect();
            idx::write_labels(&self.path(folder, part, "labels-idx1"), &labels).unwrap();
        }
    }
}

fn any_layout() -> impl Strategy<Value = Layout> {
    let names =
        (prop::sample::select(vec!["", "emnist-letters-"]), prop::sample::select(vec!["test", "t10k"]));
    (names, any::<[bool; 3]>(), 0..2u8).prop_map(|((prefix, test), [dot, nested, gzipped], first)| Layout {
        prefix,
        test,
        dot,
        nested,
        gzipped,
        first,
    })
}

/// Training and test images of one size, grey, the first of class 0.
fn any_set() -> impl Strategy<Value = [Images; 2]> {
    let sizes = (1..5usize, 1..5usize, 1..6usize, 1..6usize, any::<bool>());
    sizes.prop_flat_map(|(train, test, height, width, labelled)| {
        let part = move |count| {
            let pixels = prop::collection::vec(any::<u8>(), count * height * width);
            (pixels, prop::collection::vec(0..26u8, count)).prop_map(move |(mut pixels, mut labels)| {
                (pixels[0], labels[0]) = (200, 0);
                Images::new(pixels, height, width, labelled.then_some(labels))
            })
        };
        [part(train), part(test)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_set_is_loaded_from_every_layout(layout in any_layout(), [train, test] in any_set()) {
        let folder = tempfile::tempdir().unwrap();
        layout.write(folder.path(), "train", &train);
        layout.write(folder.path(), layout.test, &test);
        let data = open(folder.path()).unwrap();
        prop_assert_eq!(data.source.contains("transposed"), !layout.prefix.is_empty());
        let known: BTreeSet<u8> = [&train, &test].iter().filter_map(|part| part.labels.as_deref()).flatten().copied().collect();
        let gaps = known.last().is_some_and(|&last| usize::from(last) + 1 > known.len());
        prop_assert_eq!(data.source.contains("; labels 1 to "), layout.first == 1 && train.labels.is_some() && !gaps);
        prop_assert_eq!(data.source.contains("are numbered 0 to"), gaps || layout.first == 1 && train.labels.is_some());
        for (loaded, part) in [(&data.train, &train), (&data.test, &test)] {
            let place = |label: &u8| known.range(..label).count() as u8;
            let labels = part.labels.as_ref().map(|labels| labels.iter().map(place).collect());
            prop_assert_eq!(loaded, &Images { labels, ..part.clone() });
        }
    }
}

/// An upright bar, stored as EMNIST stores it: lying.
#[test]
fn letters_of_emnist_are_upright_and_numbered_from_zero() {
    let folder = tempfile::tempdir().unwrap();
    let bar: Vec<u8> = (0..9).map(|pixel| if pixel / 3 == 1 { 255 } else { 7 }).collect();
    let letters: Vec<u8> = (1..=26).collect();
    for (part, labels) in [("train", &letters[..]), ("test", &[2, 26])] {
        let path = |kind: &str| folder.path().join(format!("emnist-letters-{part}-{kind}-ubyte.gz"));
        let pixels = bar.repeat(labels.len());
        idx::write_images(&path("images-idx3"), &Images::new(pixels, 3, 3, None)).unwrap();
        idx::write_labels(&path("labels-idx1"), labels).unwrap();
    }
    let data = open(folder.path()).unwrap();
    assert_eq!(data.train.image(0), [7, 255, 7, 7, 255, 7, 7, 255, 7]);
    assert_eq!(data.test.labels.as_deref(), Some(&[1, 25][..]));
    assert!(data.source.ends_with("; labels 1 to 26 of the files are numbered 0 to 25"), "{}", data.source);
}

/// The published MNIST in Kaggle's layout, where it is at hand.
#[test]
fn mnist_is_found_in_the_layout_of_kaggle() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("GUMBEL_DATA").map_or(beside, Into::into);
    let set = gumbel_lab::data::registry::find("mnist").unwrap();
    let Ok(source) = (Places { given: Some(root), ..Places::default() }).locate(set) else {
        return println!("skipped: mnist is not at hand; set GUMBEL_DATA to the folder that holds it");
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, dotted) in set.file_names().into_iter().zip([false, true, true, false]) {
        let name = if dotted { name.replace("-idx", ".idx") } else { name.into() };
        let original = source.join(format!("{}.gz", name.replace(".idx", "-idx")));
        let own = folder.path().join(&name);
        if dotted {
            std::fs::copy(original, own).unwrap();
        } else {
            std::fs::create_dir(&own).unwrap();
            std::fs::copy(original, own.join(&name)).unwrap();
        }
    }
    let data = load("mnist", Some(folder.path()), 0).unwrap();
    assert_eq!(
        (data.train.count, data.test.labels.as_ref().map(|labels| labels.len())),
        (60_000, Some(10_000))
    );
}

#[test]
fn a_list_names_where_each_set_was_found_or_searched() {
    let root = tempfile::tempdir().unwrap();
    let names = root.path().join("names");
    std::fs::create_dir(&names).unwrap();
    std::fs::write(names.join("names.txt"), "Ada\n").unwrap();
    let folder = root.path().to_str().unwrap();
    let list = succeed(&gumbel(&["data", "list", "--data-dir", folder]));
    for part in [
        "not found; run `gumbel data fetch mnist`\n",
        "looked for train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-",
        &format!("in {folder}/mnist\n"),
        &format!("in {folder}\n"),
        &format!("found: {folder}/names/names.txt\n"),
        "not found; put input.txt into one of the folders\n",
    ] {
        assert!(list.contains(part), "'{part}' is missing from {list}");
    }
}

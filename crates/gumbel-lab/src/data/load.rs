//! Loads a data set by name or from a folder.

use super::folder::{self, PartFiles};
use super::places::missing;
use super::registry::{self, FileKind, Part, Set};
use super::{Dataset, Error, Images, Places, digits, idx, layout};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Loads a data set by name, or from a folder of IDX files.
///
/// A known name takes precedence over a folder of the same name (write `./mnist` for the folder). The set is
/// searched in DIR/NAME and DIR for `data_dir`, then for `GUMBEL_DATA`, then in the cache folder of the system; its
/// contents must be the published ones. A folder is loaded unchecked. `seed` affects `digits` only, whose images
/// are generated.
///
/// Images whose pixels are all 0 or 1 are scaled so that 255 is ink. Labels that do not run from 0, or leave some out, are renumbered,
/// and images in files named `emnist-…`, which store them with rows and columns exchanged, are transposed;
/// [`Dataset::source`] states both.
///
/// # Errors
/// An unknown name, a set that is not found, or files that are damaged, do not belong together or, for a named
/// set, are not the published ones.
pub fn load(name_or_dir: &str, data_dir: Option<&Path>, seed: u64) -> Result<Dataset, Error> {
    load_from(name_or_dir, &Places::new(data_dir), seed)
}

/// [`load`], with the places to search as an argument.
///
/// # Errors
/// As [`load`].
pub fn load_from(name_or_dir: &str, places: &Places, seed: u64) -> Result<Dataset, Error> {
    let path = Path::new(name_or_dir);
    match registry::find(name_or_dir) {
        Ok(set) if set.built_in() => Ok(digits::dataset(seed, digits::TRAIN, digits::TEST)),
        Ok(set) => named(set, places.locate(set)?),
        Err(_) if path.is_dir() => from_folder(path),
        Err(_) if path.components().count() > 1 || path.is_file() => Err(Error::NoFolder(path.into())),
        Err(unknown) => Err(unknown),
    }
}

fn named(set: &'static Set, folder: PathBuf) -> Result<Dataset, Error> {
    let missing = missing(set, &folder);
    if !missing.is_empty() {
        return Err(Error::Incomplete { name: set.name, folder, missing });
    }
    let path = |part, kind| {
        let file = set.files.iter().find(|file| (file.part, file.kind) == (part, kind));
        file.and_then(|file| layout::present(&folder, file.name))
    };
    let read = |part| {
        let images = path(part, FileKind::Images)?;
        Some(read_part(&PartFiles { images, labels: path(part, FileKind::Labels) }, Some(set)))
    };
    let absent = |part| Error::Incomplete { name: set.name, folder: folder.clone(), missing: vec![part] };
    let train = read(Part::Train).ok_or_else(|| absent("training images"))??;
    let valid = read(Part::Valid).transpose()?;
    let test = read(Part::Test).ok_or_else(|| absent("test images"))??;
    assemble(set.name.into(), set.source(), train, valid, test)
}

fn from_folder(path: &Path) -> Result<Dataset, Error> {
    let files = folder::scan(path)?;
    let full = path.canonicalize().map_err(|source| Error::read(path, source))?;
    let name = full.file_name().map_or_else(|| "folder".into(), |name| name.to_string_lossy().into_owned());
    let mut source = format!("{name}: IDX files of a folder, unchecked; licence: see the folder");
    if files.train.transposed() {
        source += "; images transposed, as EMNIST stores them by columns";
    }
    let train = read_part(&files.train, None)?;
    let valid = files.valid.map(|files| read_part(&files, None)).transpose()?;
    assemble(name, source, train, valid, read_part(&files.test, None)?)
}

/// A part as read, with its labels as the file numbers them.
struct LoadedPart {
    images: Images,
    labels: Option<Vec<i16>>,
    /// The file of the images, for messages.
    path: PathBuf,
}

/// Reads images and labels, and checks them against the published contents of `set`.
fn read_part(files: &PartFiles, set: Option<&'static Set>) -> Result<LoadedPart, Error> {
    let images = idx::read_images(&files.images)?;
    check(set, &files.images, &images.sha256)?;
    let images = if files.transposed() { images.items.transposed() } else { images.items };
    let labels = files.labels.as_ref().map(|path| read_labels(path, files, images.count, set)).transpose()?;
    Ok(LoadedPart { images, labels, path: files.images.clone() })
}

/// Reads the labels of `images` images.
fn read_labels(
    path: &Path,
    files: &PartFiles,
    images: usize,
    set: Option<&'static Set>,
) -> Result<Vec<i16>, Error> {
    let labels = idx::read_labels(path)?;
    check(set, path, &labels.sha256)?;
    let count = labels.items.len();
    if count != images {
        let (images_path, labels_path) = (files.images.clone(), path.into());
        return Err(Error::CountMismatch { images_path, images, labels_path, labels: count });
    }
    Ok(labels.items)
}

fn check(set: Option<&'static Set>, path: &Path, got: &str) -> Result<(), Error> {
    let Some(set) = set else { return Ok(()) };
    let same = |file: &&registry::DataFile| layout::canonical(file.name.as_ref()) == layout::canonical(path);
    match set.files.iter().find(same) {
        Some(file) if file.sha256 != got => Err(Error::NotPublished {
            name: set.name,
            path: path.into(),
            got: got.into(),
            expected: file.sha256,
        }),
        _ => Ok(()),
    }
}

/// Joins the parts, which must have the same image size; numbers labels from 0, and scales pixels 0/1 to 0/255.
fn assemble(
    name: String,
    mut source: String,
    train: LoadedPart,
    valid: Option<LoadedPart>,
    test: LoadedPart,
) -> Result<Dataset, Error> {
    let expected = (train.images.height, train.images.width);
    for part in valid.iter().chain([&test]) {
        let got = (part.images.height, part.images.width);
        if got != expected {
            return Err(Error::Shape { path: part.path.clone(), got, expected });
        }
    }
    let all = || [Some(&train), valid.as_ref(), Some(&test)].into_iter().flatten();
    let known: BTreeSet<i16> = all().filter_map(|part| part.labels.as_deref()).flatten().copied().collect();
    source += &renumbered(&known);
    let labelled = |part: LoadedPart| Images { labels: numbered(part.labels, &known), ..part.images };
    let (train, valid, test) = (labelled(train), valid.map(labelled), labelled(test));
    let mut dataset = Dataset { name, train, valid, test, source, binary: false, text: None };
    if every_pixel(&dataset, |pixel| pixel <= 1) {
        let pixels = dataset.parts_mut().map(|images| Arc::make_mut(&mut images.pixels));
        pixels.flatten().for_each(|pixel| *pixel *= 255);
    }
    dataset.binary = every_pixel(&dataset, |pixel| pixel == 0 || pixel == 255);
    Ok(dataset)
}

/// Labels by their place among all that are `known`; none where a label is negative, or where there are more than bytes can
/// number.
fn numbered(labels: Option<Vec<i16>>, known: &BTreeSet<i16>) -> Option<Arc<[u8]>> {
    if known.first().is_none_or(|&first| first < 0) {
        return None;
    }
    let places: BTreeMap<i16, usize> = known.iter().copied().zip(0..).collect();
    labels?.into_iter().map(|label| u8::try_from(places[&label]).ok()).collect()
}

/// Says for the source which numbers the labels have had, if they are others now.
fn renumbered(known: &BTreeSet<i16>) -> String {
    let (Some(&first), Some(&last), count) = (known.first(), known.last(), known.len()) else {
        return String::new();
    };
    let gaps = usize::try_from(i32::from(last) - i32::from(first)).is_ok_and(|apart| apart + 1 > count);
    match (first, gaps) {
        (..0, _) | (0, false) => String::new(),
        (_, false) => format!("; labels {first} to {last} of the files are numbered 0 to {}", count - 1),
        (_, true) => format!(
            "; the {count} labels from {first} to {last} of the files are numbered 0 to {}",
            count - 1
        ),
    }
}

fn every_pixel(dataset: &Dataset, claim: impl Fn(u8) -> bool) -> bool {
    dataset.parts().all(|images| images.pixels.iter().all(|&pixel| claim(pixel)))
}

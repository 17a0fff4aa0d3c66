//! From a name or a folder to a [`Dataset`].

use super::{
    Dataset, Error, Images, Places, digits,
    folder::{self, PartFiles},
    idx,
    places::present,
    registry::{self, Kind, Part, Set},
};
use std::path::Path;

/// Loads a data set by name, or a folder of IDX files.
///
/// A known name wins over a folder of the same name (write `./mnist` for the folder). It is looked for in
/// DIR/NAME and DIR for `data_dir`, then for `GUMBEL_DATA`, then in the system's cache folder; its contents must
/// be the published ones. A folder is taken as it is. `seed` matters to `digits` only, which draws its images.
///
/// Images whose pixels are all 0 or 1 are scaled so that 255 is ink.
///
/// # Errors
/// An unknown name, a set that is nowhere, or files that are damaged, do not belong together or, for a named
/// set, are not the published ones.
pub fn load(name_or_dir: &str, data_dir: Option<&Path>, seed: u64) -> Result<Dataset, Error> {
    load_from(name_or_dir, &Places::new(data_dir), seed)
}

/// [`load`], with the places to search spelled out.
///
/// # Errors
/// As [`load`].
pub fn load_from(name_or_dir: &str, places: &Places, seed: u64) -> Result<Dataset, Error> {
    let path = Path::new(name_or_dir);
    match registry::find(name_or_dir) {
        Ok(set) if set.built_in() => Ok(digits::dataset(seed, digits::TRAIN, digits::TEST)),
        Ok(set) => named(set, &places.locate(set)?),
        Err(_) if path.is_dir() => from_folder(path),
        Err(_) if path.components().count() > 1 || path.is_file() => Err(Error::NoFolder(path.into())),
        Err(unknown) => Err(unknown),
    }
}

fn named(set: &'static Set, folder: &Path) -> Result<Dataset, Error> {
    let files = |part| -> Result<Option<PartFiles>, Error> {
        let Some(images) = published(set, folder, part, Kind::Images)? else { return Ok(None) };
        Ok(Some(PartFiles { images, labels: published(set, folder, part, Kind::Labels)? }))
    };
    let missing = || Error::NotFound { name: set.name, searched: vec![folder.into()] };
    let read = |part| files(part)?.map(|files| read_part(&files, Some(set))).transpose();
    finish(
        set.name.into(),
        set.source(),
        read(Part::Train)?.ok_or_else(missing)?,
        read(Part::Valid)?,
        read(Part::Test)?.ok_or_else(missing)?,
    )
}

/// Where the set's file of this part and kind lies, if the set has one.
fn published(set: &Set, folder: &Path, part: Part, kind: Kind) -> Result<Option<std::path::PathBuf>, Error> {
    let Some(file) = set.files.iter().find(|file| (file.part, file.kind) == (part, kind)) else {
        return Ok(None);
    };
    present(folder, file.name)
        .map(Some)
        .ok_or_else(|| Error::Incomplete { name: set.name, path: folder.join(file.name) })
}

fn from_folder(path: &Path) -> Result<Dataset, Error> {
    let files = folder::scan(path)?;
    let full = path.canonicalize().map_err(|source| Error::read(path, source))?;
    let name = full.file_name().map_or_else(|| "folder".into(), |name| name.to_string_lossy().into_owned());
    let source = format!("{name}: IDX files of a folder, unchecked; licence: see the folder");
    finish(
        name,
        source,
        read_part(&files.train, None)?,
        files.valid.map(|files| read_part(&files, None)).transpose()?,
        read_part(&files.test, None)?,
    )
}

/// A part with the file it came from, for messages.
struct Read {
    images: Images,
    path: std::path::PathBuf,
}

/// Reads images and labels, and checks them against the published contents of `set`.
fn read_part(files: &PartFiles, set: Option<&'static Set>) -> Result<Read, Error> {
    let images = idx::read_images(&files.images)?;
    check(set, &files.images, &images.sha256)?;
    let mut images = images.items;
    if let Some(path) = &files.labels {
        let labels = idx::read_labels(path)?;
        check(set, path, &labels.sha256)?;
        if labels.items.len() != images.count {
            return Err(Error::CountMismatch {
                images_path: files.images.clone(),
                images: images.count,
                labels_path: path.clone(),
                labels: labels.items.len(),
            });
        }
        images.labels = idx::narrow(&labels.items);
    }
    Ok(Read { images, path: files.images.clone() })
}

fn check(set: Option<&'static Set>, path: &Path, got: &str) -> Result<(), Error> {
    let Some(set) = set else { return Ok(()) };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let same = |file: &&registry::DataFile| file.name.trim_end_matches(".gz") == name.trim_end_matches(".gz");
    match set.files.iter().find(same) {
        Some(file) if file.sha256 != got => Err(Error::NotPublished {
            name: set.name,
            path: path.into(),
            got: got.into(),
            wanted: file.sha256,
        }),
        _ => Ok(()),
    }
}

/// Checks that the parts agree, and turns 0/1 pixels into 0/255.
fn finish(
    name: String,
    source: String,
    train: Read,
    valid: Option<Read>,
    test: Read,
) -> Result<Dataset, Error> {
    let wanted = (train.images.height, train.images.width);
    for part in valid.iter().chain([&test]) {
        let got = (part.images.height, part.images.width);
        if got != wanted {
            return Err(Error::Shape { path: part.path.clone(), got, wanted });
        }
    }
    let (train, valid, test) = (train.images, valid.map(|part| part.images), test.images);
    let mut dataset = Dataset { name, train, valid, test, source, binary: false, text: None };
    if every_pixel(&dataset, |pixel| pixel <= 1) {
        for_parts(&mut dataset, |pixel| *pixel *= 255);
    }
    dataset.binary = every_pixel(&dataset, |pixel| pixel == 0 || pixel == 255);
    Ok(dataset)
}

fn every_pixel(dataset: &Dataset, claim: impl Fn(u8) -> bool) -> bool {
    let parts = [Some(&dataset.train), dataset.valid.as_ref(), Some(&dataset.test)];
    parts.into_iter().flatten().all(|images| images.pixels.iter().all(|&pixel| claim(pixel)))
}

fn for_parts(dataset: &mut Dataset, change: impl Fn(&mut u8)) {
    let parts = [Some(&mut dataset.train), dataset.valid.as_mut(), Some(&mut dataset.test)];
    parts.into_iter().flatten().for_each(|images| images.pixels.iter_mut().for_each(&change));
}

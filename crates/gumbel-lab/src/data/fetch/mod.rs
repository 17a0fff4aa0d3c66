//! Downloading data sets.
//!
//! Every download is checked against its published length and SHA-256 before it gets its name; whatever goes
//! wrong, no half-written file is left.

mod convert;
mod download;
mod omniglot;

use super::{
    Error, Places, idx,
    places::present,
    registry::{self, DataFile, Packing, Set},
};
use crate::support::atomic_file;
use crate::support::interrupt::Watch;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Downloads a named set into DIR/NAME for `data_dir`, else for `GUMBEL_DATA`, else in the system's cache folder.
///
/// Returns that folder. Files that are there with the right contents are kept. `base_url` names a folder to
/// download from instead of the known mirrors. The bar of `watch` shows one file after the other; see
/// [`progress_bar`].
///
/// # Errors
/// An unknown or built-in name, a folder that cannot be written, a server that does not answer as it should, or
/// contents other than published.
pub fn fetch(
    name: &str,
    data_dir: Option<&Path>,
    base_url: Option<&str>,
    watch: &Watch,
) -> Result<PathBuf, Error> {
    let set = registry::find(name)?;
    let folder = Places::new(data_dir).home(set)?;
    fetch_set(set, &folder, base_url, watch)?;
    Ok(folder)
}

/// [`fetch()`] for any set, into `folder` itself.
///
/// # Errors
/// As [`fetch()`].
pub fn fetch_set(set: &Set, folder: &Path, base_url: Option<&str>, watch: &Watch) -> Result<(), Error> {
    if set.built_in() {
        return Err(Error::BuiltIn(set.name));
    }
    if set.files.iter().all(|file| intact(folder, file)) {
        return Ok(());
    }
    remove_stale(folder);
    let made: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    let created = std::fs::create_dir_all(folder).map_err(|source| Error::write(folder, source));
    let filled = created.and_then(|()| fill(set, folder, base_url, watch));
    if filled.is_err() {
        // Refused, rightly, where some files arrived before the failure.
        made.iter().for_each(|folder| drop(std::fs::remove_dir(folder)));
    }
    filled
}

/// A bar on standard error with the file's name, bytes and remaining time; silent where that is no terminal.
pub fn progress_bar() -> ProgressBar {
    let template = "{msg:30} {bar:30} {bytes:>10}/{total_bytes} {eta:>4}";
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    ProgressBar::new(0).with_style(style)
}

fn fill(set: &Set, folder: &Path, base_url: Option<&str>, watch: &Watch) -> Result<(), Error> {
    let get = |original| download::download(original, folder, base_url, watch);
    if set.packing == Packing::OmniglotZips {
        let zips = set.originals.iter().map(get).collect::<Result<Vec<_>, _>>()?;
        let parts = omniglot::convert(zips.iter().map(|zip| zip.path()))?;
        return set.files.iter().try_for_each(|file| parts.write(file, folder));
    }
    for (file, original) in set.files.iter().zip(set.originals) {
        if intact(folder, file) {
            continue;
        }
        let temporary = get(original)?;
        match set.packing {
            Packing::BinaryText => convert::binary_text(temporary.path(), file, folder)?,
            _ => place(temporary, &folder.join(original.name))?,
        }
    }
    Ok(())
}

/// Unfinished files that nobody has written to for this long belong to a download that was killed.
const STALE: Duration = Duration::from_secs(3600);

/// Removes what killed downloads left, as far as it can be: a leftover is no reason to fail.
fn remove_stale(folder: &Path) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let unfinished = entry.file_name().to_string_lossy().starts_with(atomic_file::PREFIX);
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let age = written.ok().and_then(|written| written.elapsed().ok());
        if unfinished && age.is_some_and(|age| age > STALE) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

fn place(file: tempfile::NamedTempFile, path: &Path) -> Result<(), Error> {
    atomic_file::place(file, path).map_err(|source| Error::write(path, source))
}

/// Whether the file is there with the published contents.
fn intact(folder: &Path, file: &DataFile) -> bool {
    let contents = present(folder, file.name).map(|path| idx::contents_sha256(&path));
    matches!(contents, Some(Ok(sha256)) if sha256 == file.sha256)
}

//! Downloads data sets.
//!
//! Every download is checked against its published length and SHA-256 before it is renamed to its final name, so that
//! no failure leaves a partial file.

mod convert;
mod download;
mod omniglot;

use super::{
    Error, Places, idx,
    layout::present,
    registry::{self, DataFile, Packing, Set},
};
use crate::support::atomic_file;
use crate::support::interrupt::Watch;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Downloads a named set to DIR/NAME for `data_dir`, else for `GUMBEL_DATA`, else in the cache folder of the system.
///
/// Returns that folder. Existing files with the published contents are kept. `base_url` names a folder to
/// download from instead of the known mirrors. The bar of `watch` shows the progress of each file; see
/// [`progress_bar`].
///
/// # Errors
/// An unknown or built-in name, a folder that cannot be written, a server that fails, or contents other than published.
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
        // Fails for a folder that holds files which arrived before the failure, as it should.
        made.iter().for_each(|folder| drop(std::fs::remove_dir(folder)));
    }
    filled
}

/// A progress bar on standard error with file name, bytes and remaining time; hidden if that is not a terminal.
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

/// The age from which a partial file belongs to a download that was killed.
const STALE: Duration = Duration::from_secs(3600);

/// Removes the partial files of killed downloads; a failure to do so is ignored.
fn remove_stale(folder: &Path) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let age = written.ok().and_then(|written| written.elapsed().ok());
        if atomic_file::is_partial(&entry) && age.is_some_and(|age| age > STALE) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

fn place(file: tempfile::NamedTempFile, path: &Path) -> Result<(), Error> {
    atomic_file::place(file, path).map_err(|source| Error::write(path, source))
}

/// Whether the folder has the file with the published contents.
fn intact(folder: &Path, file: &DataFile) -> bool {
    let contents = present(folder, file.name).map(|path| idx::contents_sha256(&path));
    matches!(contents, Some(Ok(sha256)) if sha256 == file.sha256)
}

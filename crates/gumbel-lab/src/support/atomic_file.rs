//! Files that are written in full or not at all.

use super::fault;
use std::fs::DirEntry;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::NamedTempFile;

/// The beginning of the names of unfinished files.
const PREFIX: &str = ".partial-";

/// Whether a file of a folder is unfinished: another process writes it now, or was killed.
pub fn is_partial(entry: &DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with(PREFIX)
}

/// A temporary file beside `path`, removed when dropped; readable by others as any new file is.
pub fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.metadata()?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    let file = builder.tempfile_in(folder).map_err(nameless)?;
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.retain(|path| path.exists());
    unfinished.push(std::path::absolute(file.path())?);
    Ok(file)
}

/// Temporary files that this process has not put in their places yet.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the temporary files of a process that is about to end without dropping them.
pub fn remove_unfinished() {
    let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.iter().for_each(|path| drop(std::fs::remove_file(path)));
}

/// Moves a finished temporary file to `path`.
pub fn place(file: NamedTempFile, path: &Path) -> io::Result<()> {
    // Synced before the rename: after a crash the name must not point at missing contents.
    file.as_file().sync_all()?;
    let file = fault::holding(file, path)?;
    file.persist(path).map_err(|failed| failed.error)?;
    Ok(())
}

/// Writes `bytes` to a temporary file beside `path`.
pub fn unfinished(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    fault::point(path)?;
    let file = beside(path)?;
    // Not through the temporary file itself, whose errors have its name.
    file.as_file().write_all(bytes)?;
    Ok(file)
}

/// Writes `bytes` to `path`, in full or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    place(unfinished(path, bytes)?, path)
}

/// Removes a file or a folder with all that is in it, if it exists.
pub fn remove(path: &Path) -> io::Result<()> {
    fault::point(path)?;
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The error without the temporary name, which means nothing to the user.
pub(crate) fn nameless(error: io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// The message for a file that could not be written: its path, the reason and the remedy, in one line.
pub fn refused(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}; {}", path.display(), remedy(error))
}

/// The remedy for a file that could not be written.
pub fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free space",
        ErrorKind::FileTooLarge => "raise the limit of the size of files (ulimit -f)",
        ErrorKind::NotFound => "make its folder first",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "choose a folder you may write to",
        _ => "choose another place",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap(); // a folder cannot be replaced by a file
        assert!(write(&path, b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_replaced_in_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"long contents").unwrap();
        write(&path, b"short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_message_names_the_file_and_the_remedy_fits() {
        let path = Path::new("/nonexistent/x.png");
        let message = refused(path, &write(path, b"x").unwrap_err());
        assert!(message.starts_with("cannot write /nonexistent/x.png: No such file"), "{message}");
        assert!(message.ends_with("make its folder first") && !message.contains(PREFIX), "{message}");
        assert_eq!(remedy(&ErrorKind::StorageFull.into()), "free space");
    }
}

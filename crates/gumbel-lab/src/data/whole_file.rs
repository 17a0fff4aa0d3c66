//! Files that are either there in full or not at all.

use super::Error;
use std::{io::Write, path::Path};
use tempfile::NamedTempFile;

/// A temporary file beside `path`, removed when dropped; readable by others as any new file is.
pub(crate) fn beside(path: &Path) -> Result<NamedTempFile, Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".partial-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    builder.tempfile_in(folder).map_err(|source| Error::write(folder, source))
}

/// Puts a finished temporary file in its place.
pub(crate) fn place(file: NamedTempFile, path: &Path) -> Result<(), Error> {
    // Synced before the rename: after a crash the name must not point at missing contents.
    file.as_file().sync_all().map_err(|source| Error::write(path, source))?;
    file.persist(path).map_err(|failed| Error::write(path, failed.error))?;
    Ok(())
}

/// Writes `bytes` to `path`, in full or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = beside(path)?;
    file.write_all(bytes).map_err(|source| Error::write(path, source))?;
    place(file, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_folder_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap(); // a folder cannot be replaced by a file
        assert!(matches!(write(&path, b"x"), Err(Error::Write { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"long contents").unwrap();
        write(&path, b"short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

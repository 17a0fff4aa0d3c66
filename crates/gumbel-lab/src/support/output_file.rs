//! Files that a user has named for results: a regular file is replaced in full or not at all, with its mode and its owner
//! kept and symbolic links followed; whatever else the name stands for, a device, a pipe, a mount, is written through.

use super::atomic_file;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is being written and has not taken its place yet.
pub struct OutputFile(Target);

enum Target {
    /// A new file, or one that can be replaced.
    Beside { file: NamedTempFile, path: PathBuf, old: Option<Box<Metadata>> },
    /// What cannot be replaced without being lost: written to when all is known.
    Through { file: File, into: File },
}

impl OutputFile {
    /// Opens what the user named.
    ///
    /// # Errors
    /// A folder, a file without permission to write, a folder that is missing.
    pub fn create(path: &Path) -> io::Result<Self> {
        // Links are followed, also one whose target does not exist yet.
        let path = followed(path)?;
        let old = fs::metadata(&path).ok().map(Box::new);
        Ok(Self(match old {
            Some(old) if !replaceable(&old) => {
                let into = OpenOptions::new().write(true).open(&path)?;
                Target::Through { file: tempfile::tempfile().map_err(atomic_file::nameless)?, into }
            }
            old => {
                if old.is_some() {
                    // Replacing a file takes no permission for the file itself, only for its folder.
                    writable(&path)?;
                }
                Target::Beside { file: atomic_file::beside(&path)?, path, old }
            }
        }))
    }

    /// The file to write to.
    pub fn file(&mut self) -> &mut File {
        match &mut self.0 {
            Target::Beside { file, .. } => file.as_file_mut(),
            Target::Through { file, .. } => file,
        }
    }

    /// Puts what was written in its place.
    ///
    /// # Errors
    /// A full disk, a closed pipe.
    pub fn place(self) -> io::Result<()> {
        match self.0 {
            Target::Through { mut file, mut into } => through(&mut file, &mut into),
            Target::Beside { mut file, path, old } => {
                old.iter().try_for_each(|old| keep(old, &file))?;
                // A file that is mounted by itself cannot be replaced, but it can be written.
                match renamed(&mut file, &path) {
                    Err(error)
                        if matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::CrossesDevices) =>
                    {
                        let mut into = OpenOptions::new().write(true).truncate(true).open(&path)?;
                        through(file.as_file_mut(), &mut into)
                    }
                    placed => placed,
                }
            }
        }
    }
}

/// Writes `bytes` to a file that the user has named.
///
/// # Errors
/// As [`OutputFile`].
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut output = OutputFile::create(path)?;
    output.file().write_all(bytes)?;
    output.place()
}

/// The path at the end of symbolic links.
fn followed(path: &Path) -> io::Result<PathBuf> {
    const MOST: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST {
        let Ok(target) = fs::read_link(&path) else { return Ok(path) };
        path = path.parent().map_or(target.clone(), |folder| folder.join(&target));
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Whether a new file can take the place of an old one: of a regular file with no other name.
fn replaceable(old: &Metadata) -> bool {
    #[cfg(unix)]
    let other_names = std::os::unix::fs::MetadataExt::nlink(old) > 1;
    #[cfg(not(unix))]
    let other_names = false;
    old.is_file() && !other_names
}

/// Refuses a file that nobody may write to, also for a user whom the system lets write anyway.
fn writable(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().readonly() {
        return Err(ErrorKind::PermissionDenied.into());
    }
    OpenOptions::new().write(true).open(path).map(drop)
}

/// Gives a new file the mode of the old one, and its owner where the system allows that.
fn keep(old: &Metadata, file: &NamedTempFile) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Before the mode: a change of owner takes special bits away.
        drop(fchown(file, Some(old.uid()), Some(old.gid())));
    }
    file.as_file().set_permissions(old.permissions())
}

/// Renames the temporary file, which stays if that fails.
fn renamed(file: &mut NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    fs::rename(file.path(), path)?;
    atomic_file::sync_name(path)
}

/// Copies all of a file into another.
fn through(file: &mut File, into: &mut File) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let length = io::copy(file, into)?;
    into.flush()?;
    // What was longer before; a device or a pipe has no length.
    if into.metadata()?.is_file() {
        into.set_len(length)?;
        into.sync_all()?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::support::fault;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        (folder, path)
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_and_a_replaced_one_hold_what_was_written_and_nothing_else_is_left() {
        let (folder, path) = folder();
        for bytes in [&b"long contents"[..], b"short", b""] {
            write(&path, bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
            assert_eq!(names(folder.path()), ["out"]);
            assert_eq!(fault::synced_below(folder.path()).last(), Some(&(path.clone(), true)));
        }
        let dropped = OutputFile::create(&path).unwrap();
        drop(dropped);
        assert_eq!(names(folder.path()), ["out"]);
    }

    #[test]
    fn mode_and_owner_are_kept() {
        let (_folder, path) = folder();
        for mode in [0o600, 0o640, 0o666, 0o755] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let old = fs::metadata(&path).unwrap();
            write(&path, b"new").unwrap();
            let new = fs::metadata(&path).unwrap();
            assert_eq!((new.mode(), new.uid(), new.gid()), (old.mode(), old.uid(), old.gid()), "{mode:o}");
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn links_are_followed_and_stay_links() {
        let (folder, path) = folder();
        let (middle, target) = (folder.path().join("middle"), folder.path().join("target"));
        symlink("middle", &path).unwrap();
        symlink(&target, &middle).unwrap();
        for bytes in [b"first", b"other"] {
            write(&path, bytes).unwrap();
            assert_eq!(fs::read(&target).unwrap(), bytes);
        }
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(names(folder.path()), ["middle", "out", "target"]);
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(write(&circle, b"x").is_err());
    }

    #[test]
    fn another_name_of_the_same_file_sees_the_new_contents() {
        let (folder, path) = folder();
        let other = folder.path().join("other");
        fs::write(&path, "old and long").unwrap();
        fs::hard_link(&path, &other).unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_nobody_may_write_is_refused_and_stays() {
        let (folder, path) = folder();
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        assert_eq!(write(&path, b"new").unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!((fs::read(&path).unwrap(), names(folder.path()).len()), (b"old".to_vec(), 1));
    }

    #[test]
    fn a_folder_and_a_missing_folder_are_refused() {
        let (folder, path) = folder();
        assert!(write(folder.path(), b"x").is_err());
        assert_eq!(write(&path.join("deeper"), b"x").unwrap_err().kind(), ErrorKind::NotFound);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn devices_and_pipes_are_written_through() {
        write(Path::new("/dev/null"), b"x").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        let (_folder, path) = folder();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let reader = {
            let path = path.clone();
            std::thread::spawn(move || fs::read(path).unwrap())
        };
        write(&path, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    }
}

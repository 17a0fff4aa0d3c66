//! Files that are written in full or not at all.

use super::fault;
use super::hex::hex;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::NamedTempFile;

/// The beginning of the names of unfinished files.
const PREFIX: &str = ".partial-";

/// Whether a file of a folder is unfinished: another process writes it now, or was killed.
pub fn is_partial(entry: &DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with(PREFIX)
}

/// A temporary file beside `path`, removed when dropped; readable by others as any new file is. Those that killed processes
/// have left of the same path are removed: a living one holds the lock of its file.
pub fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    folder.metadata()?;
    let prefix = prefix(path);
    clear(folder, &prefix);
    let file = locked(folder, &prefix)?;
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.retain(|path| path.exists());
    unfinished.push(std::path::absolute(file.path())?);
    Ok(file)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The beginning of the names of temporary files for a path. Not the name itself, which may be as long as names can be.
fn prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    format!("{PREFIX}{}-", &hex(&Sha256::digest(name))[..16])
}

/// The random end of a temporary name.
const RANDOM: usize = 6;

/// A new temporary file, locked. Where the system has no locks, nobody can take one, and nothing is cleared.
fn locked(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    loop {
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix).rand_bytes(RANDOM);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
        let file = builder.tempfile_in(folder).map_err(nameless)?;
        drop(file.as_file().lock());
        // Before it was locked, another process may have taken it for one that was left.
        if names(file.path(), file.as_file()) {
            return Ok(file);
        }
    }
}

/// Removes what killed processes have left; a failure to do so is ignored.
fn clear(folder: &Path, prefix: &str) {
    let ours = |name: &OsStr| {
        let random = name.to_str().and_then(|name| name.strip_prefix(prefix));
        random.is_some_and(|rest| rest.len() == RANDOM && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let left =
        entries.filter(|entry| ours(&entry.file_name()) && entry.file_type().is_ok_and(|t| t.is_file()));
    left.for_each(|entry| drop(remove_if_dead(&entry.path())));
}

/// Removes a temporary file that no process has locked.
fn remove_if_dead(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).open(path)?;
    let free = file.try_lock().is_ok();
    // The process may have ended in between, with the file in its place.
    if free && names(path, &file) { fs::remove_file(path) } else { Ok(()) }
}

/// Whether a path is still that of an open file.
fn names(path: &Path, file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let same = |(a, b): (fs::Metadata, fs::Metadata)| (a.dev(), a.ino()) == (b.dev(), b.ino());
        fs::symlink_metadata(path).ok().zip(file.metadata().ok()).is_some_and(same)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

/// Temporary files that this process has not put in their places yet.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the temporary files of a process that is about to end without dropping them.
pub fn remove_unfinished() {
    let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.iter().for_each(|path| drop(fs::remove_file(path)));
}

/// Moves a finished temporary file to `path`.
pub fn place(file: NamedTempFile, path: &Path) -> io::Result<()> {
    // Synced before the rename: after a crash the name must not point at missing contents.
    file.as_file().sync_all()?;
    let file = fault::holding(file, path)?;
    file.persist(path).map_err(|failed| failed.error)?;
    sync_name(path)
}

/// Waits until the name of a file that has been moved is on the disk: without that, a crash of the machine may bring the old
/// file back.
///
/// # Errors
/// A disk that fails. A system that cannot sync folders is none.
pub fn sync_name(path: &Path) -> io::Result<()> {
    let Ok(folder) = File::open(folder_of(path)) else { return Ok(()) };
    fault::synced(path);
    let cannot = [ErrorKind::InvalidInput, ErrorKind::Unsupported, ErrorKind::PermissionDenied];
    folder.sync_all().or_else(|error| if cannot.contains(&error.kind()) { Ok(()) } else { Err(error) })
}

/// Writes `bytes` to a temporary file beside `path`.
pub fn unfinished(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    unfinished_by(path, |file| file.write_all(bytes))
}

/// The same with what `write` writes.
fn unfinished_by(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    fault::point(path)?;
    let file = beside(path)?;
    // Not through the temporary file itself, whose errors have its name.
    write(&mut file.as_file())?;
    Ok(file)
}

/// Writes `bytes` to `path`, in full or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    place(unfinished(path, bytes)?, path)
}

/// The same with what `write` writes, piece by piece.
pub fn write_by(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let buffered = |file: &mut dyn Write| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        file.flush()
    };
    place(unfinished_by(path, buffered)?, path)
}

/// Removes a file or a folder with all that is in it, if it exists.
pub fn remove(path: &Path) -> io::Result<()> {
    fault::point(path)?;
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
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
        fs::create_dir(&path).unwrap(); // a folder cannot be replaced by a file
        assert!(write(&path, b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_replaced_in_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"long contents").unwrap();
        write(&path, b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_of_a_file_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["out.npy", "other.npy"].map(|name| folder.path().join(name));
        let dead = |path: &Path| beside(path).unwrap().keep().unwrap().1;
        let (live, of_other) = (beside(&path).unwrap(), dead(&other));
        let mut kept = vec![live.path().to_path_buf(), of_other];
        // What only looks like one: another length, a folder, a link, a file of the user's.
        for name in ["abc", "abcdefg", "abcde.", ""] {
            kept.push(folder.path().join(format!("{}{name}", prefix(&path))));
            fs::write(kept.last().unwrap(), "mine").unwrap();
        }
        kept.push(folder.path().join(".partial-mine"));
        fs::write(kept.last().unwrap(), "mine").unwrap();
        kept.push(folder.path().join(format!("{}folder", prefix(&path))));
        fs::create_dir(kept.last().unwrap()).unwrap();
        #[cfg(unix)]
        {
            kept.push(folder.path().join(format!("{}linked", prefix(&path))));
            std::os::unix::fs::symlink(&kept[2], kept.last().unwrap()).unwrap();
        }
        let left = [dead(&path), dead(&path)];
        // The second has removed the first already.
        assert!(!left[0].exists() && left[1].exists());
        write(&path, b"x").unwrap();
        assert!(!left[1].exists() && fs::read(&path).unwrap() == b"x");
        for path in &kept {
            assert!(path.symlink_metadata().is_ok(), "{} is gone", path.display());
        }
        place(live, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn writers_of_one_path_at_once_all_succeed_and_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::thread::scope(|scope| {
            (0..8).for_each(|_| drop(scope.spawn(|| (0..50).for_each(|_| write(&path, b"x").unwrap()))));
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_name_of_a_file_is_synced_once_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        write(&path, b"x").unwrap();
        assert_eq!(fault::synced_below(folder.path()), [(path, true)]);
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

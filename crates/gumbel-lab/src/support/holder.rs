//! The process that holds the lock of a file or a folder.

use std::fs::File;

/// `process 123`, where the system says who holds the lock now, else `another process`.
///
/// Not from a file that the process has written: such a file outlives it.
pub fn holder(file: &File) -> String {
    process(file).map_or("another process".into(), |id| format!("process {id}"))
}

#[cfg(target_os = "linux")]
fn process(file: &File) -> Option<u32> {
    use nix::sys::stat::{major, minor};
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().ok()?;
    let (device, inode) = (metadata.dev(), metadata.ino());
    let place = format!("{:02x}:{:02x}:{inode}", major(device), minor(device));
    // `1: FLOCK  ADVISORY  WRITE 123 fd:01:456 0 EOF`; a line with an arrow is of a process that waits.
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [_, "FLOCK", _, _, id, found, ..] if found == place => id.parse().ok().filter(|&id| id > 0),
        _ => None,
    })
}

#[cfg(not(target_os = "linux"))]
fn process(_file: &File) -> Option<u32> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_named_while_it_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::open(folder.path()).unwrap();
        assert_eq!(holder(&file), "another process");
        file.lock().unwrap();
        let other = File::open(folder.path()).unwrap();
        assert_eq!(holder(&other), format!("process {}", std::process::id()));
        file.unlock().unwrap();
        assert_eq!(holder(&other), "another process");
    }
}

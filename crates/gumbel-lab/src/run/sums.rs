//! `SHA256SUMS`: checksums of the files of a finished run, as `sha256sum -c` takes them. It is written before the file that
//! marks the run as finished, so that whoever finds that one finds its checksum too.

use super::{Damaged, RunFolder};
use crate::support::hex::hex;
use anyhow::{Context, Result, anyhow};
use sha2::{Digest, Sha256};
use std::path::Path;

impl RunFolder {
    /// Writes the last file of a run, with the checksums of it and of others, each with its SHA-256.
    ///
    /// # Errors
    /// As [`write`](RunFolder::write).
    pub fn write_last(&self, name: &str, contents: &[u8], others: &[(&str, String)]) -> Result<()> {
        let last = (name, hex(&Sha256::digest(contents)));
        let line = |(name, sum): &(&str, String)| format!("{sum}  {name}\n");
        // An earlier last file would not have the new checksum.
        self.remove(name)?;
        self.write(RunFolder::SUMS, others.iter().chain([&last]).map(line).collect::<String>())?;
        self.write(name, contents)
    }
}

/// The contents of a file of a finished run, as they were written.
///
/// # Errors
/// A file that is missing; one whose checksum differs. Runs of version 0.1 have no checksums.
pub fn read_checked(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let sums = folder.join(RunFolder::SUMS);
    if !sums.exists() {
        return Ok(bytes);
    }
    let recorded = std::fs::read(&sums).with_context(|| format!("cannot read {}", sums.display()))?;
    let expected = format!("{}  {name}", hex(&Sha256::digest(&bytes)));
    if String::from_utf8_lossy(&recorded).lines().any(|line| line == expected) {
        return Ok(bytes);
    }
    let damaged = Damaged::new(&path, format!("its SHA-256 is not that in {}", RunFolder::SUMS));
    Err(anyhow!("{damaged}; delete the folder of the run to make it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(folder.path());
        run.write("other.csv", "1,2\n").unwrap();
        let other = hex(&Sha256::digest("1,2\n"));
        run.write_last("last.json", b"{}\n", &[("other.csv", other)]).unwrap();
        let both = || {
            let read = |name| read_checked(folder.path(), name);
            Ok::<_, anyhow::Error>((read("other.csv")?, read("last.json")?))
        };
        assert_eq!(both().unwrap(), (b"1,2\n".to_vec(), b"{}\n".to_vec()));
        for name in ["other.csv", "last.json", RunFolder::SUMS] {
            let bytes = std::fs::read(run.file(name)).unwrap();
            for bit in 0..8 * bytes.len() {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(run.file(name), flipped).unwrap();
                let error = both().unwrap_err().to_string();
                assert!(
                    error.contains("is damaged: its SHA-256 is not that in SHA256SUMS; delete"),
                    "{error}"
                );
            }
            std::fs::write(run.file(name), bytes).unwrap();
        }
        std::fs::remove_file(run.file(RunFolder::SUMS)).unwrap();
        both().unwrap();
    }
}

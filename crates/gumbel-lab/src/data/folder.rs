//! A folder of IDX files, recognised by their names.

use super::{
    Error,
    registry::{Kind, Part},
};
use std::path::{Path, PathBuf};

/// The files of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartFiles {
    pub(crate) images: PathBuf,
    pub(crate) labels: Option<PathBuf>,
}

/// The files of a folder, by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FolderFiles {
    pub(crate) train: PartFiles,
    pub(crate) valid: Option<PartFiles>,
    pub(crate) test: PartFiles,
}

/// Finds the parts of a data set among the files of a folder.
pub(crate) fn scan(folder: &Path) -> Result<FolderFiles, Error> {
    let files = list(folder)?;
    let part = |part| {
        let Some(images) = only(&files, part, Kind::Images)? else { return Ok(None) };
        Ok(Some(PartFiles { images, labels: only(&files, part, Kind::Labels)? }))
    };
    let missing = |part, hint| Error::NoImages { folder: folder.into(), part, hint };
    Ok(FolderFiles {
        train: part(Part::Train)?.ok_or_else(|| missing("train", "\"train\""))?,
        valid: part(Part::Valid)?,
        test: part(Part::Test)?.ok_or_else(|| missing("test", "\"test\" or \"t10k\""))?,
    })
}

/// The folder's IDX files in the order of their names, a plain file instead of its gzip where both are there.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !folder.is_dir() {
        return Err(Error::NoFolder(folder.into()));
    }
    let failed = |source| Error::read(folder, source);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && name(&path).contains("idx") {
            files.push(path);
        }
    }
    files.sort();
    let plain_too =
        |path: &PathBuf| path.extension().is_some_and(|e| e == "gz") && path.with_extension("").is_file();
    files.retain(|path| !plain_too(path));
    Ok(files)
}

/// The one file of this part and kind; several are an error.
fn only(files: &[PathBuf], part: Part, kind: Kind) -> Result<Option<PathBuf>, Error> {
    let mut matching = files.iter().filter(|path| classify(&name(path)) == Some((part, kind)));
    match (matching.next(), matching.next()) {
        (Some(first), Some(second)) => Err(Error::Ambiguous {
            part: format!("{part:?} {kind:?}").to_lowercase(),
            first: first.clone(),
            second: second.clone(),
        }),
        (found, _) => Ok(found.cloned()),
    }
}

/// Part and kind by the words in a lower-case file name.
fn classify(name: &str) -> Option<(Part, Kind)> {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let kind = match (has(&["images"]), has(&["labels", "alphabets"])) {
        (true, false) => Kind::Images,
        (false, true) => Kind::Labels,
        _ => return None,
    };
    let part = match (has(&["train"]), has(&["valid", "val-"]), has(&["test", "t10k"])) {
        (true, false, false) => Part::Train,
        (false, true, false) => Part::Valid,
        (false, false, true) => Part::Test,
        _ => return None,
    };
    Some((part, kind))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        folder
    }

    #[test]
    fn names_tell_the_part() {
        assert_eq!(classify("train-images-idx3-ubyte.gz"), Some((Part::Train, Kind::Images)));
        assert_eq!(classify("t10k-labels.idx1-ubyte"), Some((Part::Test, Kind::Labels)));
        assert_eq!(classify("omniglot28-test-alphabets-idx1-ubyte.gz"), Some((Part::Test, Kind::Labels)));
        assert_eq!(classify("x-valid-images-idx3-ubyte"), Some((Part::Valid, Kind::Images)));
        assert_eq!(classify("omniglot28-test-characters-idx1-short.gz"), None);
        assert_eq!(classify("images-idx3"), None);
    }

    #[test]
    fn a_folder_is_scanned_and_plain_files_win() {
        let folder =
            folder(&["train-images-idx3", "train-images-idx3.gz", "t10k-images-idx3.gz", "README.md"]);
        let files = scan(folder.path()).unwrap();
        assert_eq!(files.train.images, folder.path().join("train-images-idx3"));
        assert_eq!((files.train.labels, files.valid), (None, None));
    }

    #[test]
    fn unclear_folders_are_errors() {
        let twice = folder(&["a-train-images-idx3", "b-train-images-idx3", "test-images-idx3"]);
        let error = scan(twice.path()).unwrap_err().to_string();
        assert!(error.contains("could both be the train images"), "{error}");
        let no_test = folder(&["train-images-idx3"]);
        assert!(matches!(scan(no_test.path()), Err(Error::NoImages { part: "test", .. })));
        assert!(matches!(scan(&no_test.path().join("nowhere")), Err(Error::NoFolder(_))));
    }
}

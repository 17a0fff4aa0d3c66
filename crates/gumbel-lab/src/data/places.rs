//! Folders in which data sets are searched and stored.

use super::Error;
use super::layout::present;
use super::registry::{self, Set};
use std::path::{Path, PathBuf};

/// The folders that hold data sets, in the order of the search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Folder from `--data-dir`.
    pub given: Option<PathBuf>,
    /// Folder from the environment variable `GUMBEL_DATA`.
    pub environment: Option<PathBuf>,
    /// Folder `gumbel` in the cache folder of the system.
    pub cache: Option<PathBuf>,
}

impl Places {
    /// The places from `given`, `GUMBEL_DATA` and the cache folder of the system.
    pub fn new(given: Option<&Path>) -> Self {
        let environment = std::env::var_os("GUMBEL_DATA").filter(|value| !value.is_empty());
        Self {
            given: given.map(Path::to_path_buf),
            environment: environment.map(PathBuf::from),
            cache: dirs::cache_dir().map(|folder| folder.join("gumbel")),
        }
    }

    /// The folders that may hold the set: NAME within each place, and the first two places themselves.
    ///
    /// A place that is named after another set is not itself a candidate: MNIST and Fashion-MNIST have the same
    /// file names.
    pub fn candidates(&self, name: &str) -> Vec<PathBuf> {
        let roots = [&self.given, &self.environment].into_iter().flatten();
        let mut folders: Vec<PathBuf> = roots.flat_map(|root| [root.join(name), root.clone()]).collect();
        folders
            .retain(|folder| !registry::ALL.iter().any(|set| set.name != name && folder.ends_with(set.name)));
        folders.extend(self.cache.as_ref().map(|root| root.join(name)));
        folders
    }

    /// Finds the set: the first candidate with all of its files, or else the first with any.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the candidates and the file names.
    pub fn locate(&self, set: &Set) -> Result<PathBuf, Error> {
        let mut searched = self.candidates(set.name);
        let absent = |folder: &PathBuf| missing(set, folder).len();
        let complete = searched.iter().position(|folder| absent(folder) == 0);
        let found = complete.or_else(|| searched.iter().position(|folder| absent(folder) < set.files.len()));
        match found {
            Some(index) => Ok(searched.swap_remove(index)),
            None => Err(Error::NotFound { name: set.name, files: set.file_names(), searched }),
        }
    }

    /// The folder to store the set in: NAME within the first place that is known.
    ///
    /// # Errors
    /// [`Error::NoCache`] if no place is known.
    pub fn home(&self, set: &Set) -> Result<PathBuf, Error> {
        let roots = [&self.given, &self.environment, &self.cache];
        roots.into_iter().flatten().next().map(|root| root.join(set.name)).ok_or(Error::NoCache)
    }
}

/// The names, without `.gz`, of the set's files that are not in the folder.
pub(super) fn missing(set: &Set, folder: &Path) -> Vec<&'static str> {
    set.file_names().into_iter().filter(|name| present(folder, name).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_in_order() {
        let places = Places {
            given: Some("given".into()),
            environment: Some("env".into()),
            cache: Some("cache/gumbel".into()),
        };
        let expected = ["given/mnist", "given", "env/mnist", "env", "cache/gumbel/mnist"];
        assert_eq!(places.candidates("mnist"), expected.map(PathBuf::from));
        let other = Places { given: Some("data/fashion-mnist".into()), ..Places::default() };
        assert_eq!(other.candidates("mnist"), [PathBuf::from("data/fashion-mnist/mnist")]);
        let set = registry::find("mnist").unwrap();
        assert_eq!(places.home(set).unwrap(), Path::new("given/mnist"));
        let error = places.locate(set).unwrap_err().to_string();
        for part in [
            "data set 'mnist' not found: looked for train-images-idx3-ubyte, ",
            "t10k-labels-idx1-ubyte (plain or .gz",
            "given/mnist, given, env/mnist",
            "; run `gumbel data fetch mnist`",
            "--data-dir DIR",
        ] {
            assert!(error.contains(part), "'{part}' is missing from: {error}");
        }
    }

    #[test]
    fn a_complete_folder_wins_over_an_earlier_one_with_some_files() {
        let root = tempfile::tempdir().unwrap();
        let places = Places { given: Some(root.path().into()), ..Places::default() };
        let set = registry::find("mnist").unwrap();
        let part = root.path().join("mnist");
        std::fs::create_dir(&part).unwrap();
        std::fs::write(part.join("t10k-labels.idx1-ubyte"), "").unwrap();
        assert_eq!(places.locate(set).unwrap(), part);
        set.files.iter().for_each(|file| std::fs::write(root.path().join(file.name), "").unwrap());
        assert_eq!(places.locate(set).unwrap(), root.path());
    }

    #[test]
    fn no_place_at_all_is_an_error() {
        let set = registry::find("mnist").unwrap();
        assert!(matches!(Places::default().home(set), Err(Error::NoCache)));
        assert!(Places::default().locate(set).unwrap_err().to_string().contains("no folder to search"));
    }
}

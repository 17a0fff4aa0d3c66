//! Where data sets are looked for and kept.

use super::{
    Error,
    registry::{self, Set},
};
use std::path::{Path, PathBuf};

/// The folders that hold data sets, in the order they are searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// What the user named with `--data-dir`.
    pub given: Option<PathBuf>,
    /// The environment variable `GUMBEL_DATA`.
    pub environment: Option<PathBuf>,
    /// The system's cache folder with `gumbel` appended.
    pub cache: Option<PathBuf>,
}

impl Places {
    /// `given`, `GUMBEL_DATA` and the system's cache folder.
    pub fn new(given: Option<&Path>) -> Self {
        let environment = std::env::var_os("GUMBEL_DATA").filter(|value| !value.is_empty());
        Self {
            given: given.map(Path::to_path_buf),
            environment: environment.map(PathBuf::from),
            cache: dirs::cache_dir().map(|folder| folder.join("gumbel")),
        }
    }

    /// Every folder where the set may lie: NAME within each place, and the first two places themselves.
    ///
    /// A place that is named for another set is not itself a candidate: MNIST and Fashion-MNIST have the same
    /// file names.
    pub fn candidates(&self, name: &str) -> Vec<PathBuf> {
        let named = [&self.given, &self.environment].into_iter().flatten();
        let mut folders: Vec<PathBuf> = named.flat_map(|root| [root.join(name), root.clone()]).collect();
        folders
            .retain(|folder| !registry::ALL.iter().any(|set| set.name != name && folder.ends_with(set.name)));
        folders.extend(self.cache.as_ref().map(|root| root.join(name)));
        folders
    }

    /// The first candidate that has the set's first file.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the candidates.
    pub fn locate(&self, set: &Set) -> Result<PathBuf, Error> {
        let searched = self.candidates(set.name);
        let has_it =
            |folder: &&PathBuf| set.files.first().is_some_and(|file| present(folder, file.name).is_some());
        let found = searched.iter().find(has_it).cloned();
        found.ok_or(Error::NotFound { name: set.name, searched })
    }

    /// The folder to keep the set in: NAME within the first place there is.
    ///
    /// # Errors
    /// [`Error::NoCache`] where there is no place at all.
    pub fn home(&self, set: &Set) -> Result<PathBuf, Error> {
        let roots = [&self.given, &self.environment, &self.cache];
        roots.into_iter().flatten().next().map(|root| root.join(set.name)).ok_or(Error::NoCache)
    }
}

/// The file of this name in the folder, with or without its `.gz`.
pub(crate) fn present(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    [folder.join(name), folder.join(plain)].into_iter().find(|path| path.is_file())
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
        assert!(error.contains("given/mnist, given, env/mnist") && error.contains("gumbel data fetch mnist"));
    }

    #[test]
    fn no_place_at_all_is_an_error() {
        let set = registry::find("mnist").unwrap();
        assert!(matches!(Places::default().home(set), Err(Error::NoCache)));
        assert!(Places::default().locate(set).unwrap_err().to_string().contains("no folder at all"));
    }
}

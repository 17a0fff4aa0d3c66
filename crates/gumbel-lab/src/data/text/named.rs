//! The corpora known by name.

use super::Error;
use crate::data::Places;
use std::path::PathBuf;

/// A corpus with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedCorpus {
    /// Name on the command line.
    pub name: &'static str,
    /// Description in a few words.
    pub note: &'static str,
    /// Folder and file of its text; none for a corpus that the program generates.
    pub file: Option<(&'static str, &'static str)>,
}

/// Every named corpus, those that the program generates first.
pub const NAMED: [NamedCorpus; 4] = [
    NamedCorpus { name: KNOWN[0], note: "arithmetic expressions, generated", file: None },
    NamedCorpus { name: KNOWN[1], note: "English sentences, generated", file: None },
    NamedCorpus {
        name: KNOWN[2],
        note: "a list of your own, one name per line",
        file: Some(("names", "names.txt")),
    },
    NamedCorpus {
        name: KNOWN[3],
        note: "running text, such as Tiny Shakespeare, in windows of 16 characters",
        file: Some(("tiny-shakespeare", "input.txt")),
    },
];

/// The names of all corpora.
pub const KNOWN: [&str; 4] = ["grammar", "sentences", "names", "shakespeare"];

impl NamedCorpus {
    /// The folders that may hold its file, in the order of the search; none for a generated corpus.
    pub fn candidates(&self, places: &Places) -> Vec<PathBuf> {
        self.file.map_or_else(Vec::new, |(folder, _)| places.candidates(folder))
    }

    /// Finds its file; `None` for a generated corpus.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the folders searched.
    pub fn locate(&self, places: &Places) -> Result<Option<PathBuf>, Error> {
        let Some((_, file)) = self.file else { return Ok(None) };
        let searched = self.candidates(places);
        let found = searched.iter().map(|folder| folder.join(file)).find(|path| path.is_file());
        found.map(Some).ok_or(Error::NotFound { name: self.name, file, searched })
    }
}

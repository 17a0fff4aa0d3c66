//! Files that are not as they were written.

use std::path::{Path, PathBuf};

/// A file whose contents are not those that were written.
#[derive(Debug, thiserror::Error)]
#[error("{} is damaged: {problem}", path.display())]
pub struct Damaged {
    path: PathBuf,
    problem: String,
}

impl Damaged {
    /// A file and what is wrong with it.
    pub fn new(path: &Path, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

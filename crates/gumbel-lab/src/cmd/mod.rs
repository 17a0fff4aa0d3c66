//! The commands, one file each, with their arguments.

pub mod compare;
pub mod data;
pub mod evaluate;
pub mod generate;
pub mod list;
pub mod measure;
mod output;
pub mod reproduce;
pub mod sample;
pub mod show;
pub mod train;
pub mod watch;

use crate::run::RunFolder;
use crate::support::interrupt::{Undisturbed, exit_at_a_signal};
use anyhow::Result;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The results of a command that writes nothing before its end: a signal ends it at once and leaves nothing.
struct AllOrNothing {
    folder: Arc<OnceLock<RunFolder>>,
    undisturbed: Undisturbed,
}

impl AllOrNothing {
    fn new() -> Self {
        let folder = Arc::new(OnceLock::<RunFolder>::new());
        let begun = Arc::clone(&folder);
        let undisturbed = exit_at_a_signal(move || {
            begun.get().into_iter().for_each(RunFolder::discard);
            eprintln!("stopped; nothing was written");
        });
        Self { folder, undisturbed }
    }

    /// Makes the folder of the results, and removes it if `work` fails.
    fn within<T>(
        &self,
        out: Option<&Path>,
        name: &str,
        work: impl FnOnce(&RunFolder) -> Result<T>,
    ) -> Result<T> {
        let folder = RunFolder::create(out, name)?;
        let folder = self.folder.get_or_init(|| folder);
        let outcome = work(folder);
        if outcome.is_err() {
            folder.discard();
        }
        outcome
    }
}

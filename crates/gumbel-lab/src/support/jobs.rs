//! Work as a list of commands, one a line, for GNU parallel, a Slurm array or HyperQueue; and what a list has left undone.

use super::shell::{option, quoted};
use super::stdout::print;
use anyhow::{Context, Result};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A word that does not fit into a line.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{word:?} does not fit into a list of commands, one a line: it {problem}; choose another name")]
pub struct Unlisted {
    word: OsString,
    problem: &'static str,
}

/// The program as the lines call it: as it was called, with a path made absolute, since a scheduler has its own folder. The
/// folder of the data sets goes with it if it comes from the environment, which a scheduler may not pass on.
///
/// # Errors
/// A working directory that no longer exists.
pub fn called(data: Option<&Path>) -> Result<Vec<OsString>> {
    let typed = std::env::args_os().next().unwrap_or_else(|| "gumbel".into());
    // A bare name is found by the shell, on other machines too.
    let bare = Path::new(&typed).components().count() < 2;
    let program = if bare { typed } else { absolute(Path::new(&typed))?.into_os_string() };
    let Some(data) = data else { return Ok(vec![program]) };
    Ok(vec!["env".into(), option("GUMBEL_DATA=", &absolute(data)?), program])
}

/// A path that does not depend on the working directory. Links are not followed: they may lead elsewhere on another machine.
///
/// # Errors
/// A working directory that no longer exists; an empty path.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot make '{}' absolute", path.display()))
}

/// The words of a command as one line for a POSIX shell.
///
/// ```
/// # use gumbel_lab::support::jobs::line;
/// assert_eq!(line(["gumbel", "--out=my runs"]), Ok("gumbel '--out=my runs'".into()));
/// assert!(line(["two\nlines"]).unwrap_err().to_string().contains("has a line break"));
/// ```
///
/// # Errors
/// A word with a line break, or one that is not text.
pub fn line(words: impl IntoIterator<Item: AsRef<OsStr>>) -> Result<String, Unlisted> {
    let word = |word: &OsStr| {
        let unlisted = |problem| Unlisted { word: word.into(), problem };
        let text = word.to_str().ok_or_else(|| unlisted("is not UTF-8"))?;
        let breaks = text.contains(['\n', '\r', '\0']);
        if breaks { Err(unlisted("has a line break")) } else { Ok(quoted(text)) }
    };
    let words = words.into_iter().map(|one| word(one.as_ref())).collect::<Result<Vec<_>, _>>()?;
    Ok(words.join(" "))
}

/// Prints the lines, all or none of them.
///
/// # Errors
/// The first line that is none; standard output that cannot be written.
pub fn print_list(lines: impl IntoIterator<Item = Result<String>>) -> Result<()> {
    let lines = lines.into_iter().collect::<Result<Vec<_>>>()?;
    print(&lines.into_iter().map(|line| line + "\n").collect::<String>())
}

/// Says something beside a list, where the list does not go.
pub fn note(text: &str) {
    // If nobody can read it, the list is still right.
    drop(writeln!(std::io::stderr(), "note: {text}"));
}

/// The end of a command whose run had finished.
///
/// # Errors
/// Standard output that cannot be written.
pub fn finished_earlier(run: &str) -> Result<ExitCode> {
    print(&format!("{run}: finished earlier\n")).map(|()| ExitCode::SUCCESS)
}

/// Why a run cannot be collected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Lack {
    /// It was never started, or has left nothing.
    #[error("missing")]
    Missing,
    /// It was stopped or killed, or still runs.
    #[error("unfinished")]
    Unfinished,
    /// It ended with an error.
    #[error("failed: {0}")]
    Failed(String),
    /// A file of it is not as it was written.
    #[error("damaged: {0}")]
    Damaged(String),
}

/// The runs that a collection lacks: it has written nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot collect {}: {} of {all} runs are missing, unfinished or damaged: {}; run their lines of --jobs again",
    folder.display(), lacking.len(), Named(lacking)
)]
pub struct Incomplete {
    /// The folder of the runs.
    pub folder: PathBuf,
    /// Number of runs that were expected.
    pub all: usize,
    /// Name and state of each run that is lacking.
    pub lacking: Vec<(String, Lack)>,
}

impl Incomplete {
    /// Fails if a run is lacking.
    ///
    /// # Errors
    /// [`Incomplete`], with every run that is lacking.
    pub fn check(folder: &Path, runs: impl IntoIterator<Item = (String, Option<Lack>)>) -> Result<(), Self> {
        let mut all = 0;
        let lacking = runs.into_iter().inspect(|_| all += 1);
        let lacking: Vec<_> = lacking.filter_map(|(name, lack)| Some((name, lack?))).collect();
        if lacking.is_empty() { Ok(()) } else { Err(Self { folder: folder.into(), all, lacking }) }
    }
}

/// Runs that a message names; it gives the number of the others.
const NAMED: usize = 100;

struct Named<'a>(&'a [(String, Lack)]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.0.iter().take(NAMED).map(|(name, lack)| format!("{name} ({lack})"));
        f.write_str(&named.collect::<Vec<_>>().join(", "))?;
        let others = self.0.len().saturating_sub(NAMED);
        if others > 0 { write!(f, " and {others} more") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_words_of_a_shell() {
        let words = ["gumbel", "--out=/it's here", "a;b", "x=1,2"];
        let line = line(words).unwrap();
        assert_eq!(line, r"gumbel '--out=/it'\''s here' 'a;b' x=1,2");
        let script = format!("printf '%s|' {line}");
        let said = std::process::Command::new("sh").args(["-c", &script]).output().unwrap().stdout;
        assert_eq!(String::from_utf8(said).unwrap(), "gumbel|--out=/it's here|a;b|x=1,2|");
    }

    #[cfg(unix)]
    #[test]
    fn a_word_that_is_not_text_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let message = line([OsStr::from_bytes(b"a\xff")]).unwrap_err().to_string();
        assert!(message.contains("it is not UTF-8; choose another name"), "{message}");
    }

    #[test]
    fn lacking_runs_are_named_with_their_states() {
        let runs = [("a", None), ("b", Some(Lack::Missing)), ("c", Some(Lack::Failed("it diverged".into())))];
        let runs = runs.map(|(name, lack)| (name.to_string(), lack));
        let message = Incomplete::check(Path::new("here"), runs).unwrap_err().to_string();
        let expected = "cannot collect here: 2 of 3 runs are missing, unfinished or damaged: b (missing), c (failed: it \
                        diverged); run their lines of --jobs again";
        assert_eq!(message, expected);
        Incomplete::check(Path::new("here"), [("a".to_string(), None)]).unwrap();
        let many = (0..130).map(|run| (format!("r{run}"), Some(Lack::Unfinished)));
        let message = Incomplete::check(Path::new("here"), many).unwrap_err().to_string();
        assert!(message.contains("r99 (unfinished) and 30 more;") && !message.contains("r100"), "{message}");
    }
}

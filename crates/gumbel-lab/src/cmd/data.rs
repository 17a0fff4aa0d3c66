//! `gumbel data`: lists and downloads data sets.

use crate::data::text::{self, NamedCorpus};
use crate::data::{Error, Listing, Places, Presence, SPELLINGS, catalogue, fetch};
use crate::support::interrupt::{INTERRUPTED, Stop, Watch, exit_at_a_signal};
use crate::support::shell::quoted;
use crate::support::stdout::print;
use anyhow::Result;
use clap::Subcommand;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// List or download data sets
#[derive(Debug, Subcommand)]
pub enum Data {
    /// List data sets: where each was found, or which files were looked for and where
    #[command(after_help = "Examples:
  gumbel data list                                          $GUMBEL_DATA and the cache folder
  gumbel data list --data-dir DIR                           DIR as well, searched first

NAME is searched in DIR/NAME and DIR, the same in $GUMBEL_DATA, then in NAME in the cache folder.
Each file may be gzipped, or in a folder of the same name as in MNIST from Kaggle.
Any other folder of IDX files, such as EMNIST, is used with --data DIR.")]
    List {
        /// Folder to search for data sets [default: $GUMBEL_DATA, then the cache folder of the system]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Download a data set and verify its checksums
    #[command(after_help = "Examples:
  gumbel data fetch mnist                                   to $GUMBEL_DATA or the cache folder
  gumbel data fetch omniglot --data-dir DIR                 to DIR/omniglot
  gumbel data fetch mnist --base-url https://example.org/mnist/

Files with the published contents are kept. An interrupted download leaves no partial file.")]
    Fetch {
        /// Data set: mnist, binarized-mnist, fashion-mnist or omniglot
        name: String,
        /// Folder to store it in, as DIR/NAME [default: $GUMBEL_DATA, else the cache folder of the system]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// URL of another folder with the original files
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
    },
}

/// Lists or downloads; an interrupted download returns 130.
///
/// # Errors
/// An unknown name or a failed download.
pub fn run(options: &Data) -> Result<ExitCode> {
    match options {
        Data::List { data_dir } => print(&list(&Places::new(data_dir.as_deref())))?,
        Data::Fetch { name, data_dir, base_url } => {
            return download(name, data_dir.as_deref(), base_url.as_deref());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The time that a download has to hear a signal.
const PATIENCE: Duration = Duration::from_secs(1);

fn download(name: &str, data_dir: Option<&Path>, base_url: Option<&str>) -> Result<ExitCode> {
    let watch = Watch { bar: fetch::progress_bar(), stop: Stop::default() };
    let stop = watch.stop.clone();
    exit_at_a_signal(move || {
        stop.request();
        // A download that hears it removes its folder; one that waits for its server does not.
        std::thread::sleep(PATIENCE);
    });
    let fetched = fetch::fetch(name, data_dir, base_url, &watch);
    watch.bar.finish_and_clear();
    if let Err(Error::Interrupted(_)) = fetched {
        let folder = data_dir.map(|folder| format!(" --data-dir {}", quoted(&folder.to_string_lossy())));
        let again = format!("gumbel data fetch {name}{}", folder.unwrap_or_default());
        print(&format!("stopped; complete files are kept; resume with: {again}\n"))?;
        return Ok(ExitCode::from(INTERRUPTED));
    }
    print(&format!("{name} is in {}\n", fetched?.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Column at which descriptions begin.
const INDENT: usize = 28;

fn list(places: &Places) -> String {
    let images: String = catalogue(places).iter().map(set).collect();
    let strings: String = text::NAMED.iter().map(|named| corpus(named, places)).collect();
    format!(
        "Images (train vae, sbn and semi)\n{images}\nStrings (train text and gan)\n{strings}\nIDX files are found {SPELLINGS}.\n"
    )
}

fn set(Listing { set, presence }: &Listing) -> String {
    let size = match set.bytes() {
        0 => String::new(),
        bytes => format!("{:.1} MB", bytes as f64 / 1e6),
    };
    let fetch = format!("run `gumbel data fetch {}`", set.name);
    let (place, searched) = match presence {
        Presence::BuiltIn => ("built in".into(), None),
        Presence::In(folder) => (format!("found in {}", folder.display()), None),
        Presence::PartlyIn { folder, missing } => {
            (format!("incomplete in {}: lacks {}; {fetch}", folder.display(), missing.join(", ")), None)
        }
        Presence::Absent { searched } => (format!("not found; {fetch}"), Some(searched)),
    };
    let mut lines = format!("{:<16} {size:>9}  {place}\n", set.name);
    lines += &indented(&format!("{}; licence: {}", set.note, set.licence));
    if let Some(folders) = searched {
        lines += &search(&set.file_names().join(", "), folders);
    }
    lines
}

fn corpus(named: &NamedCorpus, places: &Places) -> String {
    let (place, searched) = match (named.file, named.locate(places)) {
        (Some((_, file)), Err(_)) => (
            format!("not found; put {file} into one of the folders"),
            search(file, &named.candidates(places)),
        ),
        (_, Ok(Some(path))) => (format!("found: {}", path.display()), String::new()),
        _ => ("built in".into(), String::new()),
    };
    format!("{:<INDENT$}{place}\n", named.name) + &indented(named.note) + &searched
}

/// The files that were looked for, and the folders searched in order.
fn search(files: &str, folders: &[PathBuf]) -> String {
    let mut lines = indented(&format!("looked for {files}"));
    for folder in folders {
        writeln!(lines, "{:INDENT$}in {}", "", folder.display()).expect("writing to a string succeeds");
    }
    lines
}

fn indented(line: &str) -> String {
    format!("{:INDENT$}{line}\n", "")
}

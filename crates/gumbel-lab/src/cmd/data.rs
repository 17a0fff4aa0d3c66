//! `gumbel data`.

use crate::cli::Data;
use crate::data::{Error, Places, Presence, catalogue, fetch};
use crate::support::interrupt::{INTERRUPTED, Stop, Watch};
use crate::support::stdout::print;
use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;

/// Lists or downloads. Interrupted, it returns 130.
///
/// # Errors
/// A name that is unknown, a download that failed.
pub fn run(options: &Data) -> Result<ExitCode> {
    match options {
        Data::List { data_dir } => print(&list(&Places::new(data_dir.as_deref())))?,
        Data::Fetch { name, data_dir, base_url } => {
            return download(name, data_dir.as_deref(), base_url.as_deref());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn download(name: &str, data_dir: Option<&Path>, base_url: Option<&str>) -> Result<ExitCode> {
    let watch = Watch { bar: fetch::progress_bar(), stop: Stop::at_a_signal() };
    let fetched = fetch::fetch(name, data_dir, base_url, &watch);
    watch.bar.finish_and_clear();
    if let Err(Error::Interrupted(_)) = fetched {
        print(&format!("stopped; files that had arrived are kept, go on with: gumbel data fetch {name}\n"))?;
        return Ok(ExitCode::from(INTERRUPTED));
    }
    print(&format!("{name} is in {}\n", fetched?.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn list(places: &Places) -> String {
    let mut lines = String::new();
    for entry in catalogue(places) {
        let set = &entry.set;
        let size = match set.bytes() {
            0 => String::new(),
            bytes => format!("{:.1} MB", bytes as f64 / 1e6),
        };
        lines += &format!("{:<16} {size:>9}  {}\n", set.name, presence(&entry.presence, set.name));
        lines += &format!("{:28}{}; licence: {}\n", "", set.note, set.licence);
    }
    lines
}

fn presence(presence: &Presence, name: &str) -> String {
    match presence {
        Presence::BuiltIn => "built in".into(),
        Presence::In(folder) => format!("in {}", folder.display()),
        Presence::PartlyIn(folder) => {
            format!("incomplete in {}; run `gumbel data fetch {name}`", folder.display())
        }
        Presence::Absent => format!("absent; run `gumbel data fetch {name}`"),
    }
}

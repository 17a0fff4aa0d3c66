//! `gumbel data`.

use crate::cli::Data;
use crate::data::{Places, Presence, catalogue, fetch};
use anyhow::Result;

/// Lists or downloads.
///
/// # Errors
/// A name that is unknown, a download that failed.
pub fn run(options: &Data) -> Result<()> {
    match options {
        Data::List { data_dir } => list(&Places::new(data_dir.as_deref())),
        Data::Fetch { name, data_dir, base_url } => {
            let bar = fetch::progress_bar();
            let folder = fetch::fetch(name, data_dir.as_deref(), base_url.as_deref(), &bar)?;
            bar.finish_and_clear();
            println!("{name} is in {}", folder.display());
        }
    }
    Ok(())
}

fn list(places: &Places) {
    for entry in catalogue(places) {
        let set = &entry.set;
        let size = match set.bytes() {
            0 => String::new(),
            bytes => format!("{:.1} MB", bytes as f64 / 1e6),
        };
        println!("{:<16} {size:>9}  {}", set.name, presence(&entry.presence, set.name));
        println!("{:28}{}; licence: {}", "", set.note, set.licence);
    }
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

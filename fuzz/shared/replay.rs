//! Replays the corpus of a package of properties.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// A name and a property.
type Target = (&'static str, fn(&[u8]));

/// The memory of the process. The files are small, so what a header states must not be allocated.
#[cfg(unix)]
const MEMORY: u64 = 4 << 30;

fn files(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

/// The file; cut at some places; with a bit flipped at some places.
fn variants(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = (bytes.len() / 24).max(1);
    let places = move || (0..bytes.len()).step_by(step);
    let cut = places().map(|end| bytes[..end].to_vec());
    let flipped = places().map(move |place| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 1 << (place % 8);
        bytes
    });
    [bytes.to_vec()].into_iter().chain(cut).chain(flipped)
}

/// Every file of the corpus, and damaged copies of it; memory is limited.
pub fn all(targets: &[Target]) {
    #[cfg(unix)]
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_AS, MEMORY, MEMORY)
        .expect("a lower limit");
    let mut failed = Vec::new();
    for (name, property) in targets {
        let files = files(name);
        assert!(!files.is_empty(), "no corpus of {name}");
        for file in files {
            let bytes = std::fs::read(&file).expect("a file of the corpus");
            for (number, variant) in variants(&bytes).enumerate() {
                if catch_unwind(AssertUnwindSafe(|| property(&variant))).is_err() {
                    failed.push(format!("{}, variant {number}", file.display()));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Every property has a program, and there are no others.
pub fn programs(targets: &[Target]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    for (name, _) in targets {
        let program = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).expect(name);
        assert!(program.contains(&format!("run({name:?}, data)")), "{program}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
    let programs = folder.join("fuzz_targets").read_dir().expect("programs").count();
    assert_eq!(programs, targets.len());
}

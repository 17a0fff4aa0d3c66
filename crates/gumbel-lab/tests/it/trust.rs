//! Every test that `results/trust.md` names exists.

use std::collections::BTreeSet;
use std::path::Path;

/// The functions of all sources of a folder and those below.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            functions(&entry, found);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&entry).expect("a source");
            let names = text.split("fn ").skip(1).map(|rest| {
                rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_string()
            });
            found.extend(names);
        }
    }
}

#[test]
fn every_test_that_the_page_of_trust_names_exists() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let Ok(page) = std::fs::read_to_string(crates.join("../results/trust.md")) else {
        eprintln!("skipped: this crate stands alone");
        return;
    };
    let mut found = BTreeSet::new();
    functions(&crates, &mut found);
    // A name of several words is a test's, unless it is a function of the library, which exists too.
    let quoted = page.split('`').skip(1).step_by(2);
    let named: Vec<&str> = quoted
        .filter(|name| name.matches('_').count() > 1 && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .collect();
    assert!(named.len() > 60, "{named:?}");
    let missing: Vec<_> = named.into_iter().filter(|&name| !found.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

//! The README of the repository lists every example program that trains, and each of them has a test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Programs for scripts and measurements, which train nothing.
const TOOLS: [&str; 4] = ["gpu", "python_golden", "quantize_cases", "routing_reference"];

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_readme_lists_the_examples_and_tests_run_them() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files =
        |folder: &str| std::fs::read_dir(here.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let programs = files("examples").filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let names = programs.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
    let examples: BTreeSet<String> = names.filter(|name| !TOOLS.contains(&name.as_str())).collect();
    let readme = read(here.join("../../README.md"));
    let table = readme.split_once("| example | learns |").expect("a table of examples").1;
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|')).skip(1);
    let listed =
        rows.filter_map(|row| row.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name.to_string());
    assert_eq!(listed.collect::<BTreeSet<_>>(), examples);
    let tests: String = files("tests/it").filter(|path| path.is_file()).map(read).collect();
    for name in examples {
        assert!(tests.contains(&format!("../../examples/{name}.rs")), "{name} has no test");
    }
}

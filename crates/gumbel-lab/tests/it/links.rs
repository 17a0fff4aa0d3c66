//! Every link between the pages of this repository leads to a file and to a heading that are there. (Rustdoc checks those
//! of the source.)

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use std::path::{Path, PathBuf};

/// The repository, or `None` where the crate stands alone.
fn root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().ok()?;
    root.join("DESIGN.md").is_file().then_some(root)
}

/// The Markdown pages of a folder and those below, without what is built, hidden, or checked by rustdoc.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let skipped = |path: &&PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        !name.starts_with('.') && !["target", "guide", "runs"].contains(&name.as_str())
    };
    let below = folders.iter().filter(skipped).flat_map(|folder| pages(folder));
    let here = files.iter().filter(|path| path.extension().is_some_and(|end| end == "md")).cloned();
    here.chain(below).collect()
}

fn links(text: &str) -> Vec<String> {
    let target = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    };
    Parser::new(text).filter_map(target).collect()
}

/// The names that headings can be linked by: lower case, words joined by hyphens.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors = Vec::new();
    let mut heading: Option<String> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take().map(|text| anchor(&text))),
            Event::Text(part) | Event::Code(part) => {
                if let Some(text) = &mut heading {
                    text.push_str(&part);
                }
            }
            _ => {}
        }
    }
    anchors
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

/// What is wrong with a link of a page, if it is one between pages.
fn fault(page: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target =
        if file.is_empty() { page.to_path_buf() } else { page.parent().expect("a folder").join(file) };
    if !target.exists() {
        return Some(format!("{} links to {link}, which is not there", page.display()));
    }
    let text = std::fs::read_to_string(&target).unwrap_or_default();
    let found = heading.is_empty() || anchors(&text).contains(&heading.into());
    (!found).then(|| format!("{} links to {link}, which has no such heading", page.display()))
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let Some(root) = root() else {
        println!("skipped: the crate is not in its repository");
        return;
    };
    let pages = pages(&root);
    assert!(pages.iter().any(|page| page.ends_with("README.md")), "{pages:?}");
    let faults = |page: &PathBuf| {
        let text = std::fs::read_to_string(page).expect("a page");
        links(&text).iter().filter_map(|link| fault(page, link)).collect::<Vec<_>>()
    };
    let faults: Vec<String> = pages.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.md");
    std::fs::write(&page, "# One `two` three\n[a](#one-two-three) [b](none.md) [c](#four) [d](https://x.y)")
        .expect("written");
    let text = std::fs::read_to_string(&page).expect("a page");
    let faults: Vec<bool> = links(&text).iter().map(|link| fault(&page, link).is_some()).collect();
    assert_eq!(faults, [false, true, true, false]);
}

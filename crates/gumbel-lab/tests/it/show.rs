//! `gumbel show` from the command line.

use crate::program::*;
use gumbel_lab::claims::ALL;
use std::path::Path;

fn show(out: &Path, more: &[&str]) -> std::process::Output {
    gumbel(&[&["show", "--out", utf8(&out)], more].concat())
}

fn table(out: &Path) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_path(out.join("claims.csv")).expect("a table");
    let header = "claim,quantity,setting,measured,standard_error,expected,z,source,test,holds";
    assert_eq!(reader.headers().expect("a header").iter().collect::<Vec<_>>().join(","), header);
    reader.records().collect::<Result<_, _>>().expect("rows")
}

#[test]
fn every_claim_holds_and_is_on_the_page() {
    let (_folder, out) = folder();
    let said = succeed(&show(&out, &[]));
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    let rows = table(&out);
    for claim in ALL {
        let tests: Vec<_> = rows.iter().filter(|row| &row[0] == claim.name && !row[8].is_empty()).collect();
        assert!(!tests.is_empty() && tests.iter().all(|row| &row[9] == "true"), "{}", claim.name);
        assert!(said.contains(&format!("holds  {}", claim.name)), "{said}");
        assert!(page.contains(&format!("section id=\"{}\"", claim.name)), "{}", claim.name);
    }
    // Equality is tested by a z, which is never missing.
    for row in rows.iter().filter(|row| &row[8] == "equal") {
        assert!(row[6].parse::<f64>().expect("a z").abs() <= 4.0, "{row:?}");
    }
    for row in rows.iter().filter(|row| &row[8] == "differs") {
        assert!(row[6].parse::<f64>().expect("a z").abs() > 4.0, "{row:?}");
    }
    assert!(page.contains(&format!("{0} of {0} claims hold", ALL.len())));
    for mark in ["://", "url(", "<script", "src=", "NaN"] {
        assert!(!page.contains(mark), "{mark}");
    }
    let figures: Vec<_> = out.join("figures").read_dir().expect("figures").collect();
    assert_eq!(figures.len(), page.matches("<figure").count());
    for figure in figures {
        let svg = std::fs::read_to_string(figure.expect("an entry").path()).expect("a figure");
        assert!(roxmltree::Document::parse(&svg).is_ok() && !svg.contains("NaN"));
    }
}

#[test]
fn numbers_depend_on_the_seed_and_not_on_threads_or_other_claims() {
    let run = |more: &[&str]| {
        let (_folder, out) = folder();
        succeed(&show(&out, &[&["--samples", "100000"], more].concat()));
        table(&out)
    };
    let two = run(&["--only", "rounding,score-function", "--threads", "1", "--seed", "5"]);
    assert_eq!(two, run(&["--only", "score-function,rounding", "--threads", "2", "--seed", "5"]));
    assert_ne!(two, run(&["--only", "rounding,score-function", "--seed", "6"]));
    let one = run(&["--only", "score-function", "--seed", "5"]);
    assert!(!one.is_empty() && two.ends_with(&one));
}

#[test]
fn the_list_names_every_claim_and_unknown_names_are_errors() {
    let list = succeed(&gumbel(&["show", "--list"]));
    let (_folder, out) = folder();
    let unknown = show(&out, &["--only", "density,xyz"]);
    for claim in ALL {
        assert!(list.lines().any(|line| line.starts_with(&format!("{} ", claim.name))), "{list}");
        fail(&unknown, &[claim.name]);
    }
    let mistyped = show(&out, &["--only", "density,convexety"]);
    fail(&mistyped, &["unknown claim 'convexety'; did you mean 'convexity'?"]);
    for number in ["99", "-1"] {
        let range = format!("{number} is not in 100000..=1000000000");
        fail(&show(&out, &["--samples", number]), &[&range]);
    }
    assert!(!out.exists(), "a folder was left behind");
}

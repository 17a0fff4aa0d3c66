//! Loads a [`Corpus`] by name or from a file.

use super::corpus::PADDING;
use super::named::{KNOWN, NAMED};
use super::{Alphabet, Corpus, Error};
use crate::data::{Places, permutation};
use gumbel_kernels::Stream;
use std::collections::BTreeSet;
use std::path::Path;

/// Default window of Shakespeare, in characters.
pub const WINDOW: usize = 16;
/// Limit on the length of a string.
const LONGEST: usize = 64;
/// Limit on the number of different symbols, padding included.
const SYMBOLS: usize = 256;
/// Minimum number of strings.
const FEWEST: usize = 20;
/// One string of this many is held out.
const HELD_OUT: usize = 10;

/// Loads a corpus by name, or a text file in UTF-8.
///
/// `grammar` and `sentences` are generated. `shakespeare` is the running text `input.txt` in DIR/tiny-shakespeare or DIR,
/// in windows of 16 characters or of `length`, and `names` is the list `names.txt` in DIR/names or DIR, one name per line;
/// DIR is `data_dir`, then `GUMBEL_DATA`, then the cache folder of the system. Any other file is a list too, one string
/// per line; with a `length` it is running text, cut into windows of `length` characters. A tenth of the strings is held
/// out (of running text, the last tenth).
///
/// # Errors
/// A name or file that is not found or not UTF-8; a line longer than 64 characters; fewer than twenty strings.
///
/// ```
/// let corpus = gumbel_lab::data::text::load("grammar", None, None)?;
/// assert_eq!((corpus.count(), corpus.length, corpus.alphabet.len()), (5000, 11, 6));
/// # Ok::<(), gumbel_lab::data::text::Error>(())
/// ```
pub fn load(name: &str, data_dir: Option<&Path>, length: Option<usize>) -> Result<Corpus, Error> {
    let named = NAMED.iter().find(|corpus| corpus.name == name);
    let file = named.map(|corpus| corpus.locate(&Places::new(data_dir))).transpose();
    match (name, length) {
        ("grammar" | "sentences" | "names", Some(length)) => Err(Error::Length(length)),
        ("grammar", None) => Ok(Corpus::grammar()),
        ("sentences", None) => Ok(Corpus::sentences()),
        _ => match file?.flatten() {
            Some(path) if name == "shakespeare" => windows(name, &path, length.unwrap_or(WINDOW)),
            Some(path) => list(name, &path),
            None => from_file(name, length),
        },
    }
}

/// Loads a text file: a list of strings, or running text if a length is given.
fn from_file(file: &str, length: Option<usize>) -> Result<Corpus, Error> {
    let path = Path::new(file);
    if !path.is_file() {
        return Err(Error::Unknown { name: file.into(), known: &KNOWN });
    }
    let name = path.file_name().map_or(file.into(), |name| name.to_string_lossy());
    length.map_or_else(|| list(&name, path), |length| windows(&name, path, length))
}

fn read(path: &Path) -> Result<String, Error> {
    let reason = |error: std::io::Error| Error::Unreadable { path: path.into(), reason: error.to_string() };
    let text = std::fs::read_to_string(path).map_err(reason)?;
    // A byte order mark says how the file is coded and is no symbol of it.
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.into(),
        None => text,
    })
}

/// A list, one string per line; empty lines are skipped.
fn list(name: &str, path: &Path) -> Result<Corpus, Error> {
    let text = read(path)?;
    let strings: Vec<&str> = text.lines().map(str::trim).collect();
    for (line, string) in strings.iter().enumerate() {
        let symbols = string.chars().count();
        if symbols > LONGEST {
            return Err(Error::LongLine { path: path.into(), line: line + 1, symbols, limit: LONGEST });
        }
    }
    let strings: Vec<String> = strings.into_iter().filter(|s| !s.is_empty()).map(String::from).collect();
    let count = strings.len();
    let shuffled =
        permutation(Stream::new(0), 0, count).into_iter().map(|i| strings[i as usize].clone()).collect();
    let length = strings.iter().map(|string| string.chars().count()).max().unwrap_or(0);
    let source = format!("{name}: {count} strings of a list, a tenth of them held out");
    finish(Strings { name: name.into(), source, path, strings: shuffled, length, padded: true })
}

/// Running text in windows that do not overlap.
fn windows(name: &str, path: &Path, length: usize) -> Result<Corpus, Error> {
    if !(2..=LONGEST).contains(&length) {
        return Err(Error::LengthRange { got: length, limit: LONGEST });
    }
    let text: Vec<char> = read(path)?.chars().collect();
    let strings = text.chunks_exact(length).map(|window| window.iter().collect()).collect();
    let source = format!("{name}: {} characters in windows of {length}, the last tenth held out", text.len());
    finish(Strings { name: name.into(), source, path, strings, length, padded: false })
}

/// Strings whose last tenth will be held out.
struct Strings<'a> {
    name: String,
    source: String,
    path: &'a Path,
    strings: Vec<String>,
    length: usize,
    padded: bool,
}

fn finish(Strings { name, source, path, mut strings, length, padded }: Strings) -> Result<Corpus, Error> {
    if strings.len() < FEWEST {
        let source_of = path.display().to_string();
        return Err(Error::TooFew { source_of, strings: strings.len(), minimum: FEWEST });
    }
    let mut known: BTreeSet<char> = strings.iter().flat_map(|string| string.chars()).collect();
    // A space could not be distinguished from a space as padding.
    let padding = padded.then(|| if known.contains(&' ') { PADDING } else { ' ' });
    padding.map(|padding| known.remove(&padding));
    let symbols: Vec<char> = padding.into_iter().chain(known).collect();
    if symbols.len() > SYMBOLS {
        return Err(Error::ManySymbols { path: path.into(), symbols: symbols.len(), limit: SYMBOLS });
    }
    let alphabet = Alphabet { symbols, padded };
    let test = strings.split_off(strings.len() - strings.len().div_ceil(HELD_OUT));
    let train = alphabet.encode_all(&strings, length);
    Ok(Corpus { name, source, alphabet, length, train, test, law: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, length: Option<usize>) -> Result<Corpus, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, text).unwrap();
        load(path.to_str().unwrap(), None, length)
    }

    #[test]
    fn a_list_is_padded_and_a_tenth_is_held_out() {
        let lines: Vec<String> = (0..40).map(|i| format!("{}b\n", "a".repeat(i % 4))).collect();
        let corpus = file(&(lines.concat() + "\n"), None).unwrap();
        assert_eq!((corpus.count(), corpus.test.len(), corpus.length), (36, 4, 4));
        assert_eq!(corpus.alphabet.symbols, [' ', 'a', 'b']);
        let mut all = [corpus.strings(), corpus.test].concat();
        let mut expected: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
        all.sort();
        expected.sort();
        assert_eq!(all, expected);
    }

    #[test]
    fn a_byte_order_mark_is_no_symbol() {
        for length in [None, Some(5)] {
            let lines = "ab c\n".repeat(40);
            let marked = file(&format!("\u{feff}{lines}"), length).unwrap();
            assert_eq!(marked.alphabet.symbols, file(&lines, length).unwrap().alphabet.symbols);
        }
    }

    #[test]
    fn running_text_is_cut_into_windows_and_may_have_spaces() {
        let corpus = file(&"ab c\n".repeat(40), Some(5)).unwrap();
        assert_eq!((corpus.count(), corpus.test.len()), (36, 4));
        assert_eq!((corpus.strings()[0].as_str(), corpus.alphabet.padded), ("ab c\n", false));
    }

    #[test]
    fn a_list_whose_strings_have_spaces_keeps_them_apart_from_the_padding() {
        let corpus = file(&"a b\nc\n".repeat(20), None).unwrap();
        assert_eq!(corpus.alphabet.symbols, ['\u{2423}', ' ', 'a', 'b', 'c']);
        assert!(corpus.strings().contains(&"a b".to_string()));
    }

    #[test]
    fn mistakes_name_the_value_and_the_remedy() {
        let message = |result: Result<Corpus, Error>| result.unwrap_err().to_string();
        let nowhere = Some(Path::new("/nonexistent"));
        assert_eq!(message(load("gramar", None, None)), "unknown corpus 'gramar'; did you mean 'grammar'?");
        assert!(message(load("names", nowhere, Some(3))).contains("leave it out"));
        assert!(message(load("corpus", None, None)).ends_with("shakespeare, or the path of a text file"));
        let absent = message(load("names", nowhere, None));
        let start = "corpus 'names' not found: looked for names.txt in /nonexistent/names, /non";
        assert!(absent.starts_with(start) && absent.contains("--data-dir DIR"), "{absent}");
        let long = message(file(&"a".repeat(65), None));
        assert!(long.contains("line 1: 65 characters; the limit is 64; for running"), "{long}");
        assert!(message(file("a\nb\n", None)).contains("has 2 strings; at least 20 are needed"));
        assert!(message(file("text", Some(1))).contains("from 2 to 64, got 1"));
        let many: String = (0..300).map(|i| format!("{}\n", char::from_u32(0x4e00 + i).unwrap())).collect();
        assert!(message(file(&many, None)).contains("301 different characters; the limit is 256"));
    }
}

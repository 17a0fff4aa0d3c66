//! Where an estimator comes from, as a reader and as BibTeX needs it.

use std::fmt;

/// A published source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    /// The key of its BibTeX entry.
    pub key: &'static str,
    /// Authors, separated by `and` as in BibTeX.
    pub authors: &'static str,
    /// Title, without a full stop.
    pub title: &'static str,
    /// Where it appeared.
    pub venue: Venue,
    /// The year.
    pub year: u16,
}

/// A kind of publication, with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Venue {
    /// A conference.
    Conference(&'static str),
    /// A journal.
    Journal(&'static str),
    /// An arXiv number.
    Arxiv(&'static str),
}

impl Paper {
    /// Its BibTeX entry.
    ///
    /// ```
    /// let jang = gumbel::estimator::find("gumbel-softmax")?.papers[0];
    /// assert!(jang.bibtex().starts_with("@inproceedings{jang2017categorical,"));
    /// # Ok::<(), gumbel::Error>(())
    /// ```
    pub fn bibtex(&self) -> String {
        let (kind, field, name) = match self.venue {
            Venue::Conference(name) => ("inproceedings", "booktitle", name.to_string()),
            Venue::Journal(name) => ("article", "journal", name.to_string()),
            Venue::Arxiv(number) => ("misc", "note", format!("arXiv:{number}")),
        };
        let Self { key, authors, title, year, .. } = self;
        format!(
            "@{kind}{{{key},\n  author = {{{authors}}},\n  title = {{{title}}},\n  {field} = {{{name}}},\n  \
             year = {{{year}}},\n}}\n"
        )
    }
}

impl fmt::Display for Paper {
    /// `Surname, Surname and Surname 2017`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let surnames: Vec<&str> =
            self.authors.split(" and ").map(|author| author.rsplit(' ').next().unwrap_or(author)).collect();
        let names = match surnames[..] {
            [one] => one.to_string(),
            [ref first @ .., last] if first.len() < 3 => format!("{} and {last}", first.join(", ")),
            [first, ..] => format!("{first} et al."),
            [] => String::new(),
        };
        f.pad(&format!("{names} {}", self.year))
    }
}

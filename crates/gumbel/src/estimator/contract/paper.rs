//! Published sources, for readers and for BibTeX.

use std::fmt;

/// A published source.
///
/// ```
/// let jang = gumbel::estimator::find("gumbel-softmax")?.papers[0];
/// assert_eq!(jang.to_string(), "Jang, Gu and Poole 2017");
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Paper {
    /// The key of its BibTeX entry.
    pub key: &'static str,
    /// Authors, separated by `and` as in BibTeX.
    pub authors: &'static str,
    /// Title, without a full stop.
    pub title: &'static str,
    /// Where it was published.
    pub venue: Venue,
    /// The year.
    pub year: u16,
}

/// A kind of publication, with its name.
///
/// ```
/// use gumbel::estimator::{Venue, find};
/// assert_eq!(find("straight-through")?.papers[0].venue, Venue::Arxiv("1308.3432"));
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

/// What is in braces, or from the first word in lower case on, as in BibTeX; else the last word.
fn surname(author: &str) -> &str {
    if let Some((_, name)) = author.split_once('{') {
        return name.trim_end_matches('}');
    }
    let mut starts = author.match_indices(' ').map(|(at, _)| at + 1);
    let particle = starts.find(|&at| author[at..].starts_with(char::is_lowercase));
    let last = author.rfind(' ').map(|at| at + 1);
    particle.or(last).map_or(author, |at| &author[at..])
}

impl fmt::Display for Paper {
    /// `Surname, Surname and Surname 2017`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let surnames: Vec<&str> = self.authors.split(" and ").map(surname).collect();
        let names = match surnames[..] {
            [one] => one.to_string(),
            [ref first @ .., last] if first.len() < 3 => format!("{} and {last}", first.join(", ")),
            [first, ..] => format!("{first} et al."),
            [] => String::new(),
        };
        f.pad(&format!("{names} {}", self.year))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn surnames_keep_their_particles() {
        let paper = crate::estimator::find("rloo").unwrap().papers[0];
        assert_eq!(paper.to_string(), "Kool, van Hoof and Welling 2019");
        assert_eq!(super::surname("Plato"), "Plato");
        assert_eq!(super::surname("Lennert {De Smet}"), "De Smet");
    }
}

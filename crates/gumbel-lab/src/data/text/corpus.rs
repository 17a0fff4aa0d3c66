//! Strings as rows of codes.

use super::{Error, grammar, sentences};
use crate::data::{Dataset, Images};
use burn::tensor::{Device, Tensor, TensorData};
use gumbel_kernels::Stream;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The symbols that codes stand for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Alphabet {
    /// Symbol of each code.
    pub symbols: Vec<char>,
    /// Whether the first code is no symbol but the padding after a string's end.
    pub padded: bool,
}

impl Alphabet {
    /// The number of codes K.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The codes of a string, padded to `length`; `None` if it has other symbols or is longer.
    pub fn encode(&self, string: &str, length: usize) -> Option<Vec<u8>> {
        let code = |symbol| self.symbols.iter().position(|known| *known == symbol).map(|code| code as u8);
        let mut codes = string.chars().map(code).collect::<Option<Vec<u8>>>()?;
        let fits = if self.padded { codes.len() <= length } else { codes.len() == length };
        codes.resize(length, 0);
        fits.then_some(codes)
    }

    /// The string of codes, without the padding at its end. Padding before the end stays: it is a mistake to see.
    pub fn decode(&self, codes: &[u8]) -> String {
        let padding = codes.iter().rev().take_while(|code| self.padded && **code == 0).count();
        codes[..codes.len() - padding].iter().map(|&code| self.symbols[code as usize]).collect()
    }
}

/// Strings to learn from, and others to be compared with.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Short name, such as `grammar`.
    pub name: String,
    /// Where it comes from, for the report.
    pub source: String,
    /// What its codes stand for.
    pub alphabet: Alphabet,
    /// Codes of a string, T.
    pub length: usize,
    /// Training strings, row by row.
    pub train: Vec<u8>,
    /// Strings held out.
    pub test: Vec<String>,
    /// The law of the strings, where it is known.
    pub law: Option<Law>,
}

/// A law that generates strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// The arithmetic [`grammar`].
    Arithmetic,
    /// [`sentences`].
    Sentences,
}

/// How the rows of a data set are read as strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What the codes stand for.
    pub alphabet: Alphabet,
    /// The law of the strings, where it is known.
    pub law: Option<Law>,
}

/// Strings of the grammar in either part.
const STRINGS: usize = 5000;
/// Sentences to learn from.
const SENTENCES: usize = 20_000;
/// Sentences held out.
const HELD_OUT: usize = 2000;
/// Shows where a string has ended that may have spaces in it.
pub(super) const PADDING: char = '\u{2423}';
/// The most bytes of a data set of strings.
const LARGEST: usize = 1 << 30;

impl Corpus {
    /// The arithmetic grammar: as many strings as the paper trained on, and as many others, the same for every seed.
    pub fn grammar() -> Self {
        let symbols = [' ', 'x'].into_iter().chain(grammar::OPERATORS).collect();
        let alphabet = Alphabet { symbols, padded: true };
        let codes = |string: &String| alphabet.encode(string, grammar::LONGEST).expect("its own symbols");
        let (train, test) = (Stream::new(0).split(0), Stream::new(0).split(1));
        Self {
            name: "grammar".into(),
            source: "Arithmetic expressions, generated: 0 to 5 operators, each number as likely".into(),
            length: grammar::LONGEST,
            train: grammar::draw(train, STRINGS).iter().flat_map(codes).collect(),
            test: grammar::draw(test, STRINGS),
            law: Some(Law::Arithmetic),
            alphabet,
        }
    }

    /// The built-in sentences, the same for every seed.
    pub fn sentences() -> Self {
        let known: BTreeSet<char> = sentences::all().flat_map(|s| s.chars().collect::<Vec<_>>()).collect();
        let alphabet = Alphabet { symbols: [PADDING].into_iter().chain(known).collect(), padded: true };
        let length = sentences::longest();
        let codes = |sentence: &String| alphabet.encode(sentence, length).expect("its own symbols");
        let (train, test) = (Stream::new(0).split(2), Stream::new(0).split(3));
        Self {
            name: "sentences".into(),
            source: format!("English sentences, generated: each of {} as likely", sentences::COUNT),
            length,
            train: sentences::draw(train, SENTENCES).iter().flat_map(codes).collect(),
            test: sentences::draw(test, HELD_OUT),
            law: Some(Law::Sentences),
            alphabet,
        }
    }

    /// Whether the strings are of the arithmetic grammar.
    pub fn arithmetic(&self) -> bool {
        self.law == Some(Law::Arithmetic)
    }

    /// Training strings there are.
    pub fn count(&self) -> usize {
        self.train.len() / self.length
    }

    /// The training strings.
    pub fn strings(&self) -> Vec<String> {
        self.train.chunks(self.length).map(|codes| self.alphabet.decode(codes)).collect()
    }

    /// Training strings chosen by number, one-hot `[B, T, K]`.
    pub fn batch(&self, chosen: &[u32], device: &Device) -> Tensor<3> {
        let rows = chosen.iter().flat_map(|&i| &self.train[i as usize * self.length..][..self.length]);
        one_hot(rows.copied(), [chosen.len(), self.length, self.alphabet.len()], device)
    }

    /// Strings as one-hot rows, `[B, T, K]`.
    ///
    /// # Panics
    /// If one of them is not of the corpus's alphabet and length.
    pub fn encode(&self, strings: &[String], device: &Device) -> Tensor<3> {
        let codes =
            |string: &String| self.alphabet.encode(string, self.length).expect("a string of the corpus");
        one_hot(strings.iter().flat_map(codes), [strings.len(), self.length, self.alphabet.len()], device)
    }

    /// The strings as images, `[T, K]`: a row for each place, with a dot in the column of its symbol.
    ///
    /// # Errors
    /// A text whose dots fill more than a gigabyte.
    ///
    /// ```
    /// let data = gumbel_lab::data::text::Corpus::grammar().dataset()?;
    /// assert_eq!((data.train.height, data.train.width), (11, 6));
    /// assert_eq!(data.train.image(0).iter().filter(|&&pixel| pixel == 255).count(), 11);
    /// # Ok::<(), gumbel_lab::data::text::Error>(())
    /// ```
    pub fn dataset(&self) -> Result<Dataset, Error> {
        let places = self.train.len() + self.test.len() * self.length;
        if places.saturating_mul(self.alphabet.len()) > LARGEST {
            let (characters, symbols) = (places, self.alphabet.len());
            return Err(Error::TooLarge {
                source_of: self.name.clone(),
                characters,
                symbols,
                most: LARGEST / symbols,
            });
        }
        let codes =
            |string: &String| self.alphabet.encode(string, self.length).expect("a string of the corpus");
        Ok(Dataset {
            name: self.name.clone(),
            train: self.dots(self.train.iter().copied()),
            valid: None,
            test: self.dots(self.test.iter().flat_map(codes)),
            source: self.source.clone(),
            binary: true,
            text: Some(Written { alphabet: self.alphabet.clone(), law: self.law }),
        })
    }

    fn dots(&self, codes: impl Iterator<Item = u8>) -> Images {
        let symbols = self.alphabet.len();
        let mut pixels = Vec::new();
        for code in codes {
            let row = pixels.len();
            pixels.resize(row + symbols, 0);
            pixels[row + code as usize] = 255;
        }
        Images::new(pixels, self.length, symbols, None)
    }

    /// A fingerprint of the training strings and what they mean.
    pub fn digest(&self) -> String {
        let symbols: String = self.alphabet.symbols.iter().collect();
        let mut hash = Sha256::new();
        hash.update(&self.train);
        hash.update(format!("\0{symbols}\0{}", self.length));
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn one_hot(codes: impl Iterator<Item = u8>, shape: [usize; 3], device: &Device) -> Tensor<3> {
    let mut values = vec![0f32; shape.iter().product()];
    for (row, code) in values.chunks_mut(shape[2]).zip(codes) {
        row[code as usize] = 1.0;
    }
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The codes of strings that are images, a row with one dot for each symbol: what [`Corpus::dataset`] was made of.
///
/// ```
/// use gumbel_lab::data::text::{Corpus, codes};
/// let corpus = Corpus::grammar();
/// assert_eq!(codes(&corpus.dataset()?.train), corpus.train);
/// # Ok::<(), gumbel_lab::data::text::Error>(())
/// ```
pub fn codes(strings: &Images) -> Vec<u8> {
    codes_of(&strings.pixels, strings.width).collect()
}

/// The codes of rows with one dot among `symbols` columns.
pub(crate) fn codes_of(pixels: &[u8], symbols: usize) -> impl Iterator<Item = u8> {
    pixels.chunks(symbols).map(|row| row.iter().position(|&pixel| pixel > 0).unwrap_or(0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_strings_are_each_others_inverse_and_padding_within_stays() {
        let alphabet = Corpus::grammar().alphabet;
        let codes = alphabet.encode("x+x", 5).unwrap();
        assert_eq!((codes.as_slice(), alphabet.decode(&codes).as_str()), (&[1, 2, 1, 0, 0][..], "x+x"));
        assert_eq!(alphabet.decode(&[1, 0, 1, 0, 0]), "x x");
        assert_eq!(alphabet.decode(&[0, 0]), "");
        assert_eq!((alphabet.encode("xyx", 5), alphabet.encode("x+x+x+", 5)), (None, None));
        let plain = Alphabet { symbols: vec!['a', 'b'], padded: false };
        assert_eq!((plain.decode(&[1, 0, 0]).as_str(), plain.encode("b", 2)), ("baa", None));
    }

    #[test]
    fn batches_are_the_strings_that_were_chosen() {
        let corpus = Corpus::grammar();
        let (strings, device) = (corpus.strings(), Device::flex());
        let batch = corpus.batch(&[7, 1], &device);
        assert_eq!(batch.dims(), [2, 11, 6]);
        let wanted = corpus.encode(&[strings[7].clone(), strings[1].clone()], &device);
        assert_eq!(batch.into_data(), wanted.into_data());
    }

    #[test]
    fn a_digest_changes_with_the_strings_and_with_their_meaning() {
        let corpus = Corpus::grammar();
        let mut other = corpus.clone();
        other.alphabet.symbols[1] = 'y';
        assert_ne!(corpus.digest(), other.digest());
        other = corpus.clone();
        other.train[0] ^= 3;
        assert_ne!(corpus.digest(), other.digest());
    }
}

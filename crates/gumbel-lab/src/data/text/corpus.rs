//! Strings as rows of codes.

use super::{Error, grammar, sentences};
use crate::data::alphabet::{Alphabet, Law, TextEncoding};
use crate::data::{Dataset, Images, idx};
use burn::tensor::{Device, Tensor, TensorData};
use gumbel_kernels::Stream;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Training strings as codes, and held-out strings.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// Short name, such as `grammar`.
    pub name: String,
    /// Origin, for the report.
    pub source: String,
    /// Symbols of the codes.
    pub alphabet: Alphabet,
    /// Length of a string in codes, T.
    pub length: usize,
    /// Codes of the training strings, row by row.
    pub train: Vec<u8>,
    /// Held-out strings.
    pub test: Vec<String>,
    /// Distribution of the strings, where it is known.
    pub law: Option<Law>,
}

/// Strings of the grammar in each part.
const STRINGS: usize = 5000;
/// Training sentences.
const SENTENCES: usize = 20_000;
/// Held-out sentences.
const HELD_OUT: usize = 2000;
/// Padding of strings that may contain spaces.
pub(super) const PADDING: char = '\u{2423}';
/// The limit on the bytes of a data set of strings.
const LARGEST: usize = 1 << 30;

impl Corpus {
    /// Strings of the arithmetic grammar: as many for training as in the paper and as many held out, the same for every
    /// seed.
    pub fn grammar() -> Self {
        let symbols = [' ', 'x'].into_iter().chain(grammar::OPERATORS).collect();
        let (alphabet, length) = (Alphabet { symbols, padded: true }, grammar::LONGEST);
        let [train, test] = [0, 1].map(|label| grammar::draw(Stream::new(0).split(label), STRINGS));
        Self {
            name: "grammar".into(),
            source: "Arithmetic expressions, generated: 0 to 5 operators, each number equally likely".into(),
            length,
            train: alphabet.encode_all(&train, length),
            test,
            law: Some(Law::Arithmetic),
            alphabet,
        }
    }

    /// The generated English sentences, the same for every seed.
    pub fn sentences() -> Self {
        let known: BTreeSet<char> = sentences::all().flat_map(|s| s.chars().collect::<Vec<_>>()).collect();
        let alphabet = Alphabet { symbols: [PADDING].into_iter().chain(known).collect(), padded: true };
        let (length, count) = (sentences::longest(), sentences::COUNT);
        let train = sentences::draw(Stream::new(0).split(2), SENTENCES);
        Self {
            name: "sentences".into(),
            source: format!("English sentences, generated: {count} of them, each equally likely"),
            length,
            train: alphabet.encode_all(&train, length),
            test: sentences::draw(Stream::new(0).split(3), HELD_OUT),
            law: Some(Law::Sentences),
            alphabet,
        }
    }

    /// Whether the strings follow the arithmetic grammar.
    pub fn arithmetic(&self) -> bool {
        self.law == Some(Law::Arithmetic)
    }

    /// The number of training strings.
    pub fn count(&self) -> usize {
        self.train.len() / self.length
    }

    /// The training strings.
    pub fn strings(&self) -> Vec<String> {
        self.train.chunks(self.length).map(|codes| self.alphabet.decode(codes)).collect()
    }

    /// The training strings with the given indices, one-hot `[B, T, K]`.
    pub fn batch(&self, chosen: &[u32], device: &Device) -> Tensor<3> {
        let rows = chosen.iter().flat_map(|&i| &self.train[i as usize * self.length..][..self.length]);
        one_hot(rows.copied(), [chosen.len(), self.length, self.alphabet.len()], device)
    }

    /// Strings, one-hot `[B, T, K]`.
    ///
    /// # Panics
    /// If one of them does not have the alphabet and length of the corpus.
    pub fn encode(&self, strings: &[String], device: &Device) -> Tensor<3> {
        let codes = self.alphabet.encode_all(strings, self.length);
        one_hot(codes, [strings.len(), self.length, self.alphabet.len()], device)
    }

    /// The strings as one-hot images, `[T, K]`: one row per symbol, with a single nonzero pixel in its column.
    ///
    /// # Errors
    /// [`Error::TooLarge`]: more than a gigabyte of pixels.
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
            let (source_of, symbols) = (self.name.clone(), self.alphabet.len());
            return Err(Error::TooLarge { source_of, characters: places, symbols, limit: LARGEST / symbols });
        }
        Ok(Dataset {
            name: self.name.clone(),
            train: self.one_hot_images(&self.train),
            valid: None,
            test: self.one_hot_images(&self.alphabet.encode_all(&self.test, self.length)),
            source: self.source.clone(),
            binary: true,
            text: Some(TextEncoding { alphabet: self.alphabet.clone(), law: self.law }),
        })
    }

    fn one_hot_images(&self, codes: &[u8]) -> Images {
        let symbols = self.alphabet.len();
        let mut pixels = vec![0; codes.len() * symbols];
        pixels.chunks_mut(symbols).zip(codes).for_each(|(row, &code)| row[code as usize] = 255);
        Images::new(pixels, self.length, symbols, None)
    }

    /// Fingerprint of the training strings and their alphabet.
    pub fn digest(&self) -> String {
        let symbols: String = self.alphabet.symbols.iter().collect();
        let mut hash = Sha256::new();
        hash.update(&self.train);
        hash.update(format!("\0{symbols}\0{}", self.length));
        idx::hex(&hash.finalize())
    }
}

fn one_hot(codes: impl IntoIterator<Item = u8>, shape: [usize; 3], device: &Device) -> Tensor<3> {
    let mut values = vec![0f32; shape.iter().product()];
    for (row, code) in values.chunks_mut(shape[2]).zip(codes) {
        row[code as usize] = 1.0;
    }
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The codes of strings as one-hot images: the inverse of [`Corpus::dataset`].
///
/// ```
/// use gumbel_lab::data::text::{Corpus, codes};
/// let corpus = Corpus::grammar();
/// assert_eq!(codes(&corpus.dataset()?.train), corpus.train);
/// # Ok::<(), gumbel_lab::data::text::Error>(())
/// ```
pub fn codes(strings: &Images) -> Vec<u8> {
    let rows = strings.pixels.chunks(strings.width);
    rows.map(|row| row.iter().position(|&pixel| pixel > 0).unwrap_or(0) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_the_chosen_strings() {
        let corpus = Corpus::grammar();
        let (strings, device) = (corpus.strings(), Device::flex());
        let batch = corpus.batch(&[7, 1], &device);
        assert_eq!(batch.dims(), [2, 11, 6]);
        let expected = corpus.encode(&[strings[7].clone(), strings[1].clone()], &device);
        assert_eq!(batch.into_data(), expected.into_data());
    }

    #[test]
    fn a_digest_changes_with_the_strings_and_with_the_alphabet() {
        let corpus = Corpus::grammar();
        let mut other = corpus.clone();
        other.alphabet.symbols[1] = 'y';
        assert_ne!(corpus.digest(), other.digest());
        other = corpus.clone();
        other.train[0] ^= 3;
        assert_ne!(corpus.digest(), other.digest());
    }
}

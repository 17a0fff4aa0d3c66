//! Symbols of strings, and how the rows of images are read as strings.

/// The symbols that codes stand for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Alphabet {
    /// Symbol of each code.
    pub symbols: Vec<char>,
    /// Whether code 0 is the padding after the end of a string instead of a symbol.
    pub padded: bool,
}

impl Alphabet {
    /// The number of codes K.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there are no codes.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The codes of a string, padded to `length`; `None` if it contains other symbols or is longer.
    ///
    /// ```
    /// use gumbel_lab::data::text::Alphabet;
    /// let alphabet = Alphabet { symbols: vec![' ', 'a', 'b'], padded: true };
    /// assert_eq!(alphabet.encode("ba", 4), Some(vec![2, 1, 0, 0]));
    /// ```
    pub fn encode(&self, string: &str, length: usize) -> Option<Vec<u8>> {
        let code = |symbol| self.symbols.iter().position(|known| *known == symbol).map(|code| code as u8);
        let mut codes = string.chars().map(code).collect::<Option<Vec<u8>>>()?;
        let fits = if self.padded { codes.len() <= length } else { codes.len() == length };
        codes.resize(length, 0);
        fits.then_some(codes)
    }

    /// The codes of strings, one after another.
    ///
    /// # Panics
    /// If [`encode`](Self::encode) has none for one of them.
    pub fn encode_all(&self, strings: &[String], length: usize) -> Vec<u8> {
        let codes =
            |string: &String| self.encode(string, length).expect("a string of this alphabet and length");
        strings.iter().flat_map(codes).collect()
    }

    /// The string of codes, without the padding at its end. Padding before the end stays, so that it can be seen.
    pub fn decode(&self, codes: &[u8]) -> String {
        let padding = codes.iter().rev().take_while(|code| self.padded && **code == 0).count();
        codes[..codes.len() - padding].iter().map(|&code| self.symbols[code as usize]).collect()
    }
}

/// A known distribution of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// The arithmetic [`grammar`](super::text::grammar).
    Arithmetic,
    /// The English [`sentences`](super::text::sentences).
    Sentences,
}

/// How the rows of images are read as strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEncoding {
    /// Symbols of the codes.
    pub alphabet: Alphabet,
    /// Distribution of the strings, where it is known.
    pub law: Option<Law>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_inverts_encoding_and_padding_inside_stays() {
        let alphabet = Alphabet { symbols: vec![' ', 'x', '+'], padded: true };
        let codes = alphabet.encode("x+x", 5).unwrap();
        assert_eq!((codes.as_slice(), alphabet.decode(&codes).as_str()), (&[1, 2, 1, 0, 0][..], "x+x"));
        assert_eq!(alphabet.decode(&[1, 0, 1, 0, 0]), "x x");
        assert_eq!(alphabet.decode(&[0, 0]), "");
        assert_eq!((alphabet.encode("xyx", 5), alphabet.encode("x+x+x+", 5)), (None, None));
        let plain = Alphabet { symbols: vec!['a', 'b'], padded: false };
        assert_eq!((plain.decode(&[1, 0, 0]).as_str(), plain.encode("b", 2)), ("baa", None));
    }
}

//! A data set in memory.

use super::alphabet::TextEncoding;
use super::{Images, idx};

/// A named data set in memory. A clone shares the images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Name on the command line, or of the folder.
    pub name: String,
    /// Training images.
    pub train: Images,
    /// Validation images, where the source sets some aside.
    pub valid: Option<Images>,
    /// Test images.
    pub test: Images,
    /// Origin and licence in one line, for the report.
    pub source: String,
    /// Whether every pixel is 0 or 255 already.
    pub binary: bool,
    /// Encoding of strings, if the images are strings: one row per symbol with a single nonzero pixel.
    pub text: Option<TextEncoding>,
}

impl Dataset {
    /// Fingerprint of the data: SHA-256 of the images of each part, and the symbols that they stand for.
    pub fn digest(&self) -> String {
        let symbols = self.text.as_ref().map(|text| text.alphabet.symbols.iter().collect());
        self.parts().map(idx::images_sha256).chain(symbols).collect::<Vec<_>>().join(" ")
    }

    /// The parts: training, validation (if any) and test images.
    pub fn parts(&self) -> impl Iterator<Item = &Images> {
        [Some(&self.train), self.valid.as_ref(), Some(&self.test)].into_iter().flatten()
    }

    /// The parts, to be changed.
    pub(super) fn parts_mut(&mut self) -> impl Iterator<Item = &mut Images> {
        [Some(&mut self.train), self.valid.as_mut(), Some(&mut self.test)].into_iter().flatten()
    }
}

//! `test` in `summary.json` of a vector-quantised autoencoder.

use crate::model::QuantizerName;
use crate::support::stats::Mean;
use gumbel::quantize::CodeUsage;
use serde::{Deserialize, Serialize};

/// The properties that distinguish runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The quantiser.
    pub quantizer: QuantizerName,
}

/// Results on the test set, in nats per image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// −ln p(x|c) − ln p(c), an upper bound on −ln p(x).
    pub bound: Part,
    /// −ln p(x|c), of the image given its codes.
    pub distortion: Part,
    /// −ln p(c), of the codes under the learned prior.
    pub rate: Part,
    /// Bits of the codes of an image, if all were equally likely.
    pub bits: f64,
    /// Test images.
    pub images: usize,
    /// The use of each codebook.
    pub books: Vec<Book>,
}

/// A mean over images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The mean.
    pub nats: f64,
    /// Its standard error over images.
    pub standard_error: f64,
}

impl Part {
    /// The mean of numbers, one for each image.
    pub fn of(numbers: &[f64]) -> Self {
        let Mean { value: nats, standard_error } = Mean::of_all(numbers);
        Self { nats, standard_error }
    }
}

/// How a codebook is used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// Number of codes (K).
    pub codes: usize,
    /// Codes that a test image uses.
    pub used: usize,
    /// Effective number of codes in use.
    pub perplexity: f64,
}

impl Book {
    /// The use of a codebook.
    pub fn of(usage: &CodeUsage) -> Self {
        Self { codes: usage.counts().len(), used: usage.used(), perplexity: usage.perplexity() }
    }
}

impl Results {
    /// The share of codes in use, over all codebooks.
    pub fn usage(&self) -> f64 {
        let sum = |of: fn(&Book) -> usize| self.books.iter().map(of).sum::<usize>() as f64;
        sum(|book| book.used) / sum(|book| book.codes)
    }

    /// The mean perplexity of the codebooks.
    pub fn perplexity(&self) -> f64 {
        self.books.iter().map(|book| book.perplexity).sum::<f64>() / self.books.len() as f64
    }
}

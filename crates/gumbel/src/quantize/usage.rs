//! Diagnostics of a codebook: which codes are used, and how evenly.

use crate::Error;
use burn::tensor::{Int, Tensor};

/// How often each of K codes was used, over any number of batches.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use gumbel::quantize::CodeUsage;
/// let mut usage = CodeUsage::new(4);
/// usage.add(Tensor::<1, Int>::from_ints([0, 0, 1, 1], &Device::flex()))?;
/// assert_eq!((usage.used(), usage.dead()), (2, 2));
/// assert_eq!(usage.perplexity(), 2.0); // as many codes, used equally, have this entropy
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeUsage {
    counts: Vec<u64>,
}

impl CodeUsage {
    /// No use yet of `codes` codes.
    pub fn new(codes: usize) -> Self {
        Self { counts: vec![0; codes] }
    }

    /// Counts every index. Those of a quantiser with several codebooks are counted one codebook at a time: narrow the last
    /// axis.
    ///
    /// # Shapes
    /// `indices` of any shape.
    ///
    /// # Errors
    /// An index out of range; nothing is counted then.
    pub fn add<const R: usize>(&mut self, indices: Tensor<R, Int>) -> Result<(), Error> {
        let mut counts = self.counts.clone();
        for (at, index) in indices.into_data().iter::<i64>().enumerate() {
            let place = usize::try_from(index).ok().and_then(|index| counts.get_mut(index));
            let (expected, value) = ("from 0 to the number of codes less 1", index as f64);
            let unfit =
                Error::Element { owner: "code usage", parameter: "index", expected, index: at, value };
            *place.ok_or(unfit)? += 1;
        }
        self.counts = counts;
        Ok(())
    }

    /// The number of uses of each code, `[K]`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The number of codes that were used.
    pub fn used(&self) -> usize {
        self.counts.iter().filter(|&&count| count > 0).count()
    }

    /// The number of codes that were never used.
    pub fn dead(&self) -> usize {
        self.counts.len() - self.used()
    }

    /// The entropy of the shares of the codes, in nats; 0 if nothing was counted.
    pub fn entropy(&self) -> f64 {
        let total: u64 = self.counts.iter().sum();
        let shares = self.counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / total as f64);
        shares.map(|share| -share * share.ln()).sum::<f64>().max(0.0)
    }

    /// The exponential of the entropy: K if all codes are used equally, 1 if only one is.
    pub fn perplexity(&self) -> f64 {
        self.entropy().exp()
    }
}

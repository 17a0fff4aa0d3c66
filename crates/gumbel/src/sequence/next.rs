//! The distribution of the next token after each of several prefixes.

use super::Prefix;
use crate::estimator::parts::host::log_sum_exp;
use crate::tensor::numbers;
use crate::{Error, RowFault};
use burn::tensor::Tensor;
use gumbel_kernels::{Stream, noise};

/// Log-probabilities of the next token, in double precision: K numbers for each prefix.
pub(super) struct NextTokens {
    log_p: Vec<f64>,
    categories: usize,
}

impl NextTokens {
    /// From the logits `[N, K]` that a model returned for N prefixes.
    ///
    /// # Errors
    /// A row of logits that cannot be normalised; an end token that is none of the K.
    ///
    /// # Panics
    /// If there is not one row for each prefix.
    pub fn of(logits: &Tensor<2>, prefixes: &[Prefix<'_>], end: Option<usize>) -> Result<Self, Error> {
        let [rows, categories] = logits.dims();
        assert_eq!(
            rows,
            prefixes.len(),
            "logits of shape {:?} for {} prefixes",
            logits.dims(),
            prefixes.len()
        );
        if categories == 0 {
            return Err(gumbel_kernels::Error::Categories(0).into());
        }
        if let Some(end) = end.filter(|&end| end >= categories) {
            let expected = format!("below {categories}, the number of tokens");
            return Err(Error::parameter("sequence sampler", "end", expected, end));
        }
        let mut log_p = numbers(logits.clone());
        for (logits, prefix) in log_p.chunks_mut(categories).zip(prefixes) {
            normalize(logits).map_err(|fault| Error::next_token(prefix.row, prefix.tokens, fault))?;
        }
        Ok(Self { log_p, categories })
    }

    /// Prefix by prefix, `[K]` each.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.log_p.chunks(self.categories)
    }
}

/// Logits to log-probabilities.
fn normalize(logits: &mut [f64]) -> Result<(), RowFault> {
    if logits.iter().any(|logit| logit.is_nan() || *logit == f64::INFINITY) {
        return Err(RowFault::Logit);
    }
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return Err(RowFault::AllMasked);
    }
    // In two steps: the sum of a large maximum and a logarithm would lose the latter's digits.
    logits.iter_mut().for_each(|logit| *logit -= largest);
    let total = log_sum_exp(logits.iter().copied());
    logits.iter_mut().for_each(|logit| *logit -= total);
    Ok(())
}

/// Log-probabilities plus Gumbel noise, the first numbers of a stream.
pub(super) fn perturbed(log_p: &[f64], stream: Stream) -> Vec<f64> {
    let mut keys = vec![0.0; log_p.len()];
    noise::gumbel(stream, &mut keys);
    keys.iter_mut().zip(log_p).for_each(|(key, log_p)| *key += log_p);
    keys
}

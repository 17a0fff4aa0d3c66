//! Gradients of expected losses from sequences without replacement.

use super::{DistinctSequences, Sequence};
use crate::Error;
use crate::estimator::parts::set::UnorderedLaw;
use crate::tensor::{first_where, tracked_as};
use burn::tensor::{Tensor, TensorData};

/// A row of the unordered set takes time 2^S.
const LIMIT: usize = 10;

/// The estimates of ∇E f. Each is a loss `[B]` with the estimate of E f as its value and that of ∇E f as its gradient, for what
/// `log_probs` and `losses` were computed from.
///
/// # Shapes
/// `log_probs` `[B, S]`, the sums of [`token_log_probs`](super::token_log_probs), and `losses` `[B, S]`, f at each
/// sequence, to `[B]`. Numbers where there is no sequence do not matter.
impl DistinctSequences {
    /// The unordered-set estimate, which averages over the order of the sequences; unbiased.
    ///
    /// ```text
    /// value Σ_s w_s f_s,   gradient Σ_s ∇ln p_s Σ_t w_st (f_s − f_t),   w_s… = Π p · P(the others of S come next) / P(S)
    /// ```
    ///
    /// It has less variance than the other unbiased one, and takes time 2^S in double precision. With S = 1 it is f ∇ln p. As the
    /// estimator [`UnorderedSet`](crate::estimator::UnorderedSet): Kool, van Hoof and Welling 2020, "Estimating Gradients
    /// for Discrete Random Variables by Sampling without Replacement", section 3.
    ///
    /// # Errors
    /// More than ten sequences; a loss or a log-probability that is not finite.
    ///
    /// # Panics
    /// If the shapes are not `[B, S]`.
    pub fn unordered_set_loss(&self, log_probs: Tensor<2>, losses: Tensor<2>) -> Result<Tensor<1>, Error> {
        if self.sequences().samples() > LIMIT {
            let got = self.sequences().samples();
            let error = Error::parameter("unordered set", "samples", format!("at most {LIMIT}"), got);
            return Err(error.with_remedy("use reinforce_loss for more"));
        }
        let laws = self.sequences().rows().iter().zip(self.log_rest()).map(|(row, &rest)| {
            let log_prob = row.iter().map(|sequence| sequence.log_prob).collect();
            (row.len(), UnorderedLaw::new(log_prob, rest))
        });
        let (mut weights, mut pairs) = (Vec::new(), Vec::new());
        let n = self.sequences().samples();
        for (count, law) in laws {
            let place = |s: usize| (s < count).then_some(s);
            weights.extend((0..n).map(|s| law.share([place(s)])));
            pairs.extend((0..n * n).map(|pair| law.share([place(pair / n), place(pair % n)])));
        }
        self.scored(weights, pairs, log_probs, losses)
    }

    /// REINFORCE without replacement, by inclusion weights w = p / q; unbiased, for any S from 2 up.
    ///
    /// ```text
    /// value Σ_s w_s f_s,   gradient Σ_s ∇ln p_s Σ_t w_s w_t (f_s − f_t)
    /// ```
    ///
    /// Kool, van Hoof and Welling 2019, "Buy 4 REINFORCE Samples, Get a Baseline for Free!", section 3. In place of the
    /// paper's `f_s (1 − p_s)` stands `f_s Σ_{t≠s} w_t`, which is equal in expectation, so that a constant has no gradient, and
    /// E f no influence. The paper's form has less variance for few samples where E f is near 0 (`results/README.md`).
    ///
    /// # Errors
    /// Fewer than two samples; a loss or a log-probability that is not finite.
    ///
    /// # Panics
    /// If the shapes are not `[B, S]`.
    pub fn reinforce_loss(&self, log_probs: Tensor<2>, losses: Tensor<2>) -> Result<Tensor<1>, Error> {
        self.weighted_loss(|_| 1.0, log_probs, losses)
    }

    /// The same with [`normalized_weights`](Self::normalized_weights): **biased**, by a share that vanishes as S grows; it
    /// never takes the large steps of a sample whose weights are large.
    ///
    /// ```text
    /// value Σ_s w_s f_s / W,   gradient Σ_s ∇ln p_s Σ_t w_s w_t (f_s − f_t) / W²,   W = Σ_s w_s
    /// ```
    ///
    /// # Errors
    /// Those of [`reinforce_loss`](Self::reinforce_loss).
    ///
    /// # Panics
    /// If the shapes are not `[B, S]`.
    pub fn normalized_reinforce_loss(
        &self,
        log_probs: Tensor<2>,
        losses: Tensor<2>,
    ) -> Result<Tensor<1>, Error> {
        self.weighted_loss(|total| 1.0 / total, log_probs, losses)
    }

    /// By inclusion weights, times a function of their sum in the row.
    fn weighted_loss(
        &self,
        factor: impl Fn(f64) -> f64,
        log_probs: Tensor<2>,
        losses: Tensor<2>,
    ) -> Result<Tensor<1>, Error> {
        let n = self.sequences().samples();
        if n < 2 {
            return Err(Error::parameter("reinforce_loss", "samples", "at least 2", n));
        }
        let mut weights = vec![0.0; self.sequences().count()];
        let mut weigh =
            |(place, sequence): (usize, &Sequence)| weights[place] = self.log_weight(place, sequence).exp();
        self.sequences().all().for_each(&mut weigh);
        for row in weights.chunks_mut(n) {
            let factor = factor(row.iter().sum());
            row.iter_mut().for_each(|weight| *weight *= factor);
        }
        let pairs =
            weights.chunks(n).flat_map(|row| row.iter().flat_map(move |s| row.iter().map(move |t| s * t)));
        let pairs = pairs.collect();
        self.scored(weights, pairs, log_probs, losses)
    }

    /// The loss with weights `[B, S]` of the value and `[B, S, S]` of the gradient.
    fn scored(
        &self,
        weights: Vec<f64>,
        pairs: Vec<f64>,
        log_probs: Tensor<2>,
        losses: Tensor<2>,
    ) -> Result<Tensor<1>, Error> {
        let (log_probs, losses) = (self.present_only(log_probs), self.present_only(losses));
        finite("losses", &losses)?;
        finite("log-probabilities", &log_probs)?;
        let shape @ [rows, n] = losses.dims();
        let signal = if n == 1 {
            losses.clone().detach().inner()
        } else {
            let fixed = losses.clone().detach().inner();
            let gaps = fixed.clone().unsqueeze_dim::<3>(2) - fixed.unsqueeze_dim(1);
            (gaps * numbers_like(pairs, [rows, n, n], &losses)).sum_dim(2).squeeze_dim(2)
        };
        let value = self.weighted(numbers_like(weights, shape, &losses), losses);
        Ok(tracked_as(value, &log_probs) + score(log_probs, signal))
    }
}

/// Zeros `[B]` with the gradient `Σ_s signal_s ∇ln p_s`, from log-probabilities and signals `[B, S]`.
pub(super) fn score(log_probs: Tensor<2>, signal: Tensor<2>) -> Tensor<1> {
    let signal = tracked_as(signal.cast(log_probs.dtype()), &log_probs);
    let zero = log_probs.clone() - log_probs.detach();
    (zero * signal).sum_dim(1).squeeze_dim(1)
}

/// Numbers in the type and on the device of a tensor, without a gradient.
fn numbers_like<const D: usize>(values: Vec<f64>, shape: [usize; D], like: &Tensor<2>) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&like.device().inner(), like.dtype()))
}

/// Returns an error for the first number that is not finite.
pub(super) fn finite<const D: usize>(parameter: &'static str, tensor: &Tensor<D>) -> Result<(), Error> {
    match first_where(tensor, |value| !value.is_finite()) {
        None => Ok(()),
        Some((index, value)) => {
            Err(Error::Element { owner: "sequences", parameter, expected: "finite", index, value })
        }
    }
}

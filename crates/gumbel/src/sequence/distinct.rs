//! Sequences without replacement: their perturbed log-probabilities, the threshold, and inclusion weights.

use super::frontier::Frontier;
use super::{Sequence, Sequences};
use crate::estimator::parts::truncated::log_one_minus_exp;
use burn::tensor::{Device, Tensor};

/// Up to S distinct sequences for each of B rows, in decreasing order of their perturbed log-probabilities.
///
/// ```text
/// G_s = ln p_s + g_s,   κ = the largest G of the sequences outside the sample,
/// q_s = P(G_s > κ) = 1 − exp(−p_s e^−κ),   w_s = p_s / q_s,   E[Σ_s w_s f_s] = E f
/// ```
///
/// Given κ, a sequence is in the sample with probability q, so a sum with [`weights`](Self::weights) is unbiased for any
/// S; with [`normalized_weights`](Self::normalized_weights) it is biased, and usually varies less. Where a row has at
/// most S sequences, κ is `-inf` and the weights are the probabilities: the sum is exact.
///
/// Kool, van Hoof and Welling 2019, section 4.1 (with S + 1 for their k); Duffield, Lund and Thorup 2007, priority sampling.
///
/// # Shapes
/// `[B, S]` or `[B]`; weights are 0 where a row has fewer than S sequences.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, sequence::{Prefix, Sampler}};
/// let device = Device::flex();
/// // Eight strings of three fair bits; f is the number of ones, so E f is 1.5.
/// let step = |(), prefixes: &[Prefix<'_>]| (Tensor::<2>::zeros([prefixes.len(), 2], &Device::flex()), ());
/// let drawn = Sampler::new(3)?.distinct(0..2000, 4, (), step, &mut Noise::from_seed(1))?;
/// let ones = drawn.sequences().map(&device, |sequence| sequence.tokens.iter().sum::<usize>() as f64);
/// let mean = drawn.expectation(ones).mean().into_scalar::<f32>();
/// assert!((mean - 1.5).abs() < 0.05, "{mean}");
/// let all = Sampler::new(3)?.distinct(0..1, 8, (), step, &mut Noise::from_seed(1))?;
/// assert!((all.weights(&device).sum().into_scalar::<f32>() - 1.0).abs() < 1e-6); // exact: κ is -inf
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "stochastic beam search")]
#[doc(alias = "inclusion probability")]
#[derive(Clone, Debug, PartialEq)]
pub struct DistinctSequences {
    sequences: Sequences,
    perturbed: Vec<Vec<f64>>,
    kappa: Vec<f64>,
    log_rest: Vec<f64>,
    calls: usize,
    prefixes: usize,
}

impl DistinctSequences {
    pub(super) fn new(frontiers: Vec<Frontier>, samples: usize, [calls, prefixes]: [usize; 2]) -> Self {
        let kappa = frontiers.iter().map(|frontier| frontier.kappa).collect();
        let log_rest = frontiers.iter().map(|frontier| frontier.log_rest).collect();
        let (rows, perturbed) = frontiers.into_iter().map(Frontier::finished).unzip();
        Self { sequences: Sequences::new(rows, samples), perturbed, kappa, log_rest, calls, prefixes }
    }

    /// The sequences.
    pub fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// The perturbed log-probabilities of each row's sequences, decreasing.
    pub fn perturbed_log_probs(&self) -> &[Vec<f64>] {
        &self.perturbed
    }

    /// The threshold κ of each row: the largest perturbed log-probability outside the sample, `-inf` if there is nothing
    /// outside.
    pub fn kappa(&self) -> &[f64] {
        &self.kappa
    }

    /// The logarithm of the probability of all sequences outside each row's sample, `-inf` if there are none. It is a sum of
    /// its own, so it keeps its digits where the sample holds nearly everything.
    pub fn log_rest(&self) -> &[f64] {
        &self.log_rest
    }

    /// How often the model was called.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// How many prefixes the model has read in all rows.
    pub fn prefixes(&self) -> usize {
        self.prefixes
    }

    /// The inclusion weights p / q `[B, S]`, for unbiased sums.
    pub fn weights(&self, device: &Device) -> Tensor<2> {
        self.sequences.numbers(0.0, device, |place, sequence| self.log_weight(place, sequence).exp())
    }

    /// The same weights divided by their sum over each row, `[B, S]`.
    pub fn normalized_weights(&self, device: &Device) -> Tensor<2> {
        let weights = self.weights(device);
        weights.clone() / weights.sum_dim(1)
    }

    /// The unbiased estimate `Σ w f` of each row's expectation, `[B]`, from a value for each sequence `[B, S]`; differentiable
    /// in the values. Values where there is no sequence do not matter.
    ///
    /// # Panics
    /// If the values are not `[B, S]`.
    pub fn expectation(&self, values: Tensor<2>) -> Tensor<1> {
        self.weighted(self.weights(&values.device().inner()), values)
    }

    /// The estimate with [`normalized_weights`](Self::normalized_weights), `[B, S]` to `[B]`: exact for a constant, biased
    /// otherwise.
    ///
    /// # Panics
    /// If the values are not `[B, S]`.
    pub fn normalized_expectation(&self, values: Tensor<2>) -> Tensor<1> {
        self.weighted(self.normalized_weights(&values.device().inner()), values)
    }

    /// `Σ_s w_s f_s`.
    pub(super) fn weighted(&self, weights: Tensor<2>, values: Tensor<2>) -> Tensor<1> {
        let values = self.present_only(values);
        (crate::tensor::tracked_as(weights, &values).cast(values.dtype()) * values).sum_dim(1).squeeze_dim(1)
    }

    /// Values `[B, S]`, with 0 where there is no sequence.
    pub(super) fn present_only(&self, values: Tensor<2>) -> Tensor<2> {
        let shape = [self.sequences.rows().len(), self.sequences.samples()];
        assert_eq!(
            values.dims(),
            shape,
            "values of shape {:?} for sequences of shape {shape:?}",
            values.dims()
        );
        let absent = self.sequences.present(&values.device().inner()).bool_not();
        values.mask_fill(absent, 0.0)
    }

    /// `ln(p / q)`.
    pub(super) fn log_weight(&self, place: usize, sequence: &Sequence) -> f64 {
        log_weight(sequence.log_prob, self.kappa[place / self.sequences.samples()])
    }
}

/// `ln(p / (1 − exp(−x)))`, `x = p e^−κ`.
fn log_weight(log_prob: f64, kappa: f64) -> f64 {
    let gap = log_prob - kappa;
    if gap > 0.0 {
        return log_prob - log_one_minus_exp(-gap.exp());
    }
    // p / x is e^κ. The ratio of 1 − e^−x to x is 1 to the last digit long before x underflows.
    let x = gap.exp();
    if gap < -37.0 { kappa } else { kappa - (-(-x).exp_m1() / x).ln() }
}

#[cfg(test)]
mod tests {
    use super::log_weight;

    /// (ln p, κ, ln(p / (1 − exp(−p e^−κ)))): mpmath 1.3 at 60 digits.
    const GOLDEN: [(f64, f64, f64); 6] = [
        (-0.1, 0.5, 0.7618874087582859),
        (-2.0, -5.0, -1.9999999981078214),
        (-30.0, 1.0, 1.0000000000000173),
        (-900.0, -3.0, -3.0),
        (-38.5, -0.5, -0.5),
        (-400.0, -401.0, -399.9317339687521),
    ];

    #[test]
    fn weights_match_sixty_digits() {
        for (log_prob, kappa, expected) in GOLDEN {
            let found = log_weight(log_prob, kappa);
            assert!((found - expected).abs() <= 4e-15 * expected.abs(), "{found} for {expected}");
        }
        assert_eq!(log_weight(-3.0, f64::NEG_INFINITY), -3.0);
    }
}

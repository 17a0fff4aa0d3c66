//! The argument of a gate: logits, with what masks and shifts them.

use crate::tensor::{at_least_single, numbers, tracked_as};
use crate::{Error, tensor};
use burn::tensor::{Bool, Tensor};
use gumbel_kernels as kernels;

/// Logits of E experts for T tokens, with their masks. A logit of `-inf` masks an expert too.
///
/// # Shapes
/// `logits` `[T, E]`; `mask_pad` `[T]`, true for padding; `mask_experts` `[T, E]` or `[1, E]`, true for an expert that
/// must not be chosen; `bias` `[E]`; `noise_scale` `[T, E]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::routing::{Gate, Gating, Scores, Weighting};
/// let device = Device::flex();
/// let scores = Scores::new(Tensor::from_floats([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]], &device))
///     .mask_experts(Tensor::from_data([[true, false, false]], &device))
///     .mask_pad(Tensor::from_data([false, false, true], &device));
/// let routing = Gating::new(Gate::TopK(Weighting::Chosen), 1).evaluate(scores)?;
/// assert_eq!(routing.load, [0, 2, 0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scores {
    pub(super) logits: Tensor<2>,
    pub(super) bias: Option<Tensor<1>>,
    pad: Option<Tensor<1, Bool>>,
    experts: Option<Tensor<2, Bool>>,
    noise_scale: Option<Tensor<2>>,
}

impl Scores {
    /// Logits `[T, E]`, without masks.
    pub fn new(logits: Tensor<2>) -> Self {
        Self { logits, bias: None, pad: None, experts: None, noise_scale: None }
    }

    /// The same with tokens `[T]` that are padding where true: they go to no expert, count nowhere and have no gradient,
    /// whatever their logits are.
    #[must_use]
    pub fn mask_pad(self, pad: Tensor<1, Bool>) -> Self {
        Self { pad: Some(pad), ..self }
    }

    /// The same with experts `[T, E]` or `[1, E]` that are masked where true: never chosen, with a gradient of zero.
    #[must_use]
    pub fn mask_experts(self, experts: Tensor<2, Bool>) -> Self {
        Self { experts: Some(experts), ..self }
    }

    /// The same with a bias `[E]` that is used for choosing only: see [`balanced_bias`](super::balanced_bias).
    ///
    /// It is added to the softmax of the logits, or to their logistic function with
    /// [`Weighting::Sigmoid`](super::Weighting::Sigmoid); by gates that sample with Gumbel noise or SIMPLE, to the
    /// logits from which they sample.
    #[must_use]
    pub fn bias(self, bias: Tensor<1>) -> Self {
        Self { bias: Some(bias), ..self }
    }

    /// The same with the scale `[T, E]` of the noise of [`Gate::NoisyTopK`](super::Gate::NoisyTopK), positive.
    #[must_use]
    pub fn noise_scale(self, noise_scale: Tensor<2>) -> Self {
        Self { noise_scale: Some(noise_scale), ..self }
    }

    /// Checks the logits of all tokens but padding: at least `least` experts of each are unmasked.
    pub(super) fn prepared(self, least: usize) -> Result<Prepared, Error> {
        let [tokens, experts] = self.logits.dims();
        let mut logits = at_least_single(self.logits);
        if let Some(mask) = self.experts {
            let given = mask.dims();
            assert!(
                given[1] == experts && [1, tokens].contains(&given[0]),
                "mask_experts has the shape {given:?}, expected [{tokens}, {experts}] or [1, {experts}]"
            );
            if tokens > 0 {
                logits = logits.mask_fill(mask.expand([tokens, experts]), f32::NEG_INFINITY);
            }
        }
        let mut real = vec![true; tokens];
        if let Some(pad) = &self.pad {
            assert!(pad.dims() == [tokens], "mask_pad has the shape {:?}, expected [{tokens}]", pad.dims());
            real = pad.clone().into_data().iter::<bool>().map(|pad| !pad).collect();
            if tokens > 0 {
                logits = logits.mask_fill(pad.clone().unsqueeze_dim::<2>(1).expand([tokens, experts]), 0.0);
            }
        }
        let bias = self.bias.map(|bias| checked_bias(&bias, experts)).transpose()?;
        let values = numbers(logits.clone());
        check(&values, experts, &real, least)?;
        Ok(Prepared { logits, values, real, pad: self.pad, bias, noise_scale: self.noise_scale })
    }
}

/// Scores that were checked. Rows of padding are zero.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub logits: Tensor<2>,
    /// The logits on the host.
    pub values: Vec<f64>,
    /// Which tokens are not padding.
    pub real: Vec<bool>,
    pad: Option<Tensor<1, Bool>>,
    pub bias: Option<Vec<f64>>,
    pub noise_scale: Option<Tensor<2>>,
}

impl Prepared {
    pub fn tokens(&self) -> usize {
        self.logits.dims()[0]
    }

    pub fn experts(&self) -> usize {
        self.logits.dims()[1]
    }

    /// The number of tokens that are not padding.
    pub fn count(&self) -> usize {
        self.real.iter().filter(|&&real| real).count()
    }

    /// The tokens, other than padding, that do not mask an expert.
    pub fn open_tokens(&self, expert: usize) -> impl Iterator<Item = usize> {
        let logits = self.values.iter().skip(expert).step_by(self.experts());
        let open = |(real, logit): (&bool, &f64)| *real && *logit > f64::NEG_INFINITY;
        let open = self.real.iter().zip(logits).map(open).enumerate();
        open.filter_map(|(token, open)| open.then_some(token))
    }

    /// The logits plus the bias, which is a constant.
    pub fn biased(&self) -> Tensor<2> {
        let Some(bias) = &self.bias else { return self.logits.clone() };
        let options = (&self.logits.device().inner(), self.logits.dtype());
        let bias = Tensor::<1>::from_data(bias.as_slice(), options).unsqueeze::<2>();
        self.logits.clone() + tracked_as(bias, &self.logits)
    }

    /// Padding in the shape `[T, N]`, if there is any.
    pub fn padding(&self, dims: [usize; 2]) -> Option<Tensor<2, Bool>> {
        let pad = self.pad.clone().filter(|_| self.tokens() > 0)?;
        Some(pad.unsqueeze_dim::<2>(1).expand(dims))
    }

    /// The tensor `[T, N]` with a value at padding.
    pub fn fill_padding(&self, tensor: Tensor<2>, value: f64) -> Tensor<2> {
        match self.padding(tensor.dims()) {
            Some(padding) => tensor.mask_fill(padding, value),
            None => tensor,
        }
    }
}

fn checked_bias(bias: &Tensor<1>, experts: usize) -> Result<Vec<f64>, Error> {
    assert!(bias.dims() == [experts], "the bias has the shape {:?}, expected [{experts}]", bias.dims());
    match tensor::first_where(bias, |value| !value.is_finite()) {
        None => Ok(numbers(bias.clone())),
        Some((index, value)) => {
            let (parameter, expected) = ("bias", "finite");
            Err(Error::Element { owner: "router", parameter, expected, index, value })
        }
    }
}

fn check(values: &[f64], experts: usize, real: &[bool], least: usize) -> Result<(), Error> {
    for (row, logits) in values.chunks(experts).enumerate().filter(|&(row, _)| real[row]) {
        if let Some(column) = logits.iter().position(|logit| logit.is_nan() || *logit == f64::INFINITY) {
            return Err(kernels::Error::Logit { row, column, value: logits[column] }.into());
        }
        let available = logits.iter().filter(|&&logit| logit > f64::NEG_INFINITY).count();
        if available == 0 {
            return Err(kernels::Error::AllMasked { row }.into());
        }
        if available < least {
            return Err(kernels::Error::TooFew { row, requested: least, available }.into());
        }
    }
    Ok(())
}

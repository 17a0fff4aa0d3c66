//! Losses that spread the load, and the bias that does without one.

use crate::checked::positive;
use crate::tensor::{centred, not_negative};
use crate::{Error, ops};
use burn::tensor::{Tensor, TensorData};

/// The squared coefficient of variation of numbers that are not negative: `variance / mean²`, 0 if all are 0.
///
/// Shazeer et al. 2017, equation 7. The variance is that of the population.
///
/// # Shapes
/// `[E]` to `[1]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let load = Tensor::<1>::from_floats([6.0, 2.0, 0.0, 0.0], &Device::flex());
/// assert_eq!(gumbel::routing::cv_squared(load).into_scalar::<f32>(), 1.5); // (16 + 0 + 4 + 4) / 4 / 2²
/// ```
#[doc(alias = "importance loss")]
#[doc(alias = "load loss")]
pub fn cv_squared(numbers: Tensor<1>) -> Tensor<1> {
    let mean = numbers.clone().mean();
    let variance = (numbers - mean.clone()).powi_scalar(2).mean();
    variance / one_for_zero(mean).powi_scalar(2)
}

/// The load-balancing loss of the Switch Transformer, 1 if choices and probabilities are even.
///
/// ```text
/// L = E Σₑ fₑ Pₑ,   fₑ the share of the choices that are expert e, Pₑ its mean probability
/// ```
///
/// Fedus, Zoph and Shazeer 2022, equation 4, for any number of choices per token. The gradient is that of P. 0 if nothing is
/// chosen.
///
/// # Shapes
/// `probabilities` `[T, E]`, whose rows sum to 1, or to 0 for padding; `chosen` `[T, E]`, 1 where a token chose an expert
/// and 0 elsewhere, to `[1]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let probabilities = Tensor::<2>::from_floats([[0.75, 0.25], [0.75, 0.25]], &device);
/// let chosen = Tensor::<2>::from_floats([[1.0, 0.0], [1.0, 0.0]], &device);
/// assert_eq!(gumbel::routing::switch_loss(probabilities, chosen).into_scalar::<f32>(), 1.5);
/// ```
#[doc(alias = "load balancing loss")]
#[doc(alias = "auxiliary loss")]
pub fn switch_loss(probabilities: Tensor<2>, chosen: Tensor<2>) -> Tensor<1> {
    let experts = probabilities.dims()[1] as f64;
    let of_all = |tensor: Tensor<2>| {
        let each = tensor.sum_dim(0).flatten::<1>(0, 1);
        let all = one_for_zero(each.clone().sum().detach());
        each / all
    };
    (of_all(chosen) * of_all(probabilities)).sum() * experts
}

/// The router z-loss: the mean square of `ln Σ exp θ`, which keeps logits small.
///
/// ```text
/// L = 1/T Σₜ (ln Σₑ exp θₜₑ)²
/// ```
///
/// ST-MoE, Zoph et al. 2022, equation 5. A logit of `-inf` masks an expert. [`Routing::z_loss`](super::Routing::z_loss)
/// leaves padding out.
///
/// # Shapes
/// `logits` `[T, E]` to `[1]`.
///
/// # Errors
/// A logit that is NaN or `+inf`, a row masked throughout.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let loss = gumbel::routing::z_loss(Tensor::zeros([3, 4], &Device::flex()))?;
/// assert!((loss.into_scalar::<f32>() - 4f32.ln().powi(2)).abs() < 1e-6);
/// # Ok::<(), gumbel::Error>(())
/// ```
pub fn z_loss(logits: Tensor<2>) -> Result<Tensor<1>, Error> {
    ops::check_logits(&logits)?;
    let tokens = logits.dims()[0].max(1) as f64;
    Ok(squared_log_partition(logits).sum() / tokens)
}

/// `(ln Σ exp θ)²` of each row, `[T, 1]`.
pub(super) fn squared_log_partition(logits: Tensor<2>) -> Tensor<2> {
    if logits.dims()[0] == 0 {
        return logits.sum_dim(1);
    }
    let top = logits.clone().detach().max_dim(1);
    let sum = centred(logits).exp().sum_dim(1);
    (sum.log() + top).powi_scalar(2)
}

/// One step of load balancing without a loss: a bias rises by `rate` for an expert with less than the mean load, and falls
/// for one with more.
///
/// ```text
/// bₑ ← bₑ + rate · sign(mean load − loadₑ)
/// ```
///
/// Wang et al. 2024, algorithm 1; DeepSeek-V3. The papers use a rate of 0.001 for scores in (0, 1), once per step of the
/// optimiser: add the demands of the parts of a batch first.
///
/// # Shapes
/// `bias` and `demand` `[E]` to `[E]`.
///
/// # Errors
/// A rate that is not positive and finite.
///
/// # Panics
/// If their numbers of experts differ.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let bias = gumbel::routing::balanced_bias(Tensor::zeros([3], &Device::flex()), &[5, 2, 2], 0.5)?;
/// assert_eq!(bias.into_data().try_to_vec::<f32>().unwrap(), [-0.5, 0.5, 0.5]); // the mean is 3
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "auxiliary-loss-free")]
#[doc(alias = "loss-free balancing")]
#[doc(alias = "DeepSeek")]
pub fn balanced_bias(bias: Tensor<1>, demand: &[usize], rate: f64) -> Result<Tensor<1>, Error> {
    let experts = bias.dims()[0];
    assert!(demand.len() == experts, "{} numbers of tokens for {experts} experts", demand.len());
    positive("router", "the rate of the bias", rate)?;
    let total: usize = demand.iter().sum();
    let step =
        |&load: &usize| rate * (total as f64 - (load * experts) as f64).partial_cmp(&0.0).map_or(0.0, sign);
    let steps: Vec<f64> = demand.iter().map(step).collect();
    let bias = bias.detach();
    let steps = Tensor::from_data(TensorData::new(steps, [experts]), (&bias.device(), bias.dtype()));
    Ok(bias + steps)
}

fn sign(order: std::cmp::Ordering) -> f64 {
    f64::from(order as i8)
}

/// The number, or one if it is zero: a divisor for sums that are zero too.
fn one_for_zero(number: Tensor<1>) -> Tensor<1> {
    let zero = number.clone().equal_elem(0.0);
    not_negative(number).mask_fill(zero, 1.0)
}

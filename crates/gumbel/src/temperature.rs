//! A temperature: one number, or a tensor of them.

use crate::ops::{self, Form, log_volume, per_count};
use crate::tensor::{
    at_least_single, attach, broadcast, first_where, masked, numbers, one_hot_argmax, over, tracked_as,
    with_last,
};
use crate::{Error, tensor::restored};
use burn::tensor::{DType, Device, Tensor, activation};
use gumbel_kernels::{Stream, check_temperature};

/// The temperature τ of a relaxed sample or of a density: a number, or a tensor, which may be learned.
///
/// Functions take `impl Into<Temperature<D>>`: an `f64`, or a tensor of the rank of the logits that is broadcast against
/// their rows, `[.., 1]`; `[1, .., 1]` is one temperature for all. A tensor on an autodiff device receives its gradient.
/// Every tensor reduces to the kernels at temperature 1:
///
/// ```text
/// ln y = log_softmax(ln y₁ / τ),   ln κ(y; τ) = ln κ(τ y; 1) + (n−1) ln τ
/// ```
///
/// with `y₁` the sample for the same noise at temperature 1, and n the unmasked categories. Samples therefore agree with those
/// of a number up to rounding, and hard ones exactly. A number costs one kernel, a tensor a kernel and three operations.
///
/// A tensor is read to be checked where it is in host memory. On a GPU, rows whose temperature is unfit become NaN, and
/// [`check_device`](crate::check_device) reports them as rows of logits.
///
/// Relaxations without noise, such as [`entmax`](crate::sparse::entmax), need no more than a division: divide the logits by a
/// tensor, and pass 1.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use gumbel::{Noise, gumbel_softmax};
/// let device = Device::flex().autodiff();
/// let tau = Tensor::<2>::from_floats([[0.5], [2.0]], &device).require_grad(); // one for each row
/// let y = gumbel_softmax(Tensor::<2>::zeros([2, 3], &device), tau.clone(), &mut Noise::from_seed(7))?;
/// let number = gumbel_softmax(Tensor::<2>::zeros([2, 3], &device), 0.5, &mut Noise::from_seed(7))?;
/// let first = |y: Tensor<2>| y.slice([0..1, 0..3]);
/// assert!((first(y.clone()) - first(number)).abs().max().into_scalar::<f32>() < 1e-6);
/// let gradients = y.max_dim(1).sum().backward();
/// let gradient = tau.grad(&gradients).unwrap();
/// assert!(gradient.max().into_scalar::<f32>() < 0.0); // the largest entry falls as a temperature rises
/// # Ok::<(), gumbel::Error>(())
/// ```
#[expect(clippy::large_enum_variant, reason = "a tensor is passed by value everywhere")]
#[derive(Clone, Debug)]
pub enum Temperature<const D: usize> {
    /// The same for all, positive and finite.
    Number(f64),
    /// One for each row or for all, each positive and finite.
    Tensor(Tensor<D>),
}

impl<const D: usize> From<f64> for Temperature<D> {
    fn from(tau: f64) -> Self {
        Self::Number(tau)
    }
}

impl<const D: usize> From<Tensor<D>> for Temperature<D> {
    fn from(tau: Tensor<D>) -> Self {
        Self::Tensor(tau)
    }
}

impl<const D: usize> Temperature<D> {
    /// Returns an error for a temperature that is not positive and finite, unless it is on a GPU.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        match &self {
            Self::Number(tau) => check_temperature(*tau)?,
            Self::Tensor(tau) if ops::is_on_gpu(tau) => (),
            Self::Tensor(tau) => {
                if let Some((index, value)) = first_where(tau, |tau| !(tau > 0.0 && tau < f64::INFINITY)) {
                    let (owner, parameter, expected) = ("a relaxation", "tau", "positive and finite");
                    return Err(Error::Element { owner, parameter, expected, index, value });
                }
            }
        }
        Ok(self)
    }

    /// Logits in the type and on the device of a computation with this temperature: NaN in the rows whose temperature is unfit,
    /// on a GPU.
    ///
    /// # Panics
    /// If a tensor has several temperatures for a row.
    pub(crate) fn marked(&self, logits: Tensor<D>) -> Tensor<D> {
        let Self::Tensor(tau) = self else { return logits };
        let shape = logits.dims();
        assert_fits(tau, shape);
        if !ops::is_on_gpu(tau) {
            return logits;
        }
        let fit = tau.clone().greater_elem(0.0).bool_and(tau.clone().is_finite());
        logits.mask_fill(fit.bool_not().expand(shape), f32::NAN)
    }

    /// The number, or that of each row of a shape, for a computation on the host.
    ///
    /// # Panics
    /// If a tensor has several temperatures for a row.
    pub(crate) fn on_host(&self, shape: [usize; D]) -> Result<Vec<f64>, Error> {
        match self {
            Self::Number(tau) => Ok(check_temperature(*tau).map(|()| vec![*tau])?),
            Self::Tensor(tau) => {
                assert_fits(tau, shape);
                let tau = tau.clone().detach().to_device(&Device::flex());
                Self::Tensor(tau.clone()).checked()?;
                Ok(numbers(tau.expand(with_last(shape, 1))))
            }
        }
    }

    /// `x / τ`.
    pub(crate) fn temper(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Number(tau) => over(x, *tau),
            Self::Tensor(_) => over_rows(x.clone(), self.beside(&x)),
        }
    }

    /// `x / τ` of logits or logarithms, −∞ at masks. Of a mask the derivative in τ would be NaN.
    pub(crate) fn temper_masked(&self, x: Tensor<D>) -> Tensor<D> {
        let masked = masked(&x);
        let finite = x.mask_fill(masked.clone(), 0.0);
        let tempered = self.temper(finite);
        let masked = masked.expand(tempered.shape());
        tempered.mask_fill(masked, f32::NEG_INFINITY)
    }

    /// `τ x`.
    pub(crate) fn scale(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Number(tau) => x * *tau,
            Self::Tensor(_) => {
                let tau = self.beside(&x);
                tracked_as(x, &tau) * tau
            }
        }
    }

    /// `x + ln τ`.
    pub(crate) fn plus_log(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Number(tau) => x + tau.ln(),
            Self::Tensor(_) => {
                let log_tau = self.beside(&x).log();
                tracked_as(x, &log_tau) + log_tau
            }
        }
    }

    /// `ln Γ(n) + (n−1) ln τ` of rows of logits, `[.., 1]`.
    pub(crate) fn log_volume(&self, logits: &Tensor<D>) -> Tensor<D> {
        match self {
            Self::Number(tau) => per_count(logits, |n| log_volume(n, *tau)),
            Self::Tensor(_) => {
                let at_one = per_count(logits, |n| log_volume(n, 1.0));
                at_one + self.log_stretch(logits)
            }
        }
    }

    /// `(n−1) ln τ` of rows of logits, `[.., 1]`.
    pub(crate) fn log_stretch(&self, logits: &Tensor<D>) -> Tensor<D> {
        per_count(logits, |n| n - 1.0) * self.beside(logits).log()
    }

    /// The first two temperatures that differ.
    pub(crate) fn difference(&self, other: &Self) -> Option<(f64, f64)> {
        let (tau, of) = match (self, other) {
            (Self::Number(tau), Self::Number(other)) => return (tau != other).then_some((*tau, *other)),
            (Self::Tensor(tau), _) | (_, Self::Tensor(tau)) => (self.beside(tau), other.beside(tau)),
        };
        let shape = broadcast(&tau, &of);
        let [tau, of] = [tau, of].map(|tau| numbers::<D>(tau.expand(shape.clone())));
        tau.into_iter().zip(of).find(|(tau, of)| tau != of)
    }

    /// The temperature in the type of another tensor, and on an autodiff device if that one is.
    fn beside(&self, like: &Tensor<D>) -> Tensor<D> {
        match self {
            Self::Number(tau) => Tensor::full([1; D], *tau, (&like.device(), like.dtype())),
            Self::Tensor(tau) => tracked_as(restored(tau.clone(), like.dtype()), like),
        }
    }
}

fn assert_fits<const D: usize>(tau: &Tensor<D>, shape: [usize; D]) {
    let of = tau.dims();
    let fits = of[D - 1] == 1 && (0..D - 1).all(|i| of[i] == 1 || of[i] == shape[i]);
    assert!(fits, "tau {of:?} must be one for each row of the logits {shape:?}, or for all");
}

/// A relaxed or straight-through sample at temperatures that a tensor has, from the log-sample at temperature 1.
pub(crate) fn tempered_sample<const D: usize>(
    logits: Tensor<D>,
    tau: &Temperature<D>,
    stream: Stream,
    form: Form,
) -> Result<Tensor<D>, Error> {
    let dtype = logits.dtype();
    let log_y = ops::gumbel_softmax(at_least_single(tau.marked(logits)), 1.0, stream, Form::Log)?;
    let gaps = tau.temper_masked(log_y.clone());
    let sample = match form {
        Form::Soft => activation::softmax(gaps, D - 1),
        Form::Log => activation::log_softmax(gaps, D - 1),
        Form::StraightThrough => attach(one_hot_argmax(log_y), activation::softmax(gaps, D - 1)),
    };
    Ok(restored(sample, dtype))
}

/// `x / τ`, with the derivative `−(x/τ)/τ` written so that no temperature overflows: Burn's squares it first. The second term
/// is exactly 0.
fn over_rows<const D: usize>(x: Tensor<D>, tau: Tensor<D>) -> Tensor<D> {
    let (least, largest) = match tau.dtype() {
        DType::F64 => (f64::MIN_POSITIVE, f64::MAX),
        _ => (f32::MIN_POSITIVE.into(), f32::MAX.into()),
    };
    let tau = tau.clamp(least, largest);
    let inverse = tau.clone().detach().recip();
    let change = tau.clone().log() - tau.detach().log();
    let quotient = tracked_as(x, &inverse) * inverse;
    let finite = quotient.clone().detach().clamp(-largest.sqrt(), largest.sqrt());
    quotient - finite * change
}

/// The point `τ y` at temperature 1, for logits that both are broadcast against: 0 at masks, where it does not matter, and
/// infinite where `y` is. The derivative in τ of an infinite product would be NaN.
pub(crate) fn point_at_one<const D: usize>(
    logits: &Tensor<D>,
    y: Tensor<D>,
    tau: &Temperature<D>,
) -> Tensor<D> {
    let shape = broadcast(logits, &y);
    let y = at_least_single(y).expand(shape.clone()).mask_fill(masked(logits).expand(shape), 0.0);
    let (infinite, ends) = (y.clone().is_inf(), y.clone().detach());
    tau.scale(y.mask_fill(infinite.clone(), 0.0)).mask_where(infinite, ends)
}

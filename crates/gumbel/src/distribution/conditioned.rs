//! Gumbel-perturbed logits conditioned on their argmax or on their k largest.

use super::Reparameterized;
use super::checked::noise_like;
use super::stable::{log_add_exp, log_sum_exp};
use crate::ops::NoiseKind;
use crate::tensor::{Flags, at_least_single, masked, scatter_one, unmasked};
use crate::{Error, Noise, OrderFault, ops};
use burn::tensor::{Bool, Int, Tensor, activation};

/// Distribution of the perturbed logits `θ + g`, given their argmax or their k largest in order.
///
/// The arrival times `T = exp(−(θ + g))` are independent and exponential with rates `exp θ`, so they are memoryless.
/// With `Zⱼ` the sum of `exp θ` over the categories that have not arrived before place j, and E exponential noise,
///
/// ```text
/// T₍₁₎ = E/Z₁,   T₍ⱼ₎ = T₍ⱼ₋₁₎ + E/Zⱼ,   Tᵢ = T₍ₖ₎ + Eᵢ/exp θᵢ  for the rest
/// ```
///
/// Maddison, Tarlow and Minka 2014 (the top-down construction of A* sampling) for the argmax; Paulus, Maddison and
/// Krause 2021, eq. 9, for its use in an estimator. Computed in log space, and differentiable in the logits.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use gumbel::{Noise, distribution::{ConditionedGumbels, Reparameterized}};
/// let logits = Tensor::<1>::from_floats([0.0, 2f32.ln(), 0.0], &Device::flex());
/// let order = Tensor::<1, Int>::from_ints([2, 1], &Device::flex());
/// let given = ConditionedGumbels::given_top_k(logits, order)?;
/// assert!((given.order_log_prob().into_scalar::<f32>() - (0.25f32 * 2.0 / 3.0).ln()).abs() < 1e-6);
/// let keys = given.sample(&mut Noise::from_seed(1)).into_data().try_to_vec::<f32>().unwrap();
/// assert!(keys[2] > keys[1] && keys[1] > keys[0]);
/// # Ok::<(), gumbel::Error>(())
/// ```
#[doc(alias = "A* sampling")]
#[doc(alias = "top-down sampling")]
#[derive(Clone, Debug)]
pub struct ConditionedGumbels<const D: usize> {
    logits: Tensor<D>,
    /// One-hot rows at the given categories, the largest first.
    picks: Vec<Tensor<D>>,
}

impl<const D: usize> ConditionedGumbels<D> {
    /// Conditions on the argmax of each row, an index `[.., 1]`; logits `[.., K]`.
    ///
    /// # Errors
    /// Those of [`given_top_k`](Self::given_top_k).
    ///
    /// # Panics
    /// If the batch shapes differ, or a row has more than one index.
    pub fn given_argmax(logits: Tensor<D>, index: Tensor<D, Int>) -> Result<Self, Error> {
        let shape = index.dims();
        assert_eq!(shape[D - 1], 1, "given_argmax requires one index per row, got the shape {shape:?}");
        Self::given_top_k(logits, index)
    }

    /// Conditions on the k largest of each row in decreasing order, indices `[.., k]`; logits `[.., K]`.
    ///
    /// # Errors
    /// NaN or `+inf` among the logits; a row with every category masked; an order of no indices or of more than K; an
    /// index that is out of range, masked, or repeated.
    ///
    /// # Panics
    /// If the batch shapes differ.
    pub fn given_top_k(logits: Tensor<D>, order: Tensor<D, Int>) -> Result<Self, Error> {
        ops::check_logits(&logits)?;
        let logits = at_least_single(logits);
        check_order(&logits, &order)?;
        let zeros = logits.zeros_like().detach();
        let count = order.dims()[D - 1];
        let pick = |place| scatter_one(zeros.clone(), order.clone().narrow(D - 1, place, 1));
        let picks = (0..count).map(pick).collect();
        Ok(Self { logits, picks })
    }

    /// The logits `[.., K]`, in single precision or better.
    pub fn logits(&self) -> Tensor<D> {
        self.logits.clone()
    }

    /// Log-probability in nats of the given order under Plackett and Luce's distribution, `Σⱼ θ₍ⱼ₎ − ln Zⱼ` `[.., 1]`.
    pub fn order_log_prob(&self) -> Tensor<D> {
        let mut running = activation::log_softmax(self.logits(), D - 1);
        let mut total = None;
        for pick in &self.picks {
            let picked = pick.clone().equal_elem(1.0);
            let chosen = running.clone().mask_fill(picked.clone().bool_not(), 0.0).sum_dim(D - 1);
            let term = chosen - log_sum_exp(running.clone());
            running = running.mask_fill(picked, f32::NEG_INFINITY);
            total = Some(total.map_or(term.clone(), |total: Tensor<D>| total + term));
        }
        total.expect("an order has at least one index")
    }

    /// Whether rows `[.., K]` are in the support, `[.., 1]`: in the given order, finite at unmasked categories and
    /// `-inf` at masked ones.
    pub fn supports(&self, keys: Tensor<D>) -> Tensor<D, Bool> {
        let keys = keys.cast(self.logits.dtype());
        let (masked, nothing) = (self.masked(), keys.clone().equal_elem(f32::NEG_INFINITY));
        let present = keys.clone().is_finite().bool_and(masked.clone().bool_not());
        let placed = present.bool_or(nothing.bool_and(masked)).all_of_row();
        placed.bool_and(self.out_of_order(keys).bool_not())
    }

    fn masked(&self) -> Tensor<D, Bool> {
        masked(&self.logits)
    }

    /// Whether a key is below one that should come after it.
    fn out_of_order(&self, keys: Tensor<D>) -> Tensor<D, Bool> {
        let mut rest = keys.clone().detach();
        let mut wrong = Vec::new();
        for pick in &self.picks {
            let picked = pick.clone().equal_elem(1.0);
            let key = keys.clone().detach().mask_fill(picked.clone().bool_not(), 0.0).sum_dim(D - 1);
            rest = rest.mask_fill(picked, f32::NEG_INFINITY);
            wrong.push(key.lower(rest.clone().max_dim(D - 1)));
        }
        wrong.into_iter().reduce(Tensor::bool_or).expect("an order has at least one index")
    }
}

impl<const D: usize> Reparameterized<D> for ConditionedGumbels<D> {
    /// Draws perturbed logits `[.., K]`; `-inf` at masked categories.
    fn reparameterized(&self, noise: &mut Noise) -> Tensor<D> {
        let waiting = noise_like(&self.logits, NoiseKind::Exponential, noise);
        let log_p = activation::log_softmax(self.logits(), D - 1);
        let keys = race(log_p, &self.picks, waiting) + log_sum_exp(self.logits());
        keys.mask_fill(self.masked(), f32::NEG_INFINITY)
    }

    /// Log-density in nats of perturbed logits `[.., K]`, as `[.., 1]`, relative to Lebesgue measure on the unmasked
    /// categories.
    fn log_prob(&self, keys: Tensor<D>) -> Tensor<D> {
        let keys = keys.cast(self.logits.dtype());
        let masked = self.masked();
        let nothing = keys.clone().equal_elem(f32::NEG_INFINITY);
        let misplaced = nothing.not_equal(masked.clone()).bool_and(keys.clone().is_nan().bool_not());
        let off = misplaced.any_of_row().bool_or(self.out_of_order(keys.clone()));
        let z = (keys - unmasked(self.logits())).mask_fill(masked.clone(), 0.0);
        let terms = (z.clone() + z.neg().exp()).neg().mask_fill(masked, 0.0);
        (terms.sum_dim(D - 1) - self.order_log_prob()).mask_fill(off, f32::NEG_INFINITY)
    }
}

/// `−ln T` of arrival times with rates `p`, which sum to one. Arbitrary but finite at masked categories.
fn race<const D: usize>(log_p: Tensor<D>, picks: &[Tensor<D>], waiting: Tensor<D>) -> Tensor<D> {
    let mut running = log_p.clone();
    let (mut keys, mut others) = (log_p.zeros_like(), log_p.ones_like());
    let mut time: Option<Tensor<D>> = None;
    for pick in picks {
        let wait = (waiting.clone() * pick.clone()).sum_dim(D - 1).log();
        let now = match time {
            None => wait,
            Some(before) => log_add_exp(before, wait - log_sum_exp(running.clone())),
        };
        keys = keys + pick.clone() * now.clone().neg();
        others = others - pick.clone();
        running = running.mask_fill(pick.clone().equal_elem(1.0), f32::NEG_INFINITY);
        time = Some(now);
    }
    let time = time.expect("an order has at least one index");
    let rest = log_add_exp(waiting.log() - unmasked(log_p), time).neg();
    keys + others * rest
}

/// Draws standard Gumbel noise given that `argmax(logits + g)` is `hard`, without a gradient; 0 at masked categories.
pub(crate) fn gumbel_given_argmax<const D: usize>(
    logits: Tensor<D>,
    hard: Tensor<D>,
    noise: &mut Noise,
) -> Tensor<D> {
    let log_p = activation::log_softmax(logits.inner(), D - 1);
    let waiting = noise_like(&log_p, NoiseKind::Exponential, noise);
    let masked = masked(&log_p);
    let keys = race(log_p.clone(), &[hard.inner()], waiting);
    (keys - unmasked(log_p)).mask_fill(masked, 0.0)
}

/// Returns an error for an order that no row of perturbed logits can have.
fn check_order<const D: usize>(logits: &Tensor<D>, order: &Tensor<D, Int>) -> Result<(), Error> {
    let (categories, count) = (logits.dims()[D - 1], order.dims()[D - 1]);
    let (left, right) = (&logits.dims()[..D - 1], &order.dims()[..D - 1]);
    assert_eq!(left, right, "logits of batch shape {left:?} for an order of batch shape {right:?}");
    if count == 0 || count > categories {
        let expected = format!("1 to {categories}, the number of categories");
        return Err(Error::parameter("conditioned Gumbels", "the length of the order", expected, count));
    }
    let logits: Vec<f64> = logits.clone().detach().into_data().iter::<f64>().collect();
    let order: Vec<i64> = order.clone().into_data().iter::<i64>().collect();
    for (row, (order, logits)) in order.chunks(count).zip(logits.chunks(categories)).enumerate() {
        check_row(row, order, logits)?;
    }
    Ok(())
}

fn check_row(row: usize, order: &[i64], logits: &[f64]) -> Result<(), Error> {
    for (place, &index) in order.iter().enumerate() {
        let fault = match usize::try_from(index).ok().and_then(|index| logits.get(index)) {
            None => OrderFault::OutOfRange { categories: logits.len() },
            Some(&f64::NEG_INFINITY) => OrderFault::Masked,
            Some(_) if order[..place].contains(&index) => OrderFault::Repeated,
            Some(_) => continue,
        };
        return Err(Error::Order { row, index, fault });
    }
    Ok(())
}

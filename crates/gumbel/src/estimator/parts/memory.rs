//! Numbers that an estimator learns, kept on the device of its logits: no step waits to read one back.

use super::super::contract::State;
use crate::ops::accumulated_as;
use crate::tensor::{numbers, tracked_as};
use crate::{Error, StateFault};
use burn::tensor::{Bool, Device, Tensor, TensorData};

/// A vector of learned numbers: on the host at first and after it was restored, and from the first step that learns on
/// where that step was computed. In double precision on the host and on Flex, in single on any other device.
#[derive(Clone, Debug)]
pub(in super::super) struct Memory(Place);

#[derive(Clone, Debug)]
enum Place {
    Host(Vec<f64>),
    Device(Box<Tensor<1>>),
}

impl Memory {
    pub fn new(values: Vec<f64>) -> Self {
        Self(Place::Host(values))
    }

    /// The numbers of a state's tensor, which must be `length`.
    pub fn load(state: &State, name: &str, length: usize) -> Result<Self, Error> {
        let values = state.vec(name)?;
        match values.len() {
            got if got == length => Ok(Self::new(values)),
            got => {
                Err(Error::State { tensor: name.into(), fault: StateFault::Length { got, expected: length } })
            }
        }
    }

    /// `[N]` on a device, without a gradient.
    pub fn on(&self, device: &Device) -> Tensor<1> {
        let device = device.clone().inner();
        match &self.0 {
            Place::Host(values) => {
                let data = TensorData::new(values.clone(), [values.len()]);
                Tensor::from_data(data, (&device, accumulated_as(&device)))
            }
            Place::Device(values) if values.device() == device => *values.clone(),
            Place::Device(values) => values.as_ref().clone().to_device(&device).cast(accumulated_as(&device)),
        }
    }

    /// The numbers themselves; waits for the device.
    pub fn numbers(&self) -> Vec<f64> {
        match &self.0 {
            Place::Host(values) => values.clone(),
            Place::Device(values) => numbers(values.as_ref().clone()),
        }
    }

    /// Goes on from `values`, which [`on`](Self::on) and arithmetic have made.
    pub fn set(&mut self, values: Tensor<1>) {
        self.0 = Place::Device(Box::new(values));
    }

    /// `m ← d m + (1 − d) new`, unless a number of `new` has overflowed.
    pub fn decay(&mut self, decay: f64, new: Tensor<1>) {
        let new = learnable(new);
        let old = self.on(&new.device());
        let learned = old.clone() * decay + new.clone() * (1.0 - decay);
        self.set(old.mask_where(all_finite(&new), learned));
    }
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        self.numbers() == other.numbers()
    }
}

/// Statistics in the precision in which they are learned from, without a graph.
pub(in super::super) fn learnable(statistics: Tensor<1>) -> Tensor<1> {
    let statistics = statistics.inner();
    let dtype = accumulated_as(&statistics.device());
    statistics.cast(dtype)
}

/// `[N]`: whether all of the numbers are finite, for each.
pub(in super::super) fn all_finite(values: &Tensor<1>) -> Tensor<1, Bool> {
    values.clone().is_finite().all().expand(values.shape())
}

/// The quotient of two numbers `[1]`, or 0 where the divisor is not positive.
pub(in super::super) fn ratio(over: Tensor<1>, under: Tensor<1>) -> Tensor<1> {
    let none = under.clone().greater_elem(0.0).bool_not();
    over.mask_fill(none.clone(), 0.0) / under.mask_fill(none, 1.0)
}

/// A learned number `[1]` in the type of a tensor and with its graph, to be broadcast with it.
pub(in super::super) fn beside<const D: usize>(number: Tensor<1>, like: &Tensor<D>) -> Tensor<D> {
    tracked_as(number.cast(like.dtype()).reshape([1; D]), like)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Noise;

    /// As the arithmetic of plain numbers has it, bit by bit, in double precision.
    #[test]
    fn what_decays_in_tensors_is_what_decays_in_plain_numbers() {
        let (device, mut noise) = (Device::flex(), Noise::from_seed(4));
        let (mut memory, mut plain) = (Memory::new(vec![0.0; 3]), [0.0f64; 3]);
        for step in 0..50 {
            let new = noise.logistic::<1>([3], &device);
            let new = if step == 20 { new * f32::INFINITY } else { new };
            memory.decay(0.99, new.clone());
            let new = numbers(new);
            if new.iter().all(|number| number.is_finite()) {
                plain.iter_mut().zip(new).for_each(|(old, new)| *old = 0.99 * *old + (1.0 - 0.99) * new);
            }
        }
        assert_eq!(memory.numbers(), plain);
    }

    #[test]
    fn a_ratio_of_nothing_is_nothing() {
        let number = |value: f64| Tensor::<1>::from_floats([value], &Device::flex());
        let ratio = |over, under| numbers(ratio(number(over), number(under)))[0];
        assert_eq!(
            [ratio(3.0, 2.0), ratio(3.0, 0.0), ratio(3.0, f64::NAN), ratio(0.0, 0.0)],
            [1.5, 0.0, 0.0, 0.0]
        );
    }
}

//! The rest of a random case of a distribution: a second parameter, and points.

use super::{MASK, Row, tensor};
use crate::support::numbers;
use burn::tensor::{Device, Tensor};
use gumbel::Noise;

impl Row {
    /// Uniform numbers, one for each logit: others for another label.
    pub fn uniforms(&self, label: u64) -> Vec<f64> {
        let noise = Noise::from_seed(self.seed).split(1 + label);
        numbers({ noise }.uniform::<1>([self.logits.len()], &Device::flex()))
    }

    /// One of the options for each logit.
    pub fn choices(&self, label: u64, options: &[f64]) -> Vec<f64> {
        self.uniforms(label).iter().map(|u| options[(u * options.len() as f64) as usize]).collect()
    }

    /// Numbers in the type of the row. What is beyond its range becomes 1.
    pub fn rounded(&self, values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let finite = |x: f64| if x.is_finite() { x } else { 1.0 };
        numbers(self.of(&values.into_iter().collect::<Vec<_>>())).into_iter().map(finite).collect()
    }

    pub fn of(&self, values: &[f64]) -> Tensor<2> {
        tensor(values, self.dtype)
    }

    /// Points around the logits, most of them at distances of the order of the scale.
    pub fn near(&self, scale: f64) -> Vec<f64> {
        let offsets = self.choices(0, &[-4.0, -1.0, 0.0, 1.0, 5.0, 30.0, 150.0]);
        let jitter = self.uniforms(1);
        let at = |i: usize| self.logits[i] + scale * (offsets[i] + jitter[i]);
        self.rounded((0..self.logits.len()).map(at))
    }

    /// Other logits, from near to far; masked where these are.
    pub fn other(&self) -> Vec<f64> {
        let offsets = self.choices(2, &[0.0, 1e-3, -1e-2, 0.3, -2.0, 20.0]);
        let values = (0..self.logits.len())
            .map(|i| if self.logits[i] == MASK { 0.0 } else { self.logits[i] + offsets[i] });
        let values = self.rounded(values);
        let masked = values.iter().zip(&self.logits);
        masked.map(|(&value, &logit)| if logit == MASK { MASK } else { value }).collect()
    }

    /// Positive numbers.
    pub fn scales(&self, label: u64) -> Vec<f64> {
        self.rounded(self.choices(label, &[0.125, 0.5, 1.0, 1.001, 2.0, 8.0]))
    }

    /// A point inside the simplex of the unmasked categories, and its exact numbers.
    pub fn inside(&self) -> Vec<f64> {
        let open = |i: usize| self.logits[i] > MASK;
        let weights = self.uniforms(3);
        let weight = |i: usize| if open(i) { 0.05 + weights[i] } else { 0.0 };
        let total: f64 = (0..weights.len()).map(weight).sum();
        self.rounded((0..weights.len()).map(|i| weight(i) / total.max(0.05)))
    }
}

//! A small network of an estimator's own: a baseline or a control variate, with one hidden layer.
//!
//! It never sees a gradient of the logits. Its parameters are plain numbers: an estimate computes the gradient
//! of its own loss in them (the lesson), and `learn` takes a step of Adam. So an estimate stays a pure function.

use super::super::{Info, Parameter};
use crate::{Error, Noise};
use burn::tensor::{Device, Tensor, TensorData, activation};

/// The slope of a hidden unit below zero.
const LEAK: f64 = 0.3;

/// Parameters and Adam's moments.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Network {
    inputs: usize,
    hidden: usize,
    /// Of the hidden layer `inputs · hidden` weights and `hidden` biases, of the output `hidden` weights and a
    /// bias; then the first moments of all, then the second.
    numbers: Vec<f64>,
    steps: u64,
}

/// The width of the hidden layer.
pub(in super::super) const HIDDEN: Parameter =
    Parameter { name: "hidden", default: "100", meaning: "the width of the network, at least 1" };
/// The learning rate.
pub(in super::super) const RATE: Parameter =
    Parameter { name: "rate", default: "0.001", meaning: "the learning rate of the network, positive" };

/// A network that is made at its first lesson, when the number of its inputs is known.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Learner {
    hidden: usize,
    rate: f64,
    network: Option<Network>,
}

/// The parameters as leaves of a graph.
pub(in super::super) struct Leaves {
    all: Tensor<1>,
    inputs: usize,
    hidden: usize,
}

impl Network {
    /// Small random weights of the hidden layer, zeros elsewhere: its first answer is 0.
    pub fn new(inputs: usize, hidden: usize) -> Self {
        let weights = inputs * hidden;
        let scale = (1.0 / inputs as f64).sqrt();
        let start: Tensor<1> = Noise::from_seed(0).uniform([weights], &Device::flex());
        let start = start.into_data().convert::<f64>().try_to_vec::<f64>().expect("converted");
        let mut numbers: Vec<f64> = start.into_iter().map(|u| scale * (2.0 * u - 1.0)).collect();
        numbers.resize(3 * (weights + 2 * hidden + 1), 0.0);
        Self { inputs, hidden, numbers, steps: 0 }
    }

    fn count(&self) -> usize {
        self.inputs * self.hidden + 2 * self.hidden + 1
    }

    /// The parameters as tracked leaves, for a forward pass and its lesson.
    pub fn leaves(&self, device: &Device) -> Leaves {
        let values: Vec<f32> = self.numbers[..self.count()].iter().map(|&v| v as f32).collect();
        let all = Tensor::from_data(TensorData::new(values, [self.count()]), &device.clone().inner());
        Leaves { all: all.autodiff().require_grad(), inputs: self.inputs, hidden: self.hidden }
    }

    /// A step of Adam along a lesson.
    pub fn learn(&mut self, lesson: &[f64], rate: f64) {
        const DECAYS: [f64; 2] = [0.9, 0.999];
        if lesson.iter().any(|slope| !slope.is_finite()) {
            return;
        }
        self.steps += 1;
        let correct = DECAYS.map(|decay| 1.0 - decay.powf(self.steps as f64));
        let count = self.count();
        let (weights, moments) = self.numbers.split_at_mut(count);
        let (first, second) = moments.split_at_mut(count);
        for (((weight, first), second), slope) in weights.iter_mut().zip(first).zip(second).zip(lesson) {
            *first = DECAYS[0] * *first + (1.0 - DECAYS[0]) * slope;
            *second = DECAYS[1] * *second + (1.0 - DECAYS[1]) * slope * slope;
            *weight -= rate * (*first / correct[0]) / ((*second / correct[1]).sqrt() + 1e-8);
        }
    }

    /// Sizes, steps, and all numbers.
    pub fn state(&self) -> Vec<f64> {
        let head = [self.inputs as f64, self.hidden as f64, self.steps as f64];
        head.into_iter().chain(self.numbers.iter().copied()).collect()
    }

    /// `None` if the numbers are not the state of a network of that width.
    pub fn from_state(state: &[f64], hidden: usize) -> Option<Self> {
        let [inputs, width, steps, numbers @ ..] = state else { return None };
        let inputs = *inputs as usize;
        if *width != hidden as f64 {
            return None;
        }
        let network = Self { inputs, hidden, numbers: numbers.to_vec(), steps: *steps as u64 };
        let wanted = inputs.checked_mul(hidden)?.checked_add(2 * hidden + 1)?.checked_mul(3)?;
        (network.numbers.len() == wanted).then_some(network)
    }
}

impl Learner {
    /// Of `hidden` units, to learn at `rate`.
    ///
    /// # Errors
    /// No hidden units; a rate that is not positive and finite.
    pub fn new(info: &Info, hidden: usize, rate: f64) -> Result<Self, Error> {
        let refused = |reason: String| Err(Error::Parameter { estimator: info.name, reason });
        if hidden == 0 {
            return refused("hidden must be at least 1, got 0".into());
        }
        if !(rate > 0.0 && rate.is_finite()) {
            return refused(format!("rate must be positive and finite, got {rate}"));
        }
        Ok(Self { hidden, rate, network: None })
    }

    /// What has been learned, or a new network if that had another number of inputs.
    pub fn at(&self, inputs: usize) -> Network {
        let fitting = self.network.clone().filter(|network| network.inputs == inputs);
        fitting.unwrap_or_else(|| Network::new(inputs, self.hidden))
    }

    pub fn learn(&mut self, lesson: &[f64]) {
        // inputs · hidden weights, hidden biases, hidden output weights and a bias.
        let inputs = (lesson.len() - 2 * self.hidden - 1) / self.hidden;
        let mut network = self.at(inputs);
        network.learn(lesson, self.rate);
        self.network = Some(network);
    }

    /// That of the network; nothing before the first lesson.
    pub fn state(&self) -> Vec<f64> {
        self.network.as_ref().map_or(Vec::new(), Network::state)
    }

    /// The same learner in another state; `None` if it is not one of its own.
    pub fn in_state(&self, state: &[f64]) -> Option<Self> {
        let network = match state.is_empty() {
            true => None,
            false => Some(Network::from_state(state, self.hidden)?),
        };
        Some(Self { network, ..self.clone() })
    }
}

impl Leaves {
    /// Inputs `[N, inputs]` to outputs `[N]`; the hidden layer is leaky.
    pub fn forward(&self, inputs: Tensor<2>) -> Tensor<1> {
        let [weights, biases, output, bias] = self.parts();
        let layer = activation::leaky_relu(inputs.matmul(weights) + biases, LEAK);
        (layer.matmul(output) + bias).squeeze_dim(1)
    }

    /// The same, and the derivative of each output in its inputs, `[N, inputs]`: a formula, so that a loss may depend on
    /// it without a second derivative.
    pub fn forward_with_slope(&self, inputs: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let [weights, biases, output, bias] = self.parts();
        let layer = inputs.matmul(weights.clone()) + biases;
        // The derivative of the leaky unit, a constant almost everywhere.
        let gate = layer.clone().inner().greater_elem(0.0).float() * (1.0 - LEAK) + LEAK;
        let value = (layer * gate.clone()).matmul(output.clone()) + bias;
        let slope = (output.transpose() * gate).matmul(weights.transpose());
        (value.squeeze_dim(1), slope)
    }

    /// Weights `[inputs, hidden]` and biases `[1, hidden]` of the hidden layer, those of the output `[hidden, 1]` and
    /// `[1, 1]`.
    fn parts(&self) -> [Tensor<2>; 4] {
        let mut at = 0;
        let mut next = |rows: usize, columns: usize| {
            at += rows * columns;
            self.all.clone().narrow(0, at - rows * columns, rows * columns).reshape([rows, columns])
        };
        [next(self.inputs, self.hidden), next(1, self.hidden), next(self.hidden, 1), next(1, 1)]
    }

    /// The gradient of the network's own loss in its parameters, `[count]`.
    pub fn lesson(self, loss: Tensor<1>) -> Tensor<1> {
        let gradients = loss.sum().backward();
        self.all.grad(&gradients).expect("the loss depends on the parameters").autodiff()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_learns_a_product_and_its_state_is_all_of_it() {
        let device = Device::flex().autodiff();
        let points = Noise::from_seed(3).logistic::<2>([500, 2], &Device::flex()).clamp(-2.0, 2.0).autodiff();
        let target: Tensor<1> = points.clone().prod_dim(1).squeeze_dim(1);
        let mut network = Network::new(2, 30);
        let step = |network: &mut Network| {
            let leaves = network.leaves(&device);
            let loss = (leaves.forward(points.clone()) - target.clone()).square().mean();
            let value = loss.clone().into_scalar::<f32>();
            let lesson = leaves.lesson(loss).into_data().convert::<f64>().try_to_vec::<f64>().unwrap();
            network.learn(&lesson, 0.01);
            value
        };
        let first = step(&mut network);
        let last = (0..300).map(|_| step(&mut network)).last().unwrap();
        assert!(last < 0.1 * first, "{first} to {last}");
        let mut again = Network::from_state(&network.state(), 30).expect("a state");
        assert_eq!(step(&mut network), step(&mut again));
        assert_eq!(network, again);
        assert_eq!(Network::from_state(&network.state()[1..], 30), None);
    }

    #[test]
    fn the_formula_for_the_slope_is_the_gradient() {
        let device = Device::flex().autodiff();
        let mut network = Network::new(3, 5);
        let count = network.count();
        network.learn(&(0..count).map(|i| (i as f64).sin()).collect::<Vec<_>>(), 0.5);
        let points = Noise::from_seed(4).logistic::<2>([20, 3], &Device::flex()).autodiff().require_grad();
        let (value, slope) = network.leaves(&device).forward_with_slope(points.clone());
        let forward = network.leaves(&device).forward(points.clone());
        assert!((forward.clone() - value).abs().max().into_scalar::<f32>() < 1e-5);
        let gradient = points.grad(&forward.sum().backward()).expect("a gradient");
        assert!((gradient - slope.inner()).abs().max().into_scalar::<f32>() < 1e-5);
    }
}

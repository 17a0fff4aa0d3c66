//! A small network that an estimator owns: a baseline or a control variate, with one hidden layer.
//!
//! It never sees a gradient of the logits. Its parameters are plain numbers, kept where the logits are: an estimate
//! computes the gradient of the network's own loss in them (its statistics), and `learn` takes a step of Adam. So an
//! estimate is a pure function.

use super::super::contract::State;
use super::memory::{Memory, all_finite, learnable};
use crate::Error;
use crate::checked::{at_least_one, positive};
use burn::tensor::{DType, Device, Tensor, activation};
use gumbel_kernels::{Stream, noise};

/// The slope of a hidden unit below zero.
const LEAK: f64 = 0.3;

/// Parameters and Adam's moments.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Network {
    inputs: usize,
    hidden: usize,
    /// Of the hidden layer `inputs · hidden` weights and `hidden` biases, of the output `hidden` weights and a bias.
    parameters: Memory,
    first_moment: Memory,
    second_moment: Memory,
    /// A tensor too: only the device knows whether a step was taken.
    steps: Memory,
}

/// The tensors of a network in a state.
pub(in super::super) const NAMES: [&str; 4] =
    ["network.parameters", "network.first_moment", "network.second_moment", "network.steps"];

/// A network that is made when it first learns, since only then the number of its inputs is known.
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
    /// Small random weights in the hidden layer, zeros elsewhere: its first output is 0.
    pub fn new(inputs: usize, hidden: usize) -> Self {
        let weights = inputs * hidden;
        let scale = (1.0 / inputs as f64).sqrt();
        let mut start = vec![0f32; weights];
        noise::uniform(Stream::new(0), &mut start);
        let start = start.into_iter().map(f64::from);
        let mut parameters: Vec<f64> = start.map(|u| scale * (2.0 * u - 1.0)).collect();
        let count = count(inputs, hidden);
        parameters.resize(count, 0.0);
        let [first_moment, second_moment, steps] =
            [count, count, 1].map(|length| Memory::new(vec![0.0; length]));
        Self { inputs, hidden, parameters: Memory::new(parameters), first_moment, second_moment, steps }
    }

    /// The parameters as tracked leaves, for a forward pass and its statistics.
    pub fn leaves(&self, device: &Device) -> Leaves {
        let all = self.parameters.on(device).cast(DType::F32);
        Leaves { all: all.autodiff().require_grad(), inputs: self.inputs, hidden: self.hidden }
    }

    /// Takes a step of Adam along the gradient of its loss, unless a number of it has overflowed.
    pub fn learn(&mut self, gradient: Tensor<1>, rate: f64) {
        const DECAYS: [f64; 2] = [0.9, 0.999];
        let gradient = learnable(gradient);
        let (fit, device) = (all_finite(&gradient), gradient.device());
        let [weights, first, second, steps] = self.memories().map(|memory| memory.on(&device));
        let taken = steps.clone() + 1.0;
        let correct = DECAYS.map(|decay| (taken.ones_like() * decay).powf(taken.clone()).neg() + 1.0);
        let [old, new] = DECAYS.map(|decay| (decay, 1.0 - decay));
        let first_new = first.clone() * old.0 + gradient.clone() * old.1;
        let second_new = second.clone() * new.0 + gradient.clone() * new.1 * gradient;
        let [first_mean, second_mean] =
            [(&first_new, &correct[0]), (&second_new, &correct[1])].map(|(sum, by)| sum.clone() / by.clone());
        let weights_new = weights.clone() - first_mean * rate / (second_mean.sqrt() + 1e-8);
        let one = fit.clone().narrow(0, 0, 1);
        self.parameters.set(weights.mask_where(fit.clone(), weights_new));
        self.first_moment.set(first.mask_where(fit.clone(), first_new));
        self.second_moment.set(second.mask_where(fit, second_new));
        self.steps.set(steps.mask_where(one, taken));
    }

    fn memories(&self) -> [&Memory; 4] {
        [&self.parameters, &self.first_moment, &self.second_moment, &self.steps]
    }

    pub fn save(&self, state: State) -> State {
        let named = NAMES.into_iter().zip(self.memories());
        named.fold(state, |state, (name, memory)| state.with(name, memory.numbers()))
    }

    /// The network of `hidden` units in a state.
    pub fn load(state: &State, hidden: usize) -> Result<Self, Error> {
        let inputs = inputs(state.vec(NAMES[0])?.len(), hidden);
        let count = count(inputs, hidden);
        let load = |place: usize, length| Memory::load(state, NAMES[place], length);
        let [parameters, first_moment, second_moment] = [load(0, count)?, load(1, count)?, load(2, count)?];
        Ok(Self { inputs, hidden, parameters, first_moment, second_moment, steps: load(3, 1)? })
    }
}

/// The number of parameters.
fn count(inputs: usize, hidden: usize) -> usize {
    inputs * hidden + 2 * hidden + 1
}

/// The number of inputs of a network with `count` parameters, rounded down.
fn inputs(count: usize, hidden: usize) -> usize {
    count.saturating_sub(2 * hidden + 1) / hidden
}

impl Learner {
    /// With `hidden` units, learning at `rate`, for the estimator `owner`.
    ///
    /// # Errors
    /// No hidden units; a rate that is not positive and finite.
    pub fn new(owner: &'static str, hidden: usize, rate: f64) -> Result<Self, Error> {
        let (hidden, rate) = (at_least_one(owner, "hidden", hidden)?, positive(owner, "rate", rate)?);
        Ok(Self { hidden, rate, network: None })
    }

    /// The network that has learned, or a new one if that had another number of inputs.
    pub fn at(&self, inputs: usize) -> Network {
        let fitting = self.network.clone().filter(|network| network.inputs == inputs);
        fitting.unwrap_or_else(|| Network::new(inputs, self.hidden))
    }

    pub fn learn(&mut self, gradient: Tensor<1>) {
        let mut network = self.at(inputs(gradient.dims()[0], self.hidden));
        network.learn(gradient, self.rate);
        self.network = Some(network);
    }

    /// Nothing before it first learns.
    pub fn save(&self, state: State) -> State {
        match &self.network {
            Some(network) => network.save(state),
            None => state,
        }
    }

    /// The same learner in a saved state.
    pub fn load(&self, state: &State) -> Result<Self, Error> {
        let saved = NAMES.iter().any(|name| state.contains(name));
        let network = saved.then(|| Network::load(state, self.hidden)).transpose()?;
        Ok(Self { network, ..self.clone() })
    }
}

impl Leaves {
    /// Inputs `[N, inputs]` to outputs `[N]`; the hidden layer is leaky.
    pub fn forward(&self, inputs: Tensor<2>) -> Tensor<1> {
        let [weights, biases, output, bias] = self.parts();
        let layer = activation::leaky_relu(inputs.matmul(weights) + biases, LEAK);
        (layer.matmul(output) + bias).squeeze_dim(1)
    }

    /// The outputs, and the derivative of each in its inputs, `[N, inputs]`: as a formula, so that a loss may depend on
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
    pub fn gradient(self, loss: Tensor<1>) -> Tensor<1> {
        let gradients = loss.sum().backward();
        self.all.grad(&gradients).expect("the loss depends on the parameters").autodiff()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Noise;

    #[test]
    fn a_network_learns_a_product_and_its_state_is_complete() {
        let device = Device::flex().autodiff();
        let points = Noise::from_seed(3).logistic::<2>([500, 2], &Device::flex()).clamp(-2.0, 2.0).autodiff();
        let target: Tensor<1> = points.clone().prod_dim(1).squeeze_dim(1);
        let mut network = Network::new(2, 30);
        let step = |network: &mut Network| {
            let leaves = network.leaves(&device);
            let loss = (leaves.forward(points.clone()) - target.clone()).square().mean();
            let value = loss.clone().into_scalar::<f32>();
            network.learn(leaves.gradient(loss), 0.01);
            value
        };
        let first = step(&mut network);
        let last = (0..300).map(|_| step(&mut network)).last().unwrap();
        assert!(last < 0.1 * first, "{first} to {last}");
        let mut again = Network::load(&network.save(State::new()), 30).expect("a state");
        assert_eq!(step(&mut network), step(&mut again));
        assert_eq!(network, again);
        let error = Network::load(&network.save(State::new()), 29).unwrap_err();
        assert!(error.to_string().contains("network.parameters"), "{error}");
    }

    #[test]
    fn the_formula_for_the_slope_is_the_gradient() {
        let device = Device::flex().autodiff();
        let mut network = Network::new(3, 5);
        let count = count(3, 5);
        let slopes: Vec<f64> = (0..count).map(|i| (i as f64).sin()).collect();
        network.learn(Tensor::from_floats(slopes.as_slice(), &Device::flex()), 0.5);
        let points = Noise::from_seed(4).logistic::<2>([20, 3], &Device::flex()).autodiff().require_grad();
        let (value, slope) = network.leaves(&device).forward_with_slope(points.clone());
        let forward = network.leaves(&device).forward(points.clone());
        assert!((forward.clone() - value).abs().max().into_scalar::<f32>() < 1e-5);
        let gradient = points.grad(&forward.sum().backward()).expect("a gradient");
        assert!((gradient - slope.inner()).abs().max().into_scalar::<f32>() < 1e-5);
    }
}

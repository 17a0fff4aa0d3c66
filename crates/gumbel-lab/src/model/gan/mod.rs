//! A generator of discrete sequences and its discriminator (Kusner and Hernández-Lobato 2016).
//!
//! The generator is an LSTM whose state starts from noise s and whose input is the symbol it has just given:
//! (h₀, c₀) = tanh(A s), (hₜ, cₜ) = LSTM(yₜ₋₁, hₜ₋₁, cₜ₋₁), θₜ = W hₜ, yₜ a sample, relaxed or hard, of θₜ. The
//! discriminator is a multilayer perceptron on the whole sequence [T, K], with a leaky rectifier between its layers.

mod config;

pub use config::GanConfig;

use super::average::follow;
use super::laws;
use super::mlp::{Mlp, linear};
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::activation::{sigmoid, tanh};

/// Generator and discriminator of an adversarial game, a baseline generator of the same shape, and the average of the
/// generator's parameters.
#[derive(Module, Debug, Default)]
pub struct Gan {
    /// Trained against the discriminator.
    pub generator: Generator,
    /// Distinguishes true sequences from generated ones.
    pub discriminator: Discriminator,
    /// Trained by maximum likelihood, without noise to start from: there a sequence has a density in closed form.
    pub baseline: Generator,
    /// The running average of the generator, which is evaluated and saved.
    pub average: Generator,
}

impl GanConfig {
    /// New players for sequences of `length` symbols of `symbols` kinds.
    pub fn init(&self, [length, symbols]: [usize; 2], noise: &mut Noise, device: &Device) -> Gan {
        let mut ids = 1..;
        let shape = Shape { length, symbols, start: self.start, hidden: self.hidden };
        let generator = Generator::new(shape, &mut ids, noise, device);
        let widths = [&[length * symbols], self.discriminator.as_slice(), &[1]].concat();
        Gan {
            discriminator: Discriminator::new(&widths, &mut ids, noise, device),
            baseline: Generator::new(shape, &mut ids, noise, device),
            average: follow(Generator::new(shape, &mut ids, noise, device), &generator, 0.0),
            generator,
        }
    }
}

/// The shape of a [`Generator`].
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Symbols of a sequence.
    pub length: usize,
    /// Kinds of symbols.
    pub symbols: usize,
    /// Dimension of the noise that a sequence starts from.
    pub start: usize,
    /// Width of the recurrent state.
    pub hidden: usize,
}

/// A recurrent network that gives one symbol after another.
#[derive(Module, Debug, Default)]
pub struct Generator {
    /// The noise to both halves of the first state.
    start: Mlp,
    /// Symbol and state to the four gates.
    cell: Mlp,
    /// State to logits.
    read: Mlp,
    length: usize,
    symbols: usize,
}

/// The state of the recurrence between symbols.
struct State {
    hidden: Tensor<2>,
    cell: Tensor<2>,
}

impl Generator {
    pub(super) fn new(
        shape: Shape,
        ids: &mut impl Iterator<Item = u64>,
        noise: &mut Noise,
        device: &Device,
    ) -> Self {
        let Shape { length, symbols, start, hidden } = shape;
        let mut mlp = |inputs, outputs| Mlp::new(&[inputs, outputs], ids, noise, device);
        let (start, cell) = (mlp(start, 2 * hidden), mlp(symbols + hidden, 4 * hidden));
        Self { start, cell, read: mlp(hidden, symbols), length, symbols }
    }

    /// The device of its parameters.
    pub fn device(&self) -> Device {
        self.read.device()
    }

    /// Sequences `[B, T, K]` from noise `[B, seed]`, each symbol made from its logits `[B, K]` by `sample`.
    ///
    /// # Errors
    /// Those of `sample`.
    pub fn generate<E>(
        &self,
        seed: Tensor<2>,
        mut sample: impl FnMut(Tensor<2>) -> Result<Tensor<2>, E>,
    ) -> Result<Tensor<3>, E> {
        let mut symbol = Tensor::zeros([seed.dims()[0], self.symbols], &seed.device());
        let (mut state, mut symbols) = (self.first(seed), Vec::with_capacity(self.length));
        for _ in 0..self.length {
            state = self.next(symbol, state);
            symbol = sample(self.read.forward(state.hidden.clone()))?;
            symbols.push(symbol.clone());
        }
        Ok(Tensor::stack(symbols, 1))
    }

    /// `ln p(x | s) = Σₜ ln p(xₜ | x₁ .. xₜ₋₁, s)` of one-hot sequences `[B, T, K]` from noise `[B, seed]`, to `[B]`.
    pub fn log_prob(&self, seed: Tensor<2>, x: Tensor<3>) -> Tensor<1> {
        let rows = x.dims()[0];
        let mut symbol = Tensor::zeros([rows, self.symbols], &seed.device());
        let (mut state, mut hidden) = (self.first(seed), Vec::with_capacity(self.length));
        for t in 0..self.length {
            state = self.next(symbol, state);
            hidden.push(state.hidden.clone());
            symbol = x.clone().narrow(1, t, 1).squeeze_dim(1);
        }
        let logits = self.read.forward(Tensor::stack::<3>(hidden, 1));
        laws::log_prob(logits, x).squeeze_dim::<2>(2).sum_dim(1).squeeze_dim(1)
    }

    /// The bias of the logits, `[K]`.
    #[cfg(test)]
    pub(crate) fn output_bias(&self) -> Tensor<1> {
        self.read.output_bias()
    }

    fn first(&self, seed: Tensor<2>) -> State {
        let both = tanh(self.start.forward(seed));
        let [hidden, cell] = both.chunk(2, 1).try_into().expect("two halves");
        State { hidden, cell }
    }

    /// Hochreiter and Schmidhuber's cell with Gers's forget gate.
    fn next(&self, symbol: Tensor<2>, State { hidden, cell }: State) -> State {
        let width = cell.dims()[1];
        let gates = self.cell.forward(Tensor::cat(vec![symbol, hidden], 1));
        let open = sigmoid(gates.clone().narrow(1, 0, 3 * width));
        let [input, forget, output] = open.chunk(3, 1).try_into().expect("three gates");
        let cell = forget * cell + input * tanh(gates.narrow(1, 3 * width, width));
        State { hidden: output * tanh(cell.clone()), cell }
    }
}

/// A multilayer perceptron from a sequence to one number: high for true ones.
#[derive(Module, Debug, Default)]
pub struct Discriminator {
    layers: Vec<Linear>,
}

/// Slope of the leaky rectifier below zero.
const LEAK: f64 = 0.2;

impl Discriminator {
    fn new(
        widths: &[usize],
        ids: &mut impl Iterator<Item = u64>,
        noise: &mut Noise,
        device: &Device,
    ) -> Self {
        Self { layers: widths.windows(2).map(|pair| linear(pair[0], pair[1], ids, noise, device)).collect() }
    }

    /// Sequences `[B, T, K]`, one-hot or relaxed, to scores `[B]`.
    pub fn score(&self, x: Tensor<3>) -> Tensor<1> {
        self.score_and_slopes(x).0
    }

    /// Scores `[B]`, and `‖∇ₓ score‖²` at each sequence, `[B]`, as a differentiable expression in the weights.
    ///
    /// A leaky rectifier is linear around every point but its kink. So the gradient in the input,
    ///
    /// ```text
    /// ∇ₓ score = W₁ s₁ ⊙ (W₂ s₂ ⊙ ( .. (W_L) ) ),   sₗ = 1 or 0.2, the slopes at x,
    /// ```
    ///
    /// is one more pass through the same weights with the slopes held fixed, and its derivative in the weights is exact
    /// almost everywhere: the penalty needs no second backward pass, which Burn does not have.
    pub fn score_and_penalty(&self, x: Tensor<3>) -> (Tensor<1>, Tensor<1>) {
        let (score, slopes) = self.score_and_slopes(x);
        let (last, hidden) = self.layers.split_last().expect("at least one layer");
        let rows = score.dims()[0];
        let out = last.weight.val().transpose();
        let width = out.dims()[1];
        let gradient =
            hidden.iter().zip(slopes).rev().fold(out.expand([rows, width]), |gradient, (layer, slope)| {
                (gradient * slope).matmul(layer.weight.val().transpose())
            });
        (score, gradient.square().sum_dim(1).squeeze_dim(1))
    }

    /// Scores `[B]` and the slopes of each hidden layer's rectifiers, `[B, width]`.
    fn score_and_slopes(&self, x: Tensor<3>) -> (Tensor<1>, Vec<Tensor<2>>) {
        let (last, hidden) = self.layers.split_last().expect("at least one layer");
        let mut slopes = Vec::new();
        let mut x: Tensor<2> = x.flatten(1, 2);
        for layer in hidden {
            x = layer.forward(x);
            let slope = x.clone().detach().greater_elem(0.0).float() * (1.0 - LEAK) + LEAK;
            x = x * slope.clone();
            slopes.push(slope);
        }
        (last.forward(x).squeeze_dim(1), slopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    const SHAPE: [usize; 2] = [3, 4];

    fn gan(device: &Device) -> Gan {
        let discriminator = [7, 6].into_iter().collect();
        let config = GanConfig { start: 2, hidden: 5, discriminator };
        config.init(SHAPE, &mut Noise::from_seed(4), device)
    }

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    /// All 4^3 sequences, one-hot.
    fn all(device: &Device) -> Tensor<3> {
        let [length, symbols] = SHAPE;
        let count = symbols.pow(length as u32);
        let code = |i: usize| (i / (symbols.pow((length - 1 - i % length) as u32) * length)) % symbols;
        let values: Vec<f32> = (0..count * length)
            .flat_map(|i| (0..symbols).map(move |k| f32::from(u8::from(code(i) == k))))
            .collect();
        Tensor::from_data(TensorData::new(values, [count, length, symbols]), device)
    }

    #[test]
    fn the_masses_of_all_sequences_sum_to_one() {
        let device = Device::flex();
        let (x, seed) = (all(&device), Noise::from_seed(1).logistic::<2>([1, 2], &device));
        let rows = x.dims()[0];
        let log_mass = gan(&device).generator.log_prob(seed.expand([rows, 2]), x);
        let mass = log_mass.exp().sum().into_scalar::<f32>();
        assert!((mass - 1.0).abs() < 1e-5, "{mass}");
    }

    #[test]
    fn generated_sequences_have_the_frequencies_that_their_masses_say() {
        let device = Device::flex();
        let (generator, draws) = (gan(&device).generator, 50_000);
        let seed = Noise::from_seed(1).logistic::<2>([1, 2], &device);
        let mut noise = Noise::from_seed(2);
        let x = generator
            .generate(seed.clone().expand([draws, 2]), |logits| gumbel::sample_one_hot(logits, &mut noise))
            .unwrap();
        let known = all(&device);
        let mass = numbers(generator.log_prob(seed.expand([64, 2]), known.clone()).exp());
        // A sequence agrees with itself in all three places.
        let overlap = x.flatten::<2>(1, 2).matmul(known.flatten::<2>(1, 2).transpose());
        let counts = numbers(overlap.equal_elem(3.0).float().sum_dim(0));
        let chi2: f64 = counts
            .iter()
            .zip(mass)
            .map(|(&count, p)| {
                let expected = f64::from(p) * draws as f64;
                (f64::from(count) - expected).powi(2) / expected
            })
            .sum();
        assert!(chi2 < 63.0 + 4.0 * 126f64.sqrt(), "chi-square {chi2} with 63 degrees of freedom");
    }

    #[test]
    fn the_penalty_is_the_squared_gradient_that_autodiff_finds() {
        let device = Device::flex().autodiff();
        let discriminator = gan(&device).discriminator;
        let x = Noise::from_seed(7).logistic::<3>([5, 3, 4], &device).detach().require_grad();
        let (score, penalty) = discriminator.score_and_penalty(x.clone());
        let gradient = x.grad(&score.sum().backward()).unwrap();
        let wanted = numbers(gradient.flatten::<2>(1, 2).square().sum_dim(1));
        for (got, wanted) in numbers(penalty.inner()).iter().zip(wanted) {
            assert!((got / wanted - 1.0).abs() < 1e-5, "{got} {wanted}");
        }
    }

    /// Its derivative in every weight of the first layer, against central differences.
    #[test]
    fn the_penalty_is_differentiable_in_the_weights() {
        let device = Device::flex().autodiff();
        let discriminator = gan(&device).discriminator;
        let x = Noise::from_seed(7).logistic::<3>([5, 3, 4], &device);
        let penalty = |discriminator: &Discriminator| discriminator.score_and_penalty(x.clone()).1.sum();
        let weight = discriminator.layers[0].weight.val();
        let gradient = numbers(weight.grad(&penalty(&discriminator).backward()).unwrap());
        let moved = |place: usize, by: f32| {
            let mut values = numbers(weight.clone().inner());
            values[place] += by;
            let mut other = discriminator.clone();
            let value = Tensor::from_data(TensorData::new(values, weight.dims()), &device);
            other.layers[0].weight = other.layers[0].weight.clone().map(|_| value);
            penalty(&other).into_scalar::<f32>()
        };
        let scale = gradient.iter().fold(0f32, |most, g| most.max(g.abs()));
        for (place, analytic) in gradient.iter().enumerate() {
            let difference = (moved(place, 1e-3) - moved(place, -1e-3)) / 2e-3;
            assert!((difference - analytic).abs() < 2e-3 * scale, "{place}: {difference} {analytic}");
        }
    }
}

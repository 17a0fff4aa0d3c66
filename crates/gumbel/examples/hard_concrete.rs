//! A network that closes the gates of inputs it does not need: L₀ regularisation by hard concrete gates.
//!
//! Louizos, Welling and Kingma 2018. Five of forty inputs determine the class of a point. Each input has a gate, and the
//! loss penalises the expected number of open gates. The gates find the five inputs, and the network with gates
//! generalises better than the same network without.

use burn::module::{Module, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, activation};
use gumbel::distribution::{HardConcrete, Reparameterized};
use gumbel::{Noise, bernoulli};

const INPUTS: usize = 40;
/// The inputs before this one decide the class.
const FEATURES: usize = 5;
const HIDDEN: usize = 16;
const POINTS: usize = 1024;
const STEPS: u64 = 600;
/// The temperature of the paper.
const TAU: f64 = 2.0 / 3.0;

/// What the gates did, on points that were not trained on.
pub struct Outcome {
    /// Of the five inputs that matter, those with an open gate.
    pub found: usize,
    /// Of the 35 others, the share with a closed one.
    pub closed: f64,
    /// Accuracy of the gated network.
    pub accuracy: f64,
    /// Accuracy of the same network without gates.
    pub without_gates: f64,
}

#[derive(Module, Debug)]
struct Network {
    gates: Param<Tensor<1>>,
    hidden: Param<Tensor<2>>,
    bias: Param<Tensor<2>>,
    output: Param<Tensor<2>>,
}

impl Network {
    fn new(noise: &mut Noise) -> Self {
        let device = Device::flex();
        let weights = |noise: &mut Noise, [inputs, outputs]: [usize; 2]| {
            let uniform = noise.uniform::<2>([inputs, outputs], &device) * 2.0 - 1.0;
            Param::from_tensor((uniform / (inputs as f64).sqrt()).autodiff())
        };
        Self {
            // Nearly open: a gate that is shut from the start learns nothing.
            gates: Param::from_tensor(Tensor::full([INPUTS], 2.0, &device).autodiff()),
            hidden: weights(noise, [INPUTS, HIDDEN]),
            bias: Param::from_tensor(Tensor::zeros([1, HIDDEN], &device).autodiff()),
            output: weights(noise, [HIDDEN, 1]),
        }
    }

    fn gates(&self) -> HardConcrete<1> {
        HardConcrete::new(self.gates.val(), TAU).expect("log-odds stay finite")
    }

    /// Log-odds of the class, `[N, INPUTS]` to `[N, 1]`.
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        activation::relu(x.matmul(self.hidden.val()) + self.bias.val()).matmul(self.output.val())
    }

    /// The loss of a point through gates of its own, and the price of those expected to be open.
    fn loss(&self, points: &Points, price: f64, noise: &mut Noise) -> Tensor<1> {
        let Points { x, class } = points;
        if price == 0.0 {
            return bernoulli::log_prob(self.forward(x.clone()), class.clone()).mean().neg();
        }
        let log_odds = self.gates.val().unsqueeze::<2>().repeat_dim(0, POINTS);
        let gates = HardConcrete::new(log_odds, TAU).expect("log-odds stay finite");
        let seen = self.forward(x.clone() * gates.reparameterized(noise));
        let open = self.gates().probability_open().sum();
        open * price - bernoulli::log_prob(seen, class.clone()).mean()
    }

    fn train(points: &Points, price: f64, noise: &mut Noise) -> Self {
        let mut network = Self::new(noise);
        let mut optimizer = AdamConfig::new().init();
        for step in 0..STEPS {
            let gradients = network.loss(points, price, &mut noise.split(step)).backward();
            let gradients = GradientsParams::from_grads(gradients, &network);
            network = optimizer.step(0.02, network, gradients);
        }
        network
    }
}

struct Points {
    x: Tensor<2>,
    class: Tensor<2>,
}

impl Points {
    /// Normal inputs; the class is the sign of a function of the first five.
    fn draw(noise: &mut Noise) -> Self {
        let x = noise.normal::<2>([POINTS, INPUTS], &Device::flex());
        let input = |index| x.clone().narrow(1, index, 1);
        let bent = (input(3).abs() - 0.8) * 2.0;
        let score = input(0) * 2.0 - input(1) * 2.0 + input(2) * 1.5 + bent + input(4) * 2.0;
        Self { class: score.greater_elem(0.0).float(), x }
    }

    fn accuracy(&self, log_odds: Tensor<2>) -> f64 {
        let right = log_odds.greater_elem(0.0).equal(self.class.clone().greater_elem(0.5));
        right.float().mean().into_scalar::<f32>().into()
    }
}

/// Trains the network with gates and without, on the points of `seed`.
pub fn run(seed: u64) -> Outcome {
    let noise = Noise::from_seed(seed);
    let (training, test) = (Points::draw(&mut noise.split(0)), Points::draw(&mut noise.split(1)));
    let gated = Network::train(&training, 0.02, &mut noise.split(2));
    let plain = Network::train(&training, 0.0, &mut noise.split(2));
    let gates = gated.gates().noiseless().inner();
    let seen = test.x.clone() * gates.clone().unsqueeze::<2>();
    let open = gates.greater_elem(0.0).int();
    let count = |from, count| open.clone().narrow(0, from, count).sum().into_scalar::<i64>() as usize;
    let others = INPUTS - FEATURES;
    Outcome {
        found: count(0, FEATURES),
        closed: 1.0 - count(FEATURES, others) as f64 / others as f64,
        accuracy: test.accuracy(gated.forward(seen).inner()),
        without_gates: test.accuracy(plain.forward(test.x.clone()).inner()),
    }
}

#[allow(dead_code)] // of the test that includes this file
fn main() {
    let seed = std::env::args().nth(1).map_or(1, |seed| seed.parse().expect("a seed is a number"));
    let Outcome { found, closed, accuracy, without_gates } = run(seed);
    println!("relevant inputs with an open gate     {found} of {FEATURES}");
    println!("other inputs with a closed gate       {:.0} %", 100.0 * closed);
    println!("accuracy with gates                   {:.1} %", 100.0 * accuracy);
    println!("accuracy without gates                {:.1} %", 100.0 * without_gates);
}

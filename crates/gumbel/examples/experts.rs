//! Routing to two of eight experts: gates, and ways to balance their load.
//!
//! A row of four numbers has a target that is linear in it, by another map in each of four regimes: the signs of the
//! first two numbers say which. Experts are linear; a [`Router`] behind a hidden layer sends each row to two of them. Left
//! alone, it keeps to the experts that were good first. The loss of the Switch Transformer spreads the load, as do the
//! losses of importance and load of noisy top-k, a bias that is updated without a loss, and experts that choose their rows.
//!
//! `cargo run --release --example experts` prints the error on rows not seen, and the coefficient of variation of the load
//! (0 is an even load, 1.73 two experts that take every row).

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod network;

use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, activation};
use gumbel::Noise;
use gumbel::routing::{Gate, Gating, Router, RouterConfig, RouterInput, Routing, Weighting, cv_squared};
use network::linear;

const INPUTS: usize = 4;
const HIDDEN: usize = 32;
const STEPS: u64 = 1500;
const NOISE: f64 = 0.1;

/// How the load is balanced.
#[derive(Clone, Copy)]
enum Balance {
    /// It is left alone.
    None,
    /// A weight on the loss of the Switch Transformer.
    Switch(f64),
    /// A weight on the losses of importance and load.
    ImportanceAndLoad(f64),
    /// The rate of a bias that is used for choosing only.
    Bias(f64),
}

/// A mixture to train.
struct Setting {
    name: &'static str,
    experts: usize,
    gate: Gate,
    balance: Balance,
}

const SETTINGS: [Setting; 7] = [
    Setting {
        name: "a single expert",
        experts: 1,
        gate: Gate::TopK(Weighting::Chosen),
        balance: Balance::None,
    },
    Setting {
        name: "top-k, left alone",
        experts: 8,
        gate: Gate::TopK(Weighting::Chosen),
        balance: Balance::None,
    },
    Setting {
        name: "top-k, Switch loss",
        experts: 8,
        gate: Gate::TopK(Weighting::Chosen),
        balance: Balance::Switch(0.5),
    },
    Setting {
        name: "top-k, bias",
        experts: 8,
        gate: Gate::TopK(Weighting::Sigmoid),
        balance: Balance::Bias(1e-3),
    },
    Setting {
        name: "noisy top-k, importance and load",
        experts: 8,
        gate: Gate::NoisyTopK(Weighting::Chosen),
        balance: Balance::ImportanceAndLoad(0.5),
    },
    Setting { name: "SIMPLE, Switch loss", experts: 8, gate: Gate::Simple, balance: Balance::Switch(2.0) },
    Setting { name: "expert choice", experts: 8, gate: Gate::ExpertChoice, balance: Balance::None },
];

/// What training came to, on rows not seen, without noise.
pub struct Row {
    /// The gate and the way to balance.
    pub name: &'static str,
    /// The mean squared error.
    pub error: f64,
    /// The coefficient of variation of the load.
    pub load: f64,
}

/// Trains every mixture from a seed.
pub fn run(seed: u64) -> Result<Vec<Row>, gumbel::Error> {
    SETTINGS.iter().map(|setting| train(seed, setting)).collect()
}

fn train(seed: u64, setting: &Setting) -> Result<Row, gumbel::Error> {
    let root = Noise::from_seed(seed);
    let maps = root.split(0).normal::<3>([4, INPUTS, 1], &Device::flex()) * 2.0;
    let mut mixture = Mixture::new(setting, &mut root.split(1), &Device::flex().autodiff())?;
    let mut adam = AdamConfig::new().init();
    for step in 0..STEPS {
        let mut noise = root.split(2 + step);
        let (x, y) = rows(256, &maps, &mut noise);
        let (x, y) = (x.autodiff(), y.autodiff());
        let routing = mixture.router.forward_train(mixture.input(x.clone()), &mut noise)?;
        let error = (mixture.answer(&routing, x, setting.gate) - y).powi_scalar(2).mean();
        let loss = balanced(error, &routing, setting.balance);
        let gradients = GradientsParams::from_grads(loss.backward(), &mixture);
        mixture = adam.step(5e-3, mixture, gradients);
        if let Balance::Bias(rate) = setting.balance {
            mixture.router.update_bias(&routing.demand, rate)?;
        }
    }
    judge(&mixture, setting, rows(4000, &maps, &mut root.split(2 + STEPS)))
}

/// Normal numbers with the targets of their regimes.
fn rows(count: usize, maps: &Tensor<3>, noise: &mut Noise) -> (Tensor<2>, Tensor<2>) {
    let device = Device::flex();
    let x = noise.normal::<2>([count, INPUTS], &device);
    let positive = |column| x.clone().narrow(1, column, 1).greater_elem(0.0).float();
    let (first, second) = (positive(0), positive(1));
    let of = |bit: &Tensor<2>, one: bool| if one { bit.clone() } else { bit.clone().neg() + 1.0 };
    let mut y = noise.normal::<2>([count, 1], &device) * NOISE;
    for regime in 0..4 {
        let here = of(&first, regime % 2 == 1) * of(&second, regime / 2 == 1);
        y = y + here * x.clone().matmul(maps.clone().narrow(0, regime, 1).squeeze_dim::<2>(0));
    }
    (x, y)
}

/// The error with the losses that balance the load.
fn balanced(error: Tensor<1>, routing: &Routing, balance: Balance) -> Tensor<1> {
    match balance {
        Balance::None | Balance::Bias(_) => error,
        Balance::Switch(weight) => error + routing.switch_loss() * weight,
        Balance::ImportanceAndLoad(weight) => {
            let load = routing.load_loss().expect("noisy top-k has a smooth load");
            error + (routing.importance_loss() + load) * weight
        }
    }
}

/// Error and load in evaluation.
fn judge(mixture: &Mixture, setting: &Setting, (x, y): (Tensor<2>, Tensor<2>)) -> Result<Row, gumbel::Error> {
    let mixture = mixture.valid();
    let routing = mixture.router.forward_eval(mixture.input(x.clone()))?;
    let load: Vec<f32> = routing.load.iter().map(|&load| load as f32).collect();
    let load = cv_squared(Tensor::from_floats(load.as_slice(), &Device::flex())).sqrt();
    let error = (mixture.answer(&routing, x, Gate::TopK(Weighting::Chosen)) - y).powi_scalar(2).mean();
    let number = |tensor: Tensor<1>| tensor.into_scalar::<f32>().into();
    Ok(Row { name: setting.name, error: number(error), load: number(load) })
}

#[derive(Module, Debug)]
struct Mixture {
    hidden: Linear,
    router: Router,
    /// All of them side by side.
    experts: Linear,
}

impl Mixture {
    fn new(setting: &Setting, noise: &mut Noise, device: &Device) -> Result<Self, gumbel::Error> {
        let gating = Gating::new(setting.gate, setting.experts.min(2));
        let biased = matches!(setting.balance, Balance::Bias(_));
        Ok(Self {
            hidden: linear(INPUTS, HIDDEN, noise, device),
            router: RouterConfig::new(HIDDEN, setting.experts, gating)
                .with_bias(biased)
                .init(noise, device)?,
            experts: linear(INPUTS, setting.experts, noise, device),
        })
    }

    fn input(&self, x: Tensor<2>) -> RouterInput {
        RouterInput::new(activation::relu(self.hidden.forward(x)))
    }

    /// The mean of the experts of each row. SIMPLE requires what every expert would answer, for its gradient.
    fn answer(&self, routing: &Routing, x: Tensor<2>, gate: Gate) -> Tensor<2> {
        let (weight, bias) =
            (self.experts.weight.val(), self.experts.bias.as_ref().expect("it has one").val());
        let expert = |expert: usize, x: Tensor<2>| {
            x.matmul(weight.clone().narrow(1, expert, 1)) + bias.clone().narrow(0, expert, 1).unsqueeze()
        };
        if gate == Gate::Simple { routing.mix_dense(x, expert) } else { routing.mix(x, expert) }
    }
}

#[allow(dead_code)] // where the test takes this file as a module
fn main() -> Result<(), gumbel::Error> {
    println!("{:34} {:>18} {:>18}", "", "mean squared error", "variation of load");
    for Row { name, error, load } in run(1)? {
        println!("{name:34} {error:18.3} {load:18.2}");
    }
    println!("{:34} {:18.3}", "the noise of the targets", NOISE * NOISE);
    Ok(())
}

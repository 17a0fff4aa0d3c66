//! Routings with their losses and gradients as JSON, which `results/routing/compare.py` compares with PyTorch.
//!
//! In double precision; the gates whose noise is drawn in the type of the logits in single precision.

use burn::tensor::{Bool, DType, Device, Tensor, TensorData};
use gumbel::routing::{
    Capacity, Gate, Gating, Priority, Routing, Scores, Weighting, balanced_bias, switch_loss,
};
use gumbel::{Error, Noise};
use serde_json::{Value, json};

const TOKENS: usize = 48;
const EXPERTS: usize = 6;
const WIDTH: usize = 5;
const SEED: u64 = 17;

fn main() -> Result<(), Error> {
    let inputs = Inputs::draw();
    let cases: Vec<Value> = cases().iter().map(|case| inputs.run(case)).collect::<Result<_, _>>()?;
    let all = json!({ "inputs": inputs.json(), "cases": cases, "bias": inputs.bias()? });
    println!("{}", serde_json::to_string(&all).expect("numbers"));
    Ok(())
}

struct Case {
    name: &'static str,
    gating: Gating,
    dense: bool,
    padded: bool,
}

fn cases() -> Vec<Case> {
    let case = |name, gate| Case { name, gating: Gating::new(gate, 2), dense: false, padded: true };
    let chosen = Gate::TopK(Weighting::Chosen);
    let weightings = [
        ("chosen", chosen),
        ("all", Gate::TopK(Weighting::All)),
        ("sigmoid", Gate::TopK(Weighting::Sigmoid)),
    ];
    let mut cases = Vec::new();
    for (name, gate) in weightings {
        cases.extend([case(name, gate), Case { dense: true, ..case(name, gate) }]);
    }
    let limited = |name, capacity, priority| {
        let gating = Gating::new(chosen, 2).with_capacity(capacity).with_priority(priority);
        Case { gating, ..case(name, chosen) }
    };
    cases.push(limited("capacity by token", Capacity::Factor(0.75), Priority::TokenOrder));
    cases.push(limited("capacity by weight", Capacity::Factor(0.75), Priority::Weight));
    // 1.25 · 48 / 6, as the packages count: they have no masks, and leave k out.
    cases.push(Case { padded: false, ..limited("packages", Capacity::Tokens(10), Priority::TokenOrder) });
    cases.push(case("noisy", Gate::NoisyTopK(Weighting::Chosen)));
    cases.push(case("gumbel", Gate::GumbelTopK(Weighting::Chosen)));
    cases.push(Case { dense: true, ..case("simple", Gate::Simple) });
    cases.push(case("expert choice", Gate::ExpertChoice));
    cases
}

/// In double precision on the host.
struct Inputs {
    logits: Vec<f64>,
    scales: Vec<f64>,
    x: Vec<f64>,
    experts: Vec<f64>,
    pad: Vec<bool>,
}

impl Inputs {
    /// Numbers that single precision represents; the last three tokens are padding.
    fn draw() -> Self {
        let root = Noise::from_seed(SEED);
        let normal =
            |label: u64, count: usize| numbers(root.split(label).normal::<1>([count], &Device::flex()));
        let cells = TOKENS * EXPERTS;
        Self {
            logits: normal(0, cells).into_iter().map(|logit| f64::from((logit * 1.5) as f32)).collect(),
            scales: normal(1, cells).into_iter().map(|scale| f64::from((0.1 + scale.abs()) as f32)).collect(),
            x: normal(2, TOKENS * WIDTH),
            experts: normal(3, EXPERTS * WIDTH * WIDTH),
            pad: (0..TOKENS).map(|token| token >= TOKENS - 3).collect(),
        }
    }

    fn json(&self) -> Value {
        let noise = |label| Noise::from_seed(SEED).split(label);
        let shape = [TOKENS, EXPERTS];
        json!({
            "shape": [TOKENS, EXPERTS, WIDTH],
            "logits": self.logits, "scales": self.scales, "x": self.x, "experts": self.experts, "pad": self.pad,
            "normal": numbers(noise(9).normal::<2>(shape, &Device::flex())),
            "gumbel": numbers(noise(9).gumbel::<2>(shape, &Device::flex())),
        })
    }

    fn leaves(&self, gate: Gate) -> Leaves {
        let dtype = match gate {
            Gate::NoisyTopK(_) | Gate::GumbelTopK(_) => DType::F32,
            _ => DType::F64,
        };
        let leaf = |values: &[f64], rows: usize, columns: usize| {
            let data = TensorData::new(values.to_vec(), [rows, columns]);
            Tensor::<2>::from_data(data, (&device(), dtype)).require_grad()
        };
        Leaves {
            logits: leaf(&self.logits, TOKENS, EXPERTS),
            scales: leaf(&self.scales, TOKENS, EXPERTS),
            x: leaf(&self.x, TOKENS, WIDTH),
            experts: leaf(&self.experts, EXPERTS * WIDTH, WIDTH),
        }
    }

    fn route(&self, case: &Case, leaves: &Leaves) -> Result<Routing, Error> {
        let pad = self.pad.iter().map(|&pad| pad && case.padded).collect::<Vec<_>>();
        let pad = Tensor::<1, Bool>::from_data(TensorData::new(pad, [TOKENS]), &device());
        let scores = Scores::new(leaves.logits.clone()).mask_pad(pad).noise_scale(leaves.scales.clone());
        case.gating.train(scores, &mut Noise::from_seed(SEED).split(9))
    }

    fn run(&self, case: &Case) -> Result<Value, Error> {
        let leaves = self.leaves(case.gating.gate);
        let routing = self.route(case, &leaves)?;
        let Leaves { logits, scales, x, experts } = leaves;
        let expert = |e: usize, x: Tensor<2>| x.matmul(experts.clone().narrow(0, e * WIDTH, WIDTH)).tanh();
        let y = match case.dense {
            true => routing.mix_dense(x.clone(), expert),
            false => routing.mix(x.clone(), expert),
        };
        let gradients = y.clone().powi_scalar(2).sum().backward();
        Ok(json!({
            "name": case.name, "dense": case.dense, "padded": case.padded,
            "indices": numbers(routing.indices.clone().float()),
            "weights": numbers(routing.weights.clone()),
            "combine": numbers(routing.combine.clone()),
            "load": routing.load, "demand": routing.demand, "dropped": routing.dropped,
            "y": numbers(y),
            "d_logits": logits.grad(&gradients).map(numbers),
            "d_scales": scales.grad(&gradients).map(numbers),
            "d_x": x.grad(&gradients).map(numbers),
            "d_experts": experts.grad(&gradients).map(numbers),
            "losses": self.losses(case)?,
            "first_choices": first_choices(&routing),
            "log_prob": routing.log_prob().map(numbers),
        }))
    }

    /// Each loss with its gradient in the logits, by a routing of its own: a graph is differentiated once.
    fn losses(&self, case: &Case) -> Result<Value, Error> {
        type Loss = (&'static str, fn(&Routing) -> Option<Tensor<1>>);
        let losses: [Loss; 4] = [
            ("switch", |routing| Some(routing.switch_loss())),
            ("z", |routing| Some(routing.z_loss())),
            ("importance", |routing| Some(routing.importance_loss())),
            ("load", Routing::load_loss),
        ];
        let mut found = serde_json::Map::new();
        for (name, loss) in losses {
            let leaves = self.leaves(case.gating.gate);
            let Some(loss) = loss(&self.route(case, &leaves)?) else { continue };
            let value = numbers(loss.clone())[0];
            let gradient = leaves.logits.grad(&loss.backward()).map(numbers);
            found.insert(name.into(), json!({ "value": value, "gradient": gradient }));
        }
        Ok(found.into())
    }

    /// A bias that is updated at every step, for logits that do not change.
    fn bias(&self) -> Result<Value, Error> {
        let gating = Gating::new(Gate::TopK(Weighting::Sigmoid), 2);
        let logits = self.leaves(gating.gate).logits;
        let mut bias = Tensor::<1>::zeros([EXPERTS], (&Device::flex(), DType::F64));
        let mut steps = Vec::new();
        for _ in 0..40 {
            let demand = gating.evaluate(Scores::new(logits.clone()).bias(bias.clone()))?.demand;
            bias = balanced_bias(bias, &demand, 0.02)?;
            steps.push(json!({ "demand": demand, "bias": numbers(bias.clone()) }));
        }
        Ok(steps.into())
    }
}

struct Leaves {
    logits: Tensor<2>,
    scales: Tensor<2>,
    x: Tensor<2>,
    experts: Tensor<2>,
}

/// The loss of the Switch Transformer over first choices alone, as some packages have it.
fn first_choices(routing: &Routing) -> f64 {
    let probabilities = routing.probabilities().inner();
    let first = routing.indices.clone().narrow(1, 0, 1);
    let hot = if first.dims()[0] == TOKENS {
        first.one_hot::<3>(EXPERTS).squeeze_dim::<2>(1).float().cast(probabilities.dtype())
    } else {
        probabilities.ones_like()
    };
    numbers(switch_loss(probabilities, hot))[0]
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

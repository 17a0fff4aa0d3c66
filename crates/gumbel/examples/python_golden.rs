//! The numbers that the tests of the Python package compare with, in double precision, as JSON.
//!
//! `cargo run --release --example python_golden > crates/gumbel-python/tests/golden/estimators.json` makes them again:
//! gradients of the straight-through samples, one measurement with its rows, and the measurements of estimators. What is
//! divided by has a reciprocal that single precision represents: Burn's derivative of a quotient takes it there.

use burn::tensor::{DType, Device, Tensor, TensorData};
use gumbel::estimator::{Estimator, EstimatorSpec, LogitGap, Objective, Sample};
use gumbel::measure::{self, Measured, Measurement};
use gumbel::{Error, Noise, straight_through};
use serde_json::{Value, json};

const SEED: u64 = 11;
const REPLICATES: usize = 2000;
const LOGITS: [f64; 6] = [0.3, -0.5, 0.8, 0.0, 1.0, -1.2];
const WEIGHTS: [f64; 6] = [1.0, -0.5, 0.2, -1.0, 0.7, 0.4];

fn main() -> Result<(), Error> {
    let golden = json!({
        "paths": { "categorical": paths(&CATEGORICAL)?, "binary": paths(&BINARY)? },
        "measurement": measurement()?,
        "measured": measured_all()?,
    });
    println!("{}", serde_json::to_string_pretty(&golden).expect("numbers"));
    Ok(())
}

fn double<const D: usize>(values: &[f64], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (&Device::flex(), DType::F64))
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().try_to_vec().expect("double precision")
}

/// Rows of logits, the category of each row's sample, and the gradient that reaches the samples.
struct Rows {
    k: usize,
    logits: &'static [f64],
    picks: &'static [usize],
    cotangent: &'static [f64],
}

/// The second row has a mask, the third a sample of probability 1e-9.
const CATEGORICAL: Rows = Rows {
    k: 3,
    logits: &[0.3, -0.5, 0.8, 1.2, f64::NEG_INFINITY, 0.1, 0.0, 20.0, -1.0],
    picks: &[2, 0, 0],
    cotangent: &[1.0, -2.0, 0.5, 0.3, 5.0, -0.7, 2.0, 1.0, -1.5],
};
const BINARY: Rows =
    Rows { k: 2, logits: &[0.0, 0.7, -1.5, 0.2], picks: &[1, 0], cotangent: &[0.4, -1.1, 2.0, 0.6] };

fn paths(rows: &Rows) -> Result<Value, Error> {
    use straight_through as path;
    type Path = (&'static str, fn(Tensor<2>, Tensor<2>) -> Tensor<2>);
    let mut all: Vec<Path> = vec![
        ("identity", |logits, hard| path::identity(logits, hard)),
        ("probabilities", |logits, hard| path::softmax(logits, hard, 0.8)),
        ("reinmax", |logits, hard| path::reinmax(logits, hard, 1.3)),
        ("zgr", |logits, hard| path::zgr(logits, hard)),
        ("gumbel_rao", |logits, hard| path::gumbel_rao(logits, hard, 0.5, 4, &mut Noise::from_seed(SEED))),
        ("gapped", |logits, hard| path::gapped(logits, hard, 0.8, LogitGap::Fixed(1.5))),
        ("gapped_p", |logits, hard| path::gapped(logits, hard, 0.8, LogitGap::Probability)),
    ];
    if rows.k == 2 {
        all.push(("darn", |logits, hard| path::darn(logits, hard)));
    }
    let gradients = all.into_iter().map(|(name, path)| (name.into(), json!(gradient(rows, path))));
    let logits: Vec<Option<f64>> = rows.logits.iter().map(|&x| x.is_finite().then_some(x)).collect();
    Ok(json!({
        "k": rows.k, "logits": logits, "picks": rows.picks, "cotangent": rows.cotangent,
        "gradients": Value::Object(gradients.collect()),
    }))
}

fn gradient(rows: &Rows, path: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>) -> Vec<f64> {
    let shape = [rows.picks.len(), rows.k];
    let mut hard = vec![0.0; rows.logits.len()];
    rows.picks.iter().enumerate().for_each(|(row, pick)| hard[row * rows.k + pick] = 1.0);
    let logits = double(rows.logits, shape).autodiff().require_grad();
    let z = path(logits.clone(), double(&hard, shape).autodiff());
    let loss = (z * double(rows.cotangent, shape).autodiff()).sum();
    numbers(logits.grad(&loss.backward()).expect("a gradient"))
}

/// `exp(1.3 Σ w·z)`, nonlinear enough that the bias of every biased estimator is detected.
fn curved(sample: &Sample) -> Tensor<2> {
    let [samples, rows, latents, categories] = sample.z.dims();
    let weights = double(&WEIGHTS, [latents * categories, 1]);
    let weights = if sample.z.is_autodiff() { weights.autodiff() } else { weights };
    let flat = sample.z.clone().reshape([samples * rows, latents * categories]);
    (flat.matmul(weights) * 1.3).exp().reshape([samples, rows])
}

fn spec(text: &str) -> Result<Box<dyn Estimator>, Error> {
    text.parse::<EstimatorSpec>()?.build()
}

fn result(measured: &Measured) -> Value {
    json!({
        "replicates": measured.replicates, "mean": measured.mean, "variance": measured.variance,
        "std": measured.std(), "rmse_1_of_100": measured.rmse(1, 100),
        "bias": measured.bias.map(|bias| json!([bias.value, bias.standard_error, bias.z()])),
    })
}

/// One measurement of 32 replicates in 16 draws, with the loss and the gradient of each replicate.
fn measurement() -> Result<Value, Error> {
    let (estimator, objective, noise) =
        (spec("rloo:samples=2")?, Objective::mean(curved), Noise::from_seed(SEED));
    let logits = double(&LOGITS, [2, 3]);
    let reference = measure::exact(logits.clone(), &objective)?;
    let mut measurement =
        Measurement::new(estimator.as_ref(), logits.clone(), &objective).against(reference.clone());
    let mut draws = Vec::new();
    for (draw, rows) in measurement.draws(32)?.into_iter().enumerate() {
        let mut noise = noise.split(draw as u64);
        let leaves = logits.clone().unsqueeze::<3>().repeat_dim(0, rows).autodiff().require_grad();
        let loss = estimator.estimate(leaves.clone(), &objective, &mut noise.clone(), 0)?.loss;
        let gradients = numbers(leaves.grad(&loss.clone().sum().backward()).expect("a gradient"));
        draws.push(json!({ "losses": numbers(loss.inner()), "gradients": gradients }));
        measurement.draw(rows, &mut noise)?;
    }
    Ok(json!({ "reference": reference, "draws": draws, "result": result(&measurement.measured()) }))
}

const CATEGORICAL_ESTIMATORS: &[&str] = &[
    "reinforce:baseline=none",
    "rloo:samples=3",
    "straight-through",
    "straight-through:backward=identity",
    "reinmax:tau=1.3",
    "zgr",
    "gumbel-rao:tau=0.5:draws=4",
    "gapped",
    "straight-through-gumbel:tau=0.7",
    "gumbel-softmax:tau=0.7",
];
const BINARY_ESTIMATORS: &[&str] = &["darn", "disarm:samples=4", "arms:samples=3"];

fn measured_all() -> Result<Value, Error> {
    let categorical = CATEGORICAL_ESTIMATORS.iter().map(|text| measured(text, [2, 3]));
    let binary = BINARY_ESTIMATORS.iter().map(|text| measured(text, [3, 2]));
    let all = categorical.chain(binary).chain([bound()]).collect::<Result<Vec<_>, Error>>()?;
    Ok(Value::Object(all.into_iter().collect()))
}

fn measured(text: &str, shape: [usize; 2]) -> Result<(String, Value), Error> {
    let objective = Objective::mean(curved);
    let logits = double(&LOGITS, shape);
    let measured =
        measure::measure(spec(text)?.as_mut(), logits, &objective, REPLICATES, &Noise::from_seed(SEED))?;
    Ok((text.into(), result(&measured)))
}

/// VIMCO's bound of three samples, whose gradient is not enumerated.
fn bound() -> Result<(String, Value), Error> {
    let (estimator, objective) = (spec("vimco:samples=3")?, Objective::log_mean_exp(curved));
    let mut measurement = Measurement::new(estimator.as_ref(), double(&LOGITS, [2, 3]), &objective);
    let draws = Noise::from_seed(SEED).split(1);
    for (draw, rows) in measurement.draws(REPLICATES)?.into_iter().enumerate() {
        measurement.draw(rows, &mut draws.split(draw as u64))?;
    }
    Ok(("vimco:samples=3".into(), result(&measurement.measured())))
}

//! The same model trained by several estimators, by name.
//!
//! `cargo run --release --example swap_estimators -- rloo:samples=4 zgr gumbel-softmax:tau=0.5` trains an autoencoder by
//! each, and prints the objective on hard samples. The model does not know which.

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod autoencoder;

use autoencoder::{Autoencoder, data, divergence};
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::Device;
use gumbel::estimator::{EstimatorSpec, Objective};
use gumbel::{Error, Noise};
use std::time::Instant;

const STEPS: u64 = 600;
const BATCH: usize = 64;

/// Trains by an estimator; the hard negative ELBO in nats on 2000 rows that were not seen.
pub fn train(spec: &EstimatorSpec) -> Result<f64, Error> {
    let mut estimator = spec.build()?;
    let mut model = Autoencoder::new(&mut Noise::from_seed(1), &Device::flex().autodiff());
    let (mut optimizer, root) = (AdamConfig::new().init(), Noise::from_seed(2));
    for step in 0..STEPS {
        let mut noise = root.split(step);
        let x = data(BATCH, &mut noise).autodiff();
        let logits = model.encode(x.clone());
        let estimate = {
            let objective = Objective::mean(|sample| model.reconstruction(sample, &x));
            estimator.estimate(logits.clone(), &objective, &mut noise, step)?
        };
        let loss = (estimate.loss.clone() + divergence(logits)?).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(0.005, model, gradients);
        estimator.adapt(&estimate);
    }
    model.valid().hard_negative_elbo(&data(2000, &mut Noise::from_seed(3)), &mut Noise::from_seed(4))
}

#[allow(dead_code)] // of the test that includes this file
fn main() -> Result<(), Error> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let defaults = ["exact", "reinforce", "rloo:samples=4", "disarm", "zgr", "gumbel-softmax:tau=0.5"];
    let names = if given.is_empty() { defaults.map(String::from).to_vec() } else { given };
    for spec in names.iter().map(|name| name.parse::<EstimatorSpec>()) {
        let (spec, start) = (spec?, Instant::now());
        let elbo = train(&spec)?;
        println!("{:<24} {elbo:.3} nats    {:.2} s", spec.to_string(), start.elapsed().as_secs_f64());
    }
    Ok(())
}

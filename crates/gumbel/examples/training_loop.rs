//! A training loop of one's own: an estimator that adapts, a learning-rate schedule, a checkpoint that continues bit for
//! bit, and an evaluation on hard samples.
//!
//! `cargo run --release --example training_loop` trains, stops halfway, continues from its checkpoint, and prints the
//! hard negative ELBO.

#[allow(clippy::duplicate_mod)] // where a test takes several examples as modules
mod autoencoder;

use autoencoder::{Autoencoder, data, divergence};
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use gumbel::estimator::{Estimator, EstimatorSpec, Objective, State};
use gumbel::{Noise, Schedule};
use std::error::Error;
use std::path::Path;

const STEPS: u64 = 600;
const BATCH: usize = 64;

/// Everything that changes in training.
pub struct Training {
    model: Autoencoder,
    optimizer: ModuleOptimizer,
    estimator: Box<dyn Estimator>,
    step: u64,
}

impl Training {
    /// From the start, with an estimator such as `rloo:samples=4`.
    pub fn new(estimator: &str) -> Result<Self, Box<dyn Error>> {
        let device = Device::flex().autodiff();
        Ok(Self {
            model: Autoencoder::new(&mut Noise::from_seed(1), &device),
            optimizer: AdamConfig::new().init(),
            estimator: estimator.parse::<EstimatorSpec>()?.build()?,
            step: 0,
        })
    }

    /// Trains up to a step. The randomness of step t is `noise.split(t)`, so no generator has to be saved.
    pub fn run(mut self, until: u64, noise: &Noise) -> Result<Self, Box<dyn Error>> {
        let rate: Schedule = format!("cosine:0.01:0.0005:{STEPS}").parse()?;
        while self.step < until {
            let mut noise = noise.split(self.step);
            let x = data(BATCH, &mut noise).autodiff();
            let logits = self.model.encode(x.clone());
            let estimate = {
                let objective = Objective::mean(|sample| self.model.reconstruction(sample, &x));
                self.estimator.estimate(logits.clone(), &objective, &mut noise, self.step)?
            };
            // Its gradient is the estimated one for the encoder, and for the decoder that at the samples.
            let loss = (estimate.loss.clone() + divergence(logits)?).mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
            self.model = self.optimizer.step(rate.at(self.step), self.model, gradients);
            self.estimator.adapt(&estimate);
            self.step += 1;
        }
        Ok(self)
    }

    /// Writes a checkpoint into a folder.
    pub fn save(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        self.model.clone().save_file(folder.join("model.bpk"))?;
        self.optimizer.save(folder.join("optimizer.bpk"))?;
        let state = serde_json::to_string(&(self.step, self.estimator.state()))?;
        Ok(std::fs::write(folder.join("estimator.json"), state)?)
    }

    /// Continues from a checkpoint.
    pub fn load(self, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let (step, state): (u64, State) =
            serde_json::from_str(&std::fs::read_to_string(folder.join("estimator.json"))?)?;
        let mut estimator = self.estimator;
        estimator.restore(&state)?;
        let model = self.model.try_load_file(folder.join("model.bpk"))?;
        let optimizer = self.optimizer.load(folder.join("optimizer.bpk"))?;
        Ok(Self { model, optimizer, estimator, step })
    }
}

/// The hard negative ELBO in nats after training without a stop, and with one.
pub fn run(folder: &Path) -> Result<[f64; 2], Box<dyn Error>> {
    let (estimator, noise) = ("reinforce:samples=4", Noise::from_seed(2));
    let held_out = data(2000, &mut Noise::from_seed(3));
    let evaluate =
        |training: Training| training.model.valid().hard_negative_elbo(&held_out, &mut Noise::from_seed(4));
    let whole = Training::new(estimator)?.run(STEPS, &noise)?;
    Training::new(estimator)?.run(STEPS / 2, &noise)?.save(folder)?;
    let resumed = Training::new(estimator)?.load(folder)?.run(STEPS, &noise)?;
    Ok([evaluate(whole)?, evaluate(resumed)?])
}

#[allow(dead_code)] // of the test that includes this file
fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join("gumbel-training-loop");
    std::fs::create_dir_all(&folder)?;
    let [whole, resumed] = run(&folder)?;
    println!("hard negative ELBO             {whole:.4} nats");
    println!("stopped halfway and resumed    {resumed:.4} nats");
    Ok(())
}

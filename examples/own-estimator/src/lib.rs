//! A gradient estimator in a crate of its own: REINFORCE with a running median as its baseline.
//!
//! The estimator is the first forty lines below; the rest trains with it and tests it.

use burn::tensor::{Device, Tensor};
use gumbel::estimator::{Estimate, Estimator, Evaluation, Objective, Properties, State};
use gumbel::{Error, Noise};

/// `ĝ = (1/S) Σ_s (f_s − m) ∇ log q(z_s)`, with m a running median of f.
///
/// m moves by a fixed step towards each new mean loss, so a few extreme losses do not move it far.
/// Unbiased, since m depends on earlier steps only.
#[derive(Clone, Debug)]
pub struct MedianBaseline {
    pub samples: usize,
    pub step: f64,
    median: f64,
}

impl MedianBaseline {
    pub fn new(samples: usize, step: f64) -> Self {
        Self { samples, step, median: 0.0 }
    }
}

impl Estimator for MedianBaseline {
    fn properties(&self) -> Properties {
        Properties::score_function("median-baseline").with_samples(self.samples)
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        _step: u64,
    ) -> Result<Estimate, Error> {
        self.properties().check(objective)?;
        let drawn = Evaluation::draw(&logits, self.samples, objective, noise)?;
        let signal = (drawn.losses.clone() - self.median) / self.samples as f64;
        Ok(drawn.score(logits, signal))
    }

    fn adapt(&mut self, last: &Estimate) {
        self.median += self.step * (last.mean_loss() - self.median).signum();
    }

    fn state(&self) -> State {
        State::new().with("median", vec![self.median])
    }

    fn restore(&mut self, state: &State) -> Result<(), Error> {
        state.expect_names(&["median"])?;
        [self.median] = state.numbers("median")?;
        Ok(())
    }
}

/// The number of latents whose category is not the one of the same index: 0 at best, for a black box.
fn mismatches() -> Objective<'static> {
    Objective::mean(|sample| {
        let [samples, rows, latents, _] = sample.z.dims();
        let index = sample.z.clone().argmax(3).reshape([samples, rows, latents]).float();
        let target = Tensor::<1>::from_floats([0.0, 1.0, 2.0], &sample.z.device()).reshape([1, 1, latents]);
        index.not_equal(target).float().sum_dim(2).squeeze_dim(2)
    })
}

/// Trains the logits of three latents with three categories.
///
/// Returns the expected mismatches of hard samples before and after.
///
/// # Errors
/// Those of the estimator.
pub fn train(estimator: &mut dyn Estimator, steps: u64) -> Result<[f64; 2], Error> {
    let (objective, noise) = (mismatches(), Noise::from_seed(1));
    let evaluate = |logits: &Tensor<3>| {
        let drawn = Evaluation::draw(logits, 2000, &objective, &mut Noise::from_seed(2))?;
        Ok::<_, Error>(drawn.loss.into_scalar::<f64>())
    };
    let mut logits = Tensor::<3>::zeros([1, 3, 3], &Device::flex());
    let before = evaluate(&logits)?;
    for step in 0..steps {
        let leaf = logits.clone().autodiff().require_grad();
        let estimate = estimator.estimate(leaf.clone(), &objective, &mut noise.split(step), step)?;
        let gradient =
            leaf.grad(&estimate.loss.clone().sum().backward()).expect("the loss depends on the logits");
        logits = logits - gradient * 0.5;
        estimator.adapt(&estimate);
    }
    Ok([before, evaluate(&logits)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel::conformance;

    #[test]
    fn it_passes_the_conformance_suite() {
        conformance::check(&|| Ok(Box::new(MedianBaseline::new(2, 0.1))))
            .unwrap_or_else(|failure| panic!("{failure}"));
    }

    #[test]
    fn it_trains() {
        let mut estimator = MedianBaseline::new(4, 0.02);
        let [before, after] = train(&mut estimator, 300).expect("a supported problem");
        assert!((before - 2.0).abs() < 0.1, "{before}"); // two of three categories are wrong
        assert!(after < 0.1, "{after}");
    }
}

//! Linear regression that is not misled by outliers: least trimmed squares by a soft sort.
//!
//! Three of ten targets are wrong, all in the same direction. The loss sorts the squared residuals, and is the mean of the
//! smallest 60 % of them (Rousseeuw 1984), relaxed by `isotonic_sort` (Blondel, Teboul, Berthet and Djolonga 2020, section
//! 6.4): at a low temperature it is the trimmed loss, and at a high one ordinary least squares.
//!
//! `cargo run --release --example trimmed` prints the distance of the weights from the true ones for both.

use burn::module::{Module, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::permutation::{Direction, Regularization, isotonic_sort};

const POINTS: usize = 400;
const OUTLIERS: usize = 120;
const KEPT: usize = 240;
const FEATURES: usize = 8;
const STEPS: usize = 400;

/// Distances of the estimated weights from the true ones, whose length is about 3.
pub struct Outcome {
    /// By least trimmed squares.
    pub trimmed: f64,
    /// By least squares.
    pub least_squares: f64,
}

#[derive(Module, Debug)]
struct Linear {
    weights: Param<Tensor<2>>,
}

struct Data {
    x: Tensor<2>,
    y: Tensor<2>,
    truth: Tensor<2>,
}

impl Data {
    /// Targets with a standard deviation of 0.1 around a linear function; those of outliers are 20 more.
    fn draw(noise: &mut Noise) -> Self {
        let device = Device::flex();
        let x = noise.normal::<2>([POINTS, FEATURES], &device);
        let truth = noise.normal::<2>([FEATURES, 1], &device);
        let y = x.clone().matmul(truth.clone()) + noise.normal::<2>([POINTS, 1], &device) * 0.1;
        let outliers = y.clone().slice([0..OUTLIERS, 0..1]) + 20.0;
        Self { x, y: y.slice_assign([0..OUTLIERS, 0..1], outliers), truth }
    }

    /// The mean of the smallest squared residuals, as a soft sort has them.
    fn loss(&self, linear: &Linear, tau: f64) -> Result<Tensor<1>, gumbel::Error> {
        let residuals = self.x.clone().matmul(linear.weights.val()) - self.y.clone();
        let squares = residuals.powi_scalar(2).reshape([POINTS]);
        let sorted = isotonic_sort(squares, tau, Regularization::Quadratic, Direction::Ascending)?;
        Ok(sorted.narrow(0, 0, KEPT).mean())
    }

    fn distance(&self, tau: f64) -> Result<f64, gumbel::Error> {
        let start = Tensor::zeros([FEATURES, 1], &Device::flex().autodiff());
        let mut linear = Linear { weights: Param::from_tensor(start) };
        let mut adam = AdamConfig::new().init();
        for _ in 0..STEPS {
            let gradients = self.loss(&linear, tau)?.backward();
            linear = adam.step(0.03, linear.clone(), GradientsParams::from_grads(gradients, &linear));
        }
        let difference = linear.weights.val().inner() - self.truth.clone();
        Ok(difference.powi_scalar(2).sum().sqrt().into_scalar::<f32>().into())
    }
}

/// Fits both to the data of a seed. Squares are sorted exactly if their gaps are below 1/τ; all are pooled at a high τ.
pub fn run(seed: u64) -> Result<Outcome, gumbel::Error> {
    let data = Data::draw(&mut Noise::from_seed(seed));
    Ok(Outcome { trimmed: data.distance(1e-3)?, least_squares: data.distance(1e9)? })
}

#[allow(dead_code)] // where the test takes this file as a module
fn main() -> Result<(), gumbel::Error> {
    let Outcome { trimmed, least_squares } = run(1)?;
    println!("distance from the true weights, least squares          {least_squares:.3}");
    println!("distance from the true weights, least trimmed squares  {trimmed:.3}");
    Ok(())
}

//! Independent Gaussian latents, reparameterised (Kingma and Welling 2014; Rezende, Mohamed and Wierstra 2014).

use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use std::f64::consts::TAU;

/// `N(μ, diag σ²)` of Z numbers, `[S, B, Z]` each.
pub(super) struct Gaussian {
    /// μ.
    pub(super) mean: Tensor<3>,
    /// ln σ².
    pub(super) log_variance: Tensor<3>,
}

impl Gaussian {
    /// The sample `μ + σ ε` of standard normal noise ε, `[1, B, Z]` or `[S, B, Z]`.
    pub(super) fn at(&self, noise: Tensor<3>) -> Tensor<3> {
        self.mean.clone() + (self.log_variance.clone() * 0.5).exp() * noise
    }

    /// `KL(q ‖ N(0, I)) = ½ Σ (μ² + σ² − 1 − ln σ²)` in nats, `[S, B]`.
    pub(super) fn kl(&self) -> Tensor<2> {
        let Self { mean, log_variance } = self;
        let twice = mean.clone().square() + log_variance.clone().exp() - log_variance.clone() - 1.0;
        twice.sum_dim(2).squeeze_dim(2) * 0.5
    }

    /// `ln N(z; 0, I) − ln q(z)` at the sample z of some noise, `[S, B]`.
    pub(super) fn log_ratio(&self, z: Tensor<3>, noise: Tensor<3>) -> Tensor<2> {
        let twice = noise.square() + self.log_variance.clone() - z.square();
        twice.sum_dim(2).squeeze_dim(2) * 0.5
    }
}

/// Standard normal noise (Box and Muller 1958), from exponential noise that has its whole tail.
pub(super) fn normal(shape: [usize; 3], noise: &mut Noise, device: &Device) -> Tensor<3> {
    let radius = (noise.exponential::<3>(shape, device) * 2.0).sqrt();
    radius * (noise.uniform::<3>(shape, device) * TAU).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.into_data().iter::<f64>().collect()
    }

    /// A mean and its standard error.
    fn mean(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
    }

    #[test]
    fn the_noise_is_standard_normal() {
        let draws = numbers(normal([1, 400, 500], &mut Noise::from_seed(5), &Device::flex()));
        for (power, expected) in [(1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)] {
            let (moment, error) = mean(&draws.iter().map(|draw| draw.powi(power)).collect::<Vec<_>>());
            let z = (moment - expected) / error;
            assert!(z.abs() < 4.0, "moment {power} is {moment}, {z:.1} standard errors from {expected}");
        }
    }

    #[test]
    fn the_divergence_is_the_closed_form_and_the_mean_of_the_log_ratio() {
        let part = |number: f32| Tensor::<3>::full([1, 10_000, 1], number, &Device::flex());
        let q = Gaussian { mean: part(1.0), log_variance: part(0.25f32.ln()) };
        let exact = 0.5 * (1.0 + 0.25 - 1.0 - 0.25f64.ln());
        assert!((numbers(q.kl())[0] - exact).abs() < 1e-6);
        let draws = normal([1, 10_000, 1], &mut Noise::from_seed(5), &Device::flex());
        let (sampled, error) = mean(&numbers(q.log_ratio(q.at(draws.clone()), draws).neg()));
        assert!(((sampled - exact) / error).abs() < 4.0, "{sampled} ± {error} against {exact}");
    }
}

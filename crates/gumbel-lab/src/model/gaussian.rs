//! Independent Gaussian latents, reparameterized (Kingma and Welling 2014; Rezende, Mohamed and Wierstra 2014).

use burn::tensor::Tensor;

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
        let kl: Tensor<2> = twice.sum_dim(2).squeeze_dim(2) * 0.5;
        // A small one can be a rounding below 0; its gradient is right all the same.
        let below = kl.clone().lower_elem(0.0);
        kl.clone() - kl.detach().mask_fill(below.bool_not(), 0.0)
    }

    /// `ln N(z; 0, I) − ln q(z)` at the sample z of some noise, `[S, B]`.
    pub(super) fn log_ratio(&self, z: Tensor<3>, noise: Tensor<3>) -> Tensor<2> {
        let twice = noise.square() + self.log_variance.clone() - z.square();
        twice.sum_dim(2).squeeze_dim(2) * 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bound::numbers;
    use crate::support::stats::Mean;
    use burn::tensor::Device;
    use gumbel::Noise;

    #[test]
    fn a_small_divergence_is_not_negative_and_has_its_gradient() {
        let device = Device::flex().autodiff();
        let part = |from: f64, to: f64| {
            let steps =
                Tensor::<1>::from_floats(std::array::from_fn::<_, 1000, _>(|i| i as f32 / 999.0), &device);
            (steps * (to - from) + from).reshape([1, 1000, 1]).require_grad()
        };
        let (mean, log_variance) = (part(-1e-5, 1e-5), part(-2e-3, 2e-3));
        let kl = Gaussian { mean: mean.clone(), log_variance }.kl();
        assert!(kl.clone().min().into_scalar::<f32>() >= 0.0);
        let slope = mean.grad(&kl.sum().backward()).unwrap();
        assert!((slope - mean.inner()).abs().max().into_scalar::<f32>() < 1e-11);
    }

    #[test]
    fn the_divergence_is_the_closed_form_and_the_mean_of_the_log_ratio() {
        let part = |number: f32| Tensor::<3>::full([1, 10_000, 1], number, &Device::flex());
        let q = Gaussian { mean: part(1.0), log_variance: part(0.25f32.ln()) };
        let exact = 0.5 * (1.0 + 0.25 - 1.0 - 0.25f64.ln());
        assert!((numbers(q.kl())[0] - exact).abs() < 1e-6);
        let draws = Noise::from_seed(5).normal([1, 10_000, 1], &Device::flex());
        let sampled = Mean::of(numbers(q.log_ratio(q.at(draws.clone()), draws).neg()));
        assert!((sampled.value - exact).abs() < 4.0 * sampled.standard_error, "{sampled:?} against {exact}");
    }
}

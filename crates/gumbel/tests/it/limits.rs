//! Every estimator with a temperature, at the ends of its range: the gradient stays finite, and zero at masks.

use burn::tensor::{Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{self, Entry, Estimator, Latents, Objective, Parameters, Reduction, Sample};

const MASK: f32 = f32::NEG_INFINITY;
const LOGITS: [[f32; 6]; 3] = [
    [0.3, -0.5, 0.8, 0.0, 1.0, -1.2],
    [80.0, -80.0, 0.0, -80.0, 80.0, 80.0],
    [0.0, MASK, 1.0, MASK, MASK, 2.0],
];

/// At each temperature that it accepts: some want one below 1, some one above.
fn at_its_limits(info: &'static Entry) -> Vec<(f64, Box<dyn Estimator>)> {
    let build = |tau: f64| Some((tau, info.build(&Parameters::default().with("tau", tau)).ok()?));
    [1e-30, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e30].into_iter().filter_map(build).collect()
}

fn gradients(estimator: &dyn Estimator, logits: [f32; 6], seed: u64) -> Vec<f32> {
    let [latents, categories] = match estimator.properties().latents {
        Latents::Binary => [3, 2],
        _ => [2, 3],
    };
    let row = Tensor::<1>::from_floats(logits, &Device::flex().autodiff()).reshape([1, latents, categories]);
    let logits = row.repeat_dim(0, 50).require_grad();
    let f = |sample: &Sample| {
        let weights = Tensor::<1>::from_floats([1.0, -0.5, 0.2, -1.0, 0.7, 0.4], &Device::flex());
        let score = sample.z.clone() * weights.reshape([1, 1, latents, categories]);
        score.sum_dim(3).sum_dim(2).squeeze_dims::<2>(&[2, 3]).exp()
    };
    let mean = estimator.properties().supports(Reduction::Mean);
    let objective = if mean { Objective::mean(f) } else { Objective::log_mean_exp(f) };
    let mut noise = Noise::from_seed(seed);
    let estimate =
        estimator.estimate(logits.clone(), &objective, &mut noise, 0).expect("a supported problem");
    let gradient = logits.grad(&estimate.loss.sum().backward()).expect("a gradient");
    gradient.into_data().try_to_vec().expect("single precision")
}

#[test]
fn gradients_are_finite_at_every_temperature_that_is_accepted() {
    for info in estimator::ALL.iter().copied().filter(|info| info.tempered()) {
        let limits = at_its_limits(info);
        assert!(limits.len() > 3, "{info} accepts {} of seven temperatures", limits.len());
        for (tau, estimator) in limits {
            for logits in LOGITS {
                for (at, gradient) in gradients(estimator.as_ref(), logits, 1).into_iter().enumerate() {
                    assert!(gradient.is_finite(), "{info} at tau {tau}: {gradient} at {at} of {logits:?}");
                    assert!(logits[at % 6] != MASK || gradient == 0.0, "{info} at tau {tau}: {gradient}");
                }
            }
        }
    }
}

//! Measurements of estimators whose bias and variance are known.

use burn::tensor::{Device, Tensor};
use gumbel::estimator::{
    self, Estimate, Estimator, EstimatorSpec, Latents, Objective, Properties, Reduction,
};
use gumbel::measure::{Measured, Measurement, exact, measure};
use gumbel::{Error, Noise};
use gumbel_lab::measure::problem::{Problem, ProblemKind};

fn problem() -> Problem {
    Problem::new(ProblemKind::Mlp, 3, 2).expect("a shape")
}

fn run(choice: &str, problem: &Problem, replicates: usize) -> Measured {
    let mut estimator = choice.parse::<EstimatorSpec>().and_then(|choice| choice.build()).expect(choice);
    let (logits, noise) = (problem.logits(&Device::flex()), Noise::from_seed(3));
    measure(estimator.as_mut(), logits, &problem.objective(), replicates, &noise).expect(choice)
}

fn z(measured: &Measured) -> f64 {
    measured.bias.expect("there is a reference").z()
}

/// With some thirty rows, a sound table fails by chance once in a thousand seeds.
#[test]
fn unbiased_rows_pass_and_biased_rows_are_caught() {
    for info in estimator::ALL.iter().filter(|info| info.properties.supports(Reduction::Mean)) {
        let measured = run(info.name(), &problem(), 50_000);
        let (name, z) = (info.name(), z(&measured));
        if info.properties.unbiased {
            assert!(z.abs() < 4.0, "{name}: bias of {z:.1} standard errors");
        } else {
            assert!(z > 8.0, "{name} is biased here, and must be seen to be: {z:.1}");
        }
    }
}

#[test]
fn enumeration_has_neither_bias_nor_variance_beyond_rounding() {
    for kind in ProblemKind::ALL {
        let measured = run("exact", &Problem::new(kind, 3, 2).expect("a shape"), 1000);
        assert!(measured.std() < 1e-6 && z(&measured).abs() < 4.0, "{kind}: {measured:?}");
    }
}

#[test]
fn the_bias_of_gumbel_softmax_falls_with_the_temperature_and_its_variance_grows() {
    let of = |tau: f64| run(&format!("gumbel-softmax:tau={tau}"), &problem(), 100_000);
    let cooling: Vec<Measured> = [1.0, 0.5, 0.25].map(of).into();
    for pair in cooling.windows(2) {
        let [warm, cool] = [&pair[0], &pair[1]].map(|measured| measured.bias.expect("a reference"));
        let apart =
            (warm.value - cool.value) / (warm.standard_error.powi(2) + cool.standard_error.powi(2)).sqrt();
        assert!(apart > 4.0, "{warm:?} and {cool:?}");
        assert!(pair[1].std() > 1.2 * pair[0].std());
    }
}

/// The score function at D = 1, K = 2: ĝ = f(z) (z − p), so its moments are sums of two terms.
#[test]
fn mean_and_variance_are_those_of_a_sum_by_hand() {
    let problem = Problem::new(ProblemKind::Tucker, 1, 2).expect("a shape");
    let measured = run("reinforce:baseline=none", &problem, 200_000);
    let (f, p) = ([0.499f64.powi(2), 0.501f64.powi(2)], 0.5);
    let slope = [f[0] * (0.0 - p), f[1] * (1.0 - p)];
    let mean = 0.5 * (slope[0] + slope[1]);
    let variance = 0.25 * (slope[0] - slope[1]).powi(2);
    assert!((measured.mean[1] - mean).abs() < 4.0 * (variance / 2e5).sqrt());
    // A variance of two equal masses has itself almost no variance.
    assert!((measured.std() / (2.0 * variance).sqrt() - 1.0).abs() < 1e-4, "{}", measured.std());
    assert_eq!(measured.replicates, 200_000);
}

/// Exact, but for an error of its own.
#[derive(Debug)]
struct Rigged {
    inner: Box<dyn Estimator>,
    error: f32,
}

impl Estimator for Rigged {
    fn properties(&self) -> Properties {
        self.inner.properties()
    }

    fn estimate(
        &self,
        logits: Tensor<3>,
        objective: &Objective,
        noise: &mut Noise,
        step: u64,
    ) -> Result<Estimate, Error> {
        let estimate = self.inner.estimate(logits.clone(), objective, noise, step)?;
        let [rows, ..] = logits.dims();
        let zeros = logits.clone().detach().zeros_like();
        let error = zeros.slice_fill([0..rows, 0..1, 0..1], self.error);
        Ok(Estimate::with_cotangent(estimate.loss, logits, error))
    }
}

#[test]
fn a_rigged_estimator_is_caught_and_its_bias_is_the_one_put_in() {
    let problem = problem();
    let of = |error: f32| {
        let inner = estimator::find("rloo").and_then(|info| info.build(&Default::default())).expect("rloo");
        let (logits, noise) = (problem.logits(&Device::flex()), Noise::from_seed(5));
        let mut rigged = Rigged { inner, error };
        measure(&mut rigged, logits, &problem.objective(), 200_000, &noise).expect("a supported problem")
    };
    let (honest, rigged) = (of(0.0), of(0.02));
    assert!(z(&honest).abs() < 4.0, "{honest:?}");
    let bias = rigged.bias.expect("a reference");
    assert!(bias.z() > 8.0 && (bias.value - 0.02).abs() < 4.0 * bias.standard_error, "{bias:?}");
    assert!((rigged.std() - honest.std()).abs() < 1e-4 * honest.std(), "the same noise, and a constant");
}

/// 200 measurements of an estimator without bias: their z has mean 0 and variance 1.
#[test]
fn z_is_standard_normal_without_a_bias() {
    let problem = problem();
    let (objective, logits) = (problem.objective(), problem.logits(&Device::flex()));
    let rloo = estimator::find("rloo").and_then(|info| info.build(&Default::default())).expect("rloo");
    let z = |seed: u64| {
        let reference = problem.exact().expect("few states");
        let mut measurement = Measurement::new(rloo.as_ref(), logits.clone(), &objective).against(reference);
        let noise = Noise::from_seed(seed);
        for draw in 0..8 {
            measurement.draw(250, &mut noise.split(draw)).expect("a supported problem");
        }
        measurement.measured().bias.expect("a reference").z()
    };
    let scores: Vec<f64> = (0..200).map(z).collect();
    let mean = scores.iter().sum::<f64>() / 200.0;
    let variance = scores.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / 199.0;
    assert!(mean.abs() < 4.0 / 200f64.sqrt(), "{mean}");
    // The standard error of a normal's variance is √(2/n).
    assert!((variance - 1.0).abs() < 4.0 * (2.0 / 200f64).sqrt(), "{variance}");
}

#[test]
fn equal_seeds_give_equal_numbers() {
    let numbers = || {
        let Measured { replicates, mean, variance, bias, .. } = run("double-cv", &problem(), 5000);
        (replicates, mean, variance, bias)
    };
    assert_eq!(numbers(), numbers());
}

#[test]
fn the_error_at_equal_cost_has_a_floor_of_bias() {
    let measured = run("straight-through", &problem(), 20_000);
    let bias = measured.bias.expect("a reference").value;
    assert!((measured.rmse(1, 1).unwrap().powi(2) - bias.powi(2) - measured.std().powi(2)).abs() < 1e-12);
    assert!((measured.rmse(1, 1 << 50).unwrap() - bias).abs() < 1e-6);
    assert_eq!(measured.rmse(2, 200), measured.rmse(1, 100));
}

#[test]
fn what_cannot_be_measured_is_an_error_with_the_remedy() {
    let (device, noise) = (Device::flex(), Noise::from_seed(0));
    let attempt = |name: &str, problem: &Problem, objective: &Objective, replicates: usize| {
        let mut estimator = name.parse::<EstimatorSpec>().and_then(|choice| choice.build()).expect(name);
        let refused = measure(estimator.as_mut(), problem.logits(&device), objective, replicates, &noise);
        refused.expect_err(name).to_string()
    };
    let toy = problem();
    assert!(attempt("rloo", &toy, &toy.objective(), 31).contains("at least 32, got 31"));
    let wide = Problem::new(ProblemKind::Linear, 20, 10).expect("a shape");
    assert!(attempt("rloo", &wide, &wide.objective(), 100).contains("10^20 states"));
    let broken = Objective::mean(|sample| toy.losses(sample) / 0.0 * 0.0);
    assert!(
        attempt("rloo", &toy, &broken, 100).contains("rloo: the objective or its gradient is not finite")
    );
    let bound = Objective::log_mean_exp(|sample| toy.losses(sample));
    assert!(attempt("vimco", &toy, &bound, 100).contains("Measurement::against"));
    let binary = estimator::ALL.iter().find(|info| info.properties.latents == Latents::Binary).expect("one");
    let many = Problem::new(ProblemKind::Linear, 2, 3).expect("a shape");
    assert!(attempt(binary.name(), &many, &many.objective(), 100).contains("only binary latents"));
}

/// An objective that ignores z has a gradient, zero, and an estimator along a path finds it.
#[test]
fn a_constant_has_no_gradient_and_nothing_varies() {
    let constant = Objective::mean(|sample| {
        let [samples, rows, ..] = sample.z.dims();
        Tensor::full([samples, rows], 3.0, &sample.z.device())
    });
    let logits = problem().logits(&Device::flex());
    assert_eq!(exact(logits.clone(), &constant).expect("few states").len(), 6);
    for name in ["gumbel-softmax", "straight-through", "rloo"] {
        let mut estimator =
            estimator::find(name).and_then(|info| info.build(&Default::default())).expect(name);
        let measured = measure(estimator.as_mut(), logits.clone(), &constant, 100, &Noise::from_seed(1));
        let measured = measured.expect(name);
        assert!(measured.std() < 1e-6 && z(&measured).abs() < 4.0, "{name}: {measured:?}");
    }
}

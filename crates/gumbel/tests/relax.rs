//! RELAX: whatever its network has learned it stays unbiased, and what it learns of a black box is worth having.

use burn::tensor::{DType, Device, Tensor};
use gumbel::estimator::{Baseline, Choice, Estimate, Estimator, Nvil, Objective, Reinforce, Relax, Sample};
use gumbel::{Noise, Schedule};

const FEW: usize = 2;
const MANY: usize = 20;
const CATEGORIES: usize = 3;
const WIDTH: usize = FEW * CATEGORIES;
const LOGITS: [f32; WIDTH] = [0.3, -0.5, 0.8, 0.0, 1.0, -1.2];
const WEIGHTS: [f32; WIDTH] = [1.0, -0.5, 0.2, -1.0, 0.7, 0.4];

type Loss = fn(&Sample) -> Tensor<2>;

/// An even number of latents, alternately of two kinds.
fn logits(rows: usize, latents: usize, dtype: DType) -> Tensor<3> {
    let two = Tensor::<1>::from_floats(LOGITS, &Device::flex()).cast(dtype).reshape([1, FEW, CATEGORIES]);
    two.repeat_dim(1, latents / FEW).repeat_dim(0, rows).autodiff().require_grad()
}

/// A weighted sum over categories and latents, of the same spread for any number of latents.
fn score(z: Tensor<4>) -> Tensor<2> {
    let [samples, rows, latents, _] = z.dims();
    let two =
        Tensor::<1>::from_floats(WEIGHTS, &Device::flex()).cast(z.dtype()).reshape([1, 1, FEW, CATEGORIES]);
    let weights = two.repeat_dim(2, latents / FEW) * (FEW as f64 / latents as f64).sqrt();
    (z * weights).sum_dim(3).sum_dim(2).reshape([samples, rows])
}

/// Has no gradient: only its values are seen.
fn black_box(sample: &Sample) -> Tensor<2> {
    (score(sample.z.clone().detach()) * 0.7).exp() + 2.0
}

/// What is learned of it misleads about the other.
fn contrary(sample: &Sample) -> Tensor<2> {
    score(sample.z.clone().detach()) * -5.0
}

fn relax(samples: usize, rate: f64) -> Relax {
    Relax::new(samples, Schedule::Constant(0.5), 30, rate).expect("samples and a network")
}

fn estimate(estimator: &dyn Estimator, theta: &Tensor<3>, f: Loss, seed: u64) -> Estimate {
    estimator.estimate(theta.clone(), &Objective::mean(f), &mut Noise::from_seed(seed), 0).expect("served")
}

fn trained<E: Estimator>(mut estimator: E, f: Loss, latents: usize, steps: u64) -> E {
    for seed in 0..steps {
        let last = estimate(&estimator, &logits(100, latents, DType::F32), f, 1000 + seed);
        estimator.adapt(&last);
    }
    estimator
}

fn gradients(estimator: &dyn Estimator, theta: &Tensor<3>, f: Loss, seed: u64) -> Vec<Vec<f64>> {
    let width = theta.dims()[1] * CATEGORIES;
    let surrogate = estimate(estimator, theta, f, seed).surrogate.sum();
    let gradient = theta.grad(&surrogate.backward()).expect("a gradient").into_data().convert::<f64>();
    gradient.try_to_vec::<f64>().expect("converted").chunks(width).map(<[f64]>::to_vec).collect()
}

fn mean_and_variance(rows: &[Vec<f64>], i: usize) -> (f64, f64) {
    let n = rows.len() as f64;
    let mean = rows.iter().map(|row| row[i]).sum::<f64>() / n;
    (mean, rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// The trace of the covariance.
fn variance(estimator: &dyn Estimator, f: Loss) -> f64 {
    let rows = gradients(estimator, &logits(20_000, MANY, DType::F32), f, 7);
    (0..MANY * CATEGORIES).map(|i| mean_and_variance(&rows, i).1).sum()
}

/// Twelve comparisons of each kind at four standard errors: a false alarm in 700 seeds.
#[test]
fn it_is_unbiased_whatever_its_network_has_learned() {
    const ROWS: usize = 100_000;
    let exact = "exact".parse::<Choice>().expect("a choice").build().expect("an estimator");
    let exact = gradients(exact.as_ref(), &logits(1, FEW, DType::F32), black_box, 0).remove(0);
    let estimators = [
        relax(1, 0.01),
        trained(relax(1, 0.01), black_box, FEW, 300),
        trained(relax(2, 0.03), contrary, FEW, 300),
    ];
    for (kind, estimator) in estimators.iter().enumerate() {
        let rows = gradients(estimator, &logits(ROWS, FEW, DType::F32), black_box, 5);
        for (i, exact) in exact.iter().enumerate() {
            let (mean, variance) = mean_and_variance(&rows, i);
            let z = (mean - exact) / (variance / ROWS as f64).sqrt();
            assert!(z.abs() < 4.0, "kind {kind}, coordinate {i}: {z:.1} standard errors");
        }
    }
}

#[test]
fn a_trained_network_takes_out_most_of_what_a_baseline_leaves() {
    let average =
        trained(Reinforce::new(1, Baseline::MovingAverage).expect("a sample"), black_box, MANY, 300);
    let nvil = trained(Nvil::new(1, 30, 0.01, false).expect("a network"), black_box, MANY, 300);
    let network = trained(relax(1, 0.01), black_box, MANY, 1000);
    let misled = trained(relax(1, 0.01), contrary, MANY, 1000);
    let [average, nvil, network, misled] = [&average as &dyn Estimator, &nvil, &network, &misled]
        .map(|estimator| variance(estimator, black_box));
    assert!(network < 0.5 * average && network < 0.5 * nvil && misled > 2.0 * average);
}

#[test]
fn before_it_has_learned_it_is_reinforce() {
    let plain = Reinforce::new(2, Baseline::MovingAverage).expect("samples");
    let [found, expected] = [&relax(2, 0.01) as &dyn Estimator, &plain]
        .map(|estimator| gradients(estimator, &logits(200, FEW, DType::F64), black_box, 3).concat());
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn a_trained_network_gives_nothing_to_masks_and_stays_finite_at_the_extremes() {
    let network = trained(relax(1, 0.03), contrary, FEW, 100);
    let mask = f32::NEG_INFINITY;
    for row in [[80.0, -80.0, 0.0, -80.0, 80.0, 80.0], [0.0, mask, 1.0, mask, mask, 2.0]] {
        let theta = Tensor::<1>::from_floats(row, &Device::flex().autodiff()).reshape([1, FEW, CATEGORIES]);
        let theta = theta.repeat_dim(0, 100).require_grad();
        for gradient in gradients(&network, &theta, black_box, 2) {
            assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
            assert!(gradient.iter().zip(row).all(|(g, logit)| logit != mask || *g == 0.0), "{gradient:?}");
        }
    }
}

#[test]
fn parameters_out_of_range_are_refused() {
    for (text, part) in [
        ("relax:samples=0", "the number of samples must be at least 1, got 0"),
        ("relax:hidden=0", "hidden must be at least 1, got 0"),
        ("relax:rate=inf", "rate must be positive and finite, got inf"),
        ("relax:tau=0", "tau is '0': it must be"),
        ("rebar:coefficient=nan", "coefficient is 'nan': it must be learned, or a finite number"),
    ] {
        let error = text.parse::<Choice>().and_then(|choice| choice.build()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

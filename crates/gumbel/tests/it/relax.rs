//! RELAX, of a black box and not: whatever the network has learned it stays unbiased, and what it learns is worth having.

use crate::support;
use burn::tensor::{DType, Device, Tensor};
use gumbel::Noise;
use gumbel::estimator::{Estimate, Estimator, EstimatorSpec, Objective, Sample};

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

fn smooth(sample: &Sample) -> Tensor<2> {
    (score(sample.z.clone()) * 0.7).exp() + 2.0
}

/// Has no gradient: only its values are seen.
fn black_box(sample: &Sample) -> Tensor<2> {
    smooth(&Sample::hard(sample.z.clone().detach()))
}

/// What is learned of it misleads about the others.
fn contrary(sample: &Sample) -> Tensor<2> {
    score(sample.z.clone()) * -5.0
}

fn build(text: &str) -> Box<dyn Estimator> {
    text.parse::<EstimatorSpec>().expect("a choice").build().expect("an estimator")
}

fn estimate(estimator: &dyn Estimator, theta: &Tensor<3>, f: Loss, seed: u64) -> Estimate {
    estimator
        .estimate(theta.clone(), &Objective::mean(f), &mut Noise::from_seed(seed), 0)
        .expect("a supported problem")
}

fn trained(text: &str, f: Loss, latents: usize, steps: u64) -> Box<dyn Estimator> {
    let mut estimator = build(text);
    for seed in 0..steps {
        let last = estimate(estimator.as_ref(), &logits(100, latents, DType::F32), f, 1000 + seed);
        estimator.adapt(&last);
    }
    estimator
}

fn gradients(estimator: &dyn Estimator, theta: &Tensor<3>, f: Loss, seed: u64) -> Vec<Vec<f64>> {
    let width = theta.dims()[1] * CATEGORIES;
    let gradients = support::gradients(&estimate(estimator, theta, f, seed), theta);
    gradients.chunks(width).map(<[f64]>::to_vec).collect()
}

fn mean_and_variance(rows: &[Vec<f64>], i: usize) -> (f64, f64) {
    let n = rows.len() as f64;
    let mean = rows.iter().map(|row| row[i]).sum::<f64>() / n;
    (mean, rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

/// The trace of the covariance after training on the loss `learned`.
fn variance(text: &str, learned: Loss, f: Loss) -> f64 {
    let estimator = trained(text, learned, MANY, 1000);
    let rows = gradients(estimator.as_ref(), &logits(20_000, MANY, DType::F32), f, 7);
    (0..MANY * CATEGORIES).map(|i| mean_and_variance(&rows, i).1).sum()
}

/// Thirty comparisons at four standard errors: a false alarm in 500 seeds.
#[test]
fn both_are_unbiased_whatever_the_network_has_learned() {
    const ROWS: usize = 100_000;
    let exact = gradients(build("exact").as_ref(), &logits(1, FEW, DType::F32), smooth, 0).remove(0);
    let cases: [(&str, Loss, Loss); 5] = [
        ("relax-black-box:rate=0.01", black_box, black_box),
        ("relax-black-box:rate=0.03", contrary, black_box),
        ("relax:rate=0.01", smooth, smooth),
        ("relax:rate=0.03:samples=2", contrary, smooth),
        ("relax:coefficient=-1", contrary, smooth),
    ];
    for (text, learned, f) in cases {
        let estimator = trained(text, learned, FEW, 300);
        let rows = gradients(estimator.as_ref(), &logits(ROWS, FEW, DType::F32), f, 5);
        for (i, exact) in exact.iter().enumerate() {
            let (mean, variance) = mean_and_variance(&rows, i);
            let z = (mean - exact) / (variance / ROWS as f64).sqrt();
            assert!(z.abs() < 4.0, "{text}, coordinate {i}: {z:.1} standard errors");
        }
    }
}

#[test]
fn a_network_takes_out_most_of_what_a_baseline_leaves() {
    let [average, nvil, network] =
        ["reinforce", "nvil", "relax-black-box"].map(|text| variance(text, black_box, black_box));
    assert!(network < 0.5 * average && network < 0.5 * nvil, "{average}, nvil {nvil}, relax {network}");
    let misled = variance("relax-black-box", contrary, black_box);
    assert!(misled > 2.0 * average, "what is learned matters: {misled} after another loss, {average}");
}

#[test]
fn a_network_unlearns_what_f_says_inside_the_simplex_and_not_at_its_vertices() {
    let misleading = |sample: &Sample| {
        let z = sample.z.clone();
        smooth(sample) - score(z.clone() * (z.neg() + 1.0)) * 20.0
    };
    let [rebar, relax] = ["rebar", "relax:rate=0.01"].map(|text| variance(text, misleading, misleading));
    assert!(relax < 0.7 * rebar, "rebar {rebar}, relax {relax}");
}

#[test]
fn before_the_network_has_learned_they_are_reinforce_and_rebar() {
    for (text, plain) in
        [("relax-black-box", "reinforce"), ("relax:coefficient=0.8", "rebar:coefficient=0.8")]
    {
        let [found, expected] = [text, plain]
            .map(|text| gradients(build(text).as_ref(), &logits(200, FEW, DType::F64), smooth, 3).concat());
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{text}");
    }
}

#[test]
fn what_was_learned_gives_nothing_to_masks_and_stays_finite_at_the_extremes() {
    let mask = f32::NEG_INFINITY;
    for text in ["relax-black-box:rate=0.03", "relax:rate=0.03:coefficient=1"] {
        let estimator = trained(text, contrary, FEW, 100);
        for row in [[80.0, -80.0, 0.0, -80.0, 80.0, 80.0], [0.0, mask, 1.0, mask, mask, 2.0]] {
            for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
                let theta =
                    Tensor::<1>::from_floats(row, &Device::flex()).cast(dtype).reshape([1, FEW, CATEGORIES]);
                let theta = theta.repeat_dim(0, 100).autodiff().require_grad();
                for gradient in gradients(estimator.as_ref(), &theta, smooth, 2) {
                    assert!(gradient.iter().all(|g| g.is_finite()), "{text}, {dtype:?}: {gradient:?}");
                    let masked = |(g, logit): (&f64, f32)| logit != mask || *g == 0.0;
                    assert!(gradient.iter().zip(row).all(masked), "{text}, {dtype:?}: {gradient:?}");
                }
            }
        }
    }
}

#[test]
fn parameters_out_of_range_are_errors() {
    for (text, part) in [
        ("relax-black-box:samples=0", "samples must be at least 1, got 0"),
        ("relax-black-box:hidden=0", "hidden must be at least 1, got 0"),
        ("relax:rate=inf", "rate must be positive and finite, got inf"),
        ("relax:tau=0", "tau must be a temperature, positive"),
        ("rebar:coefficient=nan", "coefficient must be learned, or a finite number, got 'nan'"),
    ] {
        let error = text.parse::<EstimatorSpec>().and_then(|choice| choice.build()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

//! Two latents of three categories, all of whose states are summed over, and objectives of growing order on them.

use crate::support::{double, numbers};
use burn::tensor::Tensor;
use gumbel::Noise;
use gumbel::estimator::{Estimator, Objective, Sample};

pub const LATENTS: usize = 2;
pub const CATEGORIES: usize = 3;
pub const WIDTH: usize = LATENTS * CATEGORIES;
pub const STATES: usize = CATEGORIES * CATEGORIES;
pub const LOGITS: [f64; WIDTH] = [0.3, -0.5, 0.8, 0.0, 1.0, -1.2];

/// A hard sample with a substituted gradient, of logits and the sample.
pub type Path = fn(Tensor<3>, Tensor<3>) -> Tensor<3>;

pub fn masses() -> [[f64; CATEGORIES]; LATENTS] {
    std::array::from_fn(|latent| {
        let row = &LOGITS[latent * CATEGORIES..][..CATEGORIES];
        let total: f64 = row.iter().map(|l| l.exp()).sum();
        std::array::from_fn(|k| row[k].exp() / total)
    })
}

/// State `s` has its first latent in category `s / 3`, its second in `s % 3`.
pub fn states() -> Vec<[f64; WIDTH]> {
    let one_hot = |s: usize| {
        let mut z = [0.0; WIDTH];
        z[s / CATEGORIES] = 1.0;
        z[CATEGORIES + s % CATEGORIES] = 1.0;
        z
    };
    (0..STATES).map(one_hot).collect()
}

pub fn mass(state: usize) -> f64 {
    masses()[0][state / CATEGORIES] * masses()[1][state % CATEGORIES]
}

/// An objective on the host: the coefficients of its linear and quadratic parts, and whether it is curved further.
pub struct Problem {
    pub linear: [f64; WIDTH],
    quadratic: [[f64; WIDTH]; WIDTH],
    exponential: bool,
}

pub fn problem(quadratic: bool, exponential: bool) -> Problem {
    let number = |i: usize| (1.0 + i as f64).powi(2).sin();
    let linear = std::array::from_fn(number);
    let entry = |i: usize, j: usize| if quadratic { number(i * 11 + j * 5 + 3) } else { 0.0 };
    Problem { linear, quadratic: std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j))), exponential }
}

impl Problem {
    /// `[N, D, K]` to `[N]`.
    pub fn value(&self, z: Tensor<3>) -> Tensor<1> {
        let rows = z.dims()[0];
        let flat = z.reshape([rows, WIDTH]);
        let matrix = double(self.quadratic.concat(), [WIDTH, WIDTH]);
        let score =
            flat.clone() * double(self.linear.to_vec(), [1, WIDTH]) + flat.clone().matmul(matrix) * flat;
        let score = score.sum_dim(1).squeeze_dim::<1>(1);
        if self.exponential { score.exp() } else { score }
    }

    fn value_at(&self, state: usize) -> f64 {
        numbers(self.value(double(states()[state].to_vec(), [1, LATENTS, CATEGORIES])))[0]
    }

    /// Σ q f (z − p), the gradient by enumeration.
    pub fn gradient(&self) -> Vec<f64> {
        let p = masses().concat();
        let term = |s: usize, i: usize| mass(s) * self.value_at(s) * (states()[s][i] - p[i]);
        (0..WIDTH).map(|i| (0..STATES).map(|s| term(s, i)).sum()).collect()
    }

    /// The estimate at each state, `[STATES][WIDTH]`.
    pub fn estimates(&self, path: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>) -> Vec<Vec<f64>> {
        let logits = double(LOGITS.repeat(STATES), [STATES, LATENTS, CATEGORIES]).require_grad();
        let hard = double(states().concat(), [STATES, LATENTS, CATEGORIES]);
        let loss = self.value(path(logits.clone(), hard)).sum();
        let gradient = numbers(logits.grad(&loss.backward()).expect("a gradient"));
        gradient.chunks(WIDTH).map(<[f64]>::to_vec).collect()
    }

    pub fn bias(&self, path: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>) -> f64 {
        let estimates = self.estimates(path);
        let mean = |i: usize| (0..STATES).map(|s| mass(s) * estimates[s][i]).sum::<f64>();
        let exact = self.gradient();
        (0..WIDTH).map(|i| (mean(i) - exact[i]).powi(2)).sum::<f64>().sqrt()
    }
}

/// Gradients of an objective, one row for each replicate.
pub fn replicates(estimator: &dyn Estimator, problem: &Problem, rows: usize, seed: u64) -> Vec<Vec<f64>> {
    let logits = double(LOGITS.repeat(rows), [rows, LATENTS, CATEGORIES]).require_grad();
    let objective = Objective::mean(|sample: &Sample| {
        let [samples, rows, ..] = sample.z.dims();
        let flat = sample.z.clone().reshape([samples * rows, LATENTS, CATEGORIES]);
        problem.value(flat).reshape([samples, rows])
    });
    let estimate = estimator
        .estimate(logits.clone(), &objective, &mut Noise::from_seed(seed), 0)
        .expect("a supported problem");
    let gradient = numbers(logits.grad(&estimate.loss.sum().backward()).expect("a gradient"));
    gradient.chunks(WIDTH).map(<[f64]>::to_vec).collect()
}

pub fn mean_and_variance(rows: &[Vec<f64>], i: usize) -> (f64, f64) {
    let n = rows.len() as f64;
    let mean = rows.iter().map(|row| row[i]).sum::<f64>() / n;
    (mean, rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

pub fn estimator(text: &str) -> Box<dyn Estimator> {
    text.parse::<gumbel::estimator::EstimatorSpec>().expect("a choice").build().expect("an estimator")
}

/// The largest distance of a mean of replicates from its expectation, in standard errors.
pub fn largest_z(rows: &[Vec<f64>], expected: &[f64]) -> f64 {
    let z = |(i, expected): (usize, &f64)| {
        let (mean, variance) = mean_and_variance(rows, i);
        (mean - expected).abs() / (variance / rows.len() as f64).sqrt().max(1e-9)
    };
    expected.iter().enumerate().map(z).fold(0.0, f64::max)
}

/// The trace of the covariance of replicates.
pub fn spread(rows: &[Vec<f64>]) -> f64 {
    (0..WIDTH).map(|i| mean_and_variance(rows, i).1).sum()
}

//! Every method of every distribution for a thousand random rows, against its definition in double precision.

use super::{MASK, Row, row};
use crate::support::numbers;
use burn::tensor::{DType, Int, Tensor};
use gumbel::distribution::{
    Bernoulli, BinaryConcrete, Categorical, Concrete, ConditionedGumbels, ExpConcrete, Gumbel, HardConcrete,
    Igr, LogisticNormal, Reparameterized, TruncatedGumbel, monte_carlo_entropy, monte_carlo_kl,
};
use gumbel::{Error, Noise};

/// An exact number, and the size of what its rounding is in proportion to: eight steps of the type of the computation.
type Exact = (f64, f64);

/// A method of a distribution. Where `masks` is false, a masked parameter is a typed error.
struct Law {
    name: &'static str,
    masks: bool,
    /// The fewest numbers of a row.
    least: usize,
    run: fn(&Row) -> Result<Tensor<2>, Error>,
    exact: fn(&Row) -> Vec<Exact>,
}

impl Law {
    fn of_numbers(
        name: &'static str,
        run: fn(&Row) -> Result<Tensor<2>, Error>,
        exact: fn(&Row) -> Vec<Exact>,
    ) -> Self {
        Self { name, masks: false, least: 1, run, exact }
    }

    fn of_categories(
        name: &'static str,
        run: fn(&Row) -> Result<Tensor<2>, Error>,
        exact: fn(&Row) -> Vec<Exact>,
    ) -> Self {
        Self { name, masks: true, least: 2, run, exact }
    }

    /// What is wrong with it for a row, if anything is.
    fn fault(&self, row: &Row) -> Option<String> {
        let case =
            format!("{} of {:?}, tau {}, {:?}, {}", self.name, row.logits, row.tau, row.dtype, row.seed);
        let result = (self.run)(row).map(numbers);
        let open = if self.masks { 1 } else { row.logits.len() };
        if !row.valid(open) {
            return result.is_ok().then(|| format!("{case}: {result:?}"));
        }
        // A parameter that is derived may be beyond the range of the type.
        if result.is_err() && row.largest().abs() > 1e30 {
            return None;
        }
        let (found, exact) = (result.unwrap_or_default(), (self.exact)(row));
        let same = found.len() == exact.len() && found.iter().zip(&exact).all(|(f, e)| close(row, *f, *e));
        (!same).then(|| format!("{case}: {found:?}, not {exact:?}"))
    }
}

/// Whether a number is exact but for its rounding. What has terms beyond the range of the type may be infinite.
fn close(row: &Row, found: f64, (exact, size): Exact) -> bool {
    let [step, _] = row.steps();
    let [most, least] = if row.dtype == DType::F64 { [1e308, 1e-300] } else { [1e38, 1e-37] };
    let beyond = exact.abs() + size.abs() > most && found.abs() > 0.1 * exact.abs().min(most);
    beyond || found == exact || (found - exact).abs() <= 8.0 * step * (size + exact.abs()) + least
}

fn each(row: &Row, exact: impl Fn(usize) -> Exact) -> Vec<Exact> {
    (0..row.logits.len()).map(exact).collect()
}

/// What a double-precision reference loses of a difference of terms of this size, in the steps of a row.
fn of_reference(row: &Row, terms: f64) -> f64 {
    terms * f64::EPSILON / row.steps()[0]
}

fn sigmoid(x: f64) -> f64 {
    if x > 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// σ(x) of an x that is a sum of numbers of this size.
fn probability(row: &Row, x: f64, size: f64) -> Exact {
    (sigmoid(x), reach(row, x, size, sigmoid))
}

/// ln σ(x) of such an x.
fn log_probability(row: &Row, x: f64, size: f64) -> Exact {
    (-softplus(-x), reach(row, x, size, |x| -softplus(-x)))
}

/// How far a function moves where its argument is moved by a rounding of a number of this size, in the same units.
fn reach(row: &Row, x: f64, size: f64, f: impl Fn(f64) -> f64) -> f64 {
    let unit = 8.0 * row.steps()[0];
    [x - unit * size, x + unit * size].map(|moved| (f(moved) - f(x)).abs()).into_iter().fold(0.0, f64::max)
        / unit
}

fn log_softmax(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(MASK, f64::max);
    let total: f64 = x.iter().map(|x| (x - max).exp()).sum();
    x.iter().map(|x| x - max - total.ln()).collect()
}

/// Standard noise in the type of the row's computations.
fn noise_of(row: &Row, draw: fn(Tensor<2>, &mut Noise) -> Tensor<2>) -> Vec<f64> {
    numbers(draw(row.tensor().zeros_like(), &mut Noise::from_seed(row.seed)))
}

fn seeded(row: &Row) -> Noise {
    Noise::from_seed(row.seed)
}

const EULER: f64 = 0.577_215_664_901_532_9;

mod bits;
mod gumbels;
mod simplex;

#[test]
fn methods_of_distributions_agree_with_their_definitions_in_double_precision() {
    let laws = gumbels::laws().into_iter().chain(bits::laws()).chain(simplex::laws());
    let faults: Vec<String> = laws
        .filter_map(|law| (0..1000).find_map(|seed| law.fault(&row(seed, law.least, 8 - law.least))))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn samples_are_in_the_support_of_their_distribution() {
    for seed in 0..1000 {
        let row = row(seed, 1, 6);
        let noise = || Noise::from_seed(seed);
        let inside = |name: &str, all: Tensor<2, burn::tensor::Bool>| {
            let all: Vec<bool> = all.into_data().iter::<bool>().collect();
            assert!(
                all.iter().all(|&one| one),
                "{name} of {:?}, tau {}, {:?}",
                row.logits,
                row.tau,
                row.dtype
            );
        };
        if row.valid(1) {
            let q = Categorical::new(row.tensor()).unwrap();
            inside("Categorical", q.supports(q.sample(&mut noise())));
            let index = numbers(q.sample_index(&mut noise()).float())[0] as usize;
            assert_eq!(numbers(q.sample(&mut noise()))[index], 1.0);
            let q = Concrete::new(row.tensor(), row.tau).unwrap();
            inside("Concrete", q.supports(q.sample(&mut noise())));
            let first = row.logits.iter().position(|&logit| logit > MASK).unwrap();
            let index = Tensor::<2, Int>::from_ints([[first as i64]], &row.tensor().device());
            let q = ConditionedGumbels::given_argmax(row.tensor(), index).unwrap();
            inside("ConditionedGumbels", q.supports(q.sample(&mut noise())));
        }
        if row.valid(row.logits.len()) {
            let q = Bernoulli::new(row.tensor()).unwrap();
            inside("Bernoulli", q.supports(q.sample(&mut noise())));
            let q = HardConcrete::new(row.tensor(), row.tau).unwrap();
            inside("HardConcrete", q.supports(q.sample(&mut noise())));
            let q = TruncatedGumbel::new(row.tensor(), row.of(&row.near(1.0))).unwrap();
            inside("TruncatedGumbel", q.supports(q.sample(&mut noise())));
        }
    }
}

/// The likelihood of binary data accepts any logits, as it says: NaN in gives NaN out.
#[test]
fn the_likelihood_of_bits_is_the_sum_of_their_log_probabilities() {
    for row in (0..1000).map(|seed| row(seed, 1, 7)).filter(|row| row.valid(row.logits.len())) {
        let x = row.choices(7, &[0.0, 1.0]);
        let found = numbers(gumbel::bernoulli::log_prob(row.tensor(), row.of(&x)))[0];
        let terms = row.logits.iter().zip(&x).map(|(logit, x)| -softplus((1.0 - 2.0 * x) * logit));
        let exact: f64 = terms.sum();
        let [step, rounded] = row.steps();
        let size: f64 = row.logits.iter().map(|logit| logit.abs()).sum();
        let beyond = exact.abs() > 6e4 && found.abs() >= 6e4;
        let close = (found - exact).abs() <= 8.0 * step * (1.0 + size) + rounded * exact.abs();
        assert!(close || beyond, "{:?}, {:?}: {found}, not {exact}", row.logits, row.dtype);
    }
}

#[test]
fn monte_carlo_estimates_are_the_means_of_their_samples() {
    const SAMPLES: usize = 4;
    // Squares of larger numbers are beyond the range of the type.
    let rows = (0..1000)
        .map(|seed| row(seed, 1, 7))
        .filter(|row| row.logits.iter().all(|l| l.abs() < 1e15 || !l.is_finite()));
    for row in rows {
        let (Ok(q), Ok(p)) =
            (BinaryConcrete::new(row.tensor(), row.tau), BinaryConcrete::new(row.of(&row.other()), row.tau))
        else {
            assert!(!row.valid(row.logits.len()), "{:?}", row.logits);
            continue;
        };
        let noise = || Noise::from_seed(row.seed);
        let (mut entropies, mut ratios, mut again) = (Vec::new(), Vec::new(), noise());
        for _ in 0..SAMPLES {
            let y = q.sample(&mut again);
            let [of_q, of_p] = [&q, &p].map(|law| numbers(law.log_prob(y.clone())));
            ratios.push(of_q.iter().zip(of_p).map(|(q, p)| q - p).collect::<Vec<_>>());
            entropies.push(of_q.iter().map(|q| -q).collect());
        }
        let entropy = monte_carlo_entropy(&q, SAMPLES, &mut noise()).unwrap();
        let kl = monte_carlo_kl(&q, &p, SAMPLES, &mut noise()).unwrap();
        for (estimate, draws) in [(entropy, entropies), (kl, ratios)] {
            let (means, errors) = (numbers(estimate.mean), numbers(estimate.standard_error));
            for i in 0..row.logits.len() {
                let column: Vec<f64> = draws.iter().map(|draw| draw[i]).collect();
                let mean = column.iter().sum::<f64>() / SAMPLES as f64;
                let squares: f64 = column.iter().map(|x| (x - mean).powi(2)).sum();
                let error = (squares / (SAMPLES * (SAMPLES - 1)) as f64).sqrt();
                let size = column.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
                let close = |found: f64, exact: f64| (found - exact).abs() <= 8.0 * row.steps()[0] * size;
                assert!(close(means[i], mean) && close(errors[i], error), "{:?}, {}", row.logits, row.seed);
            }
        }
    }
}

//! Gradients by both ways, and sums over everything that can be chosen.

use crate::support::{double, numbers};
use burn::tensor::{Int, Tensor};
use gumbel::routing::{Gate, Gating, Routing, Scores, Weighting};

pub const MASK: f64 = f64::NEG_INFINITY;
pub const WEIGHTINGS: [Weighting; 3] = [Weighting::Chosen, Weighting::All, Weighting::Sigmoid];

pub fn ints(tensor: Tensor<2, Int>) -> Vec<usize> {
    tensor.into_data().iter::<i64>().map(|index| index as usize).collect()
}

pub fn top_k(weighting: Weighting, k: usize) -> Gating {
    Gating::new(Gate::TopK(weighting), k)
}

/// The value and the gradient, in the logits, of the sum of what `f` returns of their routing.
pub fn through<const D: usize>(
    values: &[f64],
    shape: [usize; 2],
    route: impl Fn(Scores) -> Routing,
    f: impl Fn(&Routing) -> Tensor<D>,
) -> (f64, Vec<f64>) {
    let leaf = double(values.to_vec(), shape).require_grad();
    let value = f(&route(Scores::new(leaf.clone()))).sum();
    let total = numbers(value.clone())[0];
    (total, numbers(leaf.grad(&value.backward()).expect("a gradient")))
}

/// Compares [`through`] with central differences at every finite logit; the others have a gradient of exactly zero.
pub fn matches_differences<const D: usize>(
    values: &[f64],
    shape: [usize; 2],
    route: impl Fn(Scores) -> Routing,
    f: impl Fn(&Routing) -> Tensor<D>,
) {
    let (_, gradient) = through(values, shape, &route, &f);
    for (at, slope) in gradient.iter().enumerate() {
        if values[at] == MASK {
            assert_eq!(*slope, 0.0, "masked logit {at}");
            continue;
        }
        let moved = |h: f64| {
            let mut values = values.to_vec();
            values[at] += h;
            numbers(f(&route(Scores::new(double(values, shape)))).sum())[0]
        };
        let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!((slope - difference).abs() < 1e-7, "logit {at}: {slope} against {difference}");
    }
}

/// Every ordered choice of `k` of the logits without replacement, with its probability.
pub fn orders(logits: &[f64], k: usize) -> Vec<(Vec<usize>, f64)> {
    let mut found = vec![(vec![], 1.0)];
    for _ in 0..k {
        let longer = |(order, mass): (Vec<usize>, f64)| {
            let left: Vec<usize> = (0..logits.len()).filter(|i| !order.contains(i)).collect();
            let total: f64 = left.iter().map(|&i| logits[i].exp()).sum();
            left.into_iter().map(move |i| {
                let mut order = order.clone();
                order.push(i);
                (order, mass * logits[i].exp() / total)
            })
        };
        found = found.into_iter().flat_map(longer).filter(|(_, mass)| *mass > 0.0).collect();
    }
    found
}

/// Every subset of `k` with its probability in the exponential family.
pub fn subsets(logits: &[f64], k: usize) -> Vec<(Vec<usize>, f64)> {
    let members = |set: usize| (0..logits.len()).filter(|i| set >> i & 1 == 1).collect::<Vec<_>>();
    let sets = (0..1 << logits.len()).filter(|set: &usize| set.count_ones() as usize == k).map(members);
    let weighed: Vec<_> = sets.map(|set| (set.iter().map(|&i| logits[i]).sum::<f64>().exp(), set)).collect();
    let total: f64 = weighed.iter().map(|(weight, _)| weight).sum();
    weighed.into_iter().map(|(weight, set)| (set, weight / total)).collect()
}

/// The gradient of a function of logits, 0 where one is masked.
pub fn slopes(logits: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let slope = |at: usize| {
        let moved = |h: f64| {
            let mut logits = logits.to_vec();
            logits[at] += h;
            f(&logits)
        };
        if logits[at] == MASK { 0.0 } else { (moved(1e-5) - moved(-1e-5)) / 2e-5 }
    };
    (0..logits.len()).map(slope).collect()
}

/// The largest of `|mean − exact|` in standard errors, over columns of rows of replicates.
pub fn largest_z(replicates: &[f64], exact: &[f64]) -> f64 {
    let (columns, rows) = (exact.len(), replicates.len() / exact.len());
    let z = |column: usize| {
        let values = || replicates.iter().skip(column).step_by(columns);
        let mean = values().sum::<f64>() / rows as f64;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / rows as f64;
        let error = (mean - exact[column]).abs();
        if error < 1e-9 { 0.0 } else { error / (variance / rows as f64).sqrt() }
    };
    (0..columns).map(z).fold(0.0, f64::max)
}

/// The row, many times.
pub fn repeated(row: &[f64], rows: usize) -> Vec<f64> {
    row.iter().copied().cycle().take(row.len() * rows).collect()
}

/// A constant row of numbers for each token `[T, E]`.
pub fn constant(row: &[f64], rows: usize) -> Tensor<2> {
    double(repeated(row, rows), [rows, row.len()])
}

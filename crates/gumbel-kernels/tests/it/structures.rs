//! A thousand random inputs in single precision and a thousand in double for each structure: masks, common parts up to 1e30,
//! spreads up to 1e4, some logits far below the others, one input in ten invalid. An invalid input must give a typed error. For
//! a valid one, the result must agree with the sum, or the largest, over all structures. Logits are multiples of 1/1024, and
//! their sums are exact integers here.

use crate::reference::Chance;
use gumbel_kernels::tree::{self, Graph};
use gumbel_kernels::*;

/// Units of one in the exact sums.
const UNIT: f64 = 1024.0;

struct Draw<T> {
    logits: Vec<T>,
    /// The logits in units of 1/1024; none at masks.
    exact: Vec<Option<i128>>,
    /// Whether no logit is NaN or +∞.
    numbers: bool,
    tau: f64,
    chance: Chance,
    case: String,
}

fn draw<T: Real>(seed: u64, len: impl FnOnce(&mut Chance) -> usize) -> Draw<T> {
    let mut chance = Chance::new(seed + 10_000);
    let len = len(&mut chance);
    let common = chance.one_of(&[0.0, 0.0, 1.0, -30.0, 1e4, -1e7, 1e16, -1e30]);
    let spread = chance.one_of(&[0.0, 0.1, 1.0, 5.0, 50.0, 1e4]);
    let masked = chance.one_of(&[0.0, 0.0, 0.1, 0.4]);
    let far = chance.one_of(&[0.0, 0.0, 1e8, 1e16, 1e30]);
    let mut logits: Vec<T> = (0..len)
        .map(|_| match (chance.uniform() < masked, far > 0.0 && chance.uniform() < 0.4) {
            (true, _) => T::neg_infinity(),
            (_, true) => T::from_f64((common - far).round()),
            _ => T::from_f64(((common + spread * (2.0 * chance.uniform() - 1.0)) * UNIT).round() / UNIT),
        })
        .collect();
    let fault = chance.uniform();
    if fault < 0.1 && len > 0 {
        let place = (chance.uniform() * len as f64) as usize;
        logits[place] = if fault < 0.05 { T::nan() } else { T::infinity() };
    }
    let units = |&logit: &T| (logit > T::neg_infinity()).then(|| (logit.into() * UNIT) as i128);
    let exact = logits.iter().map(units).collect();
    let numbers = logits.iter().all(|&logit| logit < T::infinity());
    let tau = chance.one_of(&[1e-3, 0.1, 0.5, 1.0, 3.0, 1e3]);
    let case = format!("seed {seed}, tau {tau}, {logits:?}");
    Draw { logits, exact, numbers, tau, chance, case }
}

impl<T: Real> Draw<T> {
    /// A sum of logits, unless one of them is a mask.
    fn sum(&self, places: impl IntoIterator<Item = usize>) -> Option<i128> {
        places.into_iter().map(|place| self.exact[place]).sum()
    }

    /// Whether a result is one exactly if there is a structure; no other result may be.
    #[track_caller]
    fn valid(&self, outcome: &Result<(), Error>, structures: usize) -> bool {
        let valid = self.numbers && structures > 0;
        assert_eq!(outcome.is_ok(), valid, "{}: {outcome:?}", self.case);
        valid
    }

    #[track_caller]
    fn near(&self, what: &str, found: T, exact: f64, tolerance: f64) {
        let found: f64 = found.into();
        let beyond = exact < T::min_value().into() && found <= T::min_value().into();
        let close = (found - exact).abs() <= tolerance || beyond;
        assert!(close, "{what}, {}: {found}, not {exact} by {tolerance:e}", self.case);
    }
}

/// All structures that have no mask: their places, and the difference of their sum from the largest.
struct Structures {
    all: Vec<(Vec<usize>, f64)>,
    largest: f64,
}

impl Structures {
    fn of<T: Real>(draw: &Draw<T>, all: impl IntoIterator<Item = Vec<usize>>) -> Self {
        let sums = all.into_iter().filter_map(|places| draw.sum(places.clone()).map(|sum| (places, sum)));
        let sums: Vec<(Vec<usize>, i128)> = sums.collect();
        let largest = sums.iter().map(|&(_, sum)| sum).max().unwrap_or(0);
        let gap = |(places, sum): (Vec<usize>, i128)| (places, (sum - largest) as f64 / UNIT);
        Self { all: sums.into_iter().map(gap).collect(), largest: largest as f64 / UNIT }
    }

    /// The logarithm of the sum of weights relative to the largest, and the probability that a structure has a place.
    fn partition(&self, len: usize) -> (f64, Vec<f64>) {
        let total: f64 = self.all.iter().map(|(_, gap)| gap.exp()).sum();
        let mut means = vec![0.0; len];
        for (places, gap) in &self.all {
            places.iter().for_each(|&place| means[place] += gap.exp() / total);
        }
        (total.ln(), means)
    }

    /// How far a structure is below the best.
    fn gap(&self, mut places: Vec<usize>) -> f64 {
        places.sort_unstable();
        self.all.iter().find(|(all, _)| *all == places).map_or(f64::NEG_INFINITY, |&(_, gap)| gap)
    }
}

/// The sets of `count` of the numbers below `n`, as increasing lists.
fn sets(n: usize, count: usize) -> Vec<Vec<usize>> {
    let all = (0..1u32 << n).filter(|set| set.count_ones() as usize == count);
    all.map(|set| (0..n).filter(|place| set >> place & 1 == 1).collect()).collect()
}

/// The permutations of `n`, as increasing places in a matrix.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for row in 0..n {
        let longer = |places: &Vec<usize>| {
            let free = (0..n).filter(|column| places.iter().all(|place| place % n != *column));
            free.map(|column| [&places[..], &[row * n + column]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Of a set of edges, whether it connects all nodes.
fn connects(graph: &Graph, edges: &[usize]) -> bool {
    let mut part: Vec<usize> = (0..graph.nodes()).collect();
    for &edge in edges {
        let [a, b] = graph.edges()[edge].map(|node| part[node]);
        part.iter_mut().filter(|part| **part == a).for_each(|part| *part = b);
    }
    part.iter().all(|&other| other == part[0])
}

fn each(check: fn(u64)) {
    (0..1000).for_each(check);
}

/// Probabilities agree to this: the logarithm of a weight is rounded in double precision.
fn of_mean<T: Real>(mean: f64) -> f64 {
    let step: f64 = T::epsilon().into();
    step * mean + 1e-11
}

/// A sum and its logarithm: two units in the last place of the largest part.
fn of_log<T: Real>(log: f64, largest: f64) -> f64 {
    let step: f64 = T::epsilon().into();
    step * (2.0 + log.abs()) + 8.0 * f64::EPSILON * (largest.abs() + 1e4)
}

fn subsets_of<T: Real>(seed: u64) {
    let mut draw = draw::<T>(seed, |chance| 1 + (chance.uniform() * 9.0) as usize);
    let k = draw.logits.len();
    let count = 1 + (draw.chance.uniform() * k as f64) as usize;
    let all = Structures::of(&draw, sets(k, count));
    let (mut total, mut means, mut slopes) = ([T::nan()], vec![T::nan(); k], vec![T::nan(); k]);
    let outcome = subset::log_partition(&draw.logits, k, count, &mut total);
    if !draw.valid(&outcome, all.all.len()) {
        return;
    }
    let (normal, exact) = all.partition(k);
    let log = all.largest + normal;
    draw.near("log_partition", total[0], log, of_log::<T>(log, count as f64 * all.largest.abs()));
    subset::marginals(&draw.logits, k, count, &mut means).unwrap();
    let d: Vec<T> = (0..k).map(|i| T::from_f64(i as f64 - 2.0)).collect();
    subset::marginals_vjp(&draw.logits, &d, k, count, &mut slopes).unwrap();
    let weighted = |places: &[usize]| places.iter().map(|&i| i as f64 - 2.0).sum::<f64>();
    let mean = exact.iter().enumerate().map(|(i, mean)| mean * (i as f64 - 2.0)).sum::<f64>();
    for i in 0..k {
        draw.near("marginals", means[i], exact[i], of_mean::<T>(exact[i]));
        let with = all.all.iter().filter(|(places, _)| places.contains(&i));
        let slope: f64 = with.map(|(places, gap)| (gap - normal).exp() * (weighted(places) - mean)).sum();
        draw.near("marginals_vjp", slopes[i], slope, 100.0 * of_mean::<T>(1.0));
    }
    let mut members = vec![u32::MAX; count];
    subset::sample(&draw.logits, k, count, Stream::new(seed), &mut members).unwrap();
    let gap = all.gap(members.iter().map(|&member| member as usize).collect());
    assert!(gap > -60.0, "{}: {members:?} is {gap} below the best", draw.case);
}

fn assignment_of<T: Real>(seed: u64) {
    let mut n = 0;
    let draw = draw::<T>(seed, |chance| {
        n = 1 + (chance.uniform() * 5.0) as usize;
        n * n
    });
    let all = Structures::of(&draw, permutations(n));
    let mut columns = vec![u32::MAX; n];
    let outcome = assignment(&draw.logits, n, &mut columns);
    if draw.valid(&outcome, all.all.len()) {
        let gap =
            all.gap(columns.iter().enumerate().map(|(row, &column)| row * n + column as usize).collect());
        let size = draw.exact.iter().flatten().map(|units| units.abs()).max().unwrap_or(0) as f64 / UNIT;
        assert!(gap >= -16.0 * f64::EPSILON * size, "{}: {columns:?} is {gap} below the best", draw.case);
    }
}

/// The matrix itself is divided by the sums of its rows and of its columns, in turn.
fn sinkhorn_of<T: Real>(seed: u64) {
    let mut n = 0;
    let mut draw = draw::<T>(seed, |chance| {
        n = 1 + (chance.uniform() * 5.0) as usize;
        n * n
    });
    let permitted = Structures::of(&draw, permutations(n)).all.len();
    let (iterations, tau) = (1 + (draw.chance.uniform() * 30.0) as usize, T::from_f64(draw.tau));
    let mut out = vec![T::nan(); n * n];
    let outcome = log_sinkhorn(&draw.logits, n, tau, iterations, 0.0, &mut out);
    if !draw.valid(&outcome, permitted) {
        return;
    }
    let max = draw.exact.iter().flatten().max().expect("a logit");
    let x = |units: &Option<i128>| {
        units.map_or(f64::NEG_INFINITY, |units| (units - max) as f64 / UNIT / tau.into())
    };
    let mut x: Vec<f64> = draw.exact.iter().map(x).collect();
    let size = x.iter().filter(|x| x.is_finite()).fold(0.0f64, |size, x| size.max(x.abs()));
    for _ in 0..iterations {
        for line in 0..n {
            normalize(&mut x, (0..n).map(|j| line * n + j));
        }
        for line in 0..n {
            normalize(&mut x, (0..n).map(|i| i * n + line));
        }
    }
    let step: f64 = T::epsilon().into();
    for (&out, x) in out.iter().zip(x) {
        assert_eq!(out == T::neg_infinity(), x == f64::NEG_INFINITY, "{}", draw.case);
        if x.is_finite() {
            let rounding = 8.0 * iterations as f64 * f64::EPSILON * (10.0 + size);
            draw.near("log_sinkhorn", out, x, step * (1.0 + x.abs()) + rounding);
        }
    }
    let column = |j: usize| (0..n).map(|i| out[i * n + j].into().exp()).sum::<f64>();
    assert!((0..n).all(|j| (column(j) - 1.0).abs() < 8.0 * step), "{}: {out:?}", draw.case);
}

/// Subtracts the logarithm of the sum of exponentials.
fn normalize(x: &mut [f64], line: impl Iterator<Item = usize> + Clone) {
    let max = line.clone().map(|at| x[at]).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = line.clone().map(|at| (x[at] - max).exp()).sum();
    line.for_each(|at| x[at] = x[at] - max - sum.ln());
}

fn trees_of<T: Real>(seed: u64) {
    let mut chance = Chance::new(seed + 20_000);
    let nodes = 2 + (chance.uniform() * 4.0) as usize;
    let mut node = || (chance.uniform() * nodes as f64) as usize;
    // A path, so that every node is reached, and more edges, parallel ones too.
    let more: Vec<[usize; 2]> = (0..seed % 5).map(|_| [node(), node()]).filter(|[a, b]| a != b).collect();
    let path = (1..nodes).map(|node| [node - 1, node]);
    let graph = match seed % 2 {
        0 => Graph::complete(nodes).unwrap(),
        _ => Graph::new(nodes, path.chain(more).collect::<Vec<_>>()).unwrap(),
    };
    let edges = graph.edges().len();
    let draw = draw::<T>(seed, |_| edges);
    let spanning = sets(edges, nodes - 1).into_iter().filter(|set| connects(&graph, set));
    let all = Structures::of(&draw, spanning);
    let (mut total, mut means, mut best) = ([T::nan()], vec![T::nan(); edges], vec![T::nan(); edges]);
    let outcome = tree::log_partition(&draw.logits, &graph, &mut total);
    if !draw.valid(&outcome, all.all.len()) {
        return;
    }
    let (normal, exact) = all.partition(edges);
    let log = all.largest + normal;
    let largest = draw.exact.iter().flatten().map(|units| units.abs()).max().unwrap_or(0) as f64 / UNIT;
    draw.near("log_partition", total[0], log, of_log::<T>(log, nodes as f64 * largest));
    tree::marginals(&draw.logits, &graph, &mut means).unwrap();
    for edge in 0..edges {
        draw.near("marginals", means[edge], exact[edge], of_mean::<T>(exact[edge]));
    }
    tree::max_spanning_tree(&draw.logits, &graph, &mut best).unwrap();
    let gap = all.gap((0..edges).filter(|&edge| best[edge] == T::one()).collect());
    assert!(gap == 0.0, "{}: {best:?} is {gap} below the best", draw.case);
}

#[test]
fn subsets_of_any_size_agree_with_the_sum_over_all_subsets() {
    each(subsets_of::<f32>);
    each(subsets_of::<f64>);
}

#[test]
fn assignments_agree_with_the_best_of_all_permutations() {
    each(assignment_of::<f32>);
    each(assignment_of::<f64>);
}

#[test]
fn sinkhorn_agrees_with_normalised_rows_and_columns() {
    each(sinkhorn_of::<f32>);
    each(sinkhorn_of::<f64>);
}

#[test]
fn trees_agree_with_the_sum_over_all_spanning_trees() {
    each(trees_of::<f32>);
    each(trees_of::<f64>);
}

//! The table of functions, each with its definition and its tolerance.

use super::{Function, MASK, Row, tensor};
use crate::support::numbers;
use burn::tensor::{DType, Tensor};
use gumbel::{Error, categorical, exp_concrete, kl, permutation, sparse, subset, tree};

/// Of a probability: in proportion to it, and to its logarithm.
fn of_probability(_: &Row, p: f64) -> f64 {
    if p > 0.0 { 4.0 * p * (2.0 + p.ln().abs()) } else { 0.0 }
}

/// Of a sum in which a probability multiplies a gap.
fn of_sum(row: &Row, sum: f64) -> f64 {
    16.0 * (1.0 + sum.abs() + row.size().min(100.0))
}

/// Of a sum in which gaps themselves are.
fn of_gaps(row: &Row, sum: f64) -> f64 {
    16.0 * (1.0 + sum.abs() + row.size())
}

/// Of keys that are divided by the temperature, and then normalised.
fn of_keys(row: &Row, p: f64) -> f64 {
    let n = row.logits.len() as f64;
    8.0 * p * (2.0 + (1.0 - p) * n * n * row.size() / row.tau)
}

fn log_softmax(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(MASK, f64::max);
    let total: f64 = x.iter().map(|x| (x - max).exp()).sum();
    x.iter().map(|x| x - max - total.ln()).collect()
}

/// Σ a b, with 0 · ∞ = 0.
fn dot(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    pairs.filter(|&(a, _)| a != 0.0).map(|(a, b)| a * b).sum()
}

/// The α-entmax of gaps over tau, with its threshold by bisection.
fn entmax(row: &Row, alpha: f64) -> Vec<f64> {
    let x: Vec<f64> = row.gaps().iter().map(|gap| gap / row.tau * (alpha - 1.0)).collect();
    let weight = |x: f64, threshold: f64| (x - threshold).max(0.0).powf(1.0 / (alpha - 1.0));
    let (mut low, mut high) = (-1.0, 0.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        let sum: f64 = x.iter().map(|&x| weight(x, middle)).sum();
        if sum >= 1.0 { low = middle } else { high = middle }
    }
    x.iter().map(|&x| weight(x, low)).collect()
}

/// Probabilities of the structures, which are lists of places, and the logarithm of the sum of their weights.
fn family(gaps: &[f64], structures: &[Vec<usize>]) -> (Vec<f64>, f64) {
    let sums: Vec<f64> = structures.iter().map(|all| all.iter().map(|&place| gaps[place]).sum()).collect();
    let logs = log_softmax(&sums);
    let best = (0..sums.len()).max_by(|&a, &b| sums[a].total_cmp(&sums[b])).expect("a structure");
    let total = sums[best] - logs[best];
    (logs.iter().map(|log| log.exp()).collect(), total)
}

fn pairs(n: usize) -> Vec<Vec<usize>> {
    (0..n).flat_map(|i| (i + 1..n).map(move |j| vec![i, j])).collect()
}

/// The spanning trees of four nodes: three of the six edges that do not form a triangle.
fn trees() -> Vec<Vec<usize>> {
    let graph = tree::Graph::complete(4).unwrap();
    let triples = (0..6).flat_map(|a| (a + 1..6).flat_map(move |b| (b + 1..6).map(move |c| vec![a, b, c])));
    let nodes = |edges: &[usize]| {
        let mut nodes: Vec<usize> = edges.iter().flat_map(|&edge| graph.edges()[edge]).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.len()
    };
    triples.filter(|edges| nodes(edges) == 4).collect()
}

fn means(structures: &[Vec<usize>], row: &Row) -> Vec<f64> {
    let (p, _) = family(&row.gaps(), structures);
    let holds = |place: usize| structures.iter().zip(&p).filter(move |(all, _)| all.contains(&place));
    (0..row.logits.len()).map(|place| holds(place).map(|(_, p)| p).sum()).collect()
}

fn entropy(p: &[f64]) -> f64 {
    -dot(p.iter().map(|&p| (p, p.ln())))
}

/// A one where the first logit is that is no mask.
fn first_open(row: &Row) -> Vec<f64> {
    let first = row.logits.iter().position(|logit| logit.is_finite());
    (0..row.logits.len()).map(|place| f64::from(first == Some(place))).collect()
}

/// Places in descending order, of equal ones the first before the others.
fn order(row: &Row) -> Vec<usize> {
    let mut places: Vec<usize> = (0..row.logits.len()).collect();
    places.sort_by(|&a, &b| row.logits[b].total_cmp(&row.logits[a]));
    places
}

/// A sort by its rows of keys; padding has the last places, in equal parts.
fn sorted(row: &Row, keys: impl Fn(usize, &[f64]) -> Vec<f64>) -> Vec<f64> {
    let open: Vec<usize> = (0..row.logits.len()).filter(|&place| row.logits[place] > MASK).collect();
    let (n, gaps) = (row.logits.len(), row.gaps());
    let scores: Vec<f64> = open.iter().map(|&place| gaps[place]).collect();
    let mut out = vec![0.0; n * n];
    for i in 0..n {
        if i < open.len() {
            let tempered: Vec<f64> = keys(i, &scores).iter().map(|key| key / row.tau).collect();
            let logs = log_softmax(&tempered);
            open.iter().zip(logs).for_each(|(&place, log)| out[i * n + place] = log.exp());
        } else {
            let padding = (0..n).filter(|place| !open.contains(place));
            padding.for_each(|place| out[i * n + place] = 1.0 / (n - open.len()) as f64);
        }
    }
    out
}

fn neural_keys(i: usize, scores: &[f64]) -> Vec<f64> {
    let distance = |s: f64| scores.iter().map(|other| (s - other).abs()).sum::<f64>();
    let weight = scores.len() as f64 - 1.0 - 2.0 * i as f64;
    scores.iter().map(|&s| weight * s - distance(s)).collect()
}

fn soft_keys(i: usize, scores: &[f64]) -> Vec<f64> {
    let mut descending = scores.to_vec();
    descending.sort_by(|a, b| b.total_cmp(a));
    scores.iter().map(|s| -(descending[i] - s).abs()).collect()
}

fn matrix(result: Result<Tensor<3>, Error>) -> Result<Vec<f64>, Error> {
    result.map(numbers)
}

fn list(result: Result<Tensor<2>, Error>) -> Result<Vec<f64>, Error> {
    result.map(numbers)
}

const ANY: [usize; 2] = [1, 7];
pub(super) const FUNCTIONS: [Function; 23] = [
    Function {
        name: "categorical::log_prob",
        lengths: ANY,
        open: 1,
        run: |row| list(categorical::log_prob(row.tensor(), tensor(&first_open(row), row.dtype))),
        exact: |row| vec![dot(first_open(row).into_iter().zip(log_softmax(&row.gaps())))],
        rounding: of_gaps,
    },
    Function {
        name: "categorical::entropy",
        lengths: ANY,
        open: 1,
        run: |row| list(categorical::entropy(row.tensor())),
        exact: |row| vec![-dot(log_softmax(&row.gaps()).into_iter().map(|log| (log.exp(), log)))],
        rounding: of_sum,
    },
    Function {
        name: "kl::categorical to the uniform",
        lengths: ANY,
        open: 1,
        run: |row| list(kl::categorical(row.tensor(), row.tensor().zeros_like())),
        exact: |row| {
            let uniform = -(row.logits.len() as f64).ln();
            vec![dot(log_softmax(&row.gaps()).into_iter().map(|log| (log.exp(), log - uniform)))]
        },
        rounding: of_sum,
    },
    Function {
        name: "sparse::sparsemax",
        lengths: ANY,
        open: 1,
        run: |row| list(sparse::sparsemax(row.tensor(), row.tau)),
        exact: |row| entmax(row, 2.0),
        rounding: |_, p| 8.0 * p + 1.0,
    },
    Function {
        name: "sparse::entmax",
        lengths: ANY,
        open: 1,
        run: |row| list(sparse::entmax(row.tensor(), 1.5, row.tau)),
        exact: |row| entmax(row, 1.5),
        rounding: |_, p| 8.0 * p + 1.0,
    },
    Function {
        name: "sparse::adaptive_entmax",
        lengths: ANY,
        open: 1,
        run: |row| {
            let alpha = Tensor::from_floats([1.25], &row.tensor().device());
            list(sparse::adaptive_entmax(row.tensor(), alpha, row.tau))
        },
        exact: |row| entmax(row, 1.25),
        rounding: |_, p| 8.0 * p + 1.0,
    },
    Function {
        name: "subset::marginals",
        lengths: [2, 6],
        open: 2,
        run: |row| list(subset::marginals(row.tensor(), 2)),
        exact: |row| means(&pairs(row.logits.len()), row),
        rounding: |row, p| of_probability(row, p) + 1e-3,
    },
    Function {
        name: "subset::entropy",
        lengths: [2, 6],
        open: 2,
        run: |row| list(subset::entropy(row.tensor(), 2)),
        exact: |row| vec![entropy(&family(&row.gaps(), &pairs(row.logits.len())).0)],
        rounding: of_gaps,
    },
    Function {
        name: "subset::kl to the uniform",
        lengths: [2, 6],
        open: 2,
        run: |row| list(subset::kl(row.tensor(), row.tensor().zeros_like(), 2)),
        exact: |row| {
            let all = pairs(row.logits.len());
            vec![(all.len() as f64).ln() - entropy(&family(&row.gaps(), &all).0)]
        },
        rounding: of_gaps,
    },
    Function {
        name: "permutation::neural_sort",
        lengths: ANY,
        open: 1,
        run: |row| matrix(permutation::neural_sort(row.tensor(), row.tau)),
        exact: |row| sorted(row, neural_keys),
        rounding: of_keys,
    },
    Function {
        name: "permutation::soft_sort",
        lengths: ANY,
        open: 1,
        run: |row| matrix(permutation::soft_sort(row.tensor(), row.tau)),
        exact: |row| sorted(row, soft_keys),
        rounding: of_keys,
    },
    Function {
        name: "permutation::hard_sort",
        lengths: ANY,
        open: 1,
        run: |row| matrix(permutation::hard_sort(row.tensor())),
        exact: |row| {
            let (n, order) = (row.logits.len(), order(row));
            (0..n * n).map(|at| f64::from(order[at / n] == at % n)).collect()
        },
        rounding: |_, _| 0.0,
    },
    Function {
        name: "permutation::plackett_luce_log_prob",
        lengths: ANY,
        open: usize::MAX,
        run: |row| {
            let sorted = permutation::hard_sort::<2, 3>(row.tensor())?;
            list(permutation::plackett_luce_log_prob(row.tensor(), sorted))
        },
        exact: |row| {
            let scores: Vec<f64> = order(row).into_iter().map(|place| row.gaps()[place]).collect();
            vec![(0..scores.len()).map(|place| log_softmax(&scores[place..])[0]).sum()]
        },
        rounding: of_gaps,
    },
    Function {
        name: "permutation::log_sinkhorn",
        lengths: [9, 0],
        open: usize::MAX,
        run: |row| matrix(permutation::log_sinkhorn(row.tensor().reshape([1, 3, 3]), row.tau, 10, 0.0)),
        exact: |row| {
            let mut x: Vec<f64> = row.gaps().iter().map(|gap| gap / row.tau).collect();
            for step in 0..20 {
                for line in 0..3 {
                    let places =
                        [0, 1, 2].map(|at| if step % 2 == 0 { 3 * line + at } else { 3 * at + line });
                    let logs = log_softmax(&places.map(|place| x[place]));
                    places.into_iter().zip(logs).for_each(|(place, log)| x[place] = log);
                }
            }
            x
        },
        rounding: |row, log| {
            4.0 * (1.0
                + log.abs()
                + row.size() / row.tau * f64::from(u8::from(row.dtype == DType::F64)) * 20.0)
        },
    },
    Function {
        name: "permutation::matching",
        lengths: [9, 0],
        open: usize::MAX,
        // The sum of the gaps that it takes.
        run: |row| {
            let best = matrix(permutation::matching(row.tensor().reshape([1, 3, 3])))?;
            Ok(vec![dot(best.into_iter().zip(row.gaps()))])
        },
        exact: |row| {
            let all = [[0, 4, 8], [0, 5, 7], [1, 3, 8], [1, 5, 6], [2, 3, 7], [2, 4, 6]];
            let sum = |places: [usize; 3]| places.iter().map(|&place| row.gaps()[place]).sum::<f64>();
            vec![all.map(sum).into_iter().fold(MASK, f64::max)]
        },
        rounding: |row, _| if row.dtype == DType::F64 { 100.0 * row.logits[0].abs() } else { 0.0 },
    },
    Function {
        name: "tree::marginals",
        lengths: [6, 0],
        open: usize::MAX,
        run: |row| list(tree::marginals(&tree::Graph::complete(4)?, row.tensor())),
        exact: |row| means(&trees(), row),
        rounding: |row, p| {
            of_probability(row, p) + 1e-3 + if row.dtype == DType::F64 { 100.0 * row.size() } else { 0.0 }
        },
    },
    Function {
        name: "tree::log_prob",
        lengths: [6, 0],
        open: usize::MAX,
        run: |row| {
            let graph = tree::Graph::complete(4)?;
            let best = tree::max_spanning_tree(&graph, row.tensor())?;
            list(tree::log_prob(&graph, row.tensor(), best))
        },
        exact: |row| vec![family(&row.gaps(), &trees()).0.into_iter().fold(0.0, f64::max).ln()],
        rounding: of_gaps,
    },
    Function {
        name: "subset::log_prob",
        lengths: [2, 6],
        open: 2,
        run: |row| {
            let best = &order(row)[..2];
            let z: Vec<f64> = (0..row.logits.len()).map(|place| f64::from(best.contains(&place))).collect();
            list(subset::log_prob(row.tensor(), 2, tensor(&z, row.dtype)))
        },
        exact: |row| {
            let p = family(&row.gaps(), &pairs(row.logits.len())).0;
            vec![p.into_iter().fold(0.0, f64::max).ln()]
        },
        rounding: of_gaps,
    },
    Function {
        name: "subset::log_partition",
        lengths: [2, 6],
        open: 2,
        run: |row| list(subset::log_partition(row.tensor(), 2)),
        exact: |row| vec![family(&row.gaps(), &pairs(row.logits.len())).1 + 2.0 * row.largest()],
        rounding: |row, _| 16.0 * (1.0 + row.size() + row.largest().abs()),
    },
    Function {
        name: "tree::log_partition",
        lengths: [6, 0],
        open: usize::MAX,
        run: |row| list(tree::log_partition(&tree::Graph::complete(4)?, row.tensor())),
        exact: |row| vec![family(&row.gaps(), &trees()).1 + 3.0 * row.largest()],
        rounding: |row, _| 16.0 * (1.0 + row.size() + row.largest().abs()),
    },
    Function {
        name: "kl::mass_at_sample",
        lengths: ANY,
        open: 1,
        run: |row| {
            let z = tensor(&first_open(row), row.dtype);
            list(kl::mass_at_sample(row.tensor(), row.tensor().zeros_like(), z))
        },
        exact: |row| {
            let uniform = -(row.logits.len() as f64).ln();
            vec![dot(first_open(row).into_iter().zip(log_softmax(&row.gaps()))) - uniform]
        },
        rounding: of_gaps,
    },
    Function {
        name: "exp_concrete::log_prob",
        lengths: ANY,
        open: 1,
        run: |row| list(exp_concrete::log_prob(row.tensor(), row.tau, row.tensor().zeros_like())),
        exact: |row| vec![at_zeros(row)],
        rounding: |row, log| 16.0 * (8.0 + log.abs() + 8.0 * row.size() + 8.0 * row.tau.ln().abs()),
    },
    Function {
        name: "kl::density_at_sample",
        lengths: ANY,
        open: usize::MAX,
        run: |row| {
            let (q, p) = (row.tensor(), row.tensor().zeros_like());
            list(kl::density_at_sample((q.clone(), row.tau), (p, row.tau), q.zeros_like()))
        },
        exact: |row| {
            let n = row.logits.len() as f64;
            vec![log_softmax(&row.gaps()).iter().sum::<f64>() + n * n.ln()]
        },
        rounding: |row, log| 16.0 * (24.0 + log.abs() + 8.0 * row.size() + 16.0 * row.tau.ln().abs()),
    },
];

/// The density of the ExpConcrete distribution at zeros, `ln Γ(n) + (n−1) ln τ + Σ log_softmax(θ)`.
fn at_zeros(row: &Row) -> f64 {
    let logs = log_softmax(&row.gaps());
    let open: Vec<f64> = logs.into_iter().filter(|log| *log > MASK).collect();
    let n = open.len() as f64;
    libm::lgamma(n) + (n - 1.0) * row.tau.ln() + open.iter().sum::<f64>()
}

//! Spanning trees compared with the enumeration of all trees, and with Cayley's formula for their number.

use crate::support::{MASK, numbers, unit};
use gumbel_kernels::Error;
use gumbel_kernels::tree::{self, Graph};

/// The sets of edges, as bits, that are spanning trees: one edge fewer than nodes, and every node is reached.
fn trees(graph: &Graph) -> Vec<u32> {
    let sets = 0..1u32 << graph.edges().len();
    sets.filter(|set| set.count_ones() as usize == graph.nodes() - 1 && spans(graph, *set)).collect()
}

fn spans(graph: &Graph, set: u32) -> bool {
    let mut reached = 1u32;
    for _ in 0..graph.nodes() {
        for (edge, &[a, b]) in graph.edges().iter().enumerate() {
            if set >> edge & 1 == 1 && (reached >> a | reached >> b) & 1 == 1 {
                reached |= 1 << a | 1 << b;
            }
        }
    }
    reached.count_ones() as usize == graph.nodes()
}

/// Log-partition and joint probabilities of pairs of edges.
fn exact(graph: &Graph, logits: &[f64]) -> (f64, Vec<f64>) {
    let edges = logits.len();
    let score =
        |set: u32| (0..edges).filter(|edge| set >> edge & 1 == 1).map(|edge| logits[edge]).sum::<f64>();
    let scored: Vec<(u32, f64)> = trees(graph).into_iter().map(|set| (set, score(set))).collect();
    let top = scored.iter().map(|&(_, score)| score).fold(MASK, f64::max);
    let total: f64 = scored.iter().map(|(_, score)| (score - top).exp()).sum();
    let joint = |at: usize| {
        let both = scored.iter().filter(|(set, _)| set >> (at / edges) & set >> (at % edges) & 1 == 1);
        both.map(|(_, score)| (score - top).exp() / total).sum()
    };
    (top + total.ln(), (0..edges * edges).map(joint).collect())
}

#[test]
fn partition_marginals_and_covariance_equal_those_by_enumeration() {
    let complete = Graph::complete(4).unwrap();
    assert_eq!(trees(&complete).len(), 16);
    // Five nodes with two parallel edges.
    let multiple = Graph::new(5, vec![[0, 1], [1, 2], [2, 0], [0, 1], [3, 2], [3, 4], [4, 0]]).unwrap();
    for (graph, seed) in [&complete, &multiple].into_iter().flat_map(|graph| (0..12).map(move |s| (graph, s)))
    {
        let edges = graph.edges().len();
        let scale = [0.0, 1.0, 5.0, 80.0][seed as usize % 4];
        let mut logits: Vec<f64> = numbers(seed, edges).iter().map(|logit| logit * scale).collect();
        if seed % 3 == 2 {
            logits[1] = MASK;
        }
        let (log_partition, joint) = exact(graph, &logits);
        let mut found = [0.0];
        tree::log_partition(&logits, graph, &mut found).unwrap();
        let close = (found[0] - log_partition).abs() < 1e-13 * (1.0 + log_partition.abs());
        assert!(close, "{logits:?}: {} against {log_partition}", found[0]);
        check_moments(graph, &logits, &joint);
    }
}

fn check_moments(graph: &Graph, logits: &[f64], joint: &[f64]) {
    let edges = logits.len();
    let mut means = vec![9.0; edges];
    tree::marginals(logits, graph, &mut means).unwrap();
    for i in 0..edges {
        let exact = joint[i * edges + i];
        assert!((means[i] - exact).abs() < 1e-12, "edge {i} of {logits:?}: {} against {exact}", means[i]);
        let mut column = vec![9.0; edges];
        tree::marginals_vjp(logits, &unit(edges, i), graph, &mut column).unwrap();
        for j in 0..edges {
            let exact = joint[i * edges + j] - joint[i * edges + i] * joint[j * edges + j];
            let close = (column[j] - exact).abs() < 1e-12;
            assert!(close, "covariance {i}, {j} of {logits:?}: {} against {exact}", column[j]);
            assert!(logits[j] > MASK || (column[j] == 0.0 && means[j] == 0.0));
        }
    }
}

#[test]
fn partition_of_a_complete_graph_is_cayleys_number() {
    for nodes in [2, 3, 10, 40] {
        let graph = Graph::complete(nodes).unwrap();
        let zeros = vec![0.0; graph.edges().len()];
        let (mut total, mut means) = ([0.0], zeros.clone());
        tree::log_partition(&zeros, &graph, &mut total).unwrap();
        let n = nodes as f64;
        assert!((total[0] - (n - 2.0) * n.ln()).abs() < 1e-12, "{nodes} nodes: {}", total[0]);
        tree::marginals(&zeros, &graph, &mut means).unwrap();
        assert!(means.iter().all(|mean| (mean - 2.0 / n).abs() < 1e-13), "{nodes} nodes: {means:?}");
    }
}

#[test]
fn marginals_at_low_temperature_are_the_maximum_spanning_tree() {
    let graph = Graph::complete(12).unwrap();
    let edges = graph.edges().len();
    let logits = numbers(3, 20 * edges);
    let mut tree = vec![9.0; logits.len()];
    tree::max_spanning_tree(&logits, &graph, &mut tree).unwrap();
    for tau in [1e-7, 1e-30, 1e-200] {
        let cold: Vec<f64> = logits.iter().map(|logit| logit / tau).collect();
        let mut means = vec![9.0; logits.len()];
        tree::marginals(&cold, &graph, &mut means).unwrap();
        let furthest =
            means.iter().zip(&tree).map(|(mean, z): (&f64, &f64)| (mean - z).abs()).fold(0.0, f64::max);
        assert!(furthest < 1e-9, "at {tau}: {furthest}");
    }
    assert!(tree.chunks(edges).all(|tree| tree.iter().sum::<f64>() == 11.0));
}

#[test]
fn maximum_spanning_tree_is_the_best_by_enumeration() {
    let graph = Graph::complete(5).unwrap();
    for seed in 0..50 {
        let logits = numbers(seed, 10);
        let mut tree = vec![0.0; 10];
        tree::max_spanning_tree(&logits, &graph, &mut tree).unwrap();
        let score = |set: u32| (0..10).map(|edge| f64::from(set >> edge & 1) * logits[edge]).sum::<f64>();
        let best = trees(&graph).into_iter().map(score).fold(MASK, f64::max);
        let found = tree.iter().zip(&logits).map(|(z, logit)| z * logit).sum::<f64>();
        assert!((found - best).abs() < 1e-12, "seed {seed}: {found} against {best}");
    }
}

#[test]
fn graphs_and_rows_without_a_tree_are_errors() {
    let triangle = Graph::complete(3).unwrap();
    let error = |row: [f64; 3]| {
        let logits = [[0.0; 3], row].concat();
        let all = [
            tree::marginals(&logits, &triangle, &mut [0.0; 6]).unwrap_err(),
            tree::max_spanning_tree(&logits, &triangle, &mut [0.0; 6]).unwrap_err(),
            tree::log_partition(&logits, &triangle, &mut [0.0; 2]).unwrap_err(),
        ];
        assert!(all[0] == all[1] && all[1] == all[2] || row[1].is_nan(), "{all:?}");
        all[0].clone()
    };
    assert_eq!(error([MASK, MASK, 0.0]), Error::NoSpanningTree { row: 1 });
    assert_eq!(error([0.0, MASK, MASK]), Error::NoSpanningTree { row: 1 });
    assert_eq!(error([MASK; 3]), Error::AllMasked { row: 1 });
    assert!(matches!(error([0.0, f64::NAN, 0.0]), Error::Logit { row: 1, column: 1, .. }));
    let error = |nodes, edges: &[[usize; 2]]| Graph::new(nodes, edges.to_vec()).unwrap_err();
    assert_eq!(error(1, &[]), Error::TooFewNodes(1));
    assert_eq!(error(3, &[[0, 1], [1, 3]]), Error::EdgeOutOfRange { edge: 1, ends: [1, 3], nodes: 3 });
    assert_eq!(error(2, &[[1, 1]]), Error::SelfLoop { edge: 0, node: 1 });
    assert_eq!(error(4, &[[0, 1], [2, 3]]), Error::UnreachableNode { node: 2 });
}

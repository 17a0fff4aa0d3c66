//! Graphs with a list of edges.

use crate::Error;

/// A connected, undirected graph with a list of edges. Parallel edges are allowed, loops are not.
///
/// ```
/// use gumbel_kernels::tree::Graph;
/// let triangle = Graph::new(3, vec![[0, 1], [1, 2], [2, 0]])?;
/// assert_eq!(triangle.edges().len(), 3);
/// let error = Graph::new(4, vec![[0, 1], [2, 3]]).unwrap_err();
/// assert_eq!(error.to_string(), "node 2 cannot be reached from node 0; add an edge");
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    nodes: usize,
    edges: Vec<[usize; 2]>,
}

impl Graph {
    /// A graph with nodes numbered from 0, and edges as pairs of nodes.
    ///
    /// # Errors
    /// [`Error::TooFewNodes`] for fewer than two nodes; [`Error::EdgeOutOfRange`] for an end that is not a node;
    /// [`Error::SelfLoop`]; [`Error::UnreachableNode`] if the graph is not connected.
    pub fn new(nodes: usize, edges: Vec<[usize; 2]>) -> Result<Self, Error> {
        let graph = Self { nodes, edges };
        match graph.error() {
            Some(error) => Err(error),
            None => Ok(graph),
        }
    }

    /// The complete graph, with the edges `[0, 1], [0, 2], .., [1, 2], ..`.
    ///
    /// # Errors
    /// [`Error::TooFewNodes`] for fewer than two nodes.
    pub fn complete(nodes: usize) -> Result<Self, Error> {
        Self::new(nodes, (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| [a, b])).collect())
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The two nodes of each edge, in the order of the logits: `[edges, 2]`.
    pub fn edges(&self) -> &[[usize; 2]] {
        &self.edges
    }

    fn error(&self) -> Option<Error> {
        if self.nodes < 2 {
            return Some(Error::TooFewNodes(self.nodes));
        }
        let mut components = Components::new(self.nodes);
        for (edge, &[a, b]) in self.edges.iter().enumerate() {
            if a.max(b) >= self.nodes {
                return Some(Error::EdgeOutOfRange { edge, ends: [a, b], nodes: self.nodes });
            }
            if a == b {
                return Some(Error::SelfLoop { edge, node: a });
            }
            components.join(a, b);
        }
        let node = (1..self.nodes).find(|&node| components.of(node) != components.of(0))?;
        Some(Error::UnreachableNode { node })
    }

    /// The edges of the spanning tree of maximum weight; `None` if the unmasked edges have none.
    pub(super) fn kruskal(&self, logits: &[f64]) -> Option<impl Iterator<Item = usize>> {
        let unmasked = (0..logits.len()).filter(|&edge| logits[edge] > f64::NEG_INFINITY);
        let mut order: Vec<usize> = unmasked.collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let mut components = Components::new(self.nodes);
        order.retain(|&edge| components.join(self.edges[edge][0], self.edges[edge][1]));
        (order.len() == self.nodes - 1).then(|| order.into_iter())
    }
}

/// The connected components of a graph: disjoint sets of nodes.
struct Components(Vec<usize>);

impl Components {
    fn new(nodes: usize) -> Self {
        Self((0..nodes).collect())
    }

    /// The node that represents the component of a node.
    fn of(&mut self, mut node: usize) -> usize {
        while self.0[node] != node {
            self.0[node] = self.0[self.0[node]];
            node = self.0[node];
        }
        node
    }

    /// Joins two components; false if they are the same.
    fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a] = b;
        a != b
    }
}

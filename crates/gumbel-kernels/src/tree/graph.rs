//! A graph whose edges have an order.

use crate::Error;

/// A connected, undirected graph. Parallel edges are allowed, loops are not.
///
/// ```
/// use gumbel_kernels::tree::Graph;
/// let triangle = Graph::new(3, vec![[0, 1], [1, 2], [2, 0]])?;
/// assert_eq!(triangle.edges().len(), 3);
/// let error = Graph::new(4, vec![[0, 1], [2, 3]]).unwrap_err();
/// assert_eq!(error.to_string(), "no spanning trees: node 2 cannot be reached from node 0; add an edge");
/// # Ok::<(), gumbel_kernels::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    nodes: usize,
    edges: Vec<[usize; 2]>,
}

impl Graph {
    /// A graph of nodes from 0 on and pairs of them.
    ///
    /// # Errors
    /// [`Error::Graph`] for fewer than two nodes, an end that is not a node, a loop, or a node that cannot be reached.
    pub fn new(nodes: usize, edges: Vec<[usize; 2]>) -> Result<Self, Error> {
        let graph = Self { nodes, edges };
        match graph.fault() {
            Some(fault) => Err(Error::Graph(fault)),
            None => Ok(graph),
        }
    }

    /// All pairs of nodes, `[0, 1], [0, 2], .., [1, 2], ..`.
    ///
    /// # Errors
    /// [`Error::Graph`] for fewer than two nodes.
    pub fn complete(nodes: usize) -> Result<Self, Error> {
        Self::new(nodes, (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| [a, b])).collect())
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The ends of each edge, in the order of their logits.
    pub fn edges(&self) -> &[[usize; 2]] {
        &self.edges
    }

    fn fault(&self) -> Option<String> {
        if self.nodes < 2 {
            return Some(format!("two nodes or more are needed, got {}", self.nodes));
        }
        let amiss = |&&[a, b]: &&[usize; 2]| a == b || a.max(b) >= self.nodes;
        if let Some([a, b]) = self.edges.iter().find(amiss) {
            let last = self.nodes - 1;
            return Some(format!("the edge {a} to {b} must join two different nodes from 0 to {last}"));
        }
        let mut parts = Parts::new(self.nodes);
        self.edges.iter().for_each(|&[a, b]| _ = parts.join(a, b));
        let apart = (1..self.nodes).find(|&node| parts.of(node) != parts.of(0))?;
        Some(format!("node {apart} cannot be reached from node 0; add an edge"))
    }

    /// The edges of the heaviest tree; `None` if masks leave none.
    pub(super) fn kruskal(&self, logits: &[f64]) -> Option<impl Iterator<Item = usize>> {
        let unmasked = (0..logits.len()).filter(|&edge| logits[edge] > f64::NEG_INFINITY);
        let mut order: Vec<usize> = unmasked.collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let mut parts = Parts::new(self.nodes);
        order.retain(|&edge| parts.join(self.edges[edge][0], self.edges[edge][1]));
        (order.len() == self.nodes - 1).then(|| order.into_iter())
    }
}

/// Nodes that are connected so far: disjoint sets.
struct Parts(Vec<usize>);

impl Parts {
    fn new(nodes: usize) -> Self {
        Self((0..nodes).collect())
    }

    /// The node that stands for the part of a node.
    fn of(&mut self, mut node: usize) -> usize {
        while self.0[node] != node {
            self.0[node] = self.0[self.0[node]];
            node = self.0[node];
        }
        node
    }

    /// Whether two parts became one.
    fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a] = b;
        a != b
    }
}

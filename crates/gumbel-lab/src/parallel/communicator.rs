//! What the processes of a run tell each other.

use std::sync::Arc;

/// The processes that compute a run together, numbered from 0. All of them call the same methods in the same order.
pub trait Communicator: Send + Sync {
    /// The number of this process.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// The bytes of every process, in order.
    fn gather(&self, mine: &[u8]) -> Vec<Vec<u8>>;

    /// The bytes of process 0.
    fn broadcast(&self, mine: Vec<u8>) -> Vec<u8>;

    /// The sum of the numbers of all shards, one after the other: those of process 0 come first. Of `count` shards every
    /// process has its part ([`cut`](super::cut)), at least one, each with pieces of the same lengths.
    fn sum_in_order(&self, shards: Vec<Vec<Vec<f32>>>, count: usize) -> Vec<Vec<f32>>;
}

/// The processes of a run, shared.
pub type World = Arc<dyn Communicator>;

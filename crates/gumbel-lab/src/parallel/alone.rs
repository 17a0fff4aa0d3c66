//! A single process.

use super::Communicator;
use rayon::prelude::*;

/// A process that computes a run alone.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Communicator for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn gather(&self, mine: &[u8]) -> Vec<Vec<u8>> {
        vec![mine.to_vec()]
    }

    fn broadcast(&self, mine: Vec<u8>) -> Vec<u8> {
        mine
    }

    fn sum_in_order(&self, shards: Vec<Vec<Vec<f32>>>, _count: usize) -> Vec<Vec<f32>> {
        let mut shards = shards.into_iter();
        let mut sum = shards.next().expect("a process has a shard");
        let rest: Vec<Vec<Vec<f32>>> = shards.collect();
        for (piece, sum) in sum.iter_mut().enumerate() {
            let others: Vec<&[f32]> = rest.iter().map(|shard| shard[piece].as_slice()).collect();
            add_in_order(sum, &others);
        }
        sum
    }
}

/// Numbers that a thread adds at a time.
const CHUNK: usize = 1 << 14;

/// Adds one slice after the other.
pub(super) fn add_in_order(sum: &mut [f32], others: &[&[f32]]) {
    sum.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, sum)| {
        for other in others {
            let other = &other[chunk * CHUNK..][..sum.len()];
            sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of floats depend on their order; the one of the shards is kept, in every chunk.
    #[test]
    fn shards_are_added_one_after_the_other() {
        let shard = |value: f32| vec![vec![value; 3], vec![value; 2 * CHUNK + 1]];
        let sum = Alone.sum_in_order([1e8, -1e8, 1.0, 2.0].map(shard).to_vec(), 4);
        assert!(sum.iter().flatten().all(|&sum| sum == 3.0));
        let sum = Alone.sum_in_order([1.0, 1e8, -1e8, 2.0].map(shard).to_vec(), 4);
        assert!(sum.iter().flatten().all(|&sum| sum == 2.0));
        assert_eq!(sum.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2 * CHUNK + 1]);
    }
}

//! Processes that `mpirun` or another launcher has started, on one machine or several.

use super::Communicator;
use super::alone::add_in_order;
use super::cut;
use anyhow::{Context, Result, ensure};
use mpi::collective::Root;
use mpi::datatype::{Partition, PartitionMut};
use mpi::topology::{Communicator as _, SimpleCommunicator};
use mpi::traits::CommunicatorCollectives;
use mpi::{Count, Threading};
use std::ops::Range;
use std::sync::Mutex;

/// The processes of `MPI_COMM_WORLD`.
pub struct Mpi {
    rank: usize,
    size: usize,
    /// Ends MPI when it is dropped.
    _universe: Mutex<mpi::environment::Universe>,
}

impl Mpi {
    /// Starts MPI.
    ///
    /// # Errors
    /// An MPI that was started before, or that cannot be called from more than one thread in turn.
    pub fn start() -> Result<Self> {
        let (universe, threading) = mpi::environment::initialize_with_threading(Threading::Serialized)
            .context("MPI has been started before in this process")?;
        ensure!(
            threading >= Threading::Serialized,
            "this MPI can be called from one thread only; build it with support for threads"
        );
        end_all_at_a_panic();
        let world = SimpleCommunicator::world();
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        Ok(Self { rank, size, _universe: Mutex::new(universe) })
    }

    /// The numbers of all processes, of which this one has those of `lengths[rank]`.
    fn all<T: mpi::datatype::Equivalence + Copy + Default>(&self, mine: &[T], lengths: &[usize]) -> Vec<T> {
        let (counts, places) = layout(lengths);
        let mut all = vec![T::default(); lengths.iter().sum()];
        let mut received = PartitionMut::new(&mut all[..], counts, places);
        SimpleCommunicator::world().all_gather_varcount_into(mine, &mut received);
        all
    }

    /// The numbers that every process has for this one, one process after the other.
    fn exchanged(&self, mine: &[f32], sent: &[usize], received: &[usize]) -> Vec<f32> {
        let mut all = vec![0.0; received.iter().sum()];
        let (sent, received) = (layout(sent), layout(received));
        let send = Partition::new(mine, sent.0, sent.1);
        let mut receive = PartitionMut::new(&mut all[..], received.0, received.1);
        SimpleCommunicator::world().all_to_all_varcount_into(&send, &mut receive);
        all
    }

    /// The buckets of some shards, as they are sent: for each process the slices that it sums, one shard after the other.
    fn by_slice(&self, shards: &[Vec<Vec<f32>>], total: usize) -> Vec<f32> {
        let mut laid = Vec::with_capacity(total * shards.len());
        for rank in 0..self.size {
            let slice = self.slice(total, rank);
            shards.iter().for_each(|shard| copy_range(shard, &slice, &mut laid));
        }
        laid
    }

    /// The part of a bucket of `total` numbers that a process sums.
    fn slice(&self, total: usize, rank: usize) -> Range<usize> {
        cut(total, rank, self.size)
    }
}

/// Appends some of the numbers of consecutive pieces.
fn copy_range(pieces: &[Vec<f32>], range: &Range<usize>, to: &mut Vec<f32>) {
    let mut start = 0;
    for piece in pieces {
        let within = |place: usize| place.clamp(start, start + piece.len()) - start;
        to.extend_from_slice(&piece[within(range.start)..within(range.end)]);
        start += piece.len();
    }
}

/// Counts and first places, as MPI takes them.
fn layout(lengths: &[usize]) -> (Vec<Count>, Vec<Count>) {
    let count = |length: usize| Count::try_from(length).expect("fewer than 2^31 numbers in a message");
    let places = lengths.iter().scan(0, |place, length| {
        *place += length;
        Some(count(*place - length))
    });
    (lengths.iter().map(|&length| count(length)).collect(), places.collect())
}

/// A process that panics would leave the others waiting.
fn end_all_at_a_panic() {
    let printing = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        printing(panic);
        SimpleCommunicator::world().abort(101);
    }));
}

impl Communicator for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn gather(&self, mine: &[u8]) -> Vec<Vec<u8>> {
        let mut lengths = vec![0_u64; self.size];
        SimpleCommunicator::world().all_gather_into(&(mine.len() as u64), &mut lengths[..]);
        let lengths: Vec<usize> = lengths.into_iter().map(|length| length as usize).collect();
        let mut all = self.all(mine, &lengths);
        let mut take = |length: usize| {
            let rest = all.split_off(length);
            std::mem::replace(&mut all, rest)
        };
        lengths.into_iter().map(&mut take).collect()
    }

    fn broadcast(&self, mine: Vec<u8>) -> Vec<u8> {
        let world = SimpleCommunicator::world();
        let (root, mut length) = (world.process_at_rank(0), mine.len() as u64);
        root.broadcast_into(&mut length);
        let mut bytes = if self.rank == 0 { mine } else { vec![0; length as usize] };
        // MPI counts in 31 bits.
        bytes.chunks_mut(1 << 30).for_each(|chunk| root.broadcast_into(chunk));
        bytes
    }

    /// Each process sums its slice of the bucket over all shards, and all get the slices: twice the bytes of a bucket to and
    /// from each process, as in a ring, but in the order of the shards.
    fn sum_in_order(&self, shards: Vec<Vec<Vec<f32>>>, count: usize) -> Vec<Vec<f32>> {
        let lengths: Vec<usize> = shards[0].iter().map(Vec::len).collect();
        let total: usize = lengths.iter().sum();
        let ranks = 0..self.size;
        let slices: Vec<usize> = ranks.clone().map(|rank| self.slice(total, rank).len()).collect();
        let own = slices[self.rank];
        let sent: Vec<usize> = slices.iter().map(|slice| slice * shards.len()).collect();
        let received: Vec<usize> = ranks.map(|rank| own * cut(count, rank, self.size).len()).collect();
        let mut all = self.exchanged(&self.by_slice(&shards, total), &sent, &received);
        drop(shards);
        let (sum, rest) = all.split_at_mut(own);
        add_in_order(sum, &rest.chunks(own.max(1)).collect::<Vec<_>>());
        let mut rest = &self.all(sum, &slices)[..];
        let piece = |length| rest.split_off(..length).expect("pieces are as long as the bucket").to_vec();
        lengths.into_iter().map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_pieces_is_that_of_their_numbers_in_a_row() {
        let pieces = [vec![0.0, 1.0], vec![], vec![2.0], vec![3.0, 4.0, 5.0]];
        for range in [0..6, 1..4, 2..2, 3..3, 5..6] {
            let mut copied = Vec::new();
            copy_range(&pieces, &range, &mut copied);
            assert_eq!(copied, range.map(|number| number as f32).collect::<Vec<_>>());
        }
    }
}

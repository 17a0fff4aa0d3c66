//! The parts of a batch.

use super::{Alone, World, agreed, all, pool};
use anyhow::{Result, ensure};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// The parts that a batch is cut into, those of this process, and its threads. Their number places the noise, and is an
/// option of a run; results depend on neither the processes nor the threads.
pub struct Shards {
    /// In all processes.
    count: usize,
    world: World,
    /// One thread each: a shard's matrix products are not divided. None where the batch is one shard, whose are.
    workers: Vec<ThreadPool>,
}

/// Part `part` of `count` of `total` things, in order; they differ by at most one in length.
pub fn cut(total: usize, part: usize, count: usize) -> Range<usize> {
    part * total / count..(part + 1) * total / count
}

impl Shards {
    /// A batch in one piece, of one process.
    pub fn whole() -> Self {
        Self { count: 1, world: Arc::new(Alone), workers: Vec::new() }
    }

    /// A batch in `count` shards, divided between the processes.
    ///
    /// # Errors
    /// Fewer shards than processes; threads that the system does not start.
    pub fn new(count: usize, world: World) -> Result<Self> {
        let size = world.size();
        ensure!(
            count >= size,
            "--shards must be at least the {size} processes, got {count}; each computes one or more"
        );
        let mut shards = Self { count, world, workers: Vec::new() };
        if count > 1 {
            let workers = rayon::current_num_threads().min(shards.mine().len());
            shards.workers = (0..workers).map(|_| pool(1)).collect::<Result<_>>()?;
        }
        Ok(shards)
    }

    /// In all processes.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The processes.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The shards of this process.
    pub fn mine(&self) -> Range<usize> {
        cut(self.count, self.world.rank(), self.world.size())
    }

    /// The result of each shard of this process, given what belongs to it: on its threads, in the order of the shards.
    ///
    /// # Errors
    /// The first, of any process.
    pub fn each<S: Send, T: Send>(
        &self,
        given: Vec<S>,
        compute: impl Fn(usize, S) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let (first, waiting) = (self.mine().start, Mutex::new(given.into_iter().enumerate()));
        let work = || {
            let mut done = Vec::new();
            loop {
                let Some((place, given)) = waiting.lock().expect("nothing panics in it").next() else {
                    return done;
                };
                done.push((place, compute(first + place, given)));
            }
        };
        let mut done = if self.workers.is_empty() { work() } else { on_all(&self.workers, &work) };
        done.sort_by_key(|(place, _)| *place);
        agreed(self.world.as_ref(), done.into_iter().map(|(_, result)| result).collect())
    }

    /// The numbers of `count` things in order, divided between processes and threads.
    ///
    /// # Errors
    /// The first, of any process.
    pub fn numbers(&self, count: usize, each: impl Fn(usize) -> Result<Vec<f64>> + Sync) -> Result<Vec<f64>> {
        let mine = cut(count, self.world.rank(), self.world.size());
        let numbers: Result<Vec<Vec<f64>>> = mine.into_par_iter().map(&each).collect();
        let numbers = agreed(self.world.as_ref(), numbers)?.concat();
        if self.world.size() == 1 {
            return Ok(numbers);
        }
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let all = self.world.gather(&bytes).concat();
        Ok(all.as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect())
    }

    /// Whether every process goes on.
    ///
    /// # Errors
    /// Those of any process.
    pub fn all(&self, mine: Result<bool>) -> Result<bool> {
        all(self.world.as_ref(), mine)
    }

    /// The value, once every process has one.
    ///
    /// # Errors
    /// Those of any process.
    pub fn agreed<T>(&self, mine: Result<T>) -> Result<T> {
        agreed(self.world.as_ref(), mine)
    }
}

/// The results of the same work on all workers at once.
fn on_all<T: Send>(workers: &[ThreadPool], work: &(impl Fn() -> Vec<T> + Sync)) -> Vec<T> {
    let Some((worker, rest)) = workers.split_last() else { return Vec::new() };
    let mut own = Vec::new();
    let mut done = worker.in_place_scope(|scope| {
        scope.spawn(|_| own = work());
        on_all(rest, work)
    });
    done.append(&mut own);
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn parts_follow_one_another_and_differ_by_one_at_most() {
        for (total, count) in [(10, 3), (7, 7), (3, 5), (100, 8)] {
            let parts: Vec<Range<usize>> = (0..count).map(|part| cut(total, part, count)).collect();
            assert_eq!(parts.iter().cloned().flatten().collect::<Vec<_>>(), (0..total).collect::<Vec<_>>());
            let lengths: Vec<usize> = parts.iter().map(Range::len).collect();
            assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1, "{lengths:?}");
        }
    }

    #[test]
    fn results_are_in_the_order_of_the_shards_whatever_the_threads() {
        for threads in [1, 2, 5] {
            pool(threads).unwrap().install(|| {
                let shards = Shards::new(7, Arc::new(Alone)).unwrap();
                assert_eq!(shards.workers.len(), threads);
                let squares = shards.each((0..7).collect(), |shard, given: usize| Ok(shard * given)).unwrap();
                assert_eq!(squares, [0, 1, 4, 9, 16, 25, 36]);
                let inside = shards.each(vec![(); 7], |_, ()| Ok(rayon::current_num_threads())).unwrap();
                assert_eq!(inside, [1; 7]);
            });
        }
    }

    #[test]
    fn the_first_error_is_that_of_the_first_shard() {
        let shards = Shards::new(4, Arc::new(Alone)).unwrap();
        let result =
            shards.each(vec![(); 4], |shard, ()| if shard > 1 { bail!("shard {shard}") } else { Ok(()) });
        assert_eq!(result.unwrap_err().to_string(), "shard 2");
    }
}

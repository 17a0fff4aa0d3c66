//! Pools of threads.

use anyhow::{Context, Result};

/// A pool of threads; inside it, matrix products start without waking a thread for each.
///
/// # Errors
/// Threads that the system does not start.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.context("cannot start threads; try --threads 1")
}

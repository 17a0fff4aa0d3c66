//! Threads: a pool of this module's own, which a forked process builds again.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Work on fewer numbers stays in the calling thread: the kernels divide none of it, and touch no pool.
pub const SHARED: usize = 1 << 16;

/// Work on fewer numbers keeps the interpreter's lock: it takes less time than to give it back.
const DETACHED: usize = 1 << 12;

/// The number of threads that was asked for; 0 for the default.
static REQUESTED: AtomicUsize = AtomicUsize::new(0);

/// The pool, with the process and the number of threads that it was built for. It is locked by threads that hold the
/// interpreter's lock, so that none holds it while another forks.
static POOL: Pool = Mutex::new(None);

/// The pool of work that comes from threads of another runtime, which do not hold the interpreter's lock: a fork may find
/// its lock taken, so it is not the pool of all.
static OUTSIDE: Pool = Mutex::new(None);

type Pool = Mutex<Option<(u32, usize, Arc<ThreadPool>)>>;

/// Runs work on about as many numbers, without the interpreter's lock if there is enough of it.
pub fn run<R: Send>(py: Python<'_>, numbers: usize, work: impl FnOnce() -> R + Send) -> R {
    run_with(py, numbers, threads, work)
}

/// The same with a number of threads, which is asked for only where it matters.
pub fn run_with<R: Send>(
    py: Python<'_>,
    numbers: usize,
    threads: impl FnOnce() -> usize,
    work: impl FnOnce() -> R + Send,
) -> R {
    match numbers {
        ..DETACHED => work(),
        DETACHED..SHARED => py.detach(work),
        _ => install(py, threads(), work),
    }
}

fn install<R: Send>(py: Python<'_>, threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = pool(threads);
    py.detach(|| pool.install(work))
}

/// Runs work on about as many numbers, in a thread that does not hold the interpreter's lock.
pub fn run_outside<R: Send>(numbers: usize, work: impl FnOnce() -> R + Send) -> R {
    if numbers < SHARED { work() } else { pool_in(&OUTSIDE, threads()).install(work) }
}

/// The number of threads in use.
pub fn threads() -> usize {
    match REQUESTED.load(Ordering::Relaxed) {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        requested => requested,
    }
}

/// Whether a number of threads was asked for.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed) > 0
}

/// The pool of this process with a number of threads.
pub fn pool(threads: usize) -> Arc<ThreadPool> {
    pool_in(&POOL, threads)
}

fn pool_in(pool: &Pool, threads: usize) -> Arc<ThreadPool> {
    let mut held = pool.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let process = std::process::id();
    match &*held {
        Some((of, count, pool)) if (*of, *count) == (process, threads) => return pool.clone(),
        // A forked process has none of these threads; dropping the pool would wait for them.
        Some((of, _, pool)) if *of != process => std::mem::forget(pool.clone()),
        _ => {}
    }
    let pool = Arc::new(started(threads));
    *held = Some((process, threads, pool.clone()));
    pool
}

/// A new pool, of fewer threads if the system starts no more.
fn started(threads: usize) -> ThreadPool {
    let pool = |threads| {
        let builder = ThreadPoolBuilder::new().num_threads(threads);
        builder.thread_name(|index| format!("gumbel-{index}")).build().ok()
    };
    let fewer = std::iter::successors(Some(threads), |threads| (*threads > 1).then_some(threads / 2));
    fewer.into_iter().find_map(pool).expect("the system can start a thread")
}

/// The most threads that may be asked for.
const MOST: usize = 1024;

/// Reads `GUMBEL_NUM_THREADS`.
pub fn read_environment() -> PyResult<()> {
    let Some(text) = std::env::var_os("GUMBEL_NUM_THREADS") else { return Ok(()) };
    let text = text.to_string_lossy();
    let count = text.parse().ok().filter(|&count| count <= MOST).ok_or_else(|| {
        PyValueError::new_err(format!("GUMBEL_NUM_THREADS must be from 0 to {MOST}, got '{text:.60}'"))
    })?;
    REQUESTED.store(count, Ordering::Relaxed);
    Ok(())
}

/// Set the number of threads of large calls; 0 is the default: the cores that this process may use.
///
/// From 0 to 1024, or it raises `ValueError`. No result depends on it. The environment variable `GUMBEL_NUM_THREADS` sets it at import. `gumbel.torch` uses
/// `torch.get_num_threads()` threads unless this function or the variable sets another number.
///
/// >>> import gumbel
/// >>> gumbel.set_num_threads(2)
/// >>> gumbel.get_num_threads()
/// 2
/// >>> gumbel.set_num_threads(0)
#[pyfunction]
fn set_num_threads(n: isize) -> PyResult<()> {
    let count = usize::try_from(n).ok().filter(|&count| count <= MOST).ok_or_else(|| {
        PyValueError::new_err(format!("the number of threads must be from 0 to {MOST}, got {n}"))
    })?;
    REQUESTED.store(count, Ordering::Relaxed);
    Ok(())
}

/// The number of threads of large calls.
///
/// >>> import gumbel
/// >>> gumbel.get_num_threads() >= 1
/// True
#[pyfunction]
fn get_num_threads() -> usize {
    threads()
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(set_num_threads, module)?)?;
    module.add_function(wrap_pyfunction!(get_num_threads, module)?)
}

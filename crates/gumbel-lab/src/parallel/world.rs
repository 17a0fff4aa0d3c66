//! The processes of a run.

use super::{Alone, agreement};
use anyhow::Result;
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

    /// The sum of the numbers of all shards, one after the other: those of process 0 come first. Every process has the same
    /// number of pieces of the same lengths in each of its shards, at least one of which it has.
    fn sum_in_order(&self, shards: Vec<Vec<Vec<f32>>>) -> Vec<Vec<f32>>;
}

/// The processes of a run, shared.
pub type World = Arc<dyn Communicator>;

/// The variables in which a launcher of MPI programs tells a process how many there are.
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"];

/// The processes that this one was started with: by `mpirun`, or alone.
///
/// # Errors
/// Several, in a program that was built without MPI; an MPI that cannot be used.
pub fn join() -> Result<World> {
    let size = SIZES.iter().find_map(|name| std::env::var(name).ok()?.parse::<usize>().ok());
    size.map_or_else(|| Ok(Arc::new(Alone) as World), started)
}

/// Rejects processes with different command lines, or that would compute different numbers.
///
/// # Errors
/// The first process that differs.
pub fn alike(world: &dyn Communicator) -> Result<()> {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    agreement::same(world, "command line", &typed.join(" "))?;
    agreement::same(world, "program", &program())
}

/// What results depend on: the version, and the instructions that kernels and matrix products choose by.
fn program() -> String {
    let level = gumbel_kernels::Level::current();
    format!("version {} on {} with {level:?}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH)
}

#[cfg(feature = "mpi")]
fn started(_size: usize) -> Result<World> {
    Ok(Arc::new(super::mpi::Mpi::start()?))
}

#[cfg(not(feature = "mpi"))]
fn started(size: usize) -> Result<World> {
    anyhow::ensure!(
        size <= 1,
        "{size} processes were started together, but this program was built without mpi; build it with: cargo install \
         gumbel-lab --features mpi, or start it alone"
    );
    Ok(Arc::new(Alone))
}

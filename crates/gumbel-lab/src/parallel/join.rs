//! The processes that this one was started with.

use super::{Alone, Communicator, World, agreement};
use anyhow::Result;
use std::sync::Arc;

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

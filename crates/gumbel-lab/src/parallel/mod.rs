//! The processes and threads that a training step is divided between. Neither changes a number: a batch is cut into
//! shards, each with noise of its own, and what they give is summed in their order.

mod agreement;
mod alone;
#[cfg(feature = "mpi")]
mod mpi;
mod shards;
mod threads;
mod world;

pub use agreement::{agreed, all, same};
pub use alone::Alone;
pub use shards::{Shards, cut};
pub use threads::pool;
pub use world::{Communicator, World, alike, join};
